"""Queries of a source's rows: all of an interval, or the newest of each key."""

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.feature_store.offline.source_tables import POSITION, SourceTable
from plimsoll.feature_store.offline.sql_text import listed, quoted

EVENT, CREATED = "plimsoll_event", "plimsoll_created"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns to read."""

    keys: tuple[str, ...]
    """The join keys'; none: Feast's dummy entity's is added."""
    features: tuple[str, ...]
    """The features'."""
    event: str
    """The event timestamps'."""
    created: str
    """The created timestamps'; empty: there is none."""

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        created = (self.created,) if self.created else ()
        return list(dict.fromkeys((*self.keys, *self.features, self.event, *created)))


def all_rows(
    source: SourceTable, columns: Columns, since_us: int | None, until_us: int | None
) -> str:
    """Returns the query of the rows of an interval, both ends in it, in the files' order.

    Args:
        source: The source.
        columns: What is read.
        since_us: Event timestamp of the first row, microseconds UTC; None: no bound.
        until_us: That of the last one.
    """
    order = listed(POSITION)
    rows = _rows(source, columns, since_us, until_us)
    return f"SELECT {_named(columns)} FROM ({rows}) ORDER BY {order}"


def newest_clause(keys: Sequence[str], event: str, created: str) -> str:
    """Returns the clause that leaves the newest row of each key, by (event, created) timestamp.

    Of rows alike in both the one that stands last in the source is taken, as in the point-in-time
    join.

    Args:
        keys: The keys' columns; none: one row is left.
        event: The column of event timestamps, in microseconds.
        created: That of created timestamps; empty: there is none.
    """
    by = f"PARTITION BY {listed(keys)} " if keys else ""
    order = [f"{quoted(event)} DESC", *([f"{quoted(created)} DESC NULLS LAST"] if created else [])]
    order += [f"{quoted(column)} DESC" for column in POSITION]
    return f"QUALIFY row_number() OVER ({by}ORDER BY {', '.join(order)}) = 1"


def latest_rows(
    source: SourceTable, columns: Columns, since_us: int | None, until_us: int | None
) -> str:
    """Returns the query of each key's newest row of an interval, both ends in it.

    Args:
        source: The source.
        columns: What is read.
        since_us: Event timestamp of the first row, microseconds UTC; None: no bound.
        until_us: That of the last one.
    """
    rows = _rows(source, columns, since_us, until_us)
    clause = newest_clause(columns.keys, EVENT, CREATED if columns.created else "")
    return f"SELECT {_named(columns)} FROM ({rows}) {clause}"


def _named(columns: Columns) -> str:
    from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL

    names = listed(columns.names)
    if columns.keys or DUMMY_ENTITY_ID in columns.names:
        return names
    return f"{names}, '{DUMMY_ENTITY_VAL}' AS {quoted(DUMMY_ENTITY_ID)}"


def _rows(source: SourceTable, columns: Columns, since_us: int | None, until_us: int | None) -> str:
    own = {name: source.column(name, "asked for") for name in columns.names}
    event = own[columns.event]
    selected = [f"{source.expression(column)} AS {quoted(name)}" for name, column in own.items()]
    selected.append(f"{source.microseconds(event)} AS {EVENT}")
    if columns.created:
        selected.append(f"{source.microseconds(own[columns.created])} AS {CREATED}")
    conditions = [
        f"{source.expression(event)} IS NOT NULL",
        *source.within(event, since_us, until_us),
    ]
    return (
        f"SELECT {', '.join(selected)}, {source.position_columns} FROM {source.scan} "
        f"WHERE {' AND '.join(conditions)}"
    )
