"""Reads TFRecord files of tf.Example, each feature of single values as a column."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa

from plimsoll.ingest.readers.tfrecord_files import SEVERAL, batches, layout_of
from plimsoll.ingest.sources.model import Source

LIST = "list of values"


class TfRecords:
    """A TFRecord file that can be read several times.

    Features that an example lacks are missing in its row.

    Args:
        source: The file.
        skip: Columns not to read.

    Raises:
        DataError: if a record is damaged or cut off, or no tf.Example.
    """

    declares_types = True
    declares_names = False
    notes: tuple[str, ...] = ()

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        self._layout = layout_of(source)
        self._skip = skip
        self.names = tuple(self._layout.schema.names)
        self.left_out = {
            name: LIST if reason == SEVERAL else reason
            for name, reason in self._layout.left_out.items()
        }

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows.

        Args:
            texts: Has no meaning for a file that says its types.
        """
        del texts
        return batches(self.source, self._layout, skip=self._skip)
