"""The dialect of a CSV file: its encoding, delimiter and header; and what is wrong with it.

To read another dialect, add its delimiter to ``DELIMITERS`` or its encoding to ``_encoding`` and
``ENCODING_NAMES``. Quotes are double and doubled inside a field: ``csv_blocks`` cuts by them, and
``CsvFile`` hands delimiter and encoding to Arrow's parser.
"""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import DataError, shortened
from plimsoll.ingest.readers.columns import check_names
from plimsoll.ingest.readers.text_streams import open_text, open_unpacked
from plimsoll.ingest.sources.model import Source

CHUNK_BYTES = 1 << 20
SAMPLE_CHARACTERS = 1 << 16
SAMPLE_RECORDS = 100
LONGEST_FIELD = 1 << 30
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
"""Those that are tried -> what a note calls them; of equals the first is taken."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ENCODING_NAMES = {
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
}
"""Encodings other than UTF-8 -> what a note calls them."""


@dataclass(frozen=True, kw_only=True)
class CsvDialect:
    """How to read one CSV file."""

    encoding: str
    delimiter: str
    names: tuple[str, ...]
    """The columns' names: stripped, none empty, none twice."""
    header_lines: int
    """How many lines to skip to come to the first row."""
    notes: tuple[str, ...]


def detect_dialect(source: Source) -> CsvDialect:
    """Finds out the dialect of a CSV file.

    Raises:
        DataError: if it is empty, is not text, has no usable header, or a quote stays open.
    """
    name = source.name
    encoding, odd_quotes = _encoding(source)
    try:
        delimiter = _delimiter(source, encoding)
        header, lines = _header(source, encoding, delimiter)
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"the header of {name} cannot be read", cause=str(error)) from error
    names, notes = _clean(header, name)
    if odd_quotes:
        check_quotes(source, encoding, delimiter)
    if encoding in ENCODING_NAMES:
        notes.append(f"{name}: not UTF-8: read as {ENCODING_NAMES[encoding]}")
    if delimiter != ",":
        notes.append(f"{name}: fields are separated by {DELIMITERS[delimiter]}")
    return CsvDialect(
        encoding=encoding,
        delimiter=delimiter,
        names=names,
        header_lines=lines,
        notes=tuple(notes),
    )


def ragged_row(source: Source, dialect: CsvDialect) -> DataError | None:
    """Returns the error for the first row whose number of fields is not the header's."""
    name, expected = source.name, len(dialect.names)
    wrong = (
        (line, len(fields))
        for line, fields in _records(source, dialect)
        if fields and len(fields) != expected
    )
    first = next(wrong, None)
    if first is None:
        return None
    more = sum(1 for _ in wrong)
    line, fields_there = first
    also = f"; {more:,} more rows are wrong too" if more else ""
    fields_text = f"{fields_there} field{'s' if fields_there > 1 else ''}"
    return DataError(
        f"{name} line {line}: {expected} fields expected, {fields_there} found",
        cause=f"the header has {expected} columns, this row has {fields_text}{also}",
        hint="mend the rows, or put fields that hold the delimiter in double quotes",
    )


def check_quotes(source: Source, encoding: str, delimiter: str) -> None:
    """Checks that no double quote stays open to the end of the file, swallowing its rows.

    Raises:
        DataError: if one does.
    """
    start = _open_at_end(source, encoding, delimiter)
    if start:
        raise DataError(
            f"{source.name}: the row that starts at line {start} opens a quote and never closes it",
            hint='close the quote, or write a quote inside a field twice: ""',
        )


