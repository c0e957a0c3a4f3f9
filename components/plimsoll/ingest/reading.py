"""Reads all files of a data set into one table of a dataset's types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.artifacts.dataset import type_name
from plimsoll.errors import DataError, shortened
from plimsoll.ingest.columns import FLOAT, INT, TEXT, settled, without_infinities
from plimsoll.ingest.csv_files import read_as_text, read_csv, with_columns
from plimsoll.ingest.dates import as_dates
from plimsoll.ingest.parquet_files import read_parquet
from plimsoll.ingest.sources import Source

MISSING_WORDS = frozenset(
    (
        "?",
        "-",
        "--",
        ".",
        "none",
        "missing",
        "unknown",
        "nil",
        "<na>",
        "#value!",
        "#div/0!",
        "#ref!",
    )
)
"""Taken as missing where all other values of a column are numbers."""
NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WRITTEN_NUMBER = r"^[-+(]?\s?[$€£¥]?\s?\d[\d,.' ]*\s?[%$€£¥)]?$"
SHOWN = 3
MOST_NOTES = 12
"""Of single columns: a table may have thousands."""


@dataclass(frozen=True)
class Rows:
    """Rows, and where each one stood."""

    table: pa.Table
    origin: NDArray[np.int64]
    """The place of each row among all rows that were read, from 0."""
    starts: tuple[tuple[str, int], ...]
    """Each file's name and the place of its first row."""

    def kept(self, mask: NDArray[np.bool_]) -> Rows:
        """Returns the rows where ``mask`` holds."""
        return Rows(self.table.filter(pa.array(mask)), self.origin[mask], self.starts)

    def where(self, row: int) -> str:
        """Returns where a row of the table stood; rows count from 1, the header not counted."""
        place = int(self.origin[row])
        name, start = [item for item in self.starts if item[1] <= place][-1]
        return f"{name} row {place - start + 1:,}"


@dataclass(frozen=True)
class Found:
    """What the files hold."""

    rows: Rows
    names: tuple[str, ...]
    """All columns that can be read, those that were skipped among them."""
    left_out: Mapping[str, str]
    """Columns that cannot be read for their type -> that type."""


@dataclass(frozen=True)
class _Part:
    source: Source
    table: pa.Table
    names: tuple[str, ...]
    left_out: Mapping[str, str]


def read_sources(
    sources: Sequence[Source],
    *,
    skip: Collection[str],
    private: Collection[str] = (),
    notes: list[str],
) -> Found:
    """Reads files of the same columns, one after the other.

    Args:
        sources: The files, at least one.
        skip: Columns not to read.
        private: Columns whose values are not to be told.
        notes: Takes a sentence for each thing that was changed or left out.

    Raises:
        DataError: if a file cannot be read, the columns or their types do not agree, or there
            are no rows.
    """
    parts = [_read_one(source, skip, notes) for source in sources]
    _check_same_columns(parts)
    if not sum(part.table.num_rows for part in parts):
        raise DataError(
            f"{shortened([source.name for source in sources])} has a header but no rows",
            hint="give data with rows",
        )
    table = pa.concat_tables(_with_common_types(parts, notes))
    starts, place = [], 0
    for part in parts:
        starts.append((part.source.name, place))
        place += part.table.num_rows
    table = _with_plain_values(table, private, notes)
    rows = Rows(table, np.arange(table.num_rows, dtype=np.int64), tuple(starts))
    return Found(rows, parts[0].names, parts[0].left_out)


def _read_one(source: Source, skip: Collection[str], notes: list[str]) -> _Part:
    left_out: dict[str, str] = {}
    if source.packed or source.kind not in ("csv", "parquet"):
        raise DataError(f"{source.name} cannot be read yet: {source.packed or source.kind}")
    if source.kind == "csv":
        table, names = read_csv(source, skip=skip, notes=notes)
    else:
        table, names, left_out = read_parquet(source, skip=skip)
        for name, kind in left_out.items():
            if name not in skip:
                notes.append(f"{source.name}: column {name} is left out: it is of type {kind}")
    return _Part(source, settled(table, source.name), names, left_out)


def _check_same_columns(parts: Sequence[_Part]) -> None:
    first = parts[0]
    expected = set(first.names)
    for part in parts[1:]:
        found = set(part.names)
        if found == expected:
            continue
        told = []
        if expected - found:
            told.append(f"it lacks {shortened(sorted(expected - found))}")
        if found - expected:
            told.append(f"it also has {shortened(sorted(found - expected))}")
        raise DataError(
            f"{part.source.name} has other columns than {first.source.name}",
            cause="; ".join(told),
            hint="ingest files of the same columns, or join them before",
        )


