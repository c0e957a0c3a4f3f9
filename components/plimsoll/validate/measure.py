"""Measures a split in one pass over its record batches: TFDV's statistics, and our own tallies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.artifacts.dataset import Dataset, type_name
from plimsoll.errors import ArtifactError
from plimsoll.validate.arrays import Shape, lists_of
from plimsoll.validate.sampling import Sampler
from plimsoll.validate.summary import Summary, summaries_of
from plimsoll.validate.validator import StatisticsBuilder

BATCH_ROWS = 65536
ORDERED = ("int", "float", "timestamp")


@dataclass
class Tally:
    """What TFDV does not say of a column, or says only of some types."""

    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    low: Any = None
    """The least finite value of a number or a timestamp; None without any."""
    high: Any = None
    """The greatest."""

    @property
    def missing(self) -> int:
        """The rows without a value that a model could use: null, NaN or infinite."""
        return self.nulls + self.nan + self.infinite

    def add(self, array: pa.Array) -> None:
        """Adds a batch of the column, as the data set keeps it."""
        self.nulls += array.null_count
        if pa.types.is_floating(array.type):
            array = self._finite_part(array)
        if type_name(array.type) in ORDERED:
            self._extend(array)

    def _finite_part(self, array: pa.Array) -> pa.Array:
        nan = pc.sum(pc.is_nan(array)).as_py() or 0
        infinite = pc.sum(pc.is_inf(array)).as_py() or 0
        self.nan += nan
        self.infinite += infinite
        return array.filter(pc.is_finite(array)) if nan or infinite else array

    def _extend(self, array: pa.Array) -> None:
        ends = pc.min_max(array).as_py()
        if ends["min"] is None:
            return
        self.low = ends["min"] if self.low is None else min(self.low, ends["min"])
        self.high = ends["max"] if self.high is None else max(self.high, ends["max"])


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A split, measured."""

    split: str
    rows: int
    statistics: Any
    """Its ``DatasetFeatureStatisticsList``."""
    tallies: Mapping[str, Tally]
    """By column."""
    summaries: Mapping[str, Summary] = field(default_factory=dict)
    """By column; what the statistics say, in plain numbers."""
    sample: pa.Table = field(default_factory=lambda: pa.table({}))
    """A uniform sample of the rows in their order, in the data set's own types: all rows, if
    there are no more than ``sampling.sample_rows``."""

    def missing_share(self, column: str) -> float:
        """Returns the share of rows in which a column has no usable value, 0 to 1."""
        return self.tallies[column].missing / self.rows if self.rows else 0.0


def measure(
    dataset: Dataset, split: str, shapes: Mapping[str, Shape], categorical: Sequence[str]
) -> Measured:
    """Measures a split in bounded memory.

    Args:
        dataset: The data set.
        split: Which part of it.
        shapes: How each column goes into the statistics.
        categorical: Columns of whole numbers that are names rather than amounts.

    Raises:
        ArtifactError: if the statistics do not cover each row that the manifest counts.
    """
    builder = StatisticsBuilder(len(dataset.columns), categorical)
    tallies = {column.name: Tally() for column in dataset.columns}
    sampler = Sampler(len(dataset.columns))
    rows = 0
    for batch in dataset.batches(split, batch_rows=BATCH_ROWS):
        sampler.add(batch, rows)
        rows += batch.num_rows
        lists = []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            tallies[name].add(array)
            lists.append(lists_of(shapes[name].convert(array)))
        builder.add(pa.RecordBatch.from_arrays(lists, names=batch.schema.names))
    statistics = builder.finish()
    covered = statistics.datasets[0].num_examples if statistics.datasets else 0
    check_rows(split, manifest=dataset.rows(split), read=rows, covered=int(covered))
    return Measured(
        split=split,
        rows=rows,
        statistics=statistics,
        tallies=tallies,
        summaries=summaries_of(statistics),
        sample=sampler.kept()[0],
    )


def check_rows(split: str, *, manifest: int, read: int, covered: int) -> None:
    """Checks that no row was lost on the way into the statistics.

    Raises:
        ArtifactError: if the counts differ.
    """
    if not manifest == read == covered:
        raise ArtifactError(
            f"the statistics of {split} do not cover its rows",
            cause=f"the manifest counts {manifest:,} rows, {read:,} were read, "
            f"the statistics count {covered:,}",
            hint="make the data set again",
        )
