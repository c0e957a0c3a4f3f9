"""Reads all files of a data set, settles each column's type, and keeps the rows in a store."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from plimsoll.errors import DataError, shortened
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.store import Store
from plimsoll.ingest.sources.model import Source
from plimsoll.ingest.types.column_types import NULL, ColumnType
from plimsoll.ingest.types.columns import TEXT, settled, without_infinities
from plimsoll.ingest.types.inference import Texts

MOST_NOTES = 12
"""Of single columns: a table may have thousands."""


class File(Protocol):
    """A file of data that can be read several times, batch by batch."""

    source: Source
    declares_types: bool
    """Whether it says its columns' types, so that there is no text to go back to."""
    declares_names: bool
    """Whether it says its columns before its rows are read."""
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that can be read, those that are skipped among them."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Columns that cannot be read for their type -> that type."""

    def batches(self, texts: Collection[str]) -> Iterator[pa.RecordBatch]:
        """Yields the rows; ``texts`` names columns to read as the text that stands there."""


@dataclass(frozen=True)
class Found:
    """What the files hold."""

    rows: Rows
    names: tuple[str, ...]
    """All columns that can be read, those that were skipped among them."""
    left_out: Mapping[str, str]
    """Columns that cannot be read for their type -> that type."""


@dataclass
class _Learned:
    """What one reading of all files tells."""

    columns: dict[str, ColumnType] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    infinities: Counter[str] = field(default_factory=Counter)
    starts: list[tuple[str, int]] = field(default_factory=list)
    rows: int = 0

    def turned(self) -> list[str]:
        """Returns the columns that turned out to be text after some rows were read otherwise."""
        return [name for name, column in self.columns.items() if column.turned]


def read_files(
    files: Sequence[File],
    *,
    skip: Collection[str],
    private: Collection[str],
    notes: list[str],
    folder: Path,
) -> Found:
    """Reads files of the same columns, one after the other, in bounded memory.

    The files are read once; a second time where a column turned out to be text after rows had
    been read as something else.

    Args:
        files: The files, at least one.
        skip: Columns that are not read.
        private: Columns whose values are not to be told.
        notes: Takes a sentence for each thing that was changed or left out.
        folder: An empty folder, for rows that memory should not hold.

    Raises:
        DataError: if a file cannot be read, the columns or their types do not agree, or there
            are no rows.
    """
    for file in files:
        notes.extend(file.notes)
    _check_same_columns([file for file in files if file.declares_names])
    store = Store(folder)
    learned = _read(files, set(), store)
    turned = learned.turned()
    if turned:
        first = learned
        store.discard()
        learned = _read(files, set(turned), store)
        _check_settled(learned)
        _tell_turned(first, turned, notes)
    store.finish()
    for file in files:
        for name, kind in file.left_out.items():
            if name not in skip:
                told = f"column {name} is left out: it is of type {kind}"
                notes.append(f"{file.source.name}: {told}")
    if not learned.rows:
        raise DataError(
            f"{shortened([file.source.name for file in files])} has a header but no rows",
            hint="give data with rows",
        )
    return _found(files, learned, store, private, notes)


def _read(files: Sequence[File], texts: set[str], store: Store) -> _Learned:
    learned = _Learned()
    for file in files:
        start = learned.rows
        learned.starts.append((file.source.name, start))
        for batch in file.batches(texts):
            zoned = {item.name for item in batch.schema if getattr(item.type, "tz", None)}
            plain = settled(pa.Table.from_batches([batch]), file.source.name)
            plain, infinities = without_infinities(plain)
            learned.infinities.update(infinities)
            whole = plain.combine_chunks().to_batches()[0]
            _learn(learned, file, whole, zoned, learned.rows - start)
            _note_texts(learned, file, texts)
            if not learned.turned():
                _see_texts(learned, whole)
                store.append(_widened(whole, learned.columns))
            learned.rows += batch.num_rows
    return learned


def _learn(
    learned: _Learned, file: File, batch: pa.RecordBatch, zoned: Collection[str], row: int
) -> None:
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        column = learned.columns.setdefault(name, ColumnType(name))
        column.see(
            values,
            file.source.name,
            row,
            declared=file.declares_types,
            zoned=name in zoned,
        )


