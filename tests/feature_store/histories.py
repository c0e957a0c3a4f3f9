"""Random histories of feature views, and what their values are at a time by the rule itself.

Microseconds since 1970 UTC are the only times here; how a file tells them (zone, unit, names of
columns) is part of a view. What the rule says is computed by a loop over the rows, with nothing
of the stores that are tested.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_704_067_200 * SECOND
"""2024-01-01, UTC."""

Value = bool | int | float | str | None
KeyValues = tuple[int | str | None, ...]

KEYS: Mapping[str, tuple[int | str, ...]] = {
    "STRING": ("", "a", "Å東 🛬", "a:b'\"%"),
    "INT64": (0, -1, 2**53 + 1, -(2**63)),
    "INT32": (0, -(2**31), 2**31 - 1, 7),
}
TYPES = ("INT32", "INT64", "FLOAT", "DOUBLE", "BOOL", "STRING", "UNIX_TIMESTAMP")
TTLS = (0, 1, SECOND, MINUTE, 90 * SECOND + 500_001, 86_400 * SECOND)
"""None, the shortest, whole and fractional seconds; microseconds."""
DELAYS = (0, 1, SECOND, 10 * MINUTE)
"""Of a row's creation after its event; microseconds."""
SECONDS = (0, 1, 2, 59, 60, 61, 90, 300)
FRACTIONS = (0, 1, 500_000, 999_999)
LARGEST_FLOAT = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]


@dataclass(frozen=True)
class KeyPart:
    """One part of an entity key."""

    name: str
    type: str


@dataclass(frozen=True)
class Field:
    """A feature of a view."""

    name: str
    type: str


@dataclass(frozen=True)
class Row:
    """A row of a view's source."""

    key: KeyValues
    event: int
    created: int
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class ViewHistory:
    """A feature view and all rows that its source ever has, in the file's order."""

    name: str
    keys: tuple[KeyPart, ...]
    fields: tuple[Field, ...]
    ttl: int
    """Microseconds; 0: values count for ever."""
    created: bool
    """Whether the source has a created timestamp."""
    mapped: bool
    """Whether the source's columns have other names than the features, keys and times."""
    zone: str
    """Of the source's times; empty: they are UTC and say no zone."""
    unit: str
    """Of the source's times: us, ns or ms."""
    pushed: bool
    """Whether a push source stands over the source."""
    rows: tuple[Row, ...]

    def value(
        self, key: KeyValues, at: int, known: int | None = None
    ) -> tuple[tuple[Value, ...], int] | None:
        """Returns what the rule gives for a key at a time: kept values and their event time.

        Args:
            key: The entity key.
            at: The time.
            known: Rows created later than this are not known yet; None: all are.
        """
        counted = [
            row
            for row in self.rows
            if row.key == key and row.event <= at and (known is None or row.created <= known)
        ]
        if None in key:
            # Not known is not equal to anything, itself included.
            return None
        if not counted:
            return None
        newest = max(counted, key=lambda row: (row.event, row.created))
        if self.ttl and at - newest.event > self.ttl:
            return None
        kept = zip(self.fields, newest.values, strict=True)
        return tuple(as_kept(field.type, value) for field, value in kept), newest.event

    def of(self, rows: Iterable[Row]) -> ViewHistory:
        """Returns the view with other rows."""
        return replace(self, rows=tuple(rows))

    def punctual(self) -> ViewHistory:
        """Returns the view with rows created at their event, if its source does not say when."""
        return (
            self if self.created else self.of(replace(row, created=row.event) for row in self.rows)
        )


@dataclass(frozen=True, kw_only=True)
class History:
    """Views, and the times, ascending, at which they are asked."""

    views: tuple[ViewHistory, ...]
    times: tuple[int, ...]

    def each(self, change: Callable[[ViewHistory], ViewHistory]) -> History:
        """Returns the history with each view changed."""
        return replace(self, views=tuple(change(view) for view in self.views))


SHAPES: Mapping[str, tuple[KeyPart, ...]] = {
    "by_text": (KeyPart("text", "STRING"),),
    "by_long": (KeyPart("long", "INT64"),),
    "by_short": (KeyPart("short", "INT32"),),
    "by_pair": (KeyPart("text", "STRING"), KeyPart("long", "INT64")),
    "by_order": (KeyPart("short", "INT32"), KeyPart("long", "INT64")),
    "of_all": (),
}
"""Every view that a history may have -> its entity key; an empty one: the view has no entity."""


