"""Materialises one view, ours and Feast's own way in turn, on SQLite and on Redis; prints JSON.

Both read the same Parquet file through DuckDB and write the latest row of each key; Feast's side
has Feast's own DuckDB offline store and online stores.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from feast import FeatureStore
from online_features import redis_server

from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import core

OURS = {
    "sqlite": "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore",
    "redis": "plimsoll.feature_store.redis.NewestRedisOnlineStore",
}
OFFLINE = {"ours": "plimsoll.feature_store.offline.AsofOfflineStore", "Feast": "duckdb"}
START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS_A_KEY = 5
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float32, Float64, Int64, String

plane = Entity(name="plane", join_keys=["plane"], value_type=ValueType.STRING)
behaviour = FeatureView(
    name="behaviour", entities=[plane], ttl=timedelta(days=1),
    schema=[
        Field(name="plane", dtype=String), Field(name="flights", dtype=Int64),
        Field(name="delay", dtype=Float64), Field(name="late_rate", dtype=Float32),
        Field(name="grounded", dtype=Bool), Field(name="airport", dtype=String),
    ],
    source=FileSource(
        path="FOLDER/rows.parquet", timestamp_field="event", created_timestamp_column="created"
    ),
)
"""


def main(keys: int) -> None:
    """Prints one JSON object: store -> side -> rows a second, of a first and of a second run."""
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as ports:
        folder = Path(name)
        write_rows(folder / "rows.parquet", keys)
        places: dict[str, dict[str, dict[str, Any]]] = {
            "sqlite": {side: {"path": f"{side}.db"} for side in OFFLINE},
            "redis": {
                side: {"connection_string": f"127.0.0.1:{port}"}
                for side, port in zip(OFFLINE, ports, strict=True)
            },
        }
        for store, sides in places.items():
            made = {side: repository(folder, store, side, place) for side, place in sides.items()}
            # The second run finds every key there, and replaces each with the same.
            times = [{side: seconds(side, made[side]) for side in sides} for _ in range(2)]
            found[store] = {side: [keys / one[side] for one in times] for side in sides}
            check(made)
    print(json.dumps(found))


def write_rows(path: Path, keys: int) -> None:
    """Writes the view's source: a few rows of each key."""
    chance = np.random.default_rng(7)
    rows = keys * ROWS_A_KEY
    planes = [f"N{number:06d}" for number in range(keys)]
    events = chance.permutation(rows) * 1_000_000 + int(START.timestamp()) * 1_000_000
    when = pa.array(events, pa.timestamp("us", "UTC"))
    columns = {
        "plane": planes * ROWS_A_KEY,
        "flights": chance.integers(0, 5000, rows),
        "delay": chance.normal(10, 30, rows),
        "late_rate": chance.random(rows, np.float32),
        "grounded": chance.random(rows) < 0.1,
        "airport": [f"A{number:02d}" for number in chance.integers(0, 100, rows)],
        "event": when,
        "created": when,
    }
    pq.write_table(pa.table(columns), path)


def repository(folder: Path, store: str, side: str, place: Mapping[str, Any]) -> Path:
    """Writes and applies a repository whose online store is one side's."""
    home = folder / f"{store}-{side}"
    home.mkdir()
    settings = {
        "project": "benchmark",
        "provider": "local",
        "registry": "registry.db",
        "offline_store": {"type": OFFLINE[side]},
        "online_store": {"type": OURS[store] if side == "ours" else store, **place},
        "entity_key_serialization_version": 3,
    }
    (home / "feature_store.yaml").write_text(yaml.safe_dump(settings))
    (home / "definitions.py").write_text(DEFINITIONS.replace("FOLDER", str(folder)))
    open_repository(str(home), home / "scratch").apply()
    return home


def seconds(side: str, home: Path) -> float:
    """Materialises everything once, from the repository opened to the interval recorded."""
    since, until = START - timedelta(days=1), START + timedelta(days=90)
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if side == "ours":
            asked = core.MaterializeRequest(since=since.isoformat(), until=until.isoformat())
            core.materialize(str(home), asked)
        else:
            FeatureStore(repo_path=str(home)).materialize(since, until)
    return time.perf_counter() - begun


def check(made: Mapping[str, Path]) -> None:
    """Ends the comparison if the two sides do not serve the same values."""
    asked = [{"plane": f"N{number:06d}"} for number in range(0, 1000, 37)]
    names = ("flights", "delay", "late_rate", "grounded", "airport")
    found = [
        FeatureStore(repo_path=str(home))
        .get_online_features([f"behaviour:{name}" for name in names], asked)
        .to_dict()
        for home in made.values()
    ]
    if found[0] != found[1]:
        raise SystemExit("the two sides do not serve the same values")


if __name__ == "__main__":
    main(int(sys.argv[1]))
