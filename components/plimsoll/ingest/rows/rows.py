"""The rows of a data set, read from where they are kept as often as there is need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.ingest.rows.batch_store import BatchStore
from plimsoll.ingest.types.inference import Conversion

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows in a store, their types and where each one stood."""

    store: BatchStore
    types: Mapping[str, pa.DataType]
    """Each column's type in a dataset, in the order of the columns."""
    conversions: Mapping[str, Conversion]
    """Columns that are kept as texts and stand for something else."""
    starts: tuple[tuple[str, int], ...]
    """Each file's name and the index of its first row among all rows."""
    read: int
    """How many rows were read."""
    needed: tuple[str, ...] = ()
    """Columns without whose value a row is left out."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.types)

    def needing(self, name: str) -> Rows:
        """Returns the rows that have a value in a column."""
        return dataclasses.replace(self, needed=(*self.needed, name))

    def with_type(self, name: str, kind: pa.DataType) -> Rows:
        """Returns the rows with a column of another type, to which its values can be brought."""
        return dataclasses.replace(self, types={**self.types, name: kind})

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows in their order, or some of their columns in the order asked for."""
        names = self.names if names is None else tuple(names)
        for batch, known in self._masked(names):
            if known is None:
                yield batch
            elif known.any():
                yield batch.filter(pa.array(known))

    def count(self) -> int:
        """Returns how many rows there are; they are read for it where some are left out."""
        if not self.needed:
            return self.read
        return sum(batch.num_rows for batch in self.batches(self.needed[:1]))

    def missing(self, name: str) -> int:
        """Returns how many of the rows have no value in a column."""
        return sum(batch.column(0).null_count for batch in self.batches([name]))

    def find(
        self, name: str, wanted: Callable[[pa.Array], NDArray[np.bool_]]
    ) -> tuple[int, list[tuple[str, str]]]:
        """Finds rows by a column's values.

        Args:
            name: The column.
            wanted: Says of each value if it is sought.

        Returns:
            How many rows there are, and of the first few where they stood, and their values
            as ``repr`` gives them.
        """
        first: list[tuple[str, str]] = []
        count = start = 0
        for batch, known in self._masked((name,)):
            values = batch.column(0)
            hits = wanted(values) if known is None else wanted(values) & known
            count += int(hits.sum())
            for row in np.flatnonzero(hits)[: SHOWN - len(first)].tolist():
                first.append((self.where(start + row), repr(values[row].as_py())))
            start += batch.num_rows
        return count, first

    def where(self, index: int) -> str:
        """Returns where a row stood; rows count from 1 in each file, the header not counted."""
        name, start = [item for item in self.starts if item[1] <= index][-1]
        return f"{name} row {index - start + 1:,}"

    def _masked(
        self, names: tuple[str, ...]
    ) -> Iterator[tuple[pa.RecordBatch, NDArray[np.bool_] | None]]:
        """Yields all rows that were read, and which of them have the values they need."""
        for kept in self.store.batches([*names, *self.needed]):
            known = None
            for name in self.needed:
                column = self._column(kept, name)
                if column.null_count:
                    valid = pc.is_valid(column).to_numpy(zero_copy_only=False).astype(np.bool_)
                    known = valid if known is None else known & valid
            columns = [self._column(kept, name) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names=list(names)), known

    def _column(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        index = batch.schema.get_field_index(name)
        kind = self.types[name]
        if index < 0:
            return pa.nulls(batch.num_rows, kind)
        column = batch.column(index)
        if column.type == kind:
            return column
        if name in self.conversions and pa.types.is_string(column.type):
            column = self.conversions[name].convert(column)
        return column if column.type == kind else column.cast(kind, safe=False)