def as_kept(kind: str, value: Value) -> Value:
    """Returns a value as both sides have to give it: of its declared type, None for NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "FLOAT":
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    if kind == "UNIX_TIMESTAMP":
        assert isinstance(value, int)
        # Towards zero, as Feast cuts it.
        return abs(value) // SECOND * SECOND * (-1 if value < 0 else 1)
    return value


def values(kind: str) -> st.SearchStrategy[Value]:
    """Draws a value of a type; a timestamp is in microseconds since 1970."""
    strategies: dict[str, st.SearchStrategy[Value]] = {
        "INT32": st.integers(-(2**31), 2**31 - 1),
        "INT64": st.integers(-(2**63), 2**63 - 1),
        "FLOAT": st.floats(-LARGEST_FLOAT, LARGEST_FLOAT) | st.sampled_from([math.nan, math.inf]),
        "DOUBLE": st.floats(),
        "BOOL": st.booleans(),
        "STRING": st.text(st.characters(codec="utf-8"), max_size=3),
        "UNIX_TIMESTAMP": st.integers(-1_000_000_000 * SECOND, 4_000_000_000 * SECOND),
    }
    return st.none() | strategies[kind]


@st.composite
def rows_of(
    draw: st.DrawFn, keys: tuple[KeyPart, ...], fields: tuple[Field, ...], created: bool, unit: str
) -> tuple[Row, ...]:
    """Draws a source's rows: out of order, with ties, backfills and exact duplicates.

    No two rows of a key have the same times and other values: of such, no rule says which counts.
    """
    # Few keys, so that rows of one follow each other.
    known = [
        draw(st.lists(st.sampled_from(KEYS[part.type]), min_size=1, max_size=2)) for part in keys
    ]
    parts = [st.sampled_from([*some, *some, None]) for some in known]
    drawn = draw(
        st.lists(
            st.tuples(
                st.tuples(*parts),
                times(unit),
                st.sampled_from(DELAYS if unit != "ms" else (0, SECOND)),
                st.tuples(*(values(field.type) for field in fields)),
            ),
            min_size=1,
            max_size=12,
            unique_by=lambda row: (row[0], row[1], row[2] if created else 0),
        )
    )
    rows = [Row(key, event, event + delay, values) for key, event, delay, values in drawn]
    again = draw(st.lists(st.sampled_from(rows), max_size=2))
    return tuple(draw(st.permutations([*rows, *again])))


def times(unit: str = "us") -> st.SearchStrategy[int]:
    """Draws a time that a source's unit can tell."""
    fractions = FRACTIONS if unit != "ms" else (0, 500_000)
    return st.builds(
        lambda seconds, fraction: START + seconds * SECOND + fraction,
        st.sampled_from(SECONDS),
        st.sampled_from(fractions),
    )


@st.composite
def views(draw: st.DrawFn, name: str, units: Sequence[str]) -> ViewHistory:
    """Draws a view of one of the ``SHAPES``."""
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    fields = tuple(Field(f"{name}_{place}", kind) for place, kind in enumerate(kinds))
    unit = draw(st.sampled_from(units))
    created = draw(st.booleans())
    return ViewHistory(
        name=name,
        keys=SHAPES[name],
        fields=fields,
        ttl=draw(st.sampled_from(TTLS)),
        created=created,
        mapped=draw(st.booleans()),
        zone=draw(st.sampled_from(["", "UTC", "America/New_York", "Asia/Kolkata"])),
        unit=unit,
        pushed=draw(st.booleans()),
        rows=draw(rows_of(SHAPES[name], fields, created, unit)),
    )


@st.composite
def histories(
    draw: st.DrawFn,
    names: Iterable[str] = tuple(SHAPES),
    units: Sequence[str] = ("us", "ns", "ms"),
) -> History:
    """Draws a history of some views, asked at the edges of its rows' lives more often than not."""
    chosen = draw(st.lists(st.sampled_from(list(names)), min_size=1, max_size=3, unique=True))
    drawn = tuple(draw(views(name, units)) for name in chosen)
    edges = [
        time
        for view in drawn
        for row in view.rows
        for time in (row.event, row.event + view.ttl, row.created)
    ]
    near = st.builds(
        lambda edge, step: edge + step, st.sampled_from(edges), st.sampled_from([-1, 0, 1])
    )
    asked = draw(st.lists(near | times(), min_size=2, max_size=4, unique=True))
    return History(views=drawn, times=tuple(sorted(asked)))
