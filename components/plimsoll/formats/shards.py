"""Writes the Parquet shards of one split, row by row group, in bounded memory.

Where a row group and a shard end depends on the rows alone, so that the same rows give the same
bytes however they were read and in whatever batches they came.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from plimsoll.storage.files import digest_file

ROWS_PER_GROUP = 1 << 16
BYTES_PER_GROUP = 1 << 25
"""Of values, before they are packed."""
BYTES_PER_SHARD = 1 << 30
FIXED_BYTES = 8
"""What a value counts, and a text in addition to its length."""


@dataclass(frozen=True)
class Shard:
    """One Parquet file of a split; ``path`` is relative to the artifact's folder."""

    path: str
    rows: int
    bytes: int
    sha256: str


class SplitWriter:
    """Takes a split's rows in order, and writes them as Parquet shards.

    Args:
        folder: The artifact's folder.
        split: The split's name, and that of the folder that its shards are in.
        schema: The columns' names and types, which all batches have.
        rows_per_shard: The most rows that a shard holds.
    """

    def __init__(self, folder: Path, split: str, schema: pa.Schema, rows_per_shard: int) -> None:
        self._folder = folder
        self._split = split
        self._schema = schema
        self._rows_per_shard = rows_per_shard
        self._group: list[pa.RecordBatch] = []
        self._group_rows = self._group_bytes = 0
        self._shard_rows = self._shard_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._shards: list[Shard] = []
        (folder / split).mkdir()

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes more rows."""
        ends = np.cumsum(_row_bytes(batch))
        start = 0
        while start < batch.num_rows:
            before = int(ends[start - 1]) if start else 0
            room = BYTES_PER_GROUP - self._group_bytes + before
            fitting = int(np.searchsorted(ends, room, side="right")) - start
            if not self._group_rows:
                fitting = max(fitting, 1)
            taken = min(fitting, self._room(), batch.num_rows - start)
            if taken > 0:
                self._group.append(batch.slice(start, taken))
                self._group_rows += taken
                start += taken
                self._group_bytes += int(ends[start - 1]) - before
            if start < batch.num_rows or self._room() == 0:
                self._write_group()

    def close(self) -> tuple[Shard, ...]:
        """Writes what is left, and returns the shards; there is one even without rows."""
        if self._group or not self._shards:
            self._write_group()
        self._close_shard()
        return tuple(self._shards)

    def abandon(self) -> None:
        """Closes the file that is being written, which is of no use."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _room(self) -> int:
        in_shard = self._rows_per_shard - self._shard_rows - self._group_rows
        return min(ROWS_PER_GROUP - self._group_rows, in_shard)

    def _write_group(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._folder / self._name(), self._schema, compression="zstd", version="2.6"
            )
        # One chunk a column: page boundaries must not depend on how the rows came.
        table = pa.Table.from_batches(self._group, self._schema).combine_chunks()
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self._shard_rows += self._group_rows
        self._shard_bytes += self._group_bytes
        self._group = []
        self._group_rows = self._group_bytes = 0
        if self._shard_rows >= self._rows_per_shard or self._shard_bytes >= BYTES_PER_SHARD:
            self._close_shard()

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        path = self._folder / self._name()
        self._shards.append(
            Shard(self._name(), self._shard_rows, path.stat().st_size, digest_file(path))
        )
        self._shard_rows = self._shard_bytes = 0

    def _name(self) -> str:
        return f"{self._split}/part-{len(self._shards):05d}.parquet"


def _row_bytes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Returns how many bytes the values of each row count."""
    total = np.full(batch.num_rows, FIXED_BYTES * batch.num_columns, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_string(column.type):
            total += pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    return total
