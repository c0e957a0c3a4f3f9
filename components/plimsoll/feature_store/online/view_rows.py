"""A feature view's rows in its source: where they are, and the latest of each key, streamed.

Files on this machine are read by DuckDB itself, in bounded memory. Other sources are asked
through the offline store that the repository names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError, nearest
from plimsoll.feature_store.offline.engine import Limits, engine, engine_error, safe_cause
from plimsoll.feature_store.offline.row_queries import newest_clause
from plimsoll.feature_store.offline.source_tables import (
    POSITION,
    SourceTable,
    is_local,
    open_source,
)
from plimsoll.feature_store.offline.sql_text import listed, quoted
from plimsoll.feature_store.online.encoding import CREATED_US, EVENT_US, ViewSchema
from plimsoll.timestamps import timestamp_of


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Times in microseconds UTC: after ``since``, up to and including ``until``."""

    since_us: int | None
    """None: from the first row on."""
    until_us: int


@dataclass(frozen=True, kw_only=True)
class ViewSource:
    """Where a view's rows are, and what its columns are called there."""

    view: Any
    """Feast's feature view."""
    schema: ViewSchema
    """The view's columns."""
    columns: dict[str, str]
    """The view's column -> the source's."""
    event: str
    """The source's column of event timestamps."""
    created: str
    """The source's column of created timestamps; empty: it has none."""


def source_of_view(view: Any, schema: ViewSchema) -> ViewSource:
    """Returns where a view's rows are, its source's field mapping turned round.

    Raises:
        DataError: if it has no batch source.
    """
    source = view.batch_source
    if source is None:
        raise DataError(
            f"the feature view {view.name!r} has no batch source",
            hint="rows of it are pushed, not materialised",
        )
    back = {there: here for here, there in (source.field_mapping or {}).items()}
    dummy = dummy_key()
    names = [name for name in (*schema.keys, *schema.features) if name != dummy]
    created = source.created_timestamp_column or ""
    return ViewSource(
        view=view,
        schema=schema,
        columns={name: back.get(name, name) for name in names},
        event=back.get(source.timestamp_field, source.timestamp_field),
        created=back.get(created, created),
    )


def reads_local_files(source: Any) -> bool:
    """Says if a data source is files on this machine, read without the offline store."""
    from feast.data_format import ParquetFormat

    if not is_local(source):
        return False
    return source.file_format is None or isinstance(source.file_format, ParquetFormat)


def pull_from_files(
    origin: ViewSource, folder: Path, interval: Interval, limits: Limits, *, backfills: bool
) -> Iterator[pa.RecordBatch]:
    """Yields the latest row of each key, of those that came in an interval.

    Args:
        origin: Where the rows are: files on this machine.
        folder: The repository, which relative paths are told from.
        interval: Rows whose event timestamp is in it count.
        limits: What DuckDB may take, and the rows of a batch.
        backfills: Whether rows count, too, that were created in the interval, of earlier events.

    Yields:
        The view's columns, ``EVENT_US`` and ``CREATED_US``; rows with a null key are left out.

    Raises:
        DataError: if the files or a column are missing, or cannot be read.
    """
    import duckdb

    with engine(limits) as connection:
        try:
            source = open_source(connection, origin.view.batch_source, folder)
            query = _query(origin, source, interval, backfills=backfills)
            yield from connection.sql(query).to_arrow_reader(limits.batch_rows)
        except duckdb.Error as error:
            failure = engine_error(error, limits)
            raise DataError(
                f"the source of {origin.view.name!r} cannot be read",
                cause=f"{failure.headline}: {failure.cause}",
                hint=f"check the files at {origin.view.batch_source.path}",
            ) from safe_cause(error)


