"""Writes a random history as Parquet files and a Feast repository, and asks offline stores."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from feature_store.histories import KEYS, History, Row, Value, ViewHistory, as_kept

PROJECT = "random"
SERVICE = "everything"
OFFLINE = "plimsoll.feature_store.offline.AsofOfflineStore"
TIME = "event_timestamp"
ALIASES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "by_text": {"of_text": {}, "of_other": {"text": "other_text"}}
}
"""View -> the names it is taken by -> join key -> the column it is looked up with."""
ARROW: Mapping[str, pa.DataType] = {
    "INT32": pa.int32(),
    "INT64": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOL": pa.bool_(),
    "STRING": pa.string(),
    "UNIX_TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
WIDER: Mapping[str, pa.DataType] = {
    **ARROW,
    "INT32": pa.int64(),
    "FLOAT": pa.float64(),
    "STRING": pa.large_string(),
    "UNIX_TIMESTAMP": pa.timestamp("us"),
}
"""What a source may keep a value as that is declared narrower."""

Question = Mapping[str, Any]
Answer = dict[str, Value]
"""Column -> value as kept."""


def applied(
    folder: Path,
    history: History,
    online: Mapping[str, Any],
    offline: str = OFFLINE,
    project: str = PROJECT,
) -> Any:
    """Writes sources and a repository below a folder, and returns Feast's store of it.

    Args:
        folder: An empty folder.
        history: The views.
        online: The configuration of the online store.
        offline: The type of the offline store.
        project: The project's name.
    """
    from feast import FeatureStore

    write_settings(folder, online, offline, project)
    for view in history.views:
        write_source(folder, view)
    store = FeatureStore(repo_path=str(folder))
    store.apply(definitions(folder, history))
    return store


def write_settings(
    folder: Path, online: Mapping[str, Any], offline: str = OFFLINE, project: str = PROJECT
) -> None:
    """Writes a repository's feature_store.yaml."""
    settings = {
        "project": project,
        "provider": "local",
        "registry": {"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
        "offline_store": {"type": offline},
        "online_store": dict(online),
        "entity_key_serialization_version": 3,
    }
    (folder / "feature_store.yaml").write_text(yaml.safe_dump(settings))


def write_source(folder: Path, view: ViewHistory) -> None:
    """Writes a view's source anew."""
    pq.write_table(source_table(view, view.rows), folder / f"{view.name}.parquet")


def source_table(view: ViewHistory, rows: Sequence[Row]) -> pa.Table:
    """Returns rows as the view's source keeps them."""
    types = WIDER if view.mapped else ARROW
    columns: dict[str, pa.Array] = {}
    for place, part in enumerate(view.keys):
        columns[part.name] = pa.array([row.key[place] for row in rows], ARROW[part.type])
    for place, field in enumerate(view.fields):
        told = [row.values[place] for row in rows]
        columns[field.name] = pa.array(told, types[field.type])
    columns["event"] = _times([row.event for row in rows], view)
    if view.created:
        columns["created"] = _times([row.created for row in rows], view)
    return pa.table({source_name(view, name): column for name, column in columns.items()})


def source_name(view: ViewHistory, name: str) -> str:
    """Returns what a column is called in the view's source."""
    return f"raw {name}" if view.mapped else name


def definitions(folder: Path, history: History) -> list[Any]:
    """Returns the history's entities, views, push sources and service."""
    from feast import FeatureService

    entities = _entities()
    views = {view.name: _view(folder, view, entities) for view in history.views}
    projections = []
    for name, view in views.items():
        for alias, keys in ALIASES.get(name, {}).items():
            projections.append(view.with_name(alias).with_join_key_map(dict(keys)))
        if name not in ALIASES:
            projections.append(view)
    service = FeatureService(name=SERVICE, features=projections)
    return [*entities.values(), *views.values(), service]


def questions(times: Iterable[int]) -> list[Question]:
    """Returns rows to ask about: at each time every pair of keys, and keys that no source has."""
    texts, longs, shorts = KEYS["STRING"], KEYS["INT64"], KEYS["INT32"]
    pairs = list(itertools.product(range(len(texts)), range(len(longs))))
    keys = [
        {
            "text": texts[one],
            "long": longs[two],
            "short": shorts[one],
            "other_text": texts[(one + two) % len(texts)],
        }
        for one, two in pairs
    ]
    keys.append({"text": "none", "long": 5, "short": 5, "other_text": "nowhere"})
    keys.append({"text": None, "long": longs[0], "short": shorts[0], "other_text": None})
    return [{**row, TIME: time} for time in times for row in keys]


@dataclass(frozen=True)
class Taken:
    """A view as the service takes it."""

    view: ViewHistory
    alias: str
    """Its name in the service."""
    keys: tuple[str, ...]
    """The columns that its keys are looked up by."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its features become: full names where the view is taken twice."""
        twice = self.view.name in ALIASES
        names = (field.name for field in self.view.fields)
        return tuple(f"{self.alias}__{name}" if twice else name for name in names)


def taken(history: History) -> list[Taken]:
    """Returns the service's views, in its order."""
    return [
        Taken(view, alias, tuple(keys.get(part.name, part.name) for part in view.keys))
        for view in history.views
        for alias, keys in ALIASES.get(view.name, {view.name: {}}).items()
    ]


def expected(history: History, row: Question, known: int | None = None) -> Answer:
    """Returns what the rule gives for a row asked: column -> value."""
    found: dict[str, Value] = {}
    for one in taken(history):
        value = one.view.value(tuple(row[name] for name in one.keys), row[TIME], known)
        values = [None] * len(one.columns) if value is None else value[0]
        found.update(zip(one.columns, values, strict=True))
    return found


def offline_values(
    store: Any, history: History, rows: Sequence[Question], **options: Any
) -> list[Answer]:
    """Returns what the offline store gives for rows asked, in their order, as kept."""
    frame = pd.DataFrame(list(rows))
    frame[TIME] = pd.to_datetime(frame[TIME], unit="us", utc=True)
    frame["place"] = range(len(rows))
    frame["short"] = frame["short"].astype("int32")
    job = store.get_historical_features(
        frame,
        features=store.get_feature_service(SERVICE),
        full_feature_names=True,
        **options,
    )
    table = job.to_arrow().sort_by("place")
    columns = {
        column: _kept(table.column(f"{one.alias}__{field.name}"), field.type)
        for one in taken(history)
        for column, field in zip(one.columns, one.view.fields, strict=True)
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def moment(time: int) -> datetime:
    """Returns microseconds since 1970 as a time in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)


def _kept(column: pa.ChunkedArray, kind: str) -> list[Value]:
    if kind == "UNIX_TIMESTAMP" and pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    return [as_kept(kind, value) for value in column.to_pylist()]


def _times(times: Sequence[int], view: ViewHistory) -> pa.Array:
    return pa.array(times, pa.timestamp("us")).cast(pa.timestamp(view.unit, tz=view.zone or None))


def _entities() -> dict[str, Any]:
    from feast import Entity, ValueType

    names = {"text": "STRING", "long": "INT64", "short": "INT32"}
    return {
        name: Entity(name=name, join_keys=[name], value_type=ValueType[kind])
        for name, kind in names.items()
    }


def _view(folder: Path, view: ViewHistory, entities: Mapping[str, Any]) -> Any:
    from feast import FeatureView, Field, FileSource, PushSource, ValueType
    from feast.types import from_value_type

    names = [*(part.name for part in view.keys), *(field.name for field in view.fields)]
    names += ["event", "created"] if view.created else ["event"]
    source: Any = FileSource(
        name=f"{view.name} file",
        path=str(folder / f"{view.name}.parquet"),
        timestamp_field="event",
        created_timestamp_column="created" if view.created else "",
        field_mapping={source_name(view, name): name for name in names} if view.mapped else None,
    )
    if view.pushed:
        source = PushSource(name=f"{view.name} push", batch_source=source)
    return FeatureView(
        name=view.name,
        entities=[entities[part.name] for part in view.keys],
        ttl=timedelta(microseconds=view.ttl),
        schema=[
            Field(name=part.name, dtype=from_value_type(ValueType[part.type]))
            for part in (*view.keys, *view.fields)
        ],
        source=source,
    )
