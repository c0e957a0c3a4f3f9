"""Joins the flights with their features as of each flight's time, one way or more; prints JSON.

Arguments: the ways with commas between, the folder of the feature tables, a Parquet file of the
flights, the times that each join is made, in turns (the median counts), and the memory that the
process may take in MB; 0: any.
"""

from __future__ import annotations

import json
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
from clock import resident_mb
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64, String

from plimsoll.feature_store.offline import store as _loaded  # noqa: F401

SECONDS_AT_MOST = 100
STREAM_MEMORY = "500MB"
EVENT, CREATED = "event_timestamp", "created"
KEYS = {
    "weather": ("origin",),
    "carrier_at_origin": ("origin", "carrier"),
    "plane_departures": ("tailnum",),
}
TTLS = {
    "weather": timedelta(hours=3),
    "carrier_at_origin": timedelta(hours=2),
    "plane_departures": timedelta(days=7),
}
STORES = {
    "ours": "plimsoll.feature_store.offline.AsofOfflineStore",
    "streamed": "plimsoll.feature_store.offline.AsofOfflineStore",
    "feast_duckdb": "duckdb",
    "feast_dask": "dask",
}


class TooLongError(Exception):
    """The join was not done in time."""


def main(ways: Sequence[str], tables: Path, flights: Path, times: int, memory_mb: int) -> None:
    """Makes the joins and prints of each way seconds, rows, and how many values were found.

    The peak memory is the process's: of one way where there is no other.
    """
    if memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        joins = {way: _join(way, tables, flights, Path(folder)) for way in ways}
        signal.alarm(SECONDS_AT_MOST)
        taken: dict[str, list[float]] = {way: [] for way in ways}
        found: dict[str, tuple[int, int]] = {}
        try:
            # In turns: what else the machine does then slows all alike.
            for _ in range(times):
                for way, join in joins.items():
                    begun = time.perf_counter()
                    found[way] = join()
                    taken[way].append(time.perf_counter() - begun)
        except TooLongError:
            print(json.dumps({"failed": f"not done after {SECONDS_AT_MOST} s"}))
            return
        except (MemoryError, RuntimeError, OSError) as error:
            print(json.dumps({"failed": f"{type(error).__name__}: {str(error)[:60]}"}))
            return
        signal.alarm(0)
    told = {
        way: {"seconds": statistics.median(taken[way]), "rows": rows, "found": values}
        for way, (rows, values) in found.items()
    }
    print(json.dumps({"peak_mb": resident_mb("VmHWM"), **told}))


def _join(way: str, tables: Path, flights: Path, folder: Path) -> Callable[[], tuple[int, int]]:
    if way == "bare":
        return bare(tables, flights)
    (folder / way).mkdir()
    return feast(way, tables, flights, folder / way)


def features(tables: Path, name: str) -> list[tuple[str, Any]]:
    """Returns the features of a table: the columns that are neither key nor time."""
    schema = pq.read_schema(tables / f"{name}.parquet")
    left_out = {EVENT, CREATED, *KEYS[name]}
    return [(field.name, field.type) for field in schema if field.name not in left_out]


def feast(way: str, tables: Path, flights: Path, folder: Path) -> Callable[[], tuple[int, int]]:
    """Returns the join through Feast's `get_historical_features`."""
    limits = {"memory_limit": STREAM_MEMORY} if way == "streamed" else {}
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        offline_store={"type": STORES[way], **limits},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    names = sorted({key for keys in KEYS.values() for key in keys})
    entities = {
        name: Entity(name=name, join_keys=[name], value_type=ValueType.STRING) for name in names
    }
    views = [
        FeatureView(
            name=name,
            entities=[entities[key] for key in keys],
            ttl=TTLS[name],
            schema=[
                *(Field(name=key, dtype=String) for key in keys),
                *(
                    Field(name=column, dtype=Int64 if "int" in str(kind) else Float64)
                    for column, kind in features(tables, name)
                ),
            ],
            source=FileSource(
                name=name,
                path=str(tables / f"{name}.parquet"),
                timestamp_field=EVENT,
                created_timestamp_column=CREATED,
            ),
        )
        for name, keys in KEYS.items()
    ]
    store.apply([*entities.values(), *views])
    asked = [f"{name}:{column}" for name in KEYS for column, _ in features(tables, name)]
    outputs = [reference.replace(":", "__") for reference in asked]

    if way == "streamed":
        query = f"SELECT * FROM read_parquet('{flights}')"

        def streamed() -> tuple[int, int]:
            job = store.get_historical_features(query, asked, full_feature_names=True)
            counted = [counts(batch, outputs) for batch in job.to_record_batches()]
            return sum(rows for rows, _ in counted), sum(found for _, found in counted)

        return streamed
    frame = pd.read_parquet(flights)
    return lambda: counts(
        store.get_historical_features(frame, asked, full_feature_names=True).to_arrow(), outputs
    )


def bare(tables: Path, flights: Path) -> Callable[[], tuple[int, int]]:
    """Returns the ASOF JOIN alone: no TTL, no ties, no order."""
    frame = pd.read_parquet(flights)
    columns = [
        f'{name}."{column}" AS "{name}__{column}"'
        for name in KEYS
        for column, _ in features(tables, name)
    ]
    joins = [
        f"ASOF LEFT JOIN read_parquet('{tables / name}.parquet') AS {name} ON "
        + " AND ".join(f"e.{key} = {name}.{key}" for key in keys)
        + f" AND e.{EVENT} >= {name}.{EVENT}"
        for name, keys in KEYS.items()
    ]
    query = f"SELECT e.*, {', '.join(columns)} FROM flights AS e {' '.join(joins)}"
    outputs = [column.rpartition('AS "')[2].rstrip('"') for column in columns]
    connection = duckdb.connect()
    connection.register("flights", frame)
    return lambda: counts(connection.sql(query).to_arrow_table(), outputs)


def counts(table: Any, outputs: list[str]) -> tuple[int, int]:
    """Returns the rows of a result and how many of its values are there."""
    return table.num_rows, sum(table.num_rows - table[name].null_count for name in outputs)


def _too_long(*_: object) -> None:
    raise TooLongError


if __name__ == "__main__":
    main(
        sys.argv[1].split(","),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
        int(sys.argv[5]),
    )
