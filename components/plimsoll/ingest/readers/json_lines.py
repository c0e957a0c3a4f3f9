"""Reads JSON lines, one flat object a line, into Arrow block by block."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from plimsoll.errors import DataError, shortened
from plimsoll.ingest.readers.prefetch import prefetch
from plimsoll.ingest.readers.text_streams import BLOCK_BYTES, utf8_chunks, whole_records
from plimsoll.ingest.sources.model import Source

TEXT = pa.string()


class JsonLines:
    """A file of JSON lines that can be read several times.

    Keys that a line lacks are missing in its row. What is nested is left out.
    """

    declares_types = False
    declares_names = False
    notes: tuple[str, ...] = ()

    def __init__(self, source: Source, skip: Collection[str]) -> None:
        self.source = source
        self._skip = frozenset(skip)
        self._nested: dict[str, str] = {}
        self._names: dict[str, None] = {}
        self._texts: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the lines that were read, in order, those with nested values left out."""
        return tuple(name for name in self._names if name not in self._nested)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Keys whose values are lists or objects -> which of them."""
        return self._nested

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows, each block's columns of the types that its values have.

        Args:
            texts: Columns to read as the text that stands there; may grow meanwhile.

        Raises:
            DataError: if a line is no JSON object; it is named by its number.
        """
        line = 1
        for block in prefetch(self._blocks()):
            batch = self._parsed(block, line, texts)
            line += block.count(b"\n")
            self._names.update(dict.fromkeys(batch.schema.names))
            kept = [
                index
                for index, name in enumerate(batch.schema.names)
                if name not in self._skip and name not in self._nested
            ]
            if batch.num_rows:
                names = [batch.schema.names[index] for index in kept]
                yield pa.RecordBatch.from_arrays([batch.column(p) for p in kept], names=names)

    def _blocks(self) -> Iterator[bytes]:
        too_long = DataError(
            f"{self.source.name} cannot be read as JSON lines",
            cause=f"a line is longer than {BLOCK_BYTES:,} bytes",
            hint="write one object a line",
        )
        chunks = utf8_chunks(self.source, "utf-8")
        return whole_records(chunks, lambda text: text.rfind(b"\n") + 1, too_long)

    def _parsed(self, block: bytes, line: int, texts: Collection[str]) -> pa.RecordBatch:
        if block.isascii() or _is_utf8(block):
            batch = self._by_arrow(block, texts)
            if batch is not None:
                return batch
        return self._by_python(block, line, texts)

    def _by_arrow(self, block: bytes, texts: Collection[str]) -> pa.RecordBatch | None:
        """Returns the rows, or None where Arrow sees types that differ or something broken."""
        if not block.strip():
            return pa.RecordBatch.from_arrays([], [])
        try:
            table = self._arrow_table(block, texts)
            # Times are recognised later, over all rows, and not where one block has only such.
            times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
            if times:
                self._texts.update(times)
                self._names.update(dict.fromkeys(table.column_names))
                table = self._arrow_table(block, texts)
        except pa.ArrowInvalid:
            return None
        for field in table.schema:
            if pa.types.is_nested(field.type):
                self._nested[field.name] = "list" if pa.types.is_list(field.type) else "object"
        columns = [
            column.chunk(0) if column.num_chunks else pa.array([], column.type)
            for column in table.combine_chunks().columns
        ]
        return pa.RecordBatch.from_arrays(columns, names=table.column_names)

    def _arrow_table(self, block: bytes, texts: Collection[str]) -> pa.Table:
        text_columns = [name for name in self._names if name in texts or name in self._texts]
        return arrow_json.read_json(
            pa.BufferReader(block),
            arrow_json.ReadOptions(block_size=len(block) + 1),
            arrow_json.ParseOptions(
                explicit_schema=pa.schema([pa.field(name, TEXT) for name in text_columns])
            ),
        )

    def _by_python(self, block: bytes, line: int, texts: Collection[str]) -> pa.RecordBatch:
        rows = []
        for number, written in enumerate(block.split(b"\n"), start=line):
            if written.strip():
                rows.append(self._object(written, number))
        names = dict.fromkeys(name for row in rows for name in row)
        columns = []
        for name in names:
            values = [row.get(name) for row in rows]
            for value in values:
                if isinstance(value, list | tuple):
                    self._nested[name] = "list" if isinstance(value, list) else "object"
            columns.append(_column(values, name in texts or name in self._texts))
        return pa.RecordBatch.from_arrays(columns, names=list(names))

    def _object(self, written: bytes, line: int) -> dict[str, Any]:
        try:
            # An object becomes a tuple of its pairs, a list stays one.
            value = json.loads(written.decode(), object_pairs_hook=tuple)
            if b"\\u" in written:
                json.dumps(value, ensure_ascii=False).encode()
            if isinstance(value, tuple):
                return _without_doubles(value)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{self.source.name} line {line:,} is not JSON",
                cause=_why(error),
                hint="mend the line; each one holds one object",
            ) from error
        raise DataError(
            f"{self.source.name} line {line:,} is JSON, but no object",
            hint='each line holds one object, such as {"a": 1, "b": "x"}',
        )


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_doubles(pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"it has two values under one key: {shortened(twice)}")
    return values


def _why(error: Exception) -> str:
    # The text around it may hold a private value, so that only the position is told.
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "it holds half of a surrogate pair, which is no text"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _column(values: list[Any], as_text: bool) -> pa.Array:
    kinds = {_kind(value) for value in values if value is not None}
    if kinds & {"nested"}:
        return pa.nulls(len(values))
    if as_text or len(kinds) > 1 or kinds == {"text"}:
        texts = [value if isinstance(value, str | None) else json.dumps(value) for value in values]
        return pa.array(texts, TEXT)
    if kinds == {"bool"}:
        return pa.array(values, pa.bool_())
    if kinds == {"number"}:
        whole = all(isinstance(value, int) for value in values if value is not None)
        try:
            return pa.array(values, pa.int64() if whole else pa.float64())
        except (pa.ArrowInvalid, OverflowError):
            return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.nulls(len(values))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "nested"
