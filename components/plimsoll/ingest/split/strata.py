"""Which stratum each row is of: its class, the values of some columns, or a range of a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.value_counts import ValueCounts
from plimsoll.ingest.split.cut_points import candidates, ordinals

MOST_VALUES = 1000
MOST_WHOLE_NUMBERS = 20
"""Different numbers of a column beyond which ranges of them are taken."""
RANGES = 10
"""With about as many rows each."""


@dataclass(frozen=True, kw_only=True)
class Strata:
    """How the values of some columns give each row's stratum."""

    values: Mapping[str, pa.Array]
    """Column -> its different values, in order."""
    starts: Mapping[str, NDArray[np.int64]]
    """Column of numbers or times -> where its ranges begin, as ``ordinals``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        return (*self.values, *self.starts)

    def of(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Returns each row's stratum as a number from 0; a missing value is a value too."""
        codes = np.zeros(batch.num_rows, dtype=np.int64)
        for name in self.columns:
            column = batch.column(batch.schema.get_field_index(name))
            if name in self.values:
                codes_there = pc.index_in(column, value_set=self.values[name])
                size = len(self.values[name]) + 1
                mine = (
                    codes_there.fill_null(size - 1).to_numpy(zero_copy_only=False).astype(np.int64)
                )
            else:
                size = len(self.starts[name]) + 2
                known = ~column.is_null().to_numpy(zero_copy_only=False).astype(np.bool_)
                mine = np.full(batch.num_rows, size - 1, dtype=np.int64)
                there = ordinals(column.drop_null())
                mine[known] = np.searchsorted(self.starts[name], there, side="right")
            codes = codes * size + mine
        return codes


def classes_of(counts: ValueCounts, label: str, kind: pa.DataType) -> Strata:
    """Returns the strata that are the label's classes."""
    values = [value for value, _ in counts.pairs(MOST_VALUES)]
    return Strata(values={label: pa.array(values).cast(kind)}, starts={})


def strata_of(rows: Rows, columns: Sequence[str]) -> Strata:
    """Returns the strata of the rows by the values of some columns.

    Args:
        rows: The rows; they are read for it.
        columns: The columns' names; of numbers of many values, ranges are taken.

    Raises:
        DataError: if a column holds too many different texts.
    """
    values, starts = {}, {}
    for name in columns:
        counts = ValueCounts()
        for batch in rows.batches([name]):
            counts.add(batch.column(0).drop_null())
        kind = rows.types[name]
        if pa.types.is_string(kind) or pa.types.is_boolean(kind):
            if counts.different > MOST_VALUES:
                raise DataError(
                    f"column {name!r} has {counts.number} different values, which is too many "
                    "to stratify by",
                    cause=f"at most {MOST_VALUES:,} have room in three splits",
                    hint="name a coarser column under split.stratify",
                )
        elif counts.different > MOST_WHOLE_NUMBERS:
            starts[name] = _ranges(rows, name, counts.rows)
            continue
        distinct = [value for value, _ in counts.pairs(MOST_VALUES)]
        values[name] = pa.array(distinct, kind)
    return Strata(values=values, starts=starts)


def _ranges(rows: Rows, name: str, known: int) -> NDArray[np.int64]:
    targets = [known * part / RANGES for part in range(1, RANGES)]
    values, before = candidates(
        lambda: (ordinals(batch.column(0).drop_null()) for batch in rows.batches([name])), targets
    )
    nearest = [int(np.argmin(np.abs(before - target))) for target in targets]
    return np.unique(values[nearest])
