"""The point-in-time join of a feature view as one ASOF JOIN.

Of the rows of a key with event timestamp <= t, the one with the greatest (event timestamp, created
timestamp) is taken; of rows alike in both, the one that stands last in the source. DuckDB's ASOF
JOIN finds the greatest event timestamp; so before it one row is kept of each key and time, unless
a count, which is cheaper, tells that there is no second one. A row older than the TTL is taken back
after the join: if the newest is too old, all are.

Where rows must have been created by t, too, a row counts from ``from`` = max(event, created) on. Of
a key's rows in the order of (from, event, created) only those are kept whose event is not before
one already known; of these the last with from <= t is the greatest (event, created) known at t.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from plimsoll.feature_store.offline.source_tables import POSITION, SourceTable
from plimsoll.feature_store.offline.sql_text import listed, quoted

ROW, TIME = "plimsoll_row", "plimsoll_time"
"""Of the entity rows that are joined: the number of the row, its time in microseconds."""
EVENT, CREATED, FROM = "event_us", "created_us", "from_us"


@dataclass(frozen=True, kw_only=True)
class ViewJoin:
    """A feature view that entity rows are joined with."""

    name: str
    """What the view is called in this retrieval."""
    source: SourceTable
    """Its rows."""
    keys: tuple[tuple[str, str], ...]
    """Pairs of the entity rows' column and the source's; none: the same row for all."""
    features: tuple[tuple[str, str], ...]
    """Pairs of the result's column and the source's."""
    event: str
    """The source's column of event timestamps."""
    created: str = ""
    """The source's column of created timestamps; empty: it has none."""
    ttl: timedelta | None = None
    """How long a value holds, its end in it; None or zero: for ever."""
    known_only: bool = False
    """Whether only rows count that were created by the entity row's time."""

    @property
    def ttl_us(self) -> int | None:
        """The TTL in microseconds; None: a value holds for ever."""
        return self.ttl // timedelta(microseconds=1) if self.ttl else None

    @property
    def by_creation(self) -> bool:
        """Whether rows count from their creation on."""
        return self.known_only and bool(self.created)


def times_are_unique(
    view: ViewJoin, since_us: int | None = None, until_us: int | None = None
) -> str:
    """Returns the query that says if a view has surely one row of each key and time.

    Two that hash alike are taken for the same; then it says no.

    Args:
        view: The view.
        since_us: The time of the first entity row, in microseconds.
        until_us: That of the last one.
    """
    keys = [f"key_{number}" for number in range(len(view.keys))]
    values = [f"value_{number}" for number in range(len(view.features))]
    rows = _rows(view, keys, values, since_us, until_us)
    return f"SELECT count(*) = count(DISTINCT hash({listed([*keys, EVENT])})) FROM ({rows})"


