"""Small Feast repositories over Parquet files, for tests of offline stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64, Int64, String
from feast.value_type import ValueType

OURS = "plimsoll.feature_store.offline.AsofOfflineStore"
FEASTS = "duckdb"
NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)
KINDS = {"STRING": String, "INT64": Int64, "DOUBLE": Float64}
CITY = Entity(name="city", join_keys=["city"], value_type=ValueType.STRING)
SHOP = Entity(name="shop", join_keys=["shop"], value_type=ValueType.INT64)
MICROSECONDS = pa.timestamp("us", "UTC")


def minutes(count: float) -> datetime:
    """The time so many minutes after noon."""
    return NOON + timedelta(minutes=count)


def config(folder: Path, kind: str = OURS, **settings: Any) -> RepoConfig:
    """A repository's configuration, everything below a folder."""
    return RepoConfig(
        project="small",
        provider="local",
        repo_path=folder,
        registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        offline_store={"type": kind, **settings},
        entity_key_serialization_version=3,
    )


def applied(
    folder: Path, objects: Sequence[Any] = (), kind: str = OURS, **settings: Any
) -> FeatureStore:
    """A store with the objects, and the entities, applied."""
    store = FeatureStore(config=config(folder, kind, **settings))
    store.apply([CITY, SHOP, *objects])
    return store


def view(
    name: str,
    path: Path | str,
    features: Mapping[str, str],
    entities: Sequence[Entity] = (CITY,),
    ttl: timedelta | None = None,
    **source: Any,
) -> FeatureView:
    """A feature view over a file; ``source`` goes to its source."""
    keys = [(entity.join_key, "INT64" if entity is SHOP else "STRING") for entity in entities]
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=ttl,
        schema=[Field(name=column, dtype=KINDS[of]) for column, of in [*keys, *features.items()]],
        source=FileSource(
            name=f"{name}_source",
            path=str(path),
            **{"timestamp_field": "event_timestamp"} | source,
        ),
    )


def written(path: Path, columns: Mapping[str, Any], **kinds: pa.DataType) -> Path:
    """Writes a Parquet file; datetimes are microseconds UTC unless ``kinds`` says otherwise."""
    arrays = {
        name: pa.array(values, kinds.get(name) or _kind(values)) for name, values in columns.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path)
    return path


def _kind(values: Sequence[Any]) -> pa.DataType | None:
    return MICROSECONDS if any(isinstance(value, datetime) for value in values) else None
