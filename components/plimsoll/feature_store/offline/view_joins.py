"""Feast's feature views as joins: their columns found in their sources, their types checked."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError, nearest
from plimsoll.feature_store.offline.asof import ViewJoin
from plimsoll.feature_store.offline.entity_rows import EntityRows, check_columns
from plimsoll.feature_store.offline.source_tables import SourceTable
from plimsoll.feature_store.offline.sql_text import family, quoted
from plimsoll.timestamps import microseconds


def view_joins(
    views: Sequence[Any],
    references: Sequence[str],
    open_table: Callable[[Any], SourceTable],
    *,
    full_names: bool,
    known_only: bool,
) -> list[ViewJoin]:
    """Returns the joins of feature views, in the order of the views.

    Args:
        views: Feast's feature views, projections applied.
        references: The features asked for, ``view:feature``.
        open_table: Gives a source's table.
        full_names: Whether features are called ``view__feature``.
        known_only: Whether only rows count that were created by the entity row's time.

    Raises:
        DataError: if a view has no source, or the source not its columns.
    """
    return [
        _view_join(view, references, open_table, full_names=full_names, known_only=known_only)
        for view in views
    ]


def check_retrieval(rows: EntityRows, views: Sequence[ViewJoin], on_demand: Sequence[Any]) -> None:
    """Checks that entity rows can be joined with views.

    Raises:
        DataError: if a column is missing, would be there twice, or is of another type.
    """
    needed = {
        name: f"the on-demand view {view.name!r}"
        for view in on_demand
        for name in view.get_request_data_schema()
    }
    needed |= {key: f"the view {view.name!r}" for view in views for key, _ in view.keys}
    check_columns(rows, needed)
    for view in views:
        for output, _ in view.features:
            if output in rows.schema.names:
                raise DataError(
                    f"the entity rows have a column {output!r}, and so has the view {view.name!r}",
                    hint="leave the column out, or ask for full_feature_names",
                )
        for key, column in view.keys:
            _check_types(view, key, rows.schema.field(key).type, column)


def snapshot_query(
    views: Sequence[Any], joins: Sequence[ViewJoin], start: datetime | None, end: datetime | None
) -> str:
    """Returns the query of one row for each entity that has rows in an interval, as of its end.

    Args:
        views: Feast's feature views, whose TTL says where the interval begins without ``start``.
        joins: The same views' joins.
        start: The first event timestamp that counts.
        end: The last one, and the rows' time; None: now.

    Raises:
        DataError: if the views have different keys.
    """
    from feast.utils import compute_non_entity_date_range

    keys = tuple(key for key, _ in joins[0].keys) if joins else ()
    for view in joins:
        own = tuple(key for key, _ in view.keys)
        if set(own) != set(keys):
            raise DataError(
                "without entity rows, the views must have the same keys",
                cause=f"{joins[0].name!r} has {', '.join(keys) or 'none'}, "
                f"{view.name!r} has {', '.join(own) or 'none'}",
                hint="give the entity rows",
            )
    first, last = compute_non_entity_date_range(list(views), start_date=start, end_date=end)
    since, until = microseconds(first), microseconds(last)
    time = f"make_timestamptz({until}::BIGINT) AS event_timestamp"
    if not keys:
        return f"SELECT {time}"
    names = ", ".join(quoted(key) for key in keys)
    parts = []
    for view in joins:
        columns = dict(view.keys)
        chosen = [f"{view.source.expression(columns[key])} AS {quoted(key)}" for key in keys]
        conditions = [f"{view.source.expression(columns[key])} IS NOT NULL" for key in keys]
        conditions += view.source.within(view.event, since, until)
        parts.append(
            f"SELECT {', '.join(chosen)} FROM {view.source.scan} WHERE {' AND '.join(conditions)}"
        )
    return f"SELECT {names}, {time} FROM ({' UNION '.join(parts)}) ORDER BY {names}"


def _view_join(
    view: Any,
    references: Sequence[str],
    open_table: Callable[[Any], SourceTable],
    *,
    full_names: bool,
    known_only: bool,
) -> ViewJoin:
    from feast.feature_view import DUMMY_ENTITY_ID

    if view.batch_source is None:
        raise DataError(f"the feature view {view.name!r} has no batch source to read")
    source = open_table(view.batch_source)
    projection = view.projection
    name = projection.name_to_use()
    prefix = f"{projection.name_alias or view.name}__" if full_names else ""
    requested = [ref.partition(":")[2] for ref in references if ref.startswith(f"{name}:")]
    known = {field.name for field in projection.features}
    for feature in requested:
        if known and feature not in known:
            raise DataError(
                f"the feature view {name!r} has no feature {feature!r}",
                cause=nearest(feature, known),
                choices=tuple(sorted(known)),
            )
    renamed = projection.join_key_map or {}
    keys = [field.name for field in view.entity_columns if field.name != DUMMY_ENTITY_ID]
    created = view.batch_source.created_timestamp_column
    return ViewJoin(
        name=name,
        source=source,
        keys=tuple((renamed.get(key, key), source.column(key, "a join key")) for key in keys),
        features=tuple(
            (prefix + feature, source.column(feature, "a feature"))
            for feature in dict.fromkeys(requested)
        ),
        event=source.column(view.batch_source.timestamp_field, "the event timestamp"),
        created=source.column(created, "the created timestamp") if created else "",
        ttl=view.ttl,
        known_only=known_only,
    )


def _check_types(view: ViewJoin, key: str, given: pa.DataType, column: str) -> None:
    kind = view.source.kinds[column]
    if not _comparable(given, family(kind)):
        raise DataError(
            f"the join key {key!r} is {given} in the entity rows, but {kind} in {view.name!r}",
            hint="give the column the type that the view's source has",
        )


def _comparable(given: pa.DataType, kind: str) -> bool:
    if pa.types.is_dictionary(given):
        given = given.value_type
    if kind == "number":
        numbers = (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_null,
        )
        return any(is_kind(given) for is_kind in numbers)
    if kind == "text":
        texts = (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_null,
        )
        return any(is_kind(given) for is_kind in texts)
    return True
