"""The SQLite store: the newest value wins, however rows come, and Feast reads it."""

from __future__ import annotations

import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.online.online_writers import (
    BASE_S,
    ROOT,
    Write,
    as_feast,
    entity_key,
    go,
    start_writer,
    write,
)
from feature_store.small_repository import START, online, repository, row, write_rows
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import core

PLAIN = {"type": "sqlite", "path": "data/online.db"}
DAY = timedelta(days=1)
START_US = BASE_S * 10**6
DRIVERS = ("a", "b", "c")
histories = st.lists(
    st.tuples(st.sampled_from(DRIVERS), st.integers(0, 99), st.integers(0, 3), st.integers(0, 2)),
    min_size=1,
    max_size=12,
)


def applied(folder: Path, **settings: Any) -> FeatureStore:
    """Returns Feast's store of a repository that was applied."""
    repository(folder, [row("x", 0, 0)], **settings)
    open_repository(str(folder), folder / "scratch").apply()
    return FeatureStore(repo_path=str(folder))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """One store for all examples, emptied by each."""
    return applied(tmp_path_factory.mktemp("store"))


def newest(writes: list[Write]) -> dict[str, int]:
    """Returns what is to be left: of the latest event, then created, the write that came last."""
    kept: dict[str, Write] = {}
    for one in writes:
        if one[0] not in kept or one[2:] >= kept[one[0]][2:]:
            kept[one[0]] = one
    return {driver: one[1] for driver, one in kept.items()}


def trips(store: FeatureStore, *drivers: str) -> dict[str, int | None]:
    """Returns what is online, read through Feast."""
    view = store.get_feature_view("stats")
    keys = [entity_key(driver) for driver in drivers]
    found = store._get_provider().online_read(store.config, view, keys, ["trips", "rating"])
    return {
        driver: values["trips"].int64_val
        for driver, (_, values) in zip(drivers, found, strict=True)
        if values
    }


def table(folder: Path, columns: str = "hex(entity_key), feature_name, hex(value)") -> list[Any]:
    """Returns the rows of the view's table."""
    with sqlite3.connect(folder / "data" / "online.db") as connection:
        return connection.execute(f"SELECT {columns} FROM small_stats ORDER BY 1, 2").fetchall()


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(writes=histories, batched=st.booleans())
def test_newest_wins_in_any_order(store: FeatureStore, writes: list[Write], batched: bool) -> None:
    provider = store._get_provider()
    connection = provider.online_store._get_conn(store.config)
    connection.execute("DELETE FROM small_stats")
    if batched:
        view = store.get_feature_view("stats")
        provider.online_write_batch(store.config, view, as_feast(writes), None)
    else:
        write(store, writes)
    assert trips(store, *DRIVERS) == newest(writes)


@settings(suppress_health_check=list(HealthCheck), max_examples=30)
@given(writes=histories, data=st.data())
def test_repeats_and_shuffles_end_alike(
    store: FeatureStore, writes: list[Write], data: st.DataObject
) -> None:
    distinct = list({one[0::2] + one[3:]: one for one in writes}.values())
    connection = store._get_provider().online_store._get_conn(store.config)
    ends = []
    for order in (distinct, data.draw(st.permutations(distinct * 2))):
        connection.execute("DELETE FROM small_stats")
        write(store, order)
        ends.append(connection.execute("SELECT * FROM small_stats ORDER BY 1, 2").fetchall())
    assert ends[0] == ends[1]


def test_two_processes_at_once(tmp_path: Path) -> None:
    store = applied(tmp_path)
    ordered = random.Random(3)
    writes = [(f"d{key}", at, at, 0) for key in range(20) for at in range(40)]
    halves = [ordered.sample(writes, len(writes)) for _ in range(2)]
    go(*(start_writer(tmp_path, half, batch=7) for half in halves))
    drivers = [f"d{key}" for key in range(20)]
    assert trips(store, *drivers) == dict.fromkeys(drivers, 39)


def test_the_layout_is_feasts_own(tmp_path: Path) -> None:
    writes = [("a", 1, 0, 0), ("å", -5, 100, 0), ("", 2**40, 7, 9)]
    columns = "hex(entity_key), feature_name, hex(value), value_text, event_ts, created_ts"
    tables = []
    for name, settings_of in (("ours", {}), ("theirs", {"online": PLAIN})):
        write(applied(tmp_path / name, **settings_of), writes)
        tables.append(table(tmp_path / name, columns))
    assert tables[0] == tables[1]
    assert len(tables[0]) == 6


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Puts the machine into a zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_times_are_right_in_any_zone(tmp_path: Path, zone: str) -> None:
    write(applied(tmp_path), [("a", 1, 3600, 0)])
    expected = datetime.fromtimestamp(BASE_S + 3600, UTC)
    assert online(tmp_path, "a")["a"][2] == expected
    # And by Feast's own class, which knows nothing of the exact columns.
    text = (tmp_path / "feature_store.yaml").read_text()
    kind = "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"
    (tmp_path / "feature_store.yaml").write_text(text.replace(kind, "sqlite"))
    assert online(tmp_path, "a")["a"] == (1, 0.5, expected)


