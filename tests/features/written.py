"""Small Feast repositories and datasets, written into a folder for a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from plimsoll.formats.dataset import Dataset, write_dataset
from plimsoll.problem import Features, Problem

OURS = "plimsoll.feature_store.offline.AsofOfflineStore"
SERVICE = "flights_v1"
ON_DEMAND = '''
"""What a request says itself."""


def times(inputs):
    return {
        "hour": [None if time is None else time.hour for time in inputs["time"]],
        "twice": [None if far is None else far * 2 for far in inputs["distance"]],
    }
'''
DEFINITIONS = """
from datetime import timedelta

from feast import (Entity, FeatureService, FeatureView, Field, FileSource, PushSource,
                   RequestSource, ValueType)
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

from request_time import times

carrier = Entity(name="carrier", join_keys=["carrier"], value_type=ValueType.STRING)
airport = Entity(name="airport", join_keys=["faa"], value_type=ValueType.STRING)
delay_file = FileSource(
    name="delay_file", path="data/delays.parquet", timestamp_field="event",
    created_timestamp_column="created",
)
delays = FeatureView(
    name="delays", entities=[carrier], ttl=timedelta(hours=6), source=delay_file,
    schema=[Field(name="rate", dtype=Float32), Field(name="flights", dtype=Int64)],
)
weather = FeatureView(
    name="weather", entities=[airport], ttl=timedelta(0),
    source=FileSource(
        name="weather_file", path="data/weather.parquet", timestamp_field="event",
        field_mapping={"deg": "temp"},
    ),
    schema=[Field(name="temp", dtype=Float64), Field(name="icy", dtype=Bool)],
)
everywhere = FeatureView(
    name="everywhere", entities=[], source=FileSource(
        name="everywhere_file", path="data/everywhere.parquet", timestamp_field="event"),
    schema=[Field(name="fuel", dtype=Float64)],
)
request = RequestSource(name="request", schema=[
    Field(name="distance", dtype=Float64), Field(name="time", dtype=UnixTimestamp)])
on_demand = OnDemandFeatureView(
    name="on_demand", sources=[request], udf=times, mode="python",
    schema=[Field(name="hour", dtype=Int64), Field(name="twice", dtype=Float64)],
)
"""
SERVICES = """
flights_v1 = FeatureService(name="flights_v1", features=[
    delays,
    # Not under names of their own: Feast takes every view that a module names for another one.
    weather.with_name("origin_weather").with_join_key_map({"faa": "origin"}),
    weather.with_name("dest_weather").with_join_key_map({"faa": "dest"})[["temp"]],
    everywhere,
    on_demand,
])
# Feast's own DuckDB store joins no view without an entity.
keyed = FeatureService(name="keyed", features=[
    delays,
    weather.with_name("origin_weather").with_join_key_map({"faa": "origin"}),
    weather.with_name("dest_weather").with_join_key_map({"faa": "dest"})[["temp"]],
])
plain = FeatureService(name="plain", features=[delays[["rate"]]])
"""


def at(hour: float, day: int = 1) -> datetime:
    """Returns a time of January 2013, in UTC and without a zone."""
    minute = round(hour % 1 * 60)
    return datetime(2013, 1, day, int(hour), minute)  # noqa: DTZ001 - as datasets keep it


def table(rows: Sequence[Mapping[str, Any]], **types: pa.DataType) -> pa.Table:
    """Returns rows as a table; times are in UTC unless a type says otherwise."""
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        kind = types.get(name)
        if kind is None and any(isinstance(value, datetime) for value in values):
            kind = pa.timestamp("us", "UTC")
            values = [value and value.replace(tzinfo=UTC) for value in values]
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def write_sources(folder: Path) -> None:
    """Writes the tables that DEFINITIONS are of."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    delays = [
        {"carrier": "AA", "event": at(1), "created": at(1), "rate": 0.1, "flights": 1},
        {"carrier": "AA", "event": at(5), "created": at(8), "rate": 0.2, "flights": 2},
        {"carrier": "AA", "event": at(7), "created": at(7), "rate": None, "flights": 3},
        {"carrier": "UA", "event": at(2), "created": at(2), "rate": 0.3, "flights": 4},
    ]
    weather = [
        {"faa": "JFK", "event": at(0), "deg": 30.5, "icy": True},
        {"faa": "JFK", "event": at(4), "deg": 40.5, "icy": False},
        {"faa": "LAX", "event": at(0), "deg": 70.0, "icy": None},
    ]
    everywhere = [{"event": at(0), "fuel": 3.5}, {"event": at(6), "fuel": 3.75}]
    pq.write_table(table(delays), folder / "data" / "delays.parquet")
    pq.write_table(table(weather), folder / "data" / "weather.parquet")
    pq.write_table(table(everywhere), folder / "data" / "everywhere.parquet")


