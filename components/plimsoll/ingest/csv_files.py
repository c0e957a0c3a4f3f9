"""Reads one CSV file into Arrow, whatever its encoding and delimiter."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plimsoll.errors import DataError
from plimsoll.ingest.csv_layout import Layout, layout_of, ragged_row
from plimsoll.ingest.sources import Source

BLOCK_BYTES = 1 << 23
"""A row cannot be longer than a block; larger blocks cost memory for each thread."""
NULLS = frozenset(csv.ConvertOptions().null_values)
UNICODE = {"utf-8": "utf8", "utf-8-sig": "utf8"}


def read_csv(
    source: Source, *, skip: Collection[str], notes: list[str]
) -> tuple[pa.Table, tuple[str, ...]]:
    """Reads a CSV file, the columns' types as Arrow infers them over the whole file.

    Spaces around texts are stripped; times of day stay the text they are.

    Args:
        source: The file.
        skip: Columns not to read.
        notes: Takes a sentence for each thing that was not plain.

    Returns:
        The table, and the names of all columns of the file.

    Raises:
        DataError: if it is empty, is not text, or its rows differ in length.
    """
    layout = layout_of(source.path, source.name)
    notes.extend(layout.notes)
    names = [name for name in layout.names if name not in skip]
    table = _read(source, layout, names, {})
    if table.num_rows == 0:
        return table, layout.names
    odd = [
        field.name
        for field in table.schema
        if pa.types.is_time(field.type) or pa.types.is_binary(field.type)
    ]
    if odd:
        table = with_columns(table, read_as_text(source, odd))
    return _stripped(table), layout.names


def read_as_text(source: Source, names: Collection[str]) -> pa.Table:
    """Reads some columns of a CSV file as the texts that stand there.

    Raises:
        DataError: as ``read_csv`` does.
    """
    layout = layout_of(source.path, source.name)
    return _stripped(_read(source, layout, list(names), dict.fromkeys(names, pa.string())))


def with_columns(table: pa.Table, others: pa.Table) -> pa.Table:
    """Returns ``table`` with its columns of the same names replaced by those of ``others``."""
    for name in others.column_names:
        table = table.set_column(table.schema.get_field_index(name), name, others.column(name))
    return table


def _read(
    source: Source, layout: Layout, names: list[str], types: dict[str, pa.DataType]
) -> pa.Table:
    if not names:
        return pa.table({})
    try:
        return csv.read_csv(
            source.path,
            read_options=csv.ReadOptions(
                block_size=BLOCK_BYTES,
                column_names=list(layout.names),
                skip_rows=layout.header_lines,
                encoding=UNICODE.get(layout.encoding, layout.encoding),
            ),
            parse_options=csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True, include_columns=names, column_types=types
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error) or "file is too short" in str(error):
            return pa.table({name: pa.nulls(0) for name in names})
        # Arrow's own message quotes the row, which may hold a private value.
        raise ragged_row(source.path, layout, source.name) or _unreadable(source) from error
    except (UnicodeError, OSError) as error:
        raise DataError(f"{source.name} cannot be read", cause=type(error).__name__) from error


def _unreadable(source: Source) -> DataError:
    return DataError(
        f"{source.name} cannot be read as CSV",
        cause=f"a row is longer than {BLOCK_BYTES:,} bytes, or a quote is in a wrong place",
        hint="look for a double quote that is opened and not closed",
    )


def _stripped(table: pa.Table) -> pa.Table:
    columns = [
        pa.chunked_array([_stripped_texts(chunk) for chunk in column.chunks], pa.string())
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _stripped_texts(texts: pa.Array) -> pa.Array:
    stripped = pc.utf8_trim_whitespace(texts)
    if stripped.equals(texts):
        return texts
    missing = pc.is_in(stripped, value_set=pa.array(sorted(NULLS), pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), stripped)
