"""Materialising: intervals, late rows, bad arguments and stores, on SQLite and Redis."""

from __future__ import annotations

import fcntl
import itertools
import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_store.small_repository import (
    DEFINITIONS,
    REDIS,
    START,
    online,
    repository,
    row,
    write_rows,
)
from plimsoll.errors import ConfigError, DataError, UsageError
from plimsoll.feature_store.online.writer import translate_errors
from plimsoll.feature_store.repository.intervals import last_ends, merge_intervals
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import core
from redis_server import redis_server

DATABASES = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes the configuration of an online store that is empty."""
    if request.param == "sqlite":
        yield lambda: None
    else:
        with redis_server() as server:
            yield lambda: {
                "type": REDIS,
                "connection_string": f"{server.connection_string},db={next(DATABASES) % 16}",
            }


def run(folder: Path, hours: float, **asked: str) -> core.MaterializeResult:
    """Materialises up to so many hours after the start."""
    until = (START + timedelta(hours=hours)).isoformat()
    return core.materialize(str(folder), core.MaterializeRequest(until=until, **asked))


def trips(folder: Path, *drivers: str) -> dict[str, int | None]:
    """Returns what is online; a driver that is not there is left out."""
    return {
        name: values[0]
        for name, values in online(folder, *drivers).items()
        if values and values[2] > START - timedelta(days=1)
    }


def recorded(folder: Path, view: str = "stats") -> list[tuple[datetime, datetime]]:
    """Returns the intervals that Feast sees in the registry."""
    from feast import FeatureStore

    return list(
        FeatureStore(repo_path=str(folder)).get_feature_view(view).materialization_intervals
    )


def test_the_latest_row_of_each_key(tmp_path: Path, store: Any) -> None:
    rows = [row("a", 1, 1), row("a", 3, 3), row("a", 2, 2), row("b", 1, None, rating=None)]
    folder = repository(tmp_path, [*rows, row("a", 10, 10)], online=store())
    done = run(folder, 5)
    assert {view.name: view.keys for view in done.views} == {"live": 0, "stats": 2}
    found = online(folder, "a", "b")
    assert found["a"] == (3, 0.5, START + timedelta(hours=3))
    assert found["b"] == (None, None, START + timedelta(hours=1))


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path, store: Any) -> None:
    folder = repository(tmp_path, [row("a", 1, 1), row("b", 2, 2)], online=store())
    assert run(folder, 1).keys == 1
    assert run(folder, 2).keys == 1
    again = run(folder, 2)
    assert again.keys == 0
    assert "stats: nothing to do, it was materialised up to 2024-01-01T02:00:00Z" in again.notes
    assert trips(folder, "a", "b") == {"a": 1, "b": 2}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert recorded(folder) == [(epoch, START + timedelta(hours=2))]


def test_ends_of_an_interval(tmp_path: Path) -> None:
    folder = repository(tmp_path, [row("a", 1, 1), row("b", 2, 2), row("c", 3, 3)])
    since = (START + timedelta(hours=1)).isoformat()
    run(folder, 2, since=since)
    assert trips(folder, "a", "b", "c") == {"b": 2}


def test_late_rows_are_seen_by_when_they_were_created(tmp_path: Path, store: Any) -> None:
    folder = repository(tmp_path, [row("a", 5, 5), row("c", 5, 5)], online=store())
    run(folder, 6)
    late = [row("b", 2, 2, late=5), row("a", 4, 4, late=3), row("c", 5, 55, late=2)]
    write_rows(folder, [row("a", 5, 5), row("c", 5, 5), *late])
    assert run(folder, 8).keys == 3
    # The late row of a is of an earlier event, and does not replace the one that was there.
    assert trips(folder, "a", "b", "c") == {"a": 5, "b": 2, "c": 55}


def test_rows_that_come_late_without_a_created_time_need_an_overlap(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace('created_timestamp_column="created",', "")
    folder = repository(tmp_path, [row("a", 5, 5)], definitions=definitions)
    run(folder, 6)
    write_rows(folder, [row("a", 5, 5), row("b", 5.5, 2), row("c", 7, 7)])
    run(folder, 7)
    assert trips(folder, "a", "b", "c") == {"a": 5, "c": 7}
    run(folder, 8, config='{"overlap_seconds": 10000}')
    assert trips(folder, "a", "b", "c") == {"a": 5, "b": 2, "c": 7}


def test_of_ties_the_later_created_then_the_last_in_the_file(tmp_path: Path, store: Any) -> None:
    rows = [row("a", 1, 9, late=2), row("a", 1, 1, late=1), row("b", 1, 1), row("b", 1, 2)]
    folder = repository(tmp_path, rows, online=store())
    run(folder, 2)
    assert trips(folder, "a", "b") == {"a": 9, "b": 2}


def test_old_values_are_written_whatever_the_ttl(tmp_path: Path) -> None:
    # The TTL of the view is an hour; what is stale, the one who reads says.
    folder = repository(tmp_path, [row("a", 0, 1)])
    run(folder, 500)
    assert trips(folder, "a") == {"a": 1}


def test_what_was_pushed_meanwhile_stays(tmp_path: Path, store: Any) -> None:
    import pandas as pd
    from feast import FeatureStore

    folder = repository(tmp_path, [row("a", 1, 1)], online=store())
    run(folder, 0.5)
    FeatureStore(repo_path=str(folder)).write_to_online_store(
        "stats", pd.DataFrame([row("a", 2, 2)])
    )
    run(folder, 1)
    assert trips(folder, "a") == {"a": 2}


def test_units_zones_and_mappings(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace(
        'name="file", path=',
        'name="file", field_mapping={"when": "event", "n": "trips", "who": "driver"}, path=',
    )
    folder = repository(tmp_path, [], definitions=definitions)
    for zone, unit in ((None, "ns"), ("Asia/Tokyo", "ns"), ("America/New_York", "ms"), (None, "s")):
        (folder / "data" / "registry.db").unlink(missing_ok=True)
        when = pa.array([START, START + timedelta(hours=1)], pa.timestamp("us", "UTC"))
        kind = pa.timestamp(unit, zone)
        table = {
            "who": ["a", "b"], "n": pa.array([1.0, None]), "rating": [1, 2],
            "when": when.cast(pa.timestamp("us", zone)).cast(kind), "created": when.cast(kind),
        }  # fmt: skip
        pq.write_table(pa.table(table), folder / "data" / "rows.parquet")
        run(folder, 0.5, views="stats")
        found = online(folder, "a", "b")
        assert found["a"] == (1, 1.0, START)
        assert found["b"] is None


def test_many_files_and_rows_without_a_key(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("data/rows.parquet", "data/parts")
    folder = repository(tmp_path, [], definitions=definitions)
    (folder / "data" / "parts").mkdir()
    for name, one in (("one", row("a", 1, 1)), ("two", row("a", 1, 2))):
        nobody = {**one, "driver": None}
        write_rows(folder, [one, nobody], f"parts/{name}")
    assert run(folder, 2).keys == 1
    assert trips(folder, "a") == {"a": 2}


def test_plain_stores_of_feast_are_written_too(tmp_path: Path) -> None:
    plain = {"type": "sqlite", "path": "data/online.db"}
    folder = repository(tmp_path, [row("a", 5, 5)], online=plain)
    run(folder, 6)
    write_rows(folder, [row("a", 5, 5), row("a", 4, 4, late=3), row("b", 7, 7)])
    done = run(folder, 8)
    # That store would let the late row replace the newer one.
    assert trips(folder, "a", "b") == {"a": 5, "b": 7}
    assert "late rows are left out" in "".join(done.notes)


def test_views_are_chosen_by_name(tmp_path: Path) -> None:
    folder = repository(tmp_path, [row("a", 1, 1)])
    assert [view.name for view in run(folder, 2, views=" stats ,stats").views] == ["stats"]
    assert recorded(folder, "live") == []


def test_definitions_that_changed_are_applied(tmp_path: Path) -> None:
    folder = repository(tmp_path, [row("a", 1, 1)])
    run(folder, 1)
    more = DEFINITIONS.replace('name="stats"', 'name="stats2"')
    (folder / "definitions.py").write_text(more)
    assert run(folder, 2, views="stats2").keys == 1
    assert online(folder, "a", view="stats2")["a"][0] == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"until": "2024-01-01", "since": "2024-01-02"}, "since must come before until"),
        ({"until": "2024-01-01", "since": "2024-01-01T00:00Z"}, "since must come before until"),
        ({"until": "yesterday"}, "until is not a time: 'yesterday'"),
        ({"since": "1.1.2024"}, "since is not a time"),
        ({"until": "2999-01-01"}, "until lies in the future: 2999-01-01T00:00:00Z"),
        ({"views": "stat"}, "did you mean 'stats'?"),
        ({"views": "asleep"}, "does not go online"),
    ],
)
def test_wrong_arguments(tmp_path: Path, asked: Mapping[str, str], said: str) -> None:
    folder = repository(tmp_path, [row("a", 1, 1)])
    with pytest.raises(UsageError) as caught:
        core.materialize(str(folder), core.MaterializeRequest(**asked))
    assert said in str(caught.value)
    assert not (folder / "data" / "registry.db").exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [('{"batch_rows": 0}', "batch_rows"), ('{"batch_row": 1}', "did you mean"), ("[]", "object")],
)
def test_wrong_configs(tmp_path: Path, config: str, said: str) -> None:
    with pytest.raises(ConfigError, match="materialize config") as caught:
        run(tmp_path, 1, config=config)
    assert said in str(caught.value)


def test_a_value_of_the_wrong_type_is_refused_by_name(tmp_path: Path) -> None:
    folder = repository(tmp_path, [])
    table = {"driver": ["a"], "trips": ["many"], "rating": [1.0], "event": [START]}
    pq.write_table(pa.table({**table, "created": [START]}), folder / "data" / "rows.parquet")
    with pytest.raises(DataError, match="the feature 'trips' of 'stats'"):
        run(folder, 1)
    assert recorded(folder) == []


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = repository(tmp_path, [])
    table = {"driver": ["a"], "tripz": [1], "rating": [1.0], "event": [START], "created": [START]}
    pq.write_table(pa.table(table), folder / "data" / "rows.parquet")
    with pytest.raises(DataError, match="has no column 'trips'") as caught:
        run(folder, 1)
    assert "did you mean 'tripz'?" in str(caught.value)


def test_a_damaged_or_missing_source(tmp_path: Path) -> None:
    folder = repository(tmp_path, [])
    (folder / "data" / "rows.parquet").write_bytes(b"PAR1 no parquet PAR1")
    with pytest.raises(DataError, match="the source of 'stats' cannot be read"):
        run(folder, 1)
    (folder / "data" / "rows.parquet").unlink()
    with pytest.raises(DataError, match="has no file at"):
        run(folder, 1)


def test_a_store_that_is_down_is_told_and_nothing_recorded(tmp_path: Path) -> None:
    with redis_server("--requirepass", "s3cret") as server:
        settings = {
            "type": REDIS,
            "connection_string": f"{server.connection_string},password=s3cret",
        }
        folder = repository(tmp_path, [row("a", 1, 1)], online=settings)
        run(folder, 0.5)
        server.stop()
        with pytest.raises(
            DataError, match=r"NewestRedisOnlineStore\) cannot be written"
        ) as caught:
            run(folder, 2)
        assert "s3cret" not in str(caught.value)
        assert recorded(folder) == [
            (datetime(1970, 1, 1, tzinfo=UTC), START + timedelta(hours=0.5))
        ]


def test_a_registry_that_is_locked_is_told_in_time(tmp_path: Path) -> None:
    folder = repository(tmp_path, [row("a", 1, 1)])
    run(folder, 0.5)
    with (folder / "data" / ".registry.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="locked"):
            run(folder, 2, config='{"lock_seconds": 0}')
    assert run(folder, 2).keys == 1


def test_an_online_store_that_another_holds_is_told_so(tmp_path: Path) -> None:
    folder = repository(tmp_path, [row("a", 1, 1)])
    opened = open_repository(str(folder), tmp_path / "scratch")
    with (
        closing(sqlite3.connect(tmp_path / "held.db", isolation_level=None)) as holder,
        closing(sqlite3.connect(tmp_path / "held.db", timeout=0)) as other,
    ):
        holder.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(DataError, match="cannot be written") as caught,
            translate_errors(opened.store),
        ):
            other.execute("CREATE TABLE t (a)")
    assert caught.value.hint.startswith("wait for what holds the store's file")


RECORDING = """
import sys
from pathlib import Path
from plimsoll.feature_store.repository import intervals
from plimsoll.feature_store.repository.repository import open_repository

