"""Parquet written whole or not at all: appended to a source, or as a saved dataset or a log."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_store.offline.source_tables import PARQUET, location
from plimsoll.storage.files import folder_written_whole, sync_folder, sync_tree
from plimsoll.storage.locks import lock

SECONDS_FOR_LOCK = 60.0
"""How long a writer waits for another of the same files."""
ROWS_AT_ONCE = 100_000


def write_whole(source: Any, repo: Any, batches: Iterable[pa.RecordBatch], overwrite: bool) -> None:
    """Writes batches as a source's file, or as one file in its folder; there whole or not at all.

    Args:
        source: Feast's ``FileSource``; a path that does not end in ``.parquet`` is a folder.
        repo: The folder that relative paths are told from.
        batches: At least one batch, empty if there are no rows.
        overwrite: Whether something that is there gives way.

    Raises:
        SavedDatasetLocationAlreadyExists: if something is there and must stay.
    """
    from feast.errors import SavedDatasetLocationAlreadyExists

    target = location(source, repo)
    if target.exists() and not overwrite:
        raise SavedDatasetLocationAlreadyExists(location=str(target))
    if target.name.endswith(PARQUET):
        with _file_written_whole(target) as aside:
            _write(aside, batches)
    else:
        with folder_written_whole(target) as folder:
            _write(folder / "rows.parquet", batches)


def append(source: Any, repo: Any, rows: pa.Table) -> None:
    """Appends rows to a source: to its file, or as a further file of its folder.

    Readers see all of the rows or none. The columns are told by name; types are those of the file.

    Args:
        source: Feast's ``FileSource``.
        repo: The folder that relative paths are told from.
        rows: The rows.

    Raises:
        DataError: if the columns or their types do not fit what is there, or another writer is
            at it for too long.
    """
    with exclusively(source, repo) as target:
        append_locked(source, target, rows)


@contextmanager
def exclusively(source: Any, repo: Any, seconds: float = SECONDS_FOR_LOCK) -> Iterator[Path]:
    """Keeps other writers out of the folder that a source is in; yields where the source is.

    Args:
        source: Feast's ``FileSource``.
        repo: The folder that relative paths are told from.
        seconds: How long to wait for another writer.

    Raises:
        DataError: if another writes for longer, or the source is a pattern.
    """
    target = location(source, repo)
    if any(mark in target.name for mark in "*?["):
        raise DataError(
            f"rows cannot be written to the pattern {target}",
            hint="make the source a file or a folder",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        if not lock(descriptor, seconds):
            raise DataError(
                f"the source {source.name!r} is locked",
                cause=f"another process has written to {target.parent} for {seconds:g} s",
                hint="wait for it, or end it",
            )
        yield target
    finally:
        os.close(descriptor)


def append_locked(source: Any, target: Path, rows: pa.Table) -> None:
    """Appends as ``append`` does, within ``exclusively``, which gave the target."""
    if target.is_dir() or not target.name.endswith(PARQUET):
        _append_to_folder(source, target, rows)
    elif target.exists():
        _append_to_file(source, target, rows)
    else:
        with _file_written_whole(target) as aside:
            _write(aside, rows.to_batches() or [_no_rows(rows)])


def append_log(
    folder: Path, rows: Iterable[pa.RecordBatch], partition_by: list[str] | None
) -> None:
    """Writes logged rows as further files of a folder, below a folder for each partition.

    Args:
        folder: The folder of the logs; made if it is not there.
        rows: The rows.
        partition_by: Columns whose values name the folders.
    """
    import pyarrow.dataset as ds

    batches = iter(rows)
    first = next(batches, None)
    if first is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    aside = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
    try:
        ds.write_dataset(
            _again(first, batches),
            aside,
            format="parquet",
            schema=first.schema,
            partitioning=partition_by or None,
            partitioning_flavor="hive" if partition_by else None,
            basename_template=f"{name}-{{i}}.parquet",
        )
        sync_tree(aside)
        for path in sorted(aside.rglob("*.parquet")):
            target = folder / path.relative_to(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            sync_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _append_to_file(source: Any, target: Path, rows: pa.Table) -> None:
    mode = target.stat().st_mode
    with pq.ParquetFile(target) as file:
        schema = file.schema_arrow
        fitting = _fitting(source, rows, schema)
        old = file.iter_batches(ROWS_AT_ONCE)
        with _file_written_whole(target) as aside:
            _write(aside, _chained(old, fitting), schema)
            aside.chmod(mode)


def _append_to_folder(source: Any, target: Path, rows: pa.Table) -> None:
    target.mkdir(exist_ok=True)
    paths = sorted(path for path in target.rglob("*") if path.name.endswith(PARQUET))
    paths = [path for path in paths if not path.name.startswith(".")]
    if paths:
        rows = _fitting(source, rows, pq.read_schema(paths[-1]))
    numbers = [int(digits) for path in paths if (digits := path.stem.rpartition("-")[2]).isdigit()]
    name = f"rows-{max(numbers, default=0) + 1:06d}.parquet"
    with _file_written_whole(target / name) as aside:
        _write(aside, rows.to_batches() or [_no_rows(rows)])


def _fitting(source: Any, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    missing = [name for name in schema.names if name not in rows.column_names]
    unknown = [name for name in rows.column_names if name not in schema.names]
    if missing or unknown:
        raise DataError(
            f"rows for the source {source.name!r} do not have its columns",
            cause=f"missing: {shortened(missing) or '-'}; unknown: {shortened(unknown) or '-'}",
            choices=tuple(schema.names),
            hint=nearest(unknown[0], missing) if unknown else "",
        )
    rows = rows.select(schema.names)
    for column in schema:
        try:
            rows.column(column.name).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError(
                f"the column {column.name!r} does not fit the source {source.name!r}",
                cause=f"it is {rows.schema.field(column.name).type}, there {column.type}",
            ) from None
    return rows.cast(schema)


def _write(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema | None = None) -> None:
    coming = iter(batches)
    first = next(coming)
    with pq.ParquetWriter(path, schema or first.schema) as writer:
        for batch in _again(first, coming):
            writer.write_batch(
                batch.cast(writer.schema) if batch.schema != writer.schema else batch
            )


def _again(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _chained(old: Iterable[pa.RecordBatch], rows: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from old
    yield from rows.to_batches() or [_no_rows(rows)]


def _no_rows(rows: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=rows.schema)


@contextmanager
def _file_written_whole(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        aside = Path(folder) / target.name
        yield aside
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        aside.replace(target)
        sync_folder(target.parent)
