"""Reads TFRecord files of tf.Example."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa

from plimsoll.ingest.columns import chosen
from plimsoll.ingest.sources import Source


class TfRecords:
    """A TFRecord file that can be read several times.

    Args:
        source: The file.
        skip: Columns not to read.
    """

    declares_types = True
    declares_names = False
    notes: tuple[str, ...] = ()

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        self.left_out: Mapping[str, str] = {}
        self.names: tuple[str, ...] = ()
        self._skip = frozenset(skip)

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows.

        Args:
            texts: Has no meaning for a file that says its types.

        Raises:
            DataError: if a record is damaged.
        """
        from plimsoll.ingest.tfrecord_files import batches

        del texts
        for batch in batches(self.source):
            self.names = tuple(dict.fromkeys((*self.names, *batch.schema.names)))
            yield chosen(batch, [name for name in batch.schema.names if name not in self._skip])
