"""Reads all files of a data set, settles each column's type, and keeps the rows in a store."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from plimsoll.errors import DataError, shortened
from plimsoll.ingest.rows.batch_store import BatchStore
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.sources.model import Source
from plimsoll.ingest.types.column_types import NULL, ColumnType
from plimsoll.ingest.types.columns import TEXT, to_dataset_types, without_infinities
from plimsoll.ingest.types.inference import TextInference

MOST_NOTES = 12
"""Of single columns: a table may have thousands."""


class FileReader(Protocol):
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
class ReadResult:
    """What the files hold."""

    rows: Rows
    names: tuple[str, ...]
    """All columns that can be read, those that were skipped among them."""
    left_out: Mapping[str, str]
    """Columns that cannot be read for their type -> that type."""


@dataclass
class _Scan:
    """What one reading of all files tells."""

    columns: dict[str, ColumnType] = field(default_factory=dict)
    texts: dict[str, TextInference] = field(default_factory=dict)
    infinities: Counter[str] = field(default_factory=Counter)
    starts: list[tuple[str, int]] = field(default_factory=list)
    rows: int = 0

    def turned(self) -> list[str]:
        """Returns the columns that turned out to be text after some rows were read otherwise."""
        return [name for name, column in self.columns.items() if column.turned]


def read_files(
    files: Sequence[FileReader],
    *,
    skip: Collection[str],
    private: Collection[str],
    notes: list[str],
    folder: Path,
) -> ReadResult:
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
    store = BatchStore(folder)
    scan = _read(files, set(), store)
    turned = scan.turned()
    if turned:
        first = scan
        store.discard()
        scan = _read(files, set(turned), store)
        _check_final(scan)
        _note_turned(first, turned, notes)
    store.finish()
    for file in files:
        for name, kind in file.left_out.items():
            if name not in skip:
                reason = f"column {name} is left out: it is of type {kind}"
                notes.append(f"{file.source.name}: {reason}")
    if not scan.rows:
        raise DataError(
            f"{shortened([file.source.name for file in files])} has a header but no rows",
            hint="give data with rows",
        )
    return _result(files, scan, store, private, notes)


def _read(files: Sequence[FileReader], texts: set[str], store: BatchStore) -> _Scan:
    scan = _Scan()
    for file in files:
        start = scan.rows
        scan.starts.append((file.source.name, start))
        for batch in file.batches(texts):
            zoned = {item.name for item in batch.schema if getattr(item.type, "tz", None)}
            plain = to_dataset_types(pa.Table.from_batches([batch]), file.source.name)
            plain, infinities = without_infinities(plain)
            scan.infinities.update(infinities)
            whole = plain.combine_chunks().to_batches()[0]
            _add_types(scan, file, whole, zoned, scan.rows - start)
            _add_text_columns(scan, file, texts)
            if not scan.turned():
                _add_texts(scan, whole)
                store.append(_cast(whole, scan.columns))
            scan.rows += batch.num_rows
    return scan


def _add_types(
    scan: _Scan, file: FileReader, batch: pa.RecordBatch, zoned: Collection[str], row: int
) -> None:
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        column = scan.columns.setdefault(name, ColumnType(name))
        column.add(
            values,
            file.source.name,
            row,
            declared=file.declares_types,
            zoned=name in zoned,
        )


def _add_text_columns(scan: _Scan, file: FileReader, texts: set[str]) -> None:
    """Has what is text already be read as text from now on."""
    if not file.declares_types:
        texts.update(name for name, column in scan.columns.items() if column.type == TEXT)


def _add_texts(scan: _Scan, batch: pa.RecordBatch) -> None:
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if values.type == TEXT:
            scan.texts.setdefault(name, TextInference()).add(values, scan.rows)


def _cast(batch: pa.RecordBatch, columns: Mapping[str, ColumnType]) -> pa.RecordBatch:
    """Returns the batch with the types that hold all values so far."""
    arrays = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        kind = columns[name].type
        arrays.append(values if values.type == kind else values.cast(kind, safe=False))
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _check_same_columns(files: Sequence[FileReader]) -> None:
    for file in files[1:]:
        expected, names = set(files[0].names), set(file.names)
        if names == expected:
            continue
        differences = []
        if expected - names:
            differences.append(f"it lacks {shortened(sorted(expected - names))}")
        if names - expected:
            differences.append(f"it also has {shortened(sorted(names - expected))}")
        raise DataError(
            f"{file.source.name} has other columns than {files[0].source.name}",
            cause="; ".join(differences),
            hint="ingest files of the same columns, or join them before",
        )


def _check_final(scan: _Scan) -> None:
    changed = scan.turned()
    if changed:
        file, _ = scan.columns[changed[0]].turned or ("a file", 0)
        raise DataError(
            f"{file} changed while it was read",
            hint="run again when nothing writes to it any more",
        )


def _note_turned(scan: _Scan, turned: Sequence[str], notes: list[str]) -> None:
    texts = []
    for name in turned:
        column = scan.columns[name]
        if column.turned and not column.in_one_file:
            file, row = column.turned
            texts.append(f"{name} (first at {file} row {row + 1:,})")
    if texts:
        notes.append(f"columns of different types in different files are text: {shortened(texts)}")


def _result(
    files: Sequence[FileReader],
    scan: _Scan,
    store: BatchStore,
    private: Collection[str],
    notes: list[str],
) -> ReadResult:
    left_out: dict[str, str] = {}
    for file in files:
        left_out.update(file.left_out)
    names = dict.fromkeys(itertools.chain.from_iterable(file.names for file in files))
    names = {name: None for name in names if name not in left_out}
    types = {
        name: TEXT if scan.columns[name].type == NULL else scan.columns[name].type
        for name in names
        if name in scan.columns
    }
    rows = Rows(store=store, types=types, conversions={}, starts=tuple(scan.starts), read=scan.rows)
    _note_lacking(files, names, notes)
    return ReadResult(_with_conversions(rows, scan, private, notes), tuple(names), left_out)


def _note_lacking(files: Sequence[FileReader], names: Collection[str], notes: list[str]) -> None:
    for file in files:
        lacking = [name for name in names if name not in file.names]
        if lacking:
            notes.append(f"{file.source.name} has no values of {shortened(lacking)}")


def _with_conversions(rows: Rows, scan: _Scan, private: Collection[str], notes: list[str]) -> Rows:
    sentences = []
    for name, count in scan.infinities.items():
        values = f"{count:,} infinite value{'s' if count > 1 else ''}"
        sentences.append(f"column {name}: {values} taken as missing")
    types, conversions = dict(rows.types), {}
    for name, texts in scan.texts.items():
        if name not in types:
            continue
        where = "" if texts.first_word is None else rows.where(texts.first_word)
        conversion, sentence = texts.conversion(name, private=name in private, where=where)
        if sentence:
            sentences.append(sentence)
        if conversion.type != TEXT:
            types[name], conversions[name] = conversion.type, conversion
    notes.extend(sentences[:MOST_NOTES])
    if len(sentences) > MOST_NOTES:
        notes.append(f"{len(sentences) - MOST_NOTES:,} more columns were read in such ways")
    return Rows(
        store=rows.store, types=types, conversions=conversions, starts=rows.starts, read=rows.read
    )
