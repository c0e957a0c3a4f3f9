"""Reads TFRecord files of tf.Example: each record's checksums, then its features as columns.

The frames are read here, so that a damaged record is told by its number and offset; the examples
are decoded by the C++ decoder behind tfx_bsl's TFXIO. Neither needs TensorFlow itself.

A record is: its length (8 bytes, little-endian), that length's masked CRC-32C (4 bytes), the
content, the content's masked CRC-32C. See tensorflow/core/lib/io/record_writer.h.
"""

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.ingest.readers.text_streams import open_unpacked
from plimsoll.ingest.sources.file_kinds import masked
from plimsoll.ingest.sources.model import Source

BATCH_RECORDS = 8192
BATCH_BYTES = 1 << 24
LONGEST_RECORD = (1 << 31) - 1
"""Of a protocol buffer."""
HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
LIST = "list of values"
SEVERAL = "several values in a row"
NO_TEXT = "bytes that are no UTF-8 text"
KIND_NAMES: Mapping[pa.DataType, str] = {
    pa.int64(): "int64",
    pa.float32(): "float",
    pa.large_binary(): "bytes",
}
COLUMN_TYPES: Mapping[pa.DataType, pa.DataType] = {
    pa.int64(): pa.int64(),
    pa.float32(): pa.float64(),
    pa.large_binary(): pa.string(),
    pa.null(): pa.null(),
}


@dataclass(frozen=True, kw_only=True)
class RecordSchema:
    """What the examples of one file hold, over all of them."""

    schema: pa.Schema
    """The columns that can be read, by name: int64, float64, string, or null without values."""
    left_out: Mapping[str, str]
    """Features that cannot be in a table -> why: several values, bytes that are no text."""
    rows: int


@dataclass(frozen=True)
class _Record:
    number: int
    """From 1."""
    offset: int
    """Where it starts, in bytes of the unpacked file."""
    content: bytes


