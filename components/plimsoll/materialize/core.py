"""Brings the online store up to date, view by view, from where the last run ended."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import ConfigError, UsageError, nearest
from plimsoll.feature_store.offline.engine import Limits
from plimsoll.feature_store.online import view_rows
from plimsoll.feature_store.online.encoding import view_schema
from plimsoll.feature_store.online.view_rows import Interval
from plimsoll.feature_store.online.writer import OnlineWriter, apply_definitions, translate_errors
from plimsoll.feature_store.repository import intervals
from plimsoll.feature_store.repository.definitions import quiet
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import config as configs
from plimsoll.materialize.config import MaterializeConfig
from plimsoll.timestamps import SECOND_US, microseconds, timestamp_of

PROGRESS_S = 5.0
"""Seconds between two lines of progress."""
FEWEST_TIMED = 1_000
"""Rows below which a rate says nothing."""


@dataclass(frozen=True, kw_only=True)
class MaterializeRequest:
    """What a run was asked for, as text."""

    until: str = ""
    """ISO 8601; empty: now."""
    since: str = ""
    """ISO 8601; empty: where the last run of each view ended."""
    views: str = ""
    """Names with commas between; empty: all that go online."""
    config: str = "{}"
    """A MaterializeConfig as JSON."""


@dataclass(frozen=True, kw_only=True)
class ViewResult:
    """What was done for one view."""

    name: str
    keys: int
    """Entity keys whose latest row was written."""
    note: str
    """What a reader of the run is told."""


@dataclass(frozen=True, kw_only=True)
class MaterializeResult:
    """What came of a run."""

    views: tuple[ViewResult, ...]
    notes: tuple[str, ...]
    """Short sentences for the reader of the run."""

    @property
    def keys(self) -> int:
        """Rows written, one for each key of each view."""
        return sum(view.keys for view in self.views)

    def metadata(self) -> dict[str, Any]:
        """Returns the metrics, and notes for the reader of the run."""
        counts = {f"keys_{view.name}": view.keys for view in self.views}
        return {"keys": self.keys, **counts, "notes": [*self.notes]}


def materialize(repo: str, request: MaterializeRequest) -> MaterializeResult:
    """Writes the latest row of each key, of those that came in an interval, view by view.

    A row came in an interval if its event timestamp lies in it, or, where the source says when
    rows were created, if it was created in it. A view's interval is recorded when all of it is
    in the online store. What is written twice stays as it is.

    Args:
        repo: The Feast repository: a folder, its configuration, or a ``gs://`` prefix.
        request: Which views, from when, up to when.

    Raises:
        UsageError: if times or views do not hold together.
        ConfigError: if the repository or the config does not.
        DataError: if a source cannot be read, a value does not fit its declared type, the online
            store cannot be written, or the registry is locked.
    """
    config = configs.parse(request.config)
    since, until = _times(request, config)
    with tempfile.TemporaryDirectory(prefix="materialize-") as folder:
        repository = open_repository(repo, Path(folder) / "repository")
        views = _chosen(repository, request.views)
        notes = apply_definitions(repository, config.lock_seconds)
        limits = Limits(
            batch_rows=config.batch_rows,
            memory_limit=f"{config.memory_mb}MB",
            spill_folder=folder,
        )
        done = tuple(_view(repository, view, (since, until), limits, config) for view in views)
    return MaterializeResult(views=done, notes=(*notes, *(view.note for view in done)))


def _times(request: MaterializeRequest, config: MaterializeConfig) -> tuple[int | None, int]:
    now = microseconds(datetime.now(UTC))
    until = _parse_time("until", request.until) if request.until.strip() else now
    since = _parse_time("since", request.since) if request.since.strip() else None
    if until > now + config.future_seconds * SECOND_US:
        raise UsageError(
            f"until lies in the future: {_time_text(until)}",
            cause="rows that come before then, of earlier events, would never be written",
            hint="leave until empty: it is now",
        )
    if since is not None and since >= until:
        raise UsageError(
            "since must come before until",
            cause=f"since is {_time_text(since)}, until is {_time_text(until)}",
        )
    return since, until


def _parse_time(name: str, text: str) -> int:
    try:
        return microseconds(datetime.fromisoformat(text.strip()))
    except ValueError as error:
        raise UsageError(
            f"{name} is not a time: {text[:60]!r}",
            hint="ISO 8601, UTC unless it says: 2013-02-01T06:00:00Z",
        ) from error


def _time_text(us: int) -> str:
    return timestamp_of(us).isoformat().replace("+00:00", "Z")


def _chosen(repository: Repository, names: str) -> list[Any]:
    online = {name: view for name, view in repository.views.items() if view.online}
    requested = [name.strip() for name in names.split(",") if name.strip()]
    for name in requested:
        if name in repository.on_demand_views:
            raise UsageError(
                f"the feature view {name!r} is computed on demand: there is nothing to write",
                choices=tuple(online),
            )
        if name in repository.views and name not in online:
            raise UsageError(
                f"the feature view {name!r} does not go online",
                hint="say online=True where it is defined",
                choices=tuple(online),
            )
        if name not in online:
            raise UsageError(
                f"there is no feature view {name!r} in {repository.where}",
                cause=nearest(name, online),
                choices=tuple(online),
            )
    if not online:
        raise ConfigError(f"no feature view of {repository.where} goes online")
    return [online[name] for name in dict.fromkeys(requested or online)]


def _view(
    repository: Repository,
    view: Any,
    times: tuple[int | None, int],
    limits: Limits,
    config: MaterializeConfig,
) -> ViewResult:
    since, until = times
    overlap = 0
    if since is None:
        since = intervals.last_ends(repository.store, repository.folder).get(view.name)
        overlap = config.overlap_seconds * SECOND_US
    if since is not None and since >= until:
        note = f"{view.name}: nothing to do, it was materialised up to {_time_text(since)}"
        return ViewResult(name=view.name, keys=0, note=_log(note))
    pulled = Interval(since_us=None if since is None else since - overlap, until_us=until)
    started = time.monotonic()
    keys, said = _written(repository, view, pulled, limits)
    rate = keys / max(time.monotonic() - started, 1e-6)
    start = min(0, until) if since is None else since
    intervals.record(repository.store, repository.folder, view, (start, until), config.lock_seconds)
    came = "up to" if since is None else f"after {_time_text(since)}, up to"
    note = f"{view.name}: {keys:,} key{'s' * (keys != 1)} {came} {_time_text(until)}"
    note += f", {rate:,.0f} rows/s{said}" if keys >= FEWEST_TIMED else said
    return ViewResult(name=view.name, keys=keys, note=_log(note))


def _written(
    repository: Repository, view: Any, interval: Interval, limits: Limits
) -> tuple[int, str]:
    """Writes a view's rows; returns how many, and what is to be said of them."""
    if getattr(view, "feature_transformation", None) or getattr(view, "aggregations", None):
        return _computed(repository, view, interval)
    schema = view_schema(view)
    writer = OnlineWriter(repository.store, view, schema)
    origin = view_rows.source_of_view(view, schema)
    said = ""
    if view_rows.reads_local_files(view.batch_source):
        newest = writer.keeps_newest
        batches = view_rows.pull_from_files(
            origin, repository.folder, interval, limits, backfills=newest
        )
        if origin.created and not newest:
            said = "; late rows are left out, which this online store would let replace newer ones"
    else:
        batches = view_rows.pull_from_store(origin, repository.store, interval, limits)
    return _streamed(writer, batches, view.name), said


def _streamed(writer: OnlineWriter, batches: Iterator[pa.RecordBatch], name: str) -> int:
    rows, last = 0, time.monotonic()
    for batch in batches:
        writer.write(batch)
        rows += batch.num_rows
        if time.monotonic() - last > PROGRESS_S:
            last = time.monotonic()
            _log(f"{name}: {rows:,} keys so far")
    return rows


def _computed(repository: Repository, view: Any, interval: Interval) -> tuple[int, str]:
    """Lets Feast's engine compute a view with a transformation, and write it."""
    store = repository.store
    with translate_errors(store), quiet():
        store._get_provider().materialize_single_feature_view(
            config=store.config,
            feature_view=view,
            start_date=timestamp_of(interval.since_us or 0),
            end_date=timestamp_of(interval.until_us),
            registry=store.registry,
            project=store.project,
            tqdm_builder=lambda _length: nullcontext(),
        )
    return 0, "; Feast's own engine computed it, and does not count"


def _log(line: str) -> str:
    """Prints a line at once, and returns it."""
    print(line, flush=True)  # noqa: T201 - the step's log is its standard output
    return line
