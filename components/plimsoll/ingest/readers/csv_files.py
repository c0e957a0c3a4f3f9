"""Reads CSV files into Arrow block by block, whatever their encoding and delimiter."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plimsoll.ingest.readers.csv_blocks import row_blocks, unreadable_csv
from plimsoll.ingest.readers.csv_dialect import detect_dialect, ragged_row
from plimsoll.ingest.readers.prefetch import prefetch
from plimsoll.ingest.readers.text_streams import BLOCK_BYTES, utf8_chunks
from plimsoll.ingest.sources.model import Source

PARSED_AT_ONCE = 1 << 22
"""Bytes of a block that one thread parses; all of it where a row is longer."""
MOST_ROWS = 1 << 18
NULLS = frozenset(csv.ConvertOptions().null_values)
TEXT = pa.string()
SPACE = ord(" ")
NOT_ASCII = 0x80


class CsvFile:
    """A CSV file that can be read several times.

    Raises:
        DataError: if it is empty, is not text, or has no usable header.
    """

    declares_types = False
    declares_names = True

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        self._dialect = detect_dialect(source)
        self.names = self._dialect.names
        self.left_out: Mapping[str, str] = {}
        self.notes = self._dialect.notes
        self._read = [name for name in self.names if name not in skip]

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows, each block's columns of the types that Arrow infers over the block.

        Spaces around texts are stripped; times of day stay the text they are.

        Args:
            texts: Columns to read as the text that stands there; may grow meanwhile.

        Raises:
            DataError: if its rows differ in length.
        """
        if not self._read:
            return
        skip_rows = self._dialect.header_lines
        chunks = utf8_chunks(self.source, self._dialect.encoding)
        for block in prefetch(row_blocks(chunks, self._dialect.delimiter, self.source.name)):
            table = self._parsed(block, skip_rows, texts)
            skip_rows = 0
            for start in range(0, table.num_rows, MOST_ROWS):
                yield _one_batch(table.slice(start, MOST_ROWS))

    def _parsed(self, block: bytes, skip_rows: int, texts: Collection[str]) -> pa.Table:
        table = self._table(block, skip_rows, self._read, texts)
        odd = {field.name: field.type for field in table.schema if _is_odd(field.type)}
        if odd:
            others = self._table(block, skip_rows, list(odd), odd)
            for name, kind in odd.items():
                index = table.schema.get_field_index(name)
                table = table.set_column(index, name, _as_timestamps(others.column(name), kind))
        return table

    def _table(
        self, block: bytes, skip_rows: int, names: list[str], texts: Collection[str]
    ) -> pa.Table:
        try:
            return self._arrow_table(block, skip_rows, names, texts, _parsed_at_once(block))
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error) or "file is too short" in str(error):
                return pa.table({name: pa.nulls(0) for name in names})
        try:
            return self._arrow_table(block, skip_rows, names, texts, BLOCK_BYTES * 2)
        except pa.ArrowInvalid:
            # Arrow's own message quotes the row, which may hold a private value.
            ragged = ragged_row(self.source, self._dialect)
            raise ragged or unreadable_csv(self.source.name) from None

    def _arrow_table(
        self,
        block: bytes,
        skip_rows: int,
        names: list[str],
        texts: Collection[str],
        block_size: int,
    ) -> pa.Table:
        return csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(
                block_size=block_size,
                column_names=list(self.names),
                skip_rows=skip_rows,
            ),
            parse_options=csv.ParseOptions(
                delimiter=self._dialect.delimiter, newlines_in_values=b'"' in block
            ),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True,
                include_columns=names,
                column_types={name: TEXT for name in names if name in texts},
            ),
        )


def _is_odd(kind: pa.DataType) -> bool:
    """Says if Arrow's inference is no good: times of day, and timestamps that overflow unseen.

    Nanoseconds hold the years 1678 to 2261 only.
    """
    return bool(pa.types.is_time(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns"))


def _as_timestamps(texts: pa.ChunkedArray, inferred: pa.DataType) -> pa.ChunkedArray:
    """Returns timestamps in microseconds; times of day and finer ones as the texts they are."""
    if pa.types.is_time(inferred):
        return texts
    try:
        return texts.cast(pa.timestamp("us", inferred.tz))
    except pa.ArrowInvalid:
        return texts


def _parsed_at_once(block: bytes) -> int:
    """Returns how many bytes to parse at a time, so that no line break of two signs is cut.

    Arrow takes the second sign for a line break of its own and drops it, also inside quotes.
    """
    size = PARSED_AT_ONCE
    while any(block[end - 1 : end + 1] == b"\r\n" for end in range(size, len(block), size)):
        size += 1
    return size


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    columns = []
    for column in table.combine_chunks().columns:
        array = column.chunk(0)
        columns.append(stripped(array) if pa.types.is_string(array.type) else array)
    return pa.RecordBatch.from_arrays(columns, names=table.column_names)


def stripped(texts: pa.Array) -> pa.Array:
    """Returns texts without the spaces around them; those that then say so are missing."""
    if not _may_have_spaces(texts):
        return texts
    trimmed = pc.utf8_trim_whitespace(texts)
    if trimmed.equals(texts):
        return texts
    missing = pc.is_in(trimmed, value_set=pa.array(sorted(NULLS), TEXT))
    return pc.if_else(missing, pa.scalar(None, TEXT), trimmed)


def _may_have_spaces(texts: pa.Array) -> bool:
    """Says if a text starts or ends with a byte that may be of a space."""
    _, offsets_buffer, data = texts.buffers()
    if data is None or not data.size:
        return False
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    full = offsets[1:] > offsets[:-1]
    signs = np.frombuffer(data, dtype=np.uint8)
    ends = (signs[offsets[:-1][full]], signs[offsets[1:][full] - 1])
    return any(bool(((end <= SPACE) | (end >= NOT_ASCII)).any()) for end in ends)