def _with_common_types(parts: Sequence[_Part], notes: list[str]) -> list[pa.Table]:
    """Returns the parts' tables with the columns in one order and of one type each.

    Whole numbers widen to floats. Where the types clash, CSV files are read again as the text
    that stands there, as if their rows had come in one file.
    """
    names = parts[0].table.column_names
    types = {name: _common_type([part.table.field(name).type for part in parts]) for name in names}
    clashing = [name for name in names if types[name] is None]
    if clashing:
        _check_all_csv(parts, clashing)
        notes.append(
            f"columns of different types in different files are text: {shortened(clashing)}"
        )
    tables = []
    for part in parts:
        table = part.table
        if clashing and table.num_rows:
            table = with_columns(table, read_as_text(part.source, clashing))
        columns = [table.column(name).cast(types[name] or TEXT) for name in names]
        tables.append(pa.Table.from_arrays(columns, names=names))
    return tables


def _common_type(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """Returns the type that holds all of them, or None; a column without values is text."""
    distinct = {kind for kind in types if not pa.types.is_null(kind)}
    if not distinct:
        return TEXT
    if distinct == {INT, FLOAT}:
        return FLOAT
    return distinct.pop() if len(distinct) == 1 else None


def _check_all_csv(parts: Sequence[_Part], clashing: Sequence[str]) -> None:
    if all(part.source.kind == "csv" for part in parts):
        return
    name = clashing[0]
    first: tuple[str, str] | None = None
    for part in parts:
        kind = part.table.field(name).type
        if pa.types.is_null(kind):
            continue
        found = (part.source.name, type_name(kind))
        first = first or found
        if found[1] != first[1]:
            raise DataError(
                f"column {name!r} is {found[1]} in {found[0]} and {first[1]} in {first[0]}",
                cause=f"columns of more than one type: {shortened(clashing)}",
                hint="write the files with the same types",
            )


def _with_plain_values(table: pa.Table, private: Collection[str], notes: list[str]) -> pa.Table:
    told: list[str] = []
    table, infinities = without_infinities(table)
    for name, count in infinities.items():
        values = f"{count:,} infinite value{'s' if count > 1 else ''}"
        told.append(f"column {name}: {values} taken as missing")
    columns = [
        _meant(name, column, name in private, told) if column.type == TEXT else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    notes.extend(told[:MOST_NOTES])
    if len(told) > MOST_NOTES:
        notes.append(f"{len(told) - MOST_NOTES:,} more columns were read in such ways")
    return pa.Table.from_arrays(columns, names=table.column_names)


def _meant(name: str, texts: pa.ChunkedArray, private: bool, notes: list[str]) -> pa.ChunkedArray:
    """Returns texts as the dates or the numbers that they are meant as, else as they are."""
    dated = as_dates(texts)
    if dated is not None:
        notes.append(_told(name, dated.spelling, ambiguous=dated.ambiguous))
        return dated.values
    known = len(texts) - texts.null_count
    is_number = pc.match_substring_regex(texts, NUMBER)
    numbers = pc.sum(is_number).as_py() or 0
    if numbers > known / 2:
        others = pc.unique(texts.filter(pc.invert(is_number))).to_pylist()
        if all(word.casefold() in MISSING_WORDS for word in others):
            values = _numbers(pc.if_else(is_number, texts, pa.scalar(None, TEXT)))
            told = "" if private else f" ({', '.join(sorted(others))})"
            notes.append(f"column {name}: {known - numbers:,} words{told} taken as missing")
            return values
        told = "" if private else f", such as {', '.join(repr(word) for word in others[:SHOWN])}"
        notes.append(
            f"column {name}: text, because {known - numbers:,} values are no numbers{told}"
        )
    elif known and pc.all(pc.match_substring_regex(texts, WRITTEN_NUMBER)).as_py():
        notes.append(f"column {name}: text, though it looks like numbers such as 1,234 or 5 %")
    return texts


def _numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return texts.cast(INT)
    except pa.ArrowInvalid:
        return texts.cast(FLOAT)


def _told(name: str, spelling: str, *, ambiguous: bool) -> str:
    told = f"column {name}: read as dates of the form {spelling}"
    if not ambiguous:
        return told
    return f"{told}; day and month could be the other way round: write 2013-12-31 to be sure"
