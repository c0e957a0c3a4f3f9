"""Keeps batches of rows between the passes: in memory while they are few, else on the disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from plimsoll.ingest.types.columns import select_columns

IN_MEMORY = 1 << 27
"""Bytes up to which rows stay in memory."""


class BatchStore:
    """Batches in the order in which they came, whose columns may change their types on the way.

    Args:
        folder: An empty folder of its own, on a disk that has room for all rows.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: list[pa.RecordBatch] = []
        self._bytes = 0
        self._files: list[Path] = []
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._schema: pa.Schema | None = None

    def append(self, batch: pa.RecordBatch) -> None:
        """Takes a batch."""
        if not self._files:
            self._memory.append(batch)
            self._bytes += batch.nbytes
            if self._bytes > IN_MEMORY:
                kept, self._memory = self._memory, []
                for earlier in kept:
                    self._write(earlier)
        else:
            self._write(batch)

    def finish(self) -> None:
        """Ends the writing; to be called once before the first read."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the batches, or only those of their columns that are named and there."""
        for batch in self._memory:
            yield batch if names is None else select_columns(batch, _present(batch.schema, names))
        for path in self._files:
            with pa.OSFile(str(path)) as file:
                # All fields, unless some are named.
                fields = None
                if names is not None:
                    schema = pa.ipc.open_file(file).schema
                    fields = [schema.get_field_index(name) for name in _present(schema, names)]
                options = pa.ipc.IpcReadOptions(included_fields=fields)
                reader = pa.ipc.open_file(file, options=options)
                for index in range(reader.num_record_batches):
                    yield reader.get_batch(index)

    def discard(self) -> None:
        """Forgets all batches, and deletes their files."""
        self.finish()
        for path in self._files:
            path.unlink()
        self._memory, self._files, self._bytes, self._schema = [], [], 0, None

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None or batch.schema != self._schema:
            self.finish()
            path = self._folder / f"rows-{len(self._files):05d}.arrow"
            self._files.append(path)
            self._schema = batch.schema
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(str(path), batch.schema, options=options)
        self._writer.write_batch(batch)


def _present(schema: pa.Schema, names: Sequence[str]) -> list[str]:
    known = set(schema.names)
    return [name for name in dict.fromkeys(names) if name in known]