def _note_texts(learned: _Learned, file: File, texts: set[str]) -> None:
    """Has what is text already be read as text from now on."""
    if not file.declares_types:
        texts.update(name for name, column in learned.columns.items() if column.type == TEXT)


def _see_texts(learned: _Learned, batch: pa.RecordBatch) -> None:
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if values.type == TEXT:
            learned.texts.setdefault(name, Texts()).see(values, learned.rows)


def _widened(batch: pa.RecordBatch, columns: Mapping[str, ColumnType]) -> pa.RecordBatch:
    """Returns the batch with the types that hold all values so far."""
    arrays = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        kind = columns[name].type
        arrays.append(values if values.type == kind else values.cast(kind, safe=False))
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _check_same_columns(files: Sequence[File]) -> None:
    for file in files[1:]:
        expected, found = set(files[0].names), set(file.names)
        if found == expected:
            continue
        told = []
        if expected - found:
            told.append(f"it lacks {shortened(sorted(expected - found))}")
        if found - expected:
            told.append(f"it also has {shortened(sorted(found - expected))}")
        raise DataError(
            f"{file.source.name} has other columns than {files[0].source.name}",
            cause="; ".join(told),
            hint="ingest files of the same columns, or join them before",
        )


def _check_settled(learned: _Learned) -> None:
    changed = learned.turned()
    if changed:
        file, _ = learned.columns[changed[0]].turned or ("a file", 0)
        raise DataError(
            f"{file} changed while it was read",
            hint="run again when nothing writes to it any more",
        )


def _tell_turned(learned: _Learned, turned: Sequence[str], notes: list[str]) -> None:
    told = []
    for name in turned:
        column = learned.columns[name]
        if column.turned and not column.in_one_file:
            file, row = column.turned
            told.append(f"{name} (first at {file} row {row + 1:,})")
    if told:
        notes.append(f"columns of different types in different files are text: {shortened(told)}")


def _found(
    files: Sequence[File],
    learned: _Learned,
    store: Store,
    private: Collection[str],
    notes: list[str],
) -> Found:
    left_out: dict[str, str] = {}
    for file in files:
        left_out.update(file.left_out)
    names = dict.fromkeys(itertools.chain.from_iterable(file.names for file in files))
    names = {name: None for name in names if name not in left_out}
    types = {
        name: TEXT if learned.columns[name].type == NULL else learned.columns[name].type
        for name in names
        if name in learned.columns
    }
    rows = Rows(
        store=store, types=types, meanings={}, starts=tuple(learned.starts), read=learned.rows
    )
    _tell_lacking(files, names, notes)
    return Found(_with_meanings(rows, learned, private, notes), tuple(names), left_out)


def _tell_lacking(files: Sequence[File], names: Collection[str], notes: list[str]) -> None:
    for file in files:
        lacking = [name for name in names if name not in file.names]
        if lacking:
            notes.append(f"{file.source.name} has no values of {shortened(lacking)}")


def _with_meanings(
    rows: Rows, learned: _Learned, private: Collection[str], notes: list[str]
) -> Rows:
    told = []
    for name, count in learned.infinities.items():
        values = f"{count:,} infinite value{'s' if count > 1 else ''}"
        told.append(f"column {name}: {values} taken as missing")
    types, meanings = dict(rows.types), {}
    for name, texts in learned.texts.items():
        if name not in types:
            continue
        where = "" if texts.first_word is None else rows.where(texts.first_word)
        meaning, sentence = texts.meaning(name, private=name in private, where=where)
        if sentence:
            told.append(sentence)
        if meaning.type != TEXT:
            types[name], meanings[name] = meaning.type, meaning
    notes.extend(told[:MOST_NOTES])
    if len(told) > MOST_NOTES:
        notes.append(f"{len(told) - MOST_NOTES:,} more columns were read in such ways")
    return Rows(
        store=rows.store, types=types, meanings=meanings, starts=rows.starts, read=rows.read
    )
