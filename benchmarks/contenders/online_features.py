"""Looks features up, ours and Feast's own path in turn, on SQLite and on Redis; prints JSON.

Both read the same values, each from what its own store wrote. A look-up starts from the rows of
a request (keys by name) and ends with plain values by column, as a model server needs them.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import from_value_type

from plimsoll.formats.feature_plan import Feature, FeaturePlan, Key, View
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.serving.online.redis import RedisReader
from plimsoll.serving.online.sqlite import SqliteReader
from plimsoll.serving.online.store import OnlineReader

Row = Mapping[str, str]
LookUp = Callable[[Sequence[Row]], Mapping[str, Sequence[Any]]]

PROJECT = "benchmark"
SERVICE = "flights"
KEYS: Mapping[str, tuple[str, ...]] = {
    "weather": ("origin",),
    "congestion": ("origin",),
    "plane": ("tailnum",),
    "last_leg": ("tailnum",),
    "carrier_at_origin": ("origin", "carrier"),
    "route": ("origin", "dest"),
}
"""View -> its join keys, all strings."""
TYPES = ("FLOAT", "DOUBLE", "FLOAT", "INT64", "INT32", "BOOL", "STRING")
"""Of each view's features."""
FIELDS: Mapping[str, str] = {
    "FLOAT": "float_val",
    "DOUBLE": "double_val",
    "INT64": "int64_val",
    "INT32": "int32_val",
    "BOOL": "bool_val",
    "STRING": "string_val",
}
COUNTS: Mapping[str, int] = {"origin": 100, "dest": 60, "carrier": 20, "tailnum": 3000}
SIZES: Mapping[int, int] = {1: 300, 10: 100, 100: 30}
"""Rows of a look-up -> look-ups of one repeat."""
REPEATS = 5
STARTS_WITHIN_S = 20.0
MEMORY = ("--save", "", "--appendonly", "no")
PATIENCE_S = 5.0
"""Of a look-up: a busy machine is not to end the comparison."""
OURS = {
    "sqlite": "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore",
    "redis": "plimsoll.feature_store.redis.NewestRedisOnlineStore",
}
READERS: Mapping[str, Callable[[Mapping[str, Any]], OnlineReader]] = {
    "sqlite": lambda place: SqliteReader(Path(place["path"])),
    "redis": lambda place: RedisReader(
        dict(zip(("host", "port"), place["connection_string"].split(":"), strict=True)),
        timeout_seconds=PATIENCE_S,
    ),
}


