"""Reads Parquet files row group by row group, leaving out what is no plain value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.errors import DataError
from plimsoll.ingest.readers.columns import check_names, unsupported_columns
from plimsoll.ingest.sources.model import Source
from plimsoll.ingest.types.columns import select_columns

BATCH_BYTES = 1 << 25
MOST_ROWS = 1 << 16
BUFFER_BYTES = 1 << 20
"""Of each column; a column of a row group is not read whole."""


class ParquetFile:
    """A Parquet file that can be read several times.

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
        with self._opened() as file:
            schema = file.schema_arrow
            self._batch_rows = _batch_rows(file.metadata)
        check_names(schema.names, source.name)
        self.left_out: Mapping[str, str] = unsupported_columns(schema)
        self.names = tuple(name for name in schema.names if name not in self.left_out)
        self._read = [name for name in self.names if name not in skip]

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows.

        Args:
            texts: Has no meaning for a file that says its types.

        Raises:
            DataError: if the file is damaged.
        """
        del texts
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=self._batch_rows, columns=self._read):
                batch.validate(full=True)
                yield select_columns(batch, self._read)

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self.source.path, buffer_size=BUFFER_BYTES) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.source.name} is not a whole Parquet file",
                cause=str(error),
                hint="write or copy it again",
            ) from error


def _batch_rows(metadata: pq.FileMetaData) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    # Repeated values are packed in the file, so that a row may be wider than it looks.
    width = max(widest, 8.0 * metadata.num_columns)
    return int(min(max(BATCH_BYTES / width, 1), MOST_ROWS))
