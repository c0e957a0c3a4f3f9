"""Who looks up while others write sees whole rows, and never an older one after a newer one."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from feature_store.histories import SECOND, SHAPES, START, Field, History, Row, ViewHistory
from feature_store.made_repository import TIME, applied, moment
from feature_store.online.online_sides import (
    RedisSide,
    Side,
    SqliteSide,
    looking_up,
    materialize,
    online_values,
)
from redis_server import redis_server

WRITES = 200
KEYS = tuple(range(10))
TYPES = ("INT64", "DOUBLE", "STRING", "INT32", "FLOAT")


@pytest.fixture(params=["sqlite", "redis"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    if request.param == "sqlite":
        yield SqliteSide(tmp_path / "online.db")
    else:
        with redis_server() as server:
            yield RedisSide(server)


def test_rows_are_whole_and_never_go_back_while_others_write(side: Side, tmp_path: Path) -> None:
    fields = tuple(Field(f"f{place}", kind) for place, kind in enumerate(TYPES))
    rows = tuple(
        Row((key,), START, START, tuple(_value(0, field) for field in fields)) for key in KEYS
    )
    view = ViewHistory(
        name="by_long", keys=SHAPES["by_long"], fields=fields, ttl=0, created=True, mapped=False,
        zone="UTC", unit="us", pushed=False, rows=rows,
    )  # fmt: skip
    history = History(views=(view,), times=(START,))
    store = applied(tmp_path, history, side.settings)
    materialize(tmp_path, START)
    ended = threading.Event()
    with looking_up(tmp_path, tmp_path / "scratch", side) as lookup, ThreadPoolExecutor() as pool:
        lookers = [pool.submit(_look, lookup, fields, ended) for _ in range(2)]
        writers = [pool.submit(_write, store, fields, seed) for seed in range(2)]
        try:
            for writer in writers:
                writer.result()
        finally:
            ended.set()
        seen = [looker.result() for looker in lookers]
        assert all(len(steps) > 2 for steps in seen), "nobody looked while others wrote"
        assert _looked_up(lookup, fields) == dict.fromkeys(KEYS, WRITES)


def _write(store: Any, fields: tuple[Field, ...], seed: int) -> None:
    """Writes every version of every key, in an order of its own."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    chance = random.Random(seed)
    view, provider = store.get_feature_view("by_long"), store._get_provider()
    versions = sorted(range(1, WRITES + 1), key=lambda version: version + chance.uniform(-9, 9))
    for version in versions:
        at = moment(START + version * SECOND)
        values = {
            field.name: Value(**{f"{field.type.lower()}_val": _value(version, field)})
            for field in fields
        }
        keys = [EntityKey(join_keys=["long"], entity_values=[Value(int64_val=k)]) for k in KEYS]
        rows = [(key, values, at, at) for key in keys]
        provider.online_write_batch(store.config, view, rows, None)


def _look(lookup: Any, fields: tuple[Field, ...], ended: threading.Event) -> set[int]:
    """Looks up until writers ended; returns the versions of the first key that were seen."""
    seen, before = set(), dict.fromkeys(KEYS, 0)
    while not ended.is_set():
        found = _looked_up(lookup, fields)
        for key, version in found.items():
            assert version >= before[key], f"{key} went from {before[key]} back to {version}"
        before = found
        seen.add(found[KEYS[0]])
    return seen


def _looked_up(lookup: Any, fields: tuple[Field, ...]) -> dict[int, int]:
    """Returns each key's version, which all of its values are of."""
    asked = [{"long": key, TIME: START} for key in KEYS]
    found = {}
    for row, answer in zip(asked, online_values(lookup, asked), strict=True):
        versions = {int(answer[field.name]) for field in fields}
        assert len(versions) == 1, f"the row of {row['long']} is torn: {answer}"
        found[row["long"]] = versions.pop()
    return found


def _value(version: int, field: Field) -> Any:
    return {"STRING": str, "DOUBLE": float, "FLOAT": float}.get(field.type, int)(version)