def write_repository(
    folder: Path,
    *,
    definitions: str = DEFINITIONS + SERVICES,
    on_demand: str = ON_DEMAND,
    offline: str = OURS,
    **settings: Any,
) -> Path:
    """Writes a Feast repository with its sources."""
    write_sources(folder)
    (folder / "views.py").write_text(definitions)
    (folder / "request_time.py").write_text(on_demand)
    values = {
        "project": "flights",
        "provider": "local",
        "registry": "data/registry.db",
        "offline_store": {"type": offline},
        "online_store": {"type": "sqlite", "path": "data/online.db"},
        "entity_key_serialization_version": 3,
        **settings,
    }
    (folder / "feature_store.yaml").write_text(yaml.safe_dump(values))
    return folder


ROWS: Sequence[Mapping[str, Any]] = (
    {"carrier": "AA", "origin": "JFK", "dest": "LAX", "time": at(0.5)},
    {"carrier": "AA", "origin": "JFK", "dest": "LAX", "time": at(1)},
    {"carrier": "AA", "origin": "LAX", "dest": "JFK", "time": at(6)},
    {"carrier": "AA", "origin": "JFK", "dest": "BOS", "time": at(9)},
    {"carrier": "AA", "origin": "JFK", "dest": "LAX", "time": at(20)},
    {"carrier": "UA", "origin": "JFK", "dest": "LAX", "time": at(8)},
    {"carrier": "UA", "origin": "JFK", "dest": "LAX", "time": at(8.5)},
    {"carrier": "ZZ", "origin": "JFK", "dest": "LAX", "time": at(8)},
    {"carrier": None, "origin": "JFK", "dest": None, "time": at(8)},
)


def write_rows(
    folder: Path,
    repo: Path | str = "",
    service: str = SERVICE,
    *,
    rows: Sequence[Mapping[str, Any]] = ROWS,
    others: Sequence[str] = ("eval",),
    problem: Mapping[str, Any] | None = None,
    types: Mapping[str, pa.DataType] | None = None,
) -> Dataset:
    """Writes a dataset of rows, the same in train and the splits of ``others``."""
    plain = {"time": pa.timestamp("us"), "carrier": pa.string(), "dest": pa.string()}
    made = table(rows, **{**plain, **(types or {})})
    for name, values in (
        ("distance", [100.0 + number for number in range(len(rows))]),
        ("late", [number % 2 for number in range(len(rows))]),
    ):
        if name not in made.column_names:
            made = made.append_column(name, pa.array(values))
    fields = {"label": "late", "task": "binary", "positive": "1", "time": "time"}
    if repo:
        fields["features"] = Features(repo=str(repo), service=service)
    tables = {
        split: made if split in ("train", *others) else made.slice(0, 0)
        for split in ("train", "eval", "test")
    }
    given = Problem(**{**fields, **(problem or {})})
    return write_dataset(folder, tables, given, ("a note",), {"sources": ["a file"]})
