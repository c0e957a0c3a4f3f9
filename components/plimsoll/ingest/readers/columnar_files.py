"""Reads Parquet, Arrow and Feather files batch by batch, leaving out what is no plain value."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.errors import DataError
from plimsoll.ingest.readers.columns import check_names, unsupported_columns
from plimsoll.ingest.sources.model import Source
from plimsoll.ingest.types.columns import select_columns

FILE_MAGIC = b"ARROW1"
BATCH_BYTES = 1 << 25
MOST_ROWS = 1 << 16
BUFFER_BYTES = 1 << 20
"""Of each column of a Parquet file; a column of a row group is not read whole."""


class ColumnarFile(ABC):
    """A file of columns with types that can be read several times.

    Raises:
        DataError: if it is cut off, damaged, or has two columns of one name.
    """

    declares_types = True
    declares_names = True
    notes: tuple[str, ...] = ()
    kind: ClassVar[str]

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        with self._whole():
            schema = self._schema()
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
        with self._whole():
            for batch in self._batches():
                yield select_columns(batch, self._read)

    @abstractmethod
    def _schema(self) -> pa.Schema:
        """Returns all columns that the file has."""

    @abstractmethod
    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the rows, checked, with those columns at least that are read."""

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.source.name} is not a whole {self.kind} file",
                cause=str(error),
                hint="write or copy it again",
            ) from error


class ParquetFile(ColumnarFile):
    """A Parquet file, read row group by row group."""

    kind = "Parquet"

    def _schema(self) -> pa.Schema:
        with self._opened() as file:
            self._batch_rows = _batch_rows(file.metadata)
            return file.schema_arrow

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=self._batch_rows, columns=self._read):
                batch.validate(full=True)
                yield batch

    def _opened(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.source.path, buffer_size=BUFFER_BYTES)


class ArrowFile(ColumnarFile):
    """An Arrow IPC file, an IPC stream or a Feather file."""

    kind = "Arrow"

    def _schema(self) -> pa.Schema:
        with self._opened() as reader:
            return reader.schema

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._opened() as reader:
            for batch in _all_batches(reader):
                batch.validate(full=True)
                # A file may be one batch of all rows.
                rows = max(1, int(BATCH_BYTES * batch.num_rows / max(batch.nbytes, 1)))
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)

    @contextmanager
    def _opened(self) -> Iterator[pa.RecordBatchFileReader | pa.RecordBatchStreamReader]:
        with pa.memory_map(str(self.source.path)) as mapped:
            is_file = mapped.read(len(FILE_MAGIC)) == FILE_MAGIC
            mapped.seek(0)
            yield (pa.ipc.open_file if is_file else pa.ipc.open_stream)(mapped)


def _all_batches(
    reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader,
) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        return (reader.get_batch(index) for index in range(reader.num_record_batches))
    return iter(reader)


def _batch_rows(metadata: pq.FileMetaData) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    # Repeated values are packed in the file, so that a row may be wider than it looks.
    width = max(widest, 8.0 * metadata.num_columns)
    return int(min(max(BATCH_BYTES / width, 1), MOST_ROWS))
