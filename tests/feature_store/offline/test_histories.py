"""Random histories: joined as defined, and row for row as Feast's own DuckDB store joins them.

Of rows of a key that are alike in event and created timestamp Feast's store takes any; there its
choice has to be one of them, and ours the last one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.offline.offline_repository import (
    CITY,
    FEASTS,
    SHOP,
    applied,
    config,
    minutes,
    view,
    written,
)
from plimsoll.feature_store.offline.store import AsofOfflineStore

STAMPS = [
    pa.timestamp("us", "UTC"),
    pa.timestamp("ns", "UTC"),
    pa.timestamp("ns"),
    pa.timestamp("us"),
    pa.timestamp("ms", "America/New_York"),
]
TIME = st.integers(0, 5)
CITIES = st.sampled_from(["a", "b", None])
SHOPS = st.sampled_from([1, 2, None])


@dataclass(frozen=True)
class Row:
    """A row of a view's source, times in minutes; its value is its number."""

    city: str | None
    shop: int | None
    event: int | None
    created: int | None


@dataclass(frozen=True)
class Asker:
    """An entity row."""

    city: str | None
    town: str | None
    shop: int | None
    time: int


ROWS = st.lists(
    st.builds(Row, CITIES, SHOPS, st.none() | TIME, st.none() | TIME), min_size=1, max_size=14
)
ASKERS = st.lists(st.builds(Asker, CITIES, CITIES, SHOPS, TIME), min_size=1, max_size=10)
TTLS = st.sampled_from([None, timedelta(0), timedelta(minutes=1), timedelta(minutes=4)])
SETTINGS = settings(max_examples=15)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histories")
    return folder, applied(folder).registry, itertools.count()


@SETTINGS
@given(
    by_city=ROWS,
    by_both=ROWS,
    askers=ASKERS,
    ttls=st.tuples(TTLS, TTLS),
    stamp=st.sampled_from(STAMPS),
    full_names=st.booleans(),
    known_only=st.booleans(),
    batch_rows=st.sampled_from([1, 3, 1_000]),
)
def test_histories_are_joined_as_defined_and_as_feast_joins_them(
    place, by_city, by_both, askers, ttls, stamp, full_names, known_only, batch_rows
):
    folder, registry, numbers = place
    here = folder / str(next(numbers))
    views = views_of(here, by_city, by_both, ttls, stamp)
    references = ["plain:value", "both:other", "alias:again"]
    frame = pd.DataFrame(
        {
            "number": range(len(askers)),
            "city": pd.Series([asker.city for asker in askers], dtype=object),
            "town": pd.Series([asker.town for asker in askers], dtype=object),
            "shop": pd.Series([asker.shop for asker in askers], dtype="Int64"),
            "event_timestamp": [minutes(asker.time) for asker in askers],
        }
    )
    asked = (views, references, frame, registry, "small", full_names)
    ours = AsofOfflineStore.get_historical_features(
        config(folder, batch_rows=batch_rows), *asked, filter_by_created_timestamp=known_only
    ).to_arrow()
    theirs = DuckDBOfflineStore.get_historical_features(
        config(folder, FEASTS), *asked, filter_by_created_timestamp=known_only
    ).to_df()

    assert ours.column_names == list(theirs.columns)
    assert ours["number"].to_pylist() == list(range(len(askers)))
    theirs = theirs.sort_values("number")
    cases = [
        ("plain", "value", by_city, ttls[0], True, lambda asker: (asker.city, ...)),
        ("both", "other", by_both, ttls[1], False, lambda asker: (asker.city, asker.shop)),
        ("alias", "again", by_city, ttls[0], True, lambda asker: (asker.town, ...)),
    ]
    for name, feature, rows, ttl, created, key in cases:
        column = f"{name}__{feature}" if full_names else feature
        for asker, own, feasts in zip(
            askers, ours[column].to_pylist(), theirs[column].tolist(), strict=True
        ):
            best = newest(rows, key(asker), asker.time, ttl, created, known_only and created)
            assert own == (best[-1] if best else None)
            assert feasts in best if best else pd.isna(feasts)