def test_another_zone_reads_the_same_moment(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        write(applied(tmp_path), [("a", 1, 3600, 0)])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert online(tmp_path, "a")["a"][2] == datetime.fromtimestamp(BASE_S + 3600, UTC)


def test_tables_of_plain_feast_are_taken_over(tmp_path: Path) -> None:
    write(applied(tmp_path, online=PLAIN), [("a", 1, 100, 0), ("b", 1, 100, 0)])
    store = applied(tmp_path)
    assert trips(store, "a") == {"a": 1}
    write(store, [("a", 2, 99, 0), ("b", 3, 101, 0)])
    assert trips(store, "a", "b") == {"a": 1, "b": 3}


def test_what_plain_feast_wrote_later_counts_as_its_own_time(tmp_path: Path) -> None:
    write(applied(tmp_path), [("a", 1, 100, 0)])
    write(applied(tmp_path, online=PLAIN), [("a", 2, 200, 0)])
    store = applied(tmp_path)
    write(store, [("a", 3, 150, 0)])
    assert trips(store, "a") == {"a": 2}
    assert online(tmp_path, "a")["a"][2] == datetime.fromtimestamp(BASE_S + 200, UTC)


def test_what_plain_feast_wrote_has_no_exact_times(tmp_path: Path) -> None:
    store = applied(tmp_path)
    write(store, [("a", 1, 100, 500), ("b", 1, 100, 500)])
    write(applied(tmp_path, online=PLAIN), [("a", 2, 50, 0)])
    exact = [row[2:] for row in table(tmp_path, "entity_key, feature_name, event_us, created_us")]
    ours = ((BASE_S + 100) * 10**6, (BASE_S + 500) * 10**6)
    assert exact == [(None, None), (None, None), ours, ours]
    # The time of the value that was there before keeps nothing out.
    write(store, [("a", 3, 60, 0)])
    assert trips(store, "a") == {"a": 3}


def test_both_times_are_kept_to_the_microsecond(tmp_path: Path) -> None:
    repository(tmp_path, [row("a", 0.1, 1, late=1.7), row("b", 0.2, 2)])
    core.materialize(str(tmp_path), core.MaterializeRequest(until="2024-01-02", views="stats"))
    found = [row[2:] for row in table(tmp_path, "entity_key, feature_name, event_us, created_us")]
    minute = 60 * 10**6
    first, second = (START_US + 6 * minute, START_US + 108 * minute), (START_US + 12 * minute,) * 2
    assert found == [first, first, second, second]


def test_a_past_window_again_leaves_a_correction(tmp_path: Path) -> None:
    store = applied(tmp_path)
    write_rows(tmp_path, [row("a", 0, 1, late=1), row("a", 0, 2, late=24)])
    for since, until in (("", "2024-01-03"), ("2023-12-31", "2024-01-01T02:00:00")):
        core.materialize(
            str(tmp_path), core.MaterializeRequest(since=since, until=until, views="stats")
        )
    assert trips(store, "a") == {"a": 2}


def test_push_and_write_of_feast_end_in_the_same_rule(tmp_path: Path) -> None:
    import pandas as pd

    store = applied(tmp_path)
    for at, count in ((5, 1), (3, 2)):
        moment = pd.Timestamp(BASE_S + at, unit="s", tz="UTC")
        told = {"driver": "a", "trips": count, "rating": 1.0, "event": moment, "created": moment}
        store.push("trips_now", pd.DataFrame([told]))
        store.write_to_online_store("stats", pd.DataFrame([told]))
    assert online(tmp_path, "a", view="live")["a"][0] == 1
    assert online(tmp_path, "a")["a"][0] == 1


def test_materialize_of_feast_keeps_newer_values(tmp_path: Path) -> None:
    store = applied(tmp_path)
    write(store, [("x", 7, 10, 0)])
    store.materialize(START - DAY, START + DAY, feature_views=["stats"])
    assert trips(store, "x") == {"x": 7}


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = applied(tmp_path)
    write(store, [("a", 1, 0, 0)])
    with sqlite3.connect(tmp_path / "data" / "online.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM small_stats")
        assert trips(store, "a") == {"a": 1}
        other.execute("ROLLBACK")


def test_a_writer_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    kind = "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"
    short = {"type": kind, "path": "data/online.db", "busy_timeout_ms": 50}
    store = applied(tmp_path, online=short)
    with sqlite3.connect(tmp_path / "data" / "online.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write(store, [("a", 1, 0, 0)])
        other.execute("ROLLBACK")
    write(store, [("a", 1, 0, 0)])
    assert trips(store, "a") == {"a": 1}


FULL = """
import resource, sqlite3, sys
from feast import FeatureStore
from feature_store.online.online_writers import as_feast
store = FeatureStore(repo_path=sys.argv[1])
provider, view = store._get_provider(), store.get_feature_view("stats")
provider.online_write_batch(store.config, view, as_feast([("a", 1, 0, 0)]), None)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
many = [(f"d{key:06}", 1, 1, 1) for key in range(20_000)]
try:
    provider.online_write_batch(store.config, view, as_feast(many), None)
except sqlite3.Error as error:
    print(type(error).__name__)
"""


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    store = applied(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": f"{ROOT / 'components'}:{ROOT / 'tests'}", "PATH": ""},
    )
    assert ran.stdout.strip() == "OperationalError", ran.stderr
    assert trips(store, "a", "d000001") == {"a": 1}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_teardown_leaves_nothing(tmp_path: Path) -> None:
    store = applied(tmp_path)
    write(store, [("a", 1, 0, 0)])
    store.teardown()
    assert [path.name for path in (tmp_path / "data").glob("online.db*")] == []