class TfRecords:
    """A TFRecord file that can be read several times.

    Features that an example lacks are missing in its row.

    Raises:
        DataError: if a record is damaged or cut off, or no tf.Example.
    """

    declares_types = True
    declares_names = False
    notes: tuple[str, ...] = ()

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        self._file_schema = read_schema(source)
        self._skip = skip
        self.names = tuple(self._file_schema.schema.names)
        self.left_out = {
            name: LIST if reason == SEVERAL else reason
            for name, reason in self._file_schema.left_out.items()
        }

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows.

        Args:
            texts: Has no meaning for a file that says its types.
        """
        del texts
        return batches(self.source, self._file_schema, skip=self._skip)


def read_schema(source: Source) -> RecordSchema:
    """Reads a file once and finds out which columns it makes.

    Raises:
        DataError: if a record is damaged or cut off, is no tf.Example, or a feature's kind
            differs between records.
    """
    kinds: dict[str, pa.DataType] = {}
    left_out: dict[str, str] = {}
    rows = 0
    for first, batch in _decoded(source):
        rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = _kind(column.type)
            known = kinds.get(name, pa.null())
            if pa.types.is_null(known):
                kinds[name] = kind
            elif kind not in (known, pa.null()):
                raise _clash(
                    source, first, name, f"{KIND_NAMES[known]} before, {KIND_NAMES[kind]} here"
                )
            reason = _unsupported_reason(column)
            if reason:
                left_out.setdefault(name, reason)
    fields = [
        pa.field(name, COLUMN_TYPES[kinds[name]]) for name in sorted(set(kinds) - {*left_out})
    ]
    return RecordSchema(
        schema=pa.schema(fields),
        left_out={name: left_out[name] for name in sorted(left_out)},
        rows=rows,
    )


def batches(
    source: Source, file_schema: RecordSchema | None = None, *, skip: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Reads a file's examples as record batches of one schema; features become scalars.

    Args:
        source: The file, plain or packed.
        file_schema: Its layout, where it was found out before.
        skip: Columns to leave out.

    Yields:
        Batches of ``layout.schema`` without ``skip``; a feature that an example lacks is null.

    Raises:
        DataError: as ``read_schema`` does.
    """
    file_schema = file_schema or read_schema(source)
    schema = pa.schema([field for field in file_schema.schema if field.name not in skip])
    for _, batch in _decoded(source):
        columns = [
            _scalars(batch.column(index), field.type)
            if (index := batch.schema.get_field_index(field.name)) >= 0
            else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
        if columns:
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _decoded(source: Source) -> Iterator[tuple[_Record, pa.RecordBatch]]:
    """Yields each batch of examples, and the first record of it."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    decoder = ExamplesToRecordBatchDecoder()
    for records in _batched(source):
        try:
            batch = decoder.DecodeBatch([record.content for record in records])
        except RuntimeError as error:
            raise _not_examples(source, records, decoder, error) from error
        yield records[0], batch


def _batched(source: Source) -> Iterator[list[_Record]]:
    waiting: list[_Record] = []
    size = 0
    for record in _records(source):
        waiting.append(record)
        size += len(record.content)
        if len(waiting) == BATCH_RECORDS or size >= BATCH_BYTES:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _records(source: Source) -> Iterator[_Record]:
    import google_crc32c

    value: Any = google_crc32c.value
    number, offset = 0, 0
    with open_unpacked(source) as stream:
        while header := stream.read(HEADER.size):
            number += 1
            if len(header) < HEADER.size:
                raise _cut_off(source, number, offset)
            length, checksum = HEADER.unpack(header)
            if masked(value(header[:8])) != checksum or length > LONGEST_RECORD:
                raise _broken(source, number, offset, "length")
            content = stream.read(length + FOOTER.size)
            if len(content) < length + FOOTER.size:
                raise _cut_off(source, number, offset)
            record = content[:length]
            if masked(value(record)) != FOOTER.unpack_from(content, length)[0]:
                raise _broken(source, number, offset, "content")
            yield _Record(number, offset, record)
            offset += HEADER.size + length + FOOTER.size


def _kind(kind: pa.DataType) -> pa.DataType:
    return kind if pa.types.is_null(kind) else kind.value_type


def _unsupported_reason(column: pa.Array) -> str:
    """Returns why a feature cannot be in a table; empty if it can."""
    if pa.types.is_null(column.type):
        return ""
    if (pc.max(pc.list_value_length(column)).as_py() or 0) > 1:
        return SEVERAL
    values = column.flatten()
    if pa.types.is_large_binary(values.type):
        try:
            values.cast(pa.large_string())
        except pa.ArrowInvalid:
            return NO_TEXT
    return ""


def _scalars(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Returns lists of one value or none as values and nulls."""
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    has = np.asarray(pc.fill_null(pc.list_value_length(column), 0)) == 1
    values = column.flatten()
    if not has.all():
        values = values.take(pa.array(np.cumsum(has) - 1, mask=~has))
    if pa.types.is_large_binary(values.type):
        values = values.cast(pa.large_string())
    return values.cast(kind)


def _not_examples(
    source: Source, records: list[_Record], decoder: Any, error: RuntimeError
) -> DataError:
    for record in records:
        try:
            decoder.DecodeBatch([record.content])
        except RuntimeError:
            return DataError(
                f"{source.name} record {record.number:,} (byte {record.offset:,}) is no tf.Example",
                cause="its checksum is right, but its content is of another kind",
                hint="write the file as serialised tf.train.Example",
            )
    # Each on its own is one: they do not agree. The decoder tells names and kinds, no values.
    return _clash(source, records[0], "", str(error).partition(": ")[2] or str(error))


def _clash(source: Source, first: _Record, name: str, cause: str) -> DataError:
    what = f"feature {name!r}" if name else "a feature"
    return DataError(
        f"{source.name}: {what} is of different kinds in different records",
        cause=f"at record {first.number:,} or within the {BATCH_RECORDS:,} after it: {cause}",
        hint="write each feature as one of int64_list, float_list and bytes_list",
    )


def _broken(source: Source, number: int, offset: int, what: str) -> DataError:
    return DataError(
        f"{source.name} record {number:,} (byte {offset:,}) is damaged",
        cause=f"the checksum (CRC-32C) of its {what} does not match",
        hint="copy or write the file again",
    )


def _cut_off(source: Source, number: int, offset: int) -> DataError:
    return DataError(
        f"{source.name} is cut off within record {number:,} (byte {offset:,})",
        cause=f"{number - 1:,} records before it are whole",
        hint="copy or write the file again",
    )