opened = open_repository(sys.argv[1], Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for at in range(0, 200, 2):
    interval = (at * 1_000_000, (at + 1) * 1_000_000)
    intervals.record(opened.store, opened.folder, opened.views[sys.argv[3]], interval, 60)
"""


def test_two_at_once_lose_neither_interval(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository", [row("a", 1, 1)])
    open_repository(str(folder), tmp_path / "scratch").apply()
    environment = {**os.environ, "PYTHONPATH": str(Path(core.__file__).parents[2])}
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RECORDING, str(folder), str(tmp_path / view), view],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                )
            )
            for view in ("stats", "live")
        ]
        assert [process.stdout.readline() for process in both if process.stdout] == [b"ready\n"] * 2
        for process in both:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert [len(recorded(folder, view)) for view in ("stats", "live")] == [100, 100]


def test_intervals_that_meet_become_one() -> None:
    assert merge_intervals([(5, 6), (0, 2), (2, 3), (1, 2)]) == [(0, 3), (5, 6)]
    assert merge_intervals([(0, 9), (2, 3)]) == [(0, 9)]


def test_a_view_that_is_gone_is_not_recorded(tmp_path: Path) -> None:
    from plimsoll.feature_store.repository import intervals

    folder = repository(tmp_path, [row("a", 1, 1)])
    run(folder, 1)
    opened = open_repository(str(folder), tmp_path / "scratch")
    view = opened.views["stats"].with_name("other")
    view.name = "other"
    with pytest.raises(DataError, match="does not hold the feature view 'other'"):
        intervals.record(opened.store, opened.folder, view, (0, 1), 1)
    assert "other" not in last_ends(opened.store, opened.folder)


def test_a_time_that_is_none_stands_in_no_traceback(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    table = pa.table({
        "driver": ["a"], "trips": [1], "rating": [0.5], "event": ["XYZZY"], "created": ["XYZZY"],
    })  # fmt: skip
    pq.write_table(table, folder / "data" / "rows.parquet")

    with pytest.raises(DataError, match="the source of 'stats' cannot be read") as caught:
        run(folder, 1)
    assert "XYZZY" not in "".join(traceback.format_exception(caught.value))