def _encoding(source: Source) -> tuple[str, bool]:
    """Returns the encoding, and whether double quotes come in an odd number."""
    with open_unpacked(source) as stream:
        start = stream.read(4)
    if not start:
        raise DataError(f"{source.name} is empty", hint="give a file with a header and rows")
    marked = next((BYTE_ORDER_MARKS[m] for m in BYTE_ORDER_MARKS if start.startswith(m)), "")
    if marked in ("utf-16", "utf-32"):
        return marked, False
    decoder, quotes, utf8 = codecs.getincrementaldecoder("utf-8")(), 0, True
    cp1252 = True
    with open_unpacked(source) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if b"\0" in chunk:
                raise DataError(
                    f"{source.name} is not text: it holds NUL bytes",
                    hint="give CSV in UTF-8, or Parquet",
                )
            quotes += chunk.count(b'"')
            if chunk.isascii() and not decoder.getstate()[0]:
                continue
            cp1252 = cp1252 and not any(byte in chunk for byte in b"\x81\x8d\x8f\x90\x9d")
            utf8 = utf8 and _decodes(decoder, chunk)
    if utf8 and _decodes(decoder, b"", final=True):
        return marked or "utf-8", quotes % 2 == 1
    return ("cp1252" if cp1252 else "latin-1"), quotes % 2 == 1


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(source: Source, encoding: str) -> str:
    """Returns the delimiter under which most of the first rows are as wide as the first."""
    with open_text(source, encoding, errors="replace") as stream:
        text = stream.read(SAMPLE_CHARACTERS)
    lines = list(io.StringIO(text, newline=""))
    if len(text) == SAMPLE_CHARACTERS and len(lines) > 1:
        lines = lines[:-1]
    scored = [(*_fit(lines, delimiter), delimiter) for delimiter in DELIMITERS]
    usable = [item for item in scored if item[1] > 1]
    # max() takes the first of equals, and the comma comes first.
    return max(usable, key=lambda item: item[:2])[2] if usable else ","


def _fit(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Returns the share of records as wide as the first, and how wide that is."""
    widths = []
    try:
        for fields in itertools.islice(csv.reader(lines, delimiter=delimiter), SAMPLE_RECORDS):
            if fields:
                widths.append(len(fields))
    except csv.Error:
        return 0.0, 0
    if not widths:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _header(source: Source, encoding: str, delimiter: str) -> tuple[list[str], int]:
    with open_text(source, encoding) as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        for fields in reader:
            if any(field.strip() for field in fields):
                return fields, reader.line_num
    raise DataError(
        f"{source.name} is empty",
        cause="it holds nothing but blank lines",
        hint="give a file with a header and rows",
    )


def _clean(header: Sequence[str], file: str) -> tuple[tuple[str, ...], list[str]]:
    notes = []
    stripped = [name.strip() for name in header]
    changed = [new for new, old in zip(stripped, header, strict=True) if new and new != old]
    if changed:
        notes.append(f"{file}: spaces around column names are stripped: {shortened(changed)}")
    names = [name or f"unnamed_{index}" for index, name in enumerate(stripped, start=1)]
    empty = [new for new, old in zip(names, stripped, strict=True) if not old]
    if empty:
        notes.append(f"{file}: columns without a name are called {shortened(empty)}")
    check_names(names, file)
    if all(_is_number(name) for name in names):
        notes.append(f"{file}: the first line looks like data, but is taken as the header")
    return tuple(names), notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextmanager
def _reader(
    source: Source, encoding: str, delimiter: str, *, strict: bool = False
) -> Iterator[Any]:
    """Opens a file with the standard library's reader, which takes fields of any length."""
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        with open_text(source, encoding, errors="replace") as stream:
            yield csv.reader(stream, delimiter=delimiter, strict=strict)
    finally:
        csv.field_size_limit(limit)


def _records(source: Source, dialect: CsvDialect) -> Iterator[tuple[int, list[str]]]:
    """Yields each record with the line that it starts at."""
    start = 1
    with _reader(source, dialect.encoding, dialect.delimiter) as reader:
        for fields in reader:
            yield start, fields
            start = reader.line_num + 1


def _open_at_end(source: Source, encoding: str, delimiter: str) -> int:
    """Returns the line at which the last record starts if a quote stays open in it, else 0."""
    start = 1
    with _reader(source, encoding, delimiter, strict=True) as reader:
        while True:
            try:
                if next(reader, None) is None:
                    return 0
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    return start
            start = reader.line_num + 1
