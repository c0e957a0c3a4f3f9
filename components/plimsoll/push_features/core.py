"""Pushes rows of a file into a push source: all of them checked, then written."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError, UsageError, nearest
from plimsoll.feature_store.online.encoding import view_schema
from plimsoll.feature_store.online.view_rows import (
    ViewSource,
    as_view_columns,
    reads_local_files,
    source_of_view,
)
from plimsoll.feature_store.online.writer import OnlineWriter, apply_definitions
from plimsoll.feature_store.repository.definitions import quiet
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.push_features import config as configs
from plimsoll.push_features import offline
from plimsoll.push_features.config import PushConfig
from plimsoll.push_features.reading import TIME, read
from plimsoll.storage.gcs import SCHEME, fetch

TARGETS = ("online", "offline", "online_and_offline")


@dataclass(frozen=True, kw_only=True)
class PushRequest:
    """What a push was asked for, as text."""

    data: str
    """A file, or a ``gs://`` object."""
    source: str
    """The push source."""
    to: str = "online"
    """One of ``TARGETS``."""
    config: str = "{}"
    """A PushConfig as JSON."""


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """What came of a push."""

    rows: int
    """Of the file."""
    appended: int
    """Rows that were new offline."""
    views: tuple[str, ...]
    """The views that the source feeds."""
    notes: tuple[str, ...]
    """Short sentences for the reader of the run."""

    def metadata(self) -> dict[str, Any]:
        """Returns the metrics, and notes for the reader of the run."""
        return {
            "rows": self.rows, "appended": self.appended, "views": list(self.views),
            "notes": list(self.notes),
        }  # fmt: skip


def push(repo: str, request: PushRequest) -> PushResult:
    """Pushes a file's rows; twice the same file leaves the stores as once does.

    All rows are in memory at once. Of rows of one key the one of the newest event counts online.

    Args:
        repo: The Feast repository: a folder, its configuration, or a ``gs://`` prefix.
        request: Which rows, into which source, where to.

    Raises:
        UsageError: if there is no such source or way.
        ConfigError: if the repository or the config does not hold.
        DataError: if the rows cannot be read or are not as the views declare them, with the row
            and the column; or a store cannot be written.
    """
    config = configs.parse(request.config)
    if request.to not in TARGETS:
        raise UsageError(
            f"rows are pushed to {request.to!r}",
            cause=nearest(request.to, TARGETS),
            choices=TARGETS,
        )
    with tempfile.TemporaryDirectory(prefix="push-") as folder:
        repository = open_repository(repo, Path(folder) / "repository")
        origins = _fed_views(repository, request.source)
        path = _local_file(request.data, Path(folder))
        table, left_out = read(path, request.data, _kinds(origins))
        _check(table, origins, config)
        notes = [*apply_definitions(repository, config.lock_seconds)]
        if left_out:
            notes.append(f"left out the columns {', '.join(sorted(left_out))}")
        appended = 0
        if "offline" in request.to:
            appended = _offline(repository, origins, table, config, notes)
        if request.to != "offline":
            _online(repository, origins, table, config, notes)
    return PushResult(
        rows=table.num_rows,
        appended=appended,
        views=tuple(origin.view.name for origin in origins),
        notes=tuple(notes),
    )


def _fed_views(repository: Repository, source: str) -> list[ViewSource]:
    """Returns the views that a push source feeds."""
    from feast.data_source import PushSource

    fed: dict[str, list[Any]] = {}
    for view in repository.views.values():
        if isinstance(view.stream_source, PushSource):
            fed.setdefault(view.stream_source.name, []).append(view)
    if source not in fed:
        raise UsageError(
            f"no feature view of {repository.where} takes from a push source {source!r}",
            cause=nearest(source, fed),
            choices=tuple(fed),
            hint="" if fed else "define a PushSource, and a feature view whose source it is",
        )
    return [source_of_view(view, view_schema(view)) for view in fed[source]]


