"""The latest rows of a feature view's source, streamed: what a materialisation writes online.

Parquet files are read by DuckDB itself, in bounded memory. Other sources are asked through the
offline store that the repository names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_store.encoding import CREATED_US, EVENT_US, Layout, moment_of

BOUNDED = {"TIMESTAMP": "make_timestamp", "TIMESTAMP WITH TIME ZONE": "make_timestamptz"}
"""DuckDB type -> what makes one of microseconds: a filter that files' statistics help with."""
NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS")
TIMES = (*BOUNDED, *NANOSECONDS, "TIMESTAMP_S", "TIMESTAMP_MS", "DATE")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Times in microseconds UTC: after ``since``, up to and including ``until``."""

    since_us: int | None
    """None: from the first row on."""
    until_us: int


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a pull may take."""

    batch_rows: int
    """Of one batch."""
    memory_mb: int
    """Of DuckDB; more goes to the scratch folder."""
    scratch: Path
    """The folder for it."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a view's rows are, and what its columns are called there."""

    view: Any
    """Feast's feature view."""
    layout: Layout
    """The view's columns."""
    columns: dict[str, str]
    """The view's column -> the source's."""
    event: str
    """The source's column of event timestamps."""
    created: str
    """The source's column of created timestamps; empty: it has none."""


def origin_of(view: Any, layout: Layout) -> Origin:
    """Returns where a view's rows are, its source's field mapping turned round."""
    source = view.batch_source
    if source is None:
        raise DataError(
            f"the feature view {view.name!r} has no batch source",
            hint="rows of it are pushed, not materialised",
        )
    back = {there: here for here, there in (source.field_mapping or {}).items()}
    dummy = dummy_key()
    names = [name for name in (*layout.keys, *layout.features) if name != dummy]
    created = source.created_timestamp_column or ""
    return Origin(
        view=view,
        layout=layout,
        columns={name: back.get(name, name) for name in names},
        event=back.get(source.timestamp_field, source.timestamp_field),
        created=back.get(created, created),
    )


def is_parquet(source: Any) -> bool:
    """Says if a data source is Parquet files, which are read without the offline store."""
    from feast.data_format import ParquetFormat
    from feast.infra.offline_stores.file_source import FileSource

    if not isinstance(source, FileSource):
        return False
    return source.file_format is None or isinstance(source.file_format, ParquetFormat)


def from_parquet(
    origin: Origin, folder: Path, interval: Interval, limits: Limits, *, backfills: bool
) -> Iterator[pa.RecordBatch]:
    """Yields the latest row of each key, of those that came in an interval.

    Args:
        origin: Where the rows are: Parquet files, local or in a bucket.
        folder: The repository, which relative paths are told from.
        interval: Rows whose event timestamp is in it count.
        limits: What it may take.
        backfills: Whether rows count, too, that were created in the interval, of earlier events.

    Yields:
        The view's columns, ``EVENT_US`` and ``CREATED_US``; rows with a null key are left out.

    Raises:
        DataError: if the files or a column are missing, or cannot be read.
    """
    import duckdb

    with _connection(limits) as connection:
        try:
            source = _source(connection, origin, folder)
            told = connection.sql(f"SELECT * FROM {source.sql} LIMIT 0", params=source.values)
            types = dict(zip(told.columns, map(str, told.types), strict=True))
            _check_columns(origin, types)
            query = _query(origin, types, interval, source, backfills=backfills)
            chosen = connection.sql(query, params=source.values)
            yield from chosen.to_arrow_reader(limits.batch_rows)
        except duckdb.Error as error:
            raise DataError(
                f"the source of {origin.view.name!r} cannot be read",
                cause=f"{type(error).__name__}: {str(error).splitlines()[0][:300]}",
                hint=f"check the files at {origin.view.batch_source.path}",
            ) from error


def from_offline_store(
    origin: Origin, store: Any, interval: Interval, limits: Limits
) -> Iterator[pa.RecordBatch]:
    """Yields the latest row of each key as the configured offline store finds it.

    Args:
        origin: Where the rows are.
        store: Feast's ``FeatureStore``.
        interval: Rows whose event timestamp is in it count, its start too.
        limits: Of a batch; the offline store has its own of memory.
    """
    provider = store._get_provider()
    keys = [name for name in origin.layout.keys if name in origin.columns]
    job = provider.offline_store.pull_latest_from_table_or_query(
        config=store.config,
        data_source=origin.view.batch_source,
        join_key_columns=[origin.columns[name] for name in keys],
        feature_name_columns=[origin.columns[name] for name in origin.layout.features],
        timestamp_field=origin.event,
        created_timestamp_column=origin.created or None,
        start_date=moment_of(interval.since_us or 0),
        end_date=moment_of(interval.until_us),
    )
    table = job.to_arrow()
    _check_columns(origin, dict.fromkeys(table.column_names, "TIMESTAMP"))
    for batch in table.to_batches(max_chunksize=limits.batch_rows):
        columns = {name: batch.column(there) for name, there in origin.columns.items()}
        if dummy_key() in origin.layout.keys:
            columns[dummy_key()] = pa.repeat("", batch.num_rows)
        columns[EVENT_US] = _microseconds(batch.column(origin.event), origin.event)
        columns[CREATED_US] = (
            _microseconds(batch.column(origin.created), origin.created)
            if origin.created
            else pa.nulls(batch.num_rows, pa.int64())
        )
        yield pa.RecordBatch.from_pydict(columns)


