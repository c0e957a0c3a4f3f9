"""Reads Arrow IPC files, IPC streams and Feather files batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from plimsoll.errors import DataError
from plimsoll.ingest.readers.columns import check_names, unsupported_columns
from plimsoll.ingest.sources.model import Source
from plimsoll.ingest.types.columns import select_columns

FILE_MAGIC = b"ARROW1"
BATCH_BYTES = 1 << 25


class ArrowFile:
    """An Arrow file or stream that can be read several times.

    Args:
        source: The file.
        skip: Columns not to read.

    Raises:
        DataError: if it is cut off, damaged, or has two columns of one name.
    """

    declares_types = True
    declares_names = True
    notes: tuple[str, ...] = ()

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        with source.path.open("rb") as stream:
            self._is_file = stream.read(len(FILE_MAGIC)) == FILE_MAGIC
        with self._opened() as reader:
            schema = reader.schema
        check_names(schema.names, source.name)
        self.left_out: Mapping[str, str] = unsupported_columns(schema)
        self.names = tuple(name for name in schema.names if name not in self.left_out)
        self._read = [name for name in self.names if name not in skip]

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows.

        Args:
            texts: Has no meaning for a file that says its types.

        Raises:
            DataError: if the file is damaged or cut off.
        """
        del texts
        with self._opened() as reader:
            for batch in self._all(reader):
                batch.validate(full=True)
                # A file may be one batch of all rows.
                rows = max(1, int(BATCH_BYTES * batch.num_rows / max(batch.nbytes, 1)))
                for start in range(0, batch.num_rows, rows):
                    yield select_columns(batch.slice(start, rows), self._read)

    def _all(self, reader: pa.ipc.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        if self._is_file:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
        else:
            yield from reader

    @contextmanager
    def _opened(self) -> Iterator[pa.ipc.RecordBatchReader]:
        try:
            with pa.memory_map(str(self.source.path)) as mapped:
                opened = pa.ipc.open_file if self._is_file else pa.ipc.open_stream
                yield opened(mapped)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.source.name} is not a whole Arrow file",
                cause=str(error),
                hint="write or copy it again",
            ) from error