def _kinds(origins: Sequence[ViewSource]) -> dict[str, str]:
    """Returns the columns that rows need, and the types that views declare them with."""
    kinds: dict[str, str] = {}
    for origin in origins:
        declared = {**origin.schema.keys, **origin.schema.features}
        kinds.update({there: declared[name] for name, there in origin.columns.items()})
        kinds.update({name: TIME for name in (origin.event, origin.created) if name})
    return kinds


def _local_file(data: str, folder: Path) -> Path:
    if data.startswith(SCHEME):
        return fetch(data, folder / "data").path
    path = Path(data.removeprefix("file://"))
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"there is no file {data}", cause=nearest(path.name, beside))
    return path


def _check(table: pa.Table, origins: Sequence[ViewSource], config: PushConfig) -> None:
    """Refuses rows without a key or a time, or from the future."""
    if not table.num_rows:
        raise DataError("there are no rows to push")
    latest = int(datetime.now(UTC).timestamp() + config.future_seconds) * 1_000_000
    for origin in origins:
        keys = [origin.columns[name] for name in origin.schema.keys if name in origin.columns]
        for name in (*keys, origin.event):
            _refuse(table, name, pc.is_null(table.column(name)), "is null", "")
        after = pc.greater(table.column(origin.event).cast(pa.int64()), latest)
        why = f"events are taken up to {config.future_seconds} s after now"
        _refuse(table, origin.event, after, "lies in the future", why)


def _refuse(table: pa.Table, name: str, wrong: Any, what: str, why: str) -> None:
    rows = np.flatnonzero(wrong.to_numpy())
    if len(rows):
        raise DataError(
            f"row {rows[0] + 1}: the column {name!r} {what}",
            cause=why or f"as in {len(rows)} of {table.num_rows} rows",
            hint="nothing was pushed; correct the rows, or leave them out",
        )


def _online(
    repository: Repository,
    origins: Sequence[ViewSource],
    table: pa.Table,
    config: PushConfig,
    notes: list[str],
) -> None:
    for origin in origins:
        writer = OnlineWriter(repository.store, origin.view, origin.schema)
        rows = _in_time_order(table, origin)
        for batch in rows.to_batches(max_chunksize=config.batch_rows):
            writer.write(as_view_columns(batch, origin))
        notes.append(f"{origin.view.name}: {rows.num_rows:,} rows online")
        if not writer.keeps_newest:
            notes.append(
                f"{origin.view.name}: this online store may let an older row replace a newer one"
            )


def _in_time_order(rows: pa.Table, origin: ViewSource) -> pa.Table:
    """Returns rows such that the one that counts comes last, also of those at one time."""
    events = rows.column(origin.event).cast(pa.int64()).to_numpy()
    if not origin.created:
        return rows.take(pa.array(np.argsort(events, kind="stable")))
    created = pc.fill_null(rows.column(origin.created).cast(pa.int64()), np.iinfo(np.int64).min)
    return rows.take(pa.array(np.lexsort((created.to_numpy(), events))))


def _offline(
    repository: Repository,
    origins: Sequence[ViewSource],
    table: pa.Table,
    config: PushConfig,
    notes: list[str],
) -> int:
    """Appends rows to each source behind the views, once; returns how many were new."""
    appended, done = 0, set()
    for origin in origins:
        source = origin.view.batch_source
        if source.name in done:
            continue
        done.add(source.name)
        names = list(_kinds([origin]))
        rows = table.select(names)
        if reads_local_files(source):
            new = offline.append(source, repository.folder, rows, config.lock_seconds)
            notes.append(f"{source.name}: {new:,} of {rows.num_rows:,} rows were new offline")
            appended += new
        else:
            _through_feast(repository, origin, rows)
            notes.append(f"{source.name}: {rows.num_rows:,} rows appended, by Feast, new or not")
            appended += rows.num_rows
    return appended


def _through_feast(repository: Repository, origin: ViewSource, rows: pa.Table) -> None:
    store = repository.store
    kind = str(store.config.offline_store.type).rpartition(".")[2]
    try:
        with quiet():
            store.write_to_offline_store(origin.view.name, rows.to_pandas())
    except Exception as error:
        # Offline stores of all makers have errors of their own.
        raise DataError(
            f"the offline store ({kind}) cannot be written", cause=type(error).__name__
        ) from error
