"""Queries of a source's rows: all of an interval, or the newest of each key."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.feature_store.source_tables import PLACE, SourceTable
from plimsoll.feature_store.sql_text import listed, quoted


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
    """Returns the query of the rows of an interval, both ends in it, in the files' order."""
    order = listed(PLACE)
    rows = _rows(source, columns, since_us, until_us)
    return f"SELECT {_named(columns)} FROM ({rows}) ORDER BY {order}"


def latest_rows(
    source: SourceTable, columns: Columns, since_us: int | None, until_us: int | None
) -> str:
    """Returns the query of each key's newest row of an interval.

    Of rows alike in event and created timestamp the one that stands last in the source is taken,
    as in the point-in-time join.
    """
    by = f"PARTITION BY {listed(columns.keys)} " if columns.keys else ""
    order = [f"{quoted('plimsoll_event')} DESC"]
    if columns.created:
        order.append(f"{quoted('plimsoll_created')} DESC NULLS LAST")
    order += [f"{quoted(place)} DESC" for place in PLACE]
    rows = _rows(source, columns, since_us, until_us)
    return (
        f"SELECT {_named(columns)} FROM ({rows}) "
        f"QUALIFY row_number() OVER ({by}ORDER BY {', '.join(order)}) = 1"
    )


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
    selected.append(f"{source.microseconds(event)} AS plimsoll_event")
    if columns.created:
        selected.append(f"{source.microseconds(own[columns.created])} AS plimsoll_created")
    conditions = [
        f"{source.expression(event)} IS NOT NULL",
        *source.within(event, since_us, until_us),
    ]
    return (
        f"SELECT {', '.join(selected)}, {source.places} FROM {source.scan} "
        f"WHERE {' AND '.join(conditions)}"
    )
