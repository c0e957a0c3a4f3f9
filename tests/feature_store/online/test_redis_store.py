"""The Redis store: the newest value wins, whoever writes, and Feast reads it."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from feast import FeatureStore
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.online.online_writers import as_feast, entity_key, go, start_writer, write
from feature_store.small_repository import REDIS, repository, row, write_rows
from plimsoll.feature_store.redis import NewestRedisOnlineStore
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import core
from plimsoll.timestamps import EPOCH_UTC, MICROSECOND
from redis_server import RedisServer, real_redis, redis_server  # noqa: F401

DRIVERS = ("a", "b", "c")
MARK = b"_created:stats"
PROJECTS = (f"p{number}x" for number in itertools.count())
histories = st.lists(
    st.tuples(st.sampled_from(DRIVERS), st.integers(0, 99), st.integers(-2, 3), st.integers(-2, 2)),
    min_size=1,
    max_size=12,
)


def applied(folder: Path, server: RedisServer, **more: Any) -> FeatureStore:
    """Returns Feast's store of a repository that was applied, in a project of its own."""
    settings_of = {"type": REDIS, "connection_string": server.connection_string, **more}
    repository(folder, online=settings_of)
    path = folder / "feature_store.yaml"
    path.write_text(path.read_text().replace("project: small", f"project: {next(PROJECTS)}"))
    open_repository(str(folder), folder / "scratch").apply()
    return FeatureStore(repo_path=str(folder))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, real_redis: RedisServer) -> FeatureStore:  # noqa: F811
    """One store for all examples, emptied by each."""
    return applied(tmp_path_factory.mktemp("store"), real_redis)


def client(store: FeatureStore) -> Any:
    """Returns the store's client."""
    return store._get_provider().online_store._get_client(store.config.online_store)


def trips(store: FeatureStore, *drivers: str) -> dict[str, int]:
    """Returns what is online, read through Feast."""
    view = store.get_feature_view("stats")
    keys = [entity_key(driver) for driver in drivers]
    found = store._get_provider().online_read(store.config, view, keys, ["trips", "rating"])
    return {
        driver: values["trips"].int64_val
        for driver, (_, values) in zip(drivers, found, strict=True)
        if values and values["trips"].WhichOneof("val")
    }


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(writes=histories, batched=st.booleans())
def test_newest_wins_in_any_order(store: FeatureStore, writes: list[Any], batched: bool) -> None:
    client(store).flushall()
    if batched:
        view = store.get_feature_view("stats")
        store._get_provider().online_write_batch(store.config, view, as_feast(writes), None)
    else:
        write(store, writes)
    kept: dict[str, Any] = {}
    for one in writes:
        if one[0] not in kept or one[2:] >= kept[one[0]][2:]:
            kept[one[0]] = one
    assert trips(store, *DRIVERS) == {driver: one[1] for driver, one in kept.items()}


@settings(suppress_health_check=list(HealthCheck), max_examples=80)
@given(first=st.integers(-(2**54), 2**54), apart=st.integers(-3, 3) | st.integers(-(2**40), 2**40))
def test_any_two_moments_are_told_apart(store: FeatureStore, first: int, apart: int) -> None:
    # Protobuf keeps seconds and nanoseconds as varints, before 1970 as ten bytes.
    client(store).flushall()
    view = store.get_feature_view("stats")
    for number, us in enumerate((first, first + apart)):
        rows = as_feast([("a", number, 0, 0)])
        rows = [(key, values, EPOCH_UTC + us * MICROSECOND, None) for key, values, _, _ in rows]
        store._get_provider().online_write_batch(store.config, view, rows, None)
    assert trips(store, "a") == {"a": 1 if apart >= 0 else 0}


def test_two_processes_at_once(tmp_path: Path, real_redis: RedisServer) -> None:  # noqa: F811
    store = applied(tmp_path, real_redis)
    ordered = random.Random(3)
    writes = [(f"d{key}", at, at, 0) for key in range(20) for at in range(40)]
    halves = [ordered.sample(writes, len(writes)) for _ in range(2)]
    go(*(start_writer(tmp_path, half, batch=3) for half in halves))
    drivers = [f"d{key}" for key in range(20)]
    assert trips(store, *drivers) == dict.fromkeys(drivers, 39)


def test_the_layout_is_feasts_own(store: FeatureStore) -> None:
    connection = client(store)
    theirs = RedisOnlineStore()
    theirs._client = connection
    view, kept = store.get_feature_view("stats"), []
    rows = as_feast([("a", 1, 0, 0), ("å", -5, 100, 0), ("", 2**40, 7, 9)])
    for one in (store._get_provider().online_store, theirs):
        connection.flushall()
        one.online_write_batch(store.config, view, rows, None)
        kept.append({key: connection.hgetall(key) for key in connection.scan_iter()})
    # What plain Feast does not ask for.
    assert all(values.pop(MARK) for values in kept[0].values())
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3


def written_at(store: FeatureStore, count: int, event_us: int, created_us: int | None) -> None:
    """Writes one row of one driver."""
    (row,) = as_feast([("a", count, 0, 0)])
    created = None if created_us is None else EPOCH_UTC + created_us * MICROSECOND
    row = (*row[:2], EPOCH_UTC + event_us * MICROSECOND, created)
    view = store.get_feature_view("stats")
    store._get_provider().online_write_batch(store.config, view, [row], None)