def pull_from_store(
    origin: ViewSource, store: Any, interval: Interval, limits: Limits
) -> Iterator[pa.RecordBatch]:
    """Yields the latest row of each key as the configured offline store finds it.

    Args:
        origin: Where the rows are.
        store: Feast's ``FeatureStore``.
        interval: Rows whose event timestamp is in it count, its start too.
        limits: Of a batch; the offline store has its own of memory.

    Yields:
        The view's columns, ``EVENT_US`` and ``CREATED_US``.

    Raises:
        DataError: if a column is missing, or is no time.
    """
    provider = store._get_provider()
    keys = [origin.columns[name] for name in origin.schema.keys if name in origin.columns]
    job = provider.offline_store.pull_latest_from_table_or_query(
        config=store.config,
        data_source=origin.view.batch_source,
        join_key_columns=keys,
        feature_name_columns=[origin.columns[name] for name in origin.schema.features],
        timestamp_field=origin.event,
        created_timestamp_column=origin.created or None,
        start_date=timestamp_of(interval.since_us or 0),
        end_date=timestamp_of(interval.until_us),
    )
    for batch in job.to_arrow().to_batches(max_chunksize=limits.batch_rows):
        yield as_view_columns(batch, origin)


def as_view_columns(rows: pa.RecordBatch, origin: ViewSource) -> pa.RecordBatch:
    """Returns rows under the view's names, with ``EVENT_US`` and ``CREATED_US``.

    Raises:
        DataError: if a column is missing, or is no time.
    """
    columns = {name: _column(rows, there, origin) for name, there in origin.columns.items()}
    if dummy_key() in origin.schema.keys:
        columns[dummy_key()] = pa.repeat("", rows.num_rows)
    columns[EVENT_US] = _microseconds(_column(rows, origin.event, origin), origin.event)
    columns[CREATED_US] = (
        _microseconds(_column(rows, origin.created, origin), origin.created)
        if origin.created
        else pa.nulls(rows.num_rows, pa.int64())
    )
    return pa.RecordBatch.from_pydict(columns)


def dummy_key() -> str:
    """Returns the join key of views without an entity, whose value is always empty."""
    from feast.feature_view import DUMMY_ENTITY_ID

    return str(DUMMY_ENTITY_ID)


def _column(rows: pa.RecordBatch, name: str, origin: ViewSource) -> pa.Array:
    if name not in rows.schema.names:
        raise DataError(
            f"the source of {origin.view.name!r} has no column {name!r}",
            cause=nearest(name, rows.schema.names),
            choices=tuple(rows.schema.names),
        )
    return rows.column(name)


def _microseconds(column: pa.Array, name: str) -> pa.Array:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if not pa.types.is_timestamp(column.type):
        raise DataError(
            f"the column {name!r} is not a timestamp",
            cause=f"its values are of the type {column.type}",
            hint="write it as a timestamp, in UTC or with its zone",
        )
    return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())


def _query(origin: ViewSource, source: SourceTable, interval: Interval, *, backfills: bool) -> str:
    """Returns the query of the latest rows; names are quoted, numbers are whole."""
    own = {name: source.column(name, f"of {origin.view.name!r}") for name in origin.columns}
    event = source.column(origin.event, "the event timestamp")
    created = source.column(origin.created, "the created timestamp") if origin.created else ""
    selected = [f"{source.expression(column)} AS {quoted(name)}" for name, column in own.items()]
    if dummy_key() in origin.schema.keys:
        selected.append(f"'' AS {quoted(dummy_key())}")
    selected.append(f"{source.microseconds(event)} AS {EVENT_US}")
    when = source.microseconds(created) if created else "CAST(NULL AS BIGINT)"
    selected.append(f"{when} AS {CREATED_US}")
    keys = [name for name in origin.schema.keys if name in own]
    known = [f"{source.expression(own[key])} IS NOT NULL" for key in keys]
    where = [*_in_interval(source, event, created if backfills else "", interval), *known]
    return (
        f"SELECT * EXCLUDE ({listed(POSITION)}) FROM "
        f"(SELECT {', '.join(selected)}, {source.position_columns} FROM {source.scan} "
        f"WHERE {' AND '.join(where)}) {newest_clause(keys, EVENT_US, CREATED_US)}"
    )


def _in_interval(source: SourceTable, event: str, created: str, interval: Interval) -> list[str]:
    """Returns the conditions that rows came in an interval."""
    if interval.since_us is None:
        return source.within(event, None, interval.until_us)
    after = interval.since_us + 1
    if not created:
        return source.within(event, after, interval.until_us)
    late = " AND ".join(source.within(created, after, interval.until_us))
    recent = " AND ".join(source.within(event, after, None))
    return [*source.within(event, None, interval.until_us), f"({recent} OR ({late}))"]
