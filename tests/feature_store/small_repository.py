"""A small Feast repository for tests: rows of drivers, with a push source beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

SQLITE = "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"
REDIS = "plimsoll.feature_store.redis.NewestRedisOnlineStore"
OFFLINE = "plimsoll.feature_store.offline.AsofOfflineStore"
START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    {
        "driver": pa.string(),
        "trips": pa.int64(),
        "rating": pa.float64(),
        "event": pa.timestamp("us", tz="UTC"),
        "created": pa.timestamp("us", tz="UTC"),
    }
)
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64, Int64, String

driver = Entity(name="driver", join_keys=["driver"], value_type=ValueType.STRING)
file = FileSource(
    name="file", path="data/rows.parquet", timestamp_field="event",
    created_timestamp_column="created",
)
schema = [
    Field(name="driver", dtype=String),
    Field(name="trips", dtype=Int64),
    Field(name="rating", dtype=Float64),
]
stats = FeatureView(
    name="stats", entities=[driver], ttl=timedelta(hours=1), schema=schema, source=file
)
live = FeatureView(
    name="live", entities=[driver], schema=schema,
    source=PushSource(name="trips_now", batch_source=FileSource(
        name="pushed", path="data/pushed.parquet", timestamp_field="event",
        created_timestamp_column="created",
    )),
)
asleep = FeatureView(name="asleep", entities=[driver], online=False, schema=schema, source=file)
service = FeatureService(name="all", features=[stats, live])
"""

Row = Mapping[str, Any]


def row(
    driver: str, hours: float, trips: int | None, *, rating: float | None = 0.5, late: float = 0
) -> Row:
    """Returns a row whose event is so many hours after the start, created ``late`` hours after."""
    event = START + timedelta(hours=hours)
    created = event + timedelta(hours=late)
    return {
        "driver": driver, "trips": trips, "rating": rating, "event": event, "created": created,
    }  # fmt: skip


def repository(
    folder: Path,
    rows: Sequence[Row] = (),
    *,
    online: Mapping[str, Any] | None = None,
    definitions: str = DEFINITIONS,
    offline: str = OFFLINE,
) -> Path:
    """Writes a repository and its sources, and returns its folder."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    settings = {
        "project": "small",
        "provider": "local",
        "registry": "data/registry.db",
        "offline_store": {"type": offline},
        "online_store": dict(online or {"type": SQLITE, "path": "data/online.db"}),
        "entity_key_serialization_version": 3,
    }
    (folder / "feature_store.yaml").write_text(yaml.safe_dump(settings))
    (folder / "definitions.py").write_text(definitions)
    write_rows(folder, rows)
    write_rows(folder, [], "pushed")
    return folder


def write_rows(folder: Path, rows: Sequence[Row], name: str = "rows") -> None:
    """Writes the rows of a source anew."""
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), folder / "data" / f"{name}.parquet")


def online(folder: Path, *drivers: str, view: str = "stats") -> dict[str, Any]:
    """Returns what Feast reads online: driver -> trips, rating and event time, or None."""
    from feast import FeatureStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    store = FeatureStore(repo_path=str(folder))
    keys = [
        EntityKey(join_keys=["driver"], entity_values=[Value(string_val=name)]) for name in drivers
    ]
    found = store._get_provider().online_read(
        store.config, store.get_feature_view(view), keys, ["trips", "rating"]
    )
    return {
        name: None
        if values is None or not values
        else (_of(values, "trips"), _of(values, "rating"), event)
        for name, (event, values) in zip(drivers, found, strict=True)
    }


def _of(values: Mapping[str, Any], name: str) -> Any:
    kind = values[name].WhichOneof("val")
    return getattr(values[name], kind) if kind else None