@settings(suppress_health_check=list(HealthCheck), max_examples=80)
@given(
    event=st.integers(-(2**54), 2**54),
    writes=st.lists(st.none() | st.integers(-3, 3) | st.integers(-(2**54), 2**54), max_size=6),
)
def test_of_one_event_the_one_created_last_stays(
    store: FeatureStore, event: int, writes: list[int | None]
) -> None:
    # Without a created timestamp it is the earliest of all.
    client(store).flushall()
    written_at(store, 99, event - 1, 2**55)
    written_at(store, 98, event, None)
    kept = (98, None)
    for count, created in enumerate(writes):
        written_at(store, count, event, created)
        if kept[1] is None or (created is not None and created >= kept[1]):
            kept = (count, created)
    assert trips(store, "a") == {"a": kept[0]}


def test_what_plain_feast_wrote_of_another_event_has_no_created_timestamp(
    store: FeatureStore,
) -> None:
    connection, theirs = client(store), RedisOnlineStore()
    theirs._client = connection
    connection.flushall()
    write(store, [("a", 1, 5, 1000)])
    view = store.get_feature_view("stats")
    theirs.online_write_batch(store.config, view, as_feast([("a", 2, 6, 0)]), None)
    write(store, [("a", 3, 5, 2000)])
    assert trips(store, "a") == {"a": 2}
    write(store, [("a", 4, 6, 7)])
    assert trips(store, "a") == {"a": 4}


def test_rows_without_a_created_timestamp_leave_none(store: FeatureStore) -> None:
    client(store).flushall()
    written_at(store, 1, 5, 9)
    (key,) = client(store).keys()
    assert client(store).hexists(key, MARK)
    written_at(store, 2, 6, None)
    assert not client(store).hexists(key, MARK)
    assert trips(store, "a") == {"a": 2}


def test_a_past_window_again_leaves_a_correction(
    tmp_path: Path,
    real_redis: RedisServer,  # noqa: F811
) -> None:
    store = applied(tmp_path, real_redis)
    rows = [row("a", 0, 1, late=1), row("a", 0, 2, late=24)]
    write_rows(tmp_path, rows)
    for since, until in (("", "2024-01-03"), ("2023-12-31", "2024-01-01T02:00:00")):
        core.materialize(
            str(tmp_path), core.MaterializeRequest(since=since, until=until, views="stats")
        )
    assert trips(store, "a") == {"a": 2}


def test_keys_live_as_long_as_they_are_told(tmp_path: Path, real_redis: RedisServer) -> None:  # noqa: F811
    store = applied(tmp_path, real_redis, key_ttl_seconds=500)
    client(store).flushall()
    write(store, [("a", 1, 5, 0)])
    (key,) = client(store).keys()
    assert 0 < client(store).ttl(key) <= 500
    # What is not written does not live longer for it.
    client(store).expire(key, 100)
    write(store, [("a", 2, 4, 0)])
    assert client(store).ttl(key) <= 100


def test_without_a_life_they_stay(store: FeatureStore) -> None:
    client(store).flushall()
    write(store, [("a", 1, 5, 0)])
    (key,) = client(store).keys()
    assert client(store).ttl(key) == -1


def test_a_server_started_anew_gets_the_script_again(store: FeatureStore) -> None:
    write(store, [("a", 1, 5, 0)])
    client(store).flushall()
    client(store).script_flush()
    write(store, [("a", 2, 5, 0)])
    assert trips(store, "a") == {"a": 2}


def test_writing_without_holding_up_the_loop(store: FeatureStore) -> None:
    client(store).flushall()
    view, provider = store.get_feature_view("stats"), store._get_provider()

    async def writes() -> None:
        for rows in ([("a", 1, 5, 0)], [("a", 2, 4, 0)]):
            await provider.online_write_batch_async(store.config, view, as_feast(rows), None)
        await provider.online_store._client_async.aclose()

    asyncio.run(writes())
    assert trips(store, "a") == {"a": 1}


def test_more_rows_than_a_trip(store: FeatureStore) -> None:
    client(store).flushall()
    view, progress = store.get_feature_view("stats"), []
    rows = as_feast([(f"d{number}", number, number, 0) for number in range(3000)])
    store._get_provider().online_write_batch(store.config, view, rows, progress.append)
    assert client(store).dbsize() == 3000
    assert sum(progress) == 3000
    assert trips(store, "d0", "d63", "d64", "d2999") == {
        "d0": 0,
        "d63": 63,
        "d64": 64,
        "d2999": 2999,
    }


def test_nothing_waits_without_a_limit() -> None:
    told = NewestRedisOnlineStore._parse_connection_string("h:1,socket_timeout=3,password=12")
    assert told[1]["socket_timeout"] == 3
    assert told[1]["socket_connect_timeout"] == 5


def test_a_server_that_is_down_is_an_error_in_time(tmp_path: Path) -> None:
    with redis_server() as server:
        store = applied(tmp_path, server)
        write(store, [("a", 1, 5, 0)])
        server.stop()
        started = datetime.now(UTC)
        with pytest.raises(redis.exceptions.ConnectionError):
            write(store, [("a", 2, 6, 0)])
        assert datetime.now(UTC) - started < timedelta(minutes=1)


def test_a_cluster_is_written_key_by_key(tmp_path: Path) -> None:
    with redis_server("--cluster-enabled", "yes") as server:
        with redis.Redis(port=server.port) as plain:
            plain.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while plain.cluster("info")["cluster_state"] != "ok":
                pass
        store = applied(tmp_path, server, redis_type="redis_cluster")
        write(store, [("a", 1, 5, 0), ("b", 2, 5, 0), ("a", 3, 4, 0)])
        assert trips(store, "a", "b") == {"a": 1, "b": 2}