def main() -> None:
    """Prints one JSON object: store -> rows of a look-up -> side -> p50 and p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as ports:
        found = {}
        for store, places in (
            ("sqlite", [{"path": f"{folder}/{side}.db"} for side in ("feast", "ours")]),
            ("redis", [{"connection_string": f"127.0.0.1:{port}"} for port in ports]),
        ):
            feast = made(Path(folder) / f"{store} feast", {"type": store, **places[0]})
            made(Path(folder) / f"{store} ours", {"type": OURS[store], **places[1]})
            sides = {"ours": ours(READERS[store](places[1])), "Feast": feast_path(feast)}
            found[store] = compared(sides)
    print(json.dumps(found))


def compared(sides: Mapping[str, LookUp]) -> dict[str, dict[str, tuple[float, float]]]:
    """Times sides in turn on the same rows, after checking that they give the same values."""
    chance = random.Random(7)  # noqa: S311
    rows = _rows(chance, 100)
    answers = [look_up(rows) for look_up in sides.values()]
    for column in answers[0]:
        if list(answers[0][column]) != list(answers[1][column]):
            raise SystemExit(f"the sides differ in {column}")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for size, times in SIZES.items():
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(REPEATS):
            requests = [_rows(chance, size) for _ in range(times)]
            for side, look_up in sides.items():
                for request in requests:
                    begun = time.perf_counter()
                    look_up(request)
                    taken[side].append(time.perf_counter() - begun)
        found[str(size)] = {
            side: (_part(seconds, 0.5), _part(seconds, 0.99)) for side, seconds in taken.items()
        }
    return found


def ours(reader: OnlineReader) -> LookUp:
    """Returns the look-up as our model server calls it: in its process, counted, TTLs kept."""
    lookup = FeatureLookup(plan(), reader, config=LookupConfig(timeout_ms=PATIENCE_S * 1000))

    def look_up(rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
        answers = lookup.rows(rows)
        return {name: [answer[name] for answer in answers] for name in lookup.plan.columns}

    return look_up


def feast_path(store: FeatureStore) -> LookUp:
    """Returns Feast's own path: its registry in memory, its service found once."""
    service = store.get_feature_service(SERVICE)

    def look_up(rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
        answer = store.get_online_features(
            features=service,
            entity_rows={name: [row[name] for row in rows] for name in rows[0]},
            full_feature_names=True,
        ).to_dict()
        return {name: answer[name] for name in plan().columns}

    return look_up


def made(folder: Path, online: Mapping[str, Any]) -> FeatureStore:
    """Applies the views to a store and writes all their values through it."""
    folder.mkdir()
    settings = {
        "project": PROJECT,
        "provider": "local",
        "registry": {
            "path": str(folder / "registry.db"),
            "cache_mode": "thread",
            "cache_ttl_seconds": 60,
        },
        "online_store": dict(online),
        "entity_key_serialization_version": 3,
    }
    (folder / "feature_store.yaml").write_text(json.dumps(settings))
    store = FeatureStore(repo_path=str(folder))
    names = sorted({name for keys in KEYS.values() for name in keys})
    entities = {
        name: Entity(name=name, join_keys=[name], value_type=ValueType.STRING) for name in names
    }
    views = [
        FeatureView(
            name=name,
            entities=[entities[key] for key in keys],
            ttl=timedelta(hours=6),
            schema=[Field(name=key, dtype=from_value_type(ValueType.STRING)) for key in keys]
            + [
                Field(name=feature.name, dtype=from_value_type(ValueType[feature.type]))
                for feature in _features(name)
            ],
            source=FileSource(path=f"{folder}/{name}.parquet", timestamp_field="event"),
        )
        for name, keys in KEYS.items()
    ]
    service = FeatureService(name=SERVICE, features=views)
    store.apply([*entities.values(), *views, service])
    for view in views:
        store._get_provider().online_write_batch(store.config, view, _values(view.name), None)
    return store


def plan() -> FeaturePlan:
    """Returns how a server of ours looks the same service up."""
    return FeaturePlan(
        project=PROJECT,
        service=SERVICE,
        registry_sha256="",
        key_version=3,
        time="time",
        views=tuple(
            View(
                name=name,
                keys=tuple(Key(column=key, join_key=key, type="STRING") for key in keys),
                features=_features(name),
                ttl_us=6 * 3600 * 1_000_000,
            )
            for name, keys in KEYS.items()
        ),
    )


def _features(view: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(name=f"f{place}", column=f"{view}__f{place}", type=kind)
        for place, kind in enumerate(TYPES)
    )


def _values(view: str) -> list[Any]:
    chance = random.Random(view)  # noqa: S311
    now = datetime.now(UTC)
    keys: list[tuple[str, ...]] = [()]
    for name in KEYS[view]:
        keys = [(*key, f"{name}{place}") for key in keys for place in range(COUNTS[name])]
    return [
        (
            EntityKey(join_keys=KEYS[view], entity_values=[Value(string_val=part) for part in key]),
            {
                feature.name: Value(**{FIELDS[feature.type]: _value(feature.type, chance)})
                for feature in _features(view)
            },
            now,
            now,
        )
        for key in keys
    ]


def _value(kind: str, chance: random.Random) -> Any:
    drawn = {
        "BOOL": lambda: chance.random() < 0.5,
        "STRING": lambda: f"kind {chance.randrange(20)}",
        "INT32": lambda: chance.randrange(1000),
        "INT64": lambda: chance.randrange(1 << 40),
    }
    return drawn.get(kind, chance.random)()


def _rows(chance: random.Random, count: int) -> list[Row]:
    return [
        {name: f"{name}{chance.randrange(values)}" for name, values in COUNTS.items()}
        for _ in range(count)
    ]


def _part(seconds: Sequence[float], part: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))] * 1000


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[int, int]]:
    """Yields the ports of two servers that keep nothing on disk, and stops them at the end."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("there is no redis-server on the PATH")
    ports = tuple(_free_port() for _ in range(2))
    started = [
        subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *MEMORY],
            stdout=subprocess.DEVNULL,
        )
        for port in ports
    ]
    try:
        until = time.monotonic() + STARTS_WITHIN_S
        for port in ports:
            while not _listens(port):
                if time.monotonic() > until:
                    raise SystemExit("redis-server does not start")
                time.sleep(0.02)
        yield ports[0], ports[1]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