def dummy_key() -> str:
    """Returns the join key of views without an entity, whose value is always empty."""
    from feast.feature_view import DUMMY_ENTITY_ID

    return str(DUMMY_ENTITY_ID)


def _microseconds(column: pa.Array, name: str) -> pa.Array:
    if not pa.types.is_timestamp(column.type) and not pa.types.is_date(column.type):
        raise _not_a_time(name, str(column.type))
    if pa.types.is_timestamp(column.type):
        moments = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    else:
        moments = column.cast(pa.timestamp("us"))
    return moments.cast(pa.int64())


@contextmanager
def _connection(limits: Limits) -> Iterator[Any]:
    import duckdb

    settings = {"memory_limit": f"{limits.memory_mb}MB", "temp_directory": str(limits.scratch)}
    with duckdb.connect(config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@dataclass(frozen=True)
class _Source:
    """What stands behind FROM, and the values that it takes."""

    sql: str
    values: dict[str, list[str]]
    place: str
    """What orders rows as they stand."""


def _source(connection: Any, origin: Origin, folder: Path) -> _Source:
    address = str(origin.view.batch_source.path)
    if "://" in address and not address.startswith("file://"):
        connection.register("source", _remote(address, origin.view.batch_source))
        return _Source("source", {}, "")
    path = folder / address.removeprefix("file://")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    patterned = any(letter in address for letter in "*?[")
    if not files or not (patterned or files[0].exists()):
        raise DataError(
            f"the source of {origin.view.name!r} is missing",
            cause=f"there is no {address}",
            hint="make the file, or correct the path in the feature repository",
        )
    return _Source(
        "read_parquet($files, union_by_name = true)",
        {"files": [str(file) for file in files]},
        ", filename DESC, file_row_number DESC",
    )


def _remote(address: str, source: Any) -> Any:
    from feast.infra.offline_stores.file_source import FileSource
    from pyarrow import dataset, fs

    try:
        system, path = FileSource.create_filesystem_and_path(address, source.s3_endpoint_override)
        if system is None:
            system, path = fs.FileSystem.from_uri(address)
        return dataset.dataset(path, filesystem=system, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the source {address} cannot be read", cause=f"{type(error).__name__}: {error}"[:300]
        ) from error


def _check_columns(origin: Origin, types: dict[str, str]) -> None:
    wanted = [*origin.columns.values(), origin.event, origin.created]
    missing = [name for name in wanted if name and name not in types]
    if missing:
        raise DataError(
            f"the source of {origin.view.name!r} has no column {missing[0]!r}",
            cause=nearest(missing[0], types)
            or (f"missing are {shortened(missing)}" if len(missing) > 1 else ""),
            choices=tuple(types),
            hint="correct the source, or its field mapping in the feature repository",
        )
    for name in (origin.event, origin.created):
        if name and types[name] not in TIMES:
            raise _not_a_time(name, types[name])


def _not_a_time(name: str, kind: str) -> DataError:
    return DataError(
        f"the column {name!r} is not a timestamp",
        cause=f"its values are of the type {kind}",
        hint="write it as a timestamp, in UTC or with its zone",
    )


def _query(
    origin: Origin, types: dict[str, str], interval: Interval, source: _Source, *, backfills: bool
) -> str:
    """Returns the query of the latest rows; names are quoted, numbers are whole."""
    event = _us(origin.event, types)
    created = _us(origin.created, types) if origin.created else "CAST(NULL AS BIGINT)"
    keys = [_quoted(origin.columns[name]) for name in origin.layout.keys if name in origin.columns]
    taken = [f"{_quoted(there)} AS {_quoted(name)}" for name, there in origin.columns.items()]
    if len(keys) < len(origin.layout.keys):
        taken.append(f"'' AS {_quoted(dummy_key())}")
    came = _after(origin.event, types, interval.since_us)
    if backfills and origin.created and interval.since_us is not None:
        since = _after(origin.created, types, interval.since_us)
        until = _up_to(origin.created, types, interval.until_us)
        came = f"({came} OR ({since} AND {until}))"
    known = [f"{key} IS NOT NULL" for key in keys]
    where = " AND ".join([_up_to(origin.event, types, interval.until_us), came, *known])
    # Of rows that nothing tells apart the one that stands last counts, as a later write does.
    return (
        f"SELECT {', '.join(taken)}, {event} AS {EVENT_US}, {created} AS {CREATED_US} "
        f"FROM {source.sql} WHERE {where} QUALIFY row_number() OVER ("
        f"PARTITION BY {', '.join(keys) or '1'} "
        f"ORDER BY {event} DESC, {created} DESC NULLS LAST{source.place}) = 1"
    )


def _us(name: str, types: dict[str, str]) -> str:
    """Returns the expression of a timestamp's microseconds, rounded down."""
    column = _quoted(name)
    if types[name] in NANOSECONDS:
        # DuckDB's division rounds towards zero.
        return f"(epoch_ns({column}) // 1000 - CAST(epoch_ns({column}) % 1000 < 0 AS BIGINT))"
    return f"epoch_us({column})"


def _after(name: str, types: dict[str, str], us: int | None) -> str:
    if us is None:
        return "true"
    made = BOUNDED.get(types[name])
    return f"{_quoted(name)} > {made}({us})" if made else f"{_us(name, types)} > {us}"


def _up_to(name: str, types: dict[str, str], us: int) -> str:
    made = BOUNDED.get(types[name])
    return f"{_quoted(name)} <= {made}({us})" if made else f"{_us(name, types)} <= {us}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
