"""Rows of a stream of batches, taken in any number."""

from collections.abc import Iterable

import pyarrow as pa

from plimsoll.errors import DataError


class RowStream:
    """Rows of a stream of batches, taken in any number."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._left: list[pa.RecordBatch] = []

    def next(self, rows: int) -> pa.Table:
        """Returns the next rows.

        Raises:
            DataError: if there are no more.
        """
        have = sum(batch.num_rows for batch in self._left)
        while have < rows:
            batch = next(self._batches, None)
            if batch is None:
                raise DataError(
                    "the offline store answered fewer rows than it was asked",
                    hint="run again; if it stays so, use plimsoll.feature_store.offline.store",
                )
            self._left.append(batch)
            have += batch.num_rows
        table = pa.Table.from_batches(self._left)
        self._left = table.slice(rows).to_batches()
        return table.slice(0, rows)