@SETTINGS
@given(rows=ROWS, times=st.lists(TIME, min_size=1, max_size=6), ttl=TTLS)
def test_a_view_without_entities_has_one_row_for_all(place, rows, times, ttl):
    folder, registry, numbers = place
    path = source(folder / str(next(numbers)) / "none.parquet", rows, STAMPS[0])
    plain = view("plain", path, {"value": "INT64"}, (), ttl, timestamp_field="happened")
    frame = pd.DataFrame({"event_timestamp": [minutes(time) for time in times]})

    table = AsofOfflineStore.get_historical_features(
        config(folder), [plain], ["plain:value"], frame, registry, "small"
    ).to_arrow()

    expected = [newest(rows, (..., ...), time, ttl, False, False) for time in times]
    assert table["value"].to_pylist() == [best[-1] if best else None for best in expected]


@SETTINGS
@given(rows=ROWS, ends=st.tuples(TIME, TIME), created=st.booleans())
def test_the_newest_rows_of_an_interval_are_feasts(place, rows, ends, created):
    folder, _, numbers = place
    path = source(folder / str(next(numbers)) / "rows.parquet", rows, STAMPS[0])
    plain = view("plain", path, {"value": "INT64"}, timestamp_field="happened")
    since, until = sorted(ends)
    asked = (
        plain.batch_source,
        ["city"],
        ["value"],
        "happened",
        "written" if created else None,
        minutes(since),
        minutes(until),
    )
    ours = AsofOfflineStore.pull_latest_from_table_or_query(config(folder), *asked).to_df()
    theirs = DuckDBOfflineStore.pull_latest_from_table_or_query(
        config(folder, FEASTS), *asked
    ).to_df()

    assert list(ours.columns) == list(theirs.columns)
    assert len(ours) == len(theirs)
    found = {
        None if pd.isna(city) else city: value for city, value in ours[["city", "value"]].values
    }
    feasts = {
        None if pd.isna(city) else city: value for city, value in theirs[["city", "value"]].values
    }
    assert set(found) == set(feasts)
    for city, value in found.items():
        inside = [
            (row, number)
            for number, row in enumerate(rows)
            if row.city == city and row.event is not None and since <= row.event <= until
        ]
        best = greatest(inside, created)
        assert value == best[-1]
        assert feasts[city] in best


def views_of(here, by_city, by_both, ttls, stamp) -> list[Any]:
    """A view by city with created timestamps, the same by another key, one by two keys, mapped."""
    plain = view(
        "plain",
        source(here / "city.parquet", by_city, stamp),
        {"value": "INT64", "again": "INT64"},
        (CITY,),
        ttls[0],
        timestamp_field="happened",
        created_timestamp_column="written",
    )
    both = view(
        "both",
        source(here / "both.parquet", by_both, stamp),
        {"other": "INT64"},
        (CITY, SHOP),
        ttls[1],
        timestamp_field="moment",
        field_mapping={"value": "other", "happened": "moment"},
    )
    alias = plain.with_name("alias").with_join_key_map({"city": "town"})
    return [plain, both, alias]


def source(path, rows: Sequence[Row], stamp: pa.DataType):
    """Writes rows as Parquet."""
    return written(
        path,
        {
            "city": [row.city for row in rows],
            "shop": [row.shop for row in rows],
            "happened": [None if row.event is None else minutes(row.event) for row in rows],
            "written": [None if row.created is None else minutes(row.created) for row in rows],
            "value": list(range(len(rows))),
            "again": list(range(len(rows))),
        },
        city=pa.string(),
        shop=pa.int64(),
        happened=stamp,
        written=stamp,
    )


def newest(rows, key, time, ttl, created: bool, known_only: bool) -> list[int]:
    """The numbers of the rows that a moment's value may be of; several if they are alike."""
    found = [
        (row, number)
        for number, row in enumerate(rows)
        if all(
            own is ... or (own is not None and own == kept)
            for own, kept in zip(key, (row.city, row.shop), strict=True)
        )
        and row.event is not None
        and row.event <= time
        and (not ttl or timedelta(minutes=time - row.event) <= ttl)
        and (not known_only or (row.created is not None and row.created <= time))
    ]
    return greatest(found, created)


def greatest(found, created: bool) -> list[int]:
    """The numbers of the rows with the greatest event, then created timestamp; null is least."""

    def rank(row: Row):
        return (row.event, -1 if row.created is None or not created else row.created)

    best = max((rank(row) for row, _ in found), default=None)
    return [number for row, number in found if rank(row) == best]