def history_sql(
    view: ViewJoin,
    since_us: int | None = None,
    until_us: int | None = None,
    *,
    distinct: bool = False,
) -> str:
    """Returns the query of the rows of a view that can be found, one of each key and time.

    Args:
        view: The view.
        since_us: The time of the first entity row, in microseconds.
        until_us: That of the last one.
        distinct: Whether `no_two_alike` said so: all rows count.

    Returns:
        SQL; its columns are ``key_0`` ..., ``from_us``, ``event_us``, ``value_0`` ...
    """
    keys = [f"key_{number}" for number in range(len(view.keys))]
    values = [f"value_{number}" for number in range(len(view.features))]
    by = f"PARTITION BY {listed(keys)} " if keys else ""
    order = f"{EVENT}, {CREATED} NULLS FIRST, {listed(POSITION)}"
    rows = _rows(view, keys, values, since_us, until_us)
    columns = listed([*keys, FROM, EVENT, *values])
    if distinct and not view.by_creation:
        return f"SELECT {columns} FROM ({rows})"
    if view.by_creation:
        order = f"{FROM}, {order}"
        known = (
            f"max({EVENT}) OVER ({by}ORDER BY {order} "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
        rows = f"SELECT * FROM ({rows}) QUALIFY {EVENT} >= coalesce({known}, {EVENT})"
    return (
        f"SELECT {columns} FROM ({rows}) "
        f"QUALIFY lead({FROM}) OVER ({by}ORDER BY {order}) IS DISTINCT FROM {FROM}"
    )


def join_sql(view: ViewJoin, entity: str, rows: str, event_column: str = "") -> str:
    """Returns the query of a view's features for entity rows, in their order.

    Args:
        view: The view.
        entity: What the entity rows are called, with ROW, TIME and the view's key columns.
        rows: The view's rows: a table's name, or a query in parentheses.
        event_column: What the column of the found rows' event timestamps is called; empty: none.
    """
    holds = f"v.{EVENT} IS NOT NULL"
    if view.ttl_us is not None:
        holds = f"e.{TIME} - v.{EVENT} <= {view.ttl_us}"
    columns = [
        f"CASE WHEN {holds} THEN v.value_{number} END AS {quoted(output)}"
        for number, (output, _) in enumerate(view.features)
    ]
    if event_column:
        timestamp = f"make_timestamptz(v.{EVENT})"
        columns.append(f"CASE WHEN {holds} THEN {timestamp} END AS {quoted(event_column)}")
    conditions = [
        *(f"e.{quoted(key)} = v.key_{number}" for number, (key, _) in enumerate(view.keys)),
        f"e.{TIME} >= v.{FROM}",
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {entity} AS e "
        f"ASOF LEFT JOIN {rows} AS v ON {' AND '.join(conditions)} ORDER BY e.{ROW}"
    )


def _rows(
    view: ViewJoin,
    keys: Sequence[str],
    values: Sequence[str],
    since_us: int | None,
    until_us: int | None,
) -> str:
    source = view.source
    event = source.microseconds(view.event)
    created = source.microseconds(view.created) if view.created else "NULL::BIGINT"
    counts_from = f"greatest({event}, {created})" if view.by_creation else event
    columns = [
        *(
            f"{source.expression(column)} AS {key}"
            for key, (_, column) in zip(keys, view.keys, strict=True)
        ),
        f"{counts_from} AS {FROM}",
        f"{event} AS {EVENT}",
        f"{created} AS {CREATED}",
        *(
            f"{source.expression(column)} AS {value}"
            for value, (_, column) in zip(values, view.features, strict=True)
        ),
        source.position_columns,
    ]
    oldest = None if since_us is None or view.ttl_us is None else since_us - view.ttl_us
    conditions = [
        *(f"{source.expression(column)} IS NOT NULL" for _, column in view.keys),
        f"{event} IS NOT NULL",
        *([f"{created} IS NOT NULL"] if view.by_creation else []),
        *source.within(view.event, oldest, until_us),
    ]
    return f"SELECT {', '.join(columns)} FROM {source.scan} WHERE {' AND '.join(conditions)}"


def retrieval_sql(views: Sequence[ViewJoin], entity: str, time: str, named: Any) -> str:
    """Returns the whole retrieval as one query, to read or to run elsewhere.

    Args:
        views: The views.
        entity: What stands after FROM for the entity rows.
        time: The expression of their time in microseconds.
        named: The entity rows' columns.
    """
    rows = f"SELECT *, row_number() OVER () AS {ROW}, {time} AS {TIME} FROM {entity}"
    parts = [f"WITH entity_rows AS MATERIALIZED ({rows})"]
    columns, joins = [f"e.{quoted(name)}" for name in named], []
    for number, view in enumerate(views):
        own = join_sql(view, "entity_rows", f"({history_sql(view)})")
        own = own.replace("SELECT ", f"SELECT e.{ROW}, ", 1)
        parts.append(f", view_{number} AS ({own})")
        columns += [f"view_{number}.{quoted(output)}" for output, _ in view.features]
        joins.append(f"JOIN view_{number} ON view_{number}.{ROW} = e.{ROW}")
    parts.append(f" SELECT {', '.join(columns)} FROM entity_rows AS e {' '.join(joins)}")
    return "".join(parts) + f" ORDER BY e.{ROW}"
