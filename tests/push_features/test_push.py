"""Pushing rows of a file: checked first, then written once, online and offline."""

from __future__ import annotations

import fcntl
import gzip
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.small_repository import (
    DEFINITIONS,
    REDIS,
    SCHEMA,
    START,
    online,
    repository,
    row,
    write_rows,
)
from plimsoll.errors import DataError, PlimsollError, UsageError
from plimsoll.push_features import core
from redis_server import redis_server

DATABASES = itertools.count()
HEADER = "driver,trips,rating,event,created"
BOTH = "online_and_offline"


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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for what changes nothing in it."""
    return repository(tmp_path_factory.mktemp("shared"))


def push(folder: Path, data: Path, to: str = "online", **more: str) -> core.PushResult:
    """Pushes a file into the repository's source."""
    return core.push(
        str(folder), core.PushRequest(data=str(data), source="trips_now", to=to, **more)
    )


def told(value: Any) -> Any:
    """Returns a value as files of text tell it."""
    return value.isoformat() if isinstance(value, datetime) else value


def written(path: Path, rows: Sequence[Any]) -> Path:
    """Writes rows as what the path's ending says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), path)
        return path
    texts = [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in one.items()
        }
        for one in rows
    ]
    if ".csv" in path.name:
        lines = [
            HEADER,
            *(",".join("" if v is None else str(v) for v in one.values()) for one in texts),
        ]
    else:
        lines = [json.dumps(one) for one in texts]
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def offline(folder: Path) -> list[Any]:
    """Returns the rows of the batch source."""
    return pq.read_table(folder / "data" / "pushed.parquet").to_pylist()


def trips(folder: Path, *drivers: str) -> dict[str, Any]:
    """Returns what is online."""
    found = online(folder, *drivers, view="live")
    return {name: values[0] for name, values in found.items() if values and values[2] >= START}


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "jsonl", "jsonl.gz", "ndjson"])
def test_files_of_each_kind(tmp_path: Path, ending: str) -> None:
    folder = repository(tmp_path)
    rows = [row("a", 1, 1), row("b", 2, None, rating=None), row("a", 3, 3)]
    pushed = push(folder, written(tmp_path / f"rows.{ending}", rows), BOTH)
    assert (pushed.rows, pushed.appended, pushed.views) == (3, 3, ("live",))
    assert trips(folder, "a", "b") == {"a": 3, "b": None}
    assert offline(folder) == rows


def test_twice_is_as_once(tmp_path: Path, store: Any) -> None:
    folder = repository(tmp_path, online=store())
    write_rows(folder, [row("z", 0, 0)], "pushed")
    data = written(tmp_path / "rows.parquet", [row("a", 1, 1), row("a", 1, 1), row("b", 2, 2)])
    assert push(folder, data, BOTH).appended == 2
    once = offline(folder), online(folder, "a", "b", view="live")
    assert push(folder, data, BOTH).appended == 0
    assert (offline(folder), online(folder, "a", "b", view="live")) == once
    assert [one["driver"] for one in once[0]] == ["z", "a", "b"]


def test_an_older_push_replaces_nothing(tmp_path: Path, store: Any) -> None:
    folder = repository(tmp_path, online=store())
    push(folder, written(tmp_path / "new.csv", [row("a", 5, 5)]))
    push(folder, written(tmp_path / "old.csv", [row("a", 4, 4), row("b", 1, 1)]))
    assert trips(folder, "a", "b") == {"a": 5, "b": 1}


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(data=st.data())
def test_of_duplicates_the_newest_wins(shared: Path, data: st.DataObject) -> None:
    cells = st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 2))
    drawn = data.draw(st.lists(cells, min_size=1, max_size=8, unique=True))
    driver = data.draw(st.uuids())
    rows = [
        row(f"{name}{driver}", hours, number, late=late)
        for number, (name, hours, late) in enumerate(drawn)
    ]
    push(shared, written(shared / "drawn.parquet", rows))
    for name in {one["driver"] for one in rows}:
        mine = [one for one in rows if one["driver"] == name]
        newest = max(mine, key=lambda one: (one["event"], one["created"]))
        assert trips(shared, name) == {name: newest["trips"]}


def test_offline_alone_touches_nothing_online(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    push(folder, written(tmp_path / "rows.csv", [row("a", 1, 1)]), "offline")
    assert len(offline(folder)) == 1
    assert trips(folder, "a") == {}


def test_a_source_of_other_units_gets_no_row_twice(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    kinds = {"driver": pa.large_string(), "trips": pa.int32(), "rating": pa.float32()}
    times = {"event": pa.timestamp("ns"), "created": pa.timestamp("ms", "Asia/Tokyo")}
    kept = pa.Table.from_pylist([], pa.schema({**kinds, **times}))
    pq.write_table(kept, folder / "data" / "pushed.parquet")
    data = written(tmp_path / "rows.parquet", [row("a", 1, 1, rating=0.1), row("b", 1, None)])
    assert push(folder, data, "offline").appended == 2
    assert push(folder, data, "offline").appended == 0
    assert pq.read_schema(folder / "data" / "pushed.parquet").field("trips").type == pa.int32()


def test_a_source_without_a_file_is_made(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "data" / "pushed.parquet").unlink()
    assert push(folder, written(tmp_path / "rows.csv", [row("a", 1, 1)]), "offline").appended == 1
    assert push(folder, written(tmp_path / "rows.csv", [row("a", 1, 1)]), "offline").appended == 0


def test_times_without_a_zone_and_in_nanoseconds(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    data = tmp_path / "rows.csv"
    times = ("2024-01-01T01:00:00.123456789", "2024-01-01 09:00:00+08:00", "2024-01-01T01:00:00Z")
    lines = [f"d{number},1,1,{time},{time}" for number, time in enumerate(times)]
    data.write_text("\n".join([HEADER, *lines]))
    push(folder, data)
    found = online(folder, "d0", "d1", "d2", view="live")
    hour = START + timedelta(hours=1)
    assert [found[name][2] - hour for name in ("d0", "d1", "d2")] == [
        timedelta(microseconds=123456), timedelta(0), timedelta(0),
    ]  # fmt: skip


GOOD = {"driver": "a", "trips": 1, "rating": 1, "event": "2024-01-01", "created": "2024-01-01"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trips": "x"}, "row 3: the column 'trips' is not of the type INT64"),
        ({"trips": True}, "row 3: the column 'trips' is not of the type INT64"),
        ({"trips": 1.5}, "row 3: the column 'trips' is not of the type INT64"),
        ({"trips": 2**63}, "row 3: the column 'trips' is not of the type INT64"),
        ({"rating": "0.5"}, "row 3: the column 'rating' is not of the type DOUBLE"),
        ({"rating": [1]}, "row 3: the column 'rating' is not of the type DOUBLE"),
        ({"driver": 7}, "row 3: the column 'driver' is not of the type STRING"),
        ({"driver": None}, "row 3: the column 'driver' is null"),
        ({"event": None}, "row 3: the column 'event' is null"),
        ({"event": "soon"}, "row 3: the column 'event' is not a time"),
        ({"event": 1700000000}, "row 3: the column 'event' is not a time"),
        ({"event": "2999-01-01"}, "row 3: the column 'event' lies in the future"),
    ],
)
def test_a_wrong_value_is_refused_by_row_and_column(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    folder = repository(tmp_path)
    data = tmp_path / "rows.jsonl"
    lines = [GOOD, GOOD, {**GOOD, **wrong}, GOOD]
    data.write_text("\n".join(json.dumps(line) for line in lines))
    with pytest.raises(DataError) as caught:
        push(folder, data, BOTH)
    assert caught.value.headline.startswith(said)
    # Nothing is half pushed.
    assert offline(folder) == []
    assert not (folder / "data" / "online.db").exists()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("a,many,1,2024-01-01,2024-01-01", "row 2: the column 'trips' is not of the type INT64"),
        ("a,1,high,2024-01-01,2024-01-01", "row 2: the column 'rating' is not of the type DOUBLE"),
        ("a,1,1,1.1.2024,2024-01-01", "row 2: the column 'event' is not a time"),
        (",1,1,2024-01-01,2024-01-01", "row 2: the column 'driver' is null"),
    ],
)
def test_texts_of_a_csv_are_checked(shared: Path, tmp_path: Path, cells: str, said: str) -> None:
    data = tmp_path / "rows.csv"
    data.write_text(f"{HEADER}\na,1,1,2024-01-01,2024-01-01\n{cells}\n")
    with pytest.raises(DataError) as caught:
        push(shared, data)
    assert caught.value.headline.startswith(said)


def test_a_fraction_in_parquet_is_found(shared: Path, tmp_path: Path) -> None:
    numbers = pa.array([1.0] * 700 + [1.5] + [2.0] * 99)
    table = {"driver": ["a"] * 800, "trips": numbers, "rating": numbers}
    table |= {"event": [START] * 800, "created": [START] * 800}
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="row 701: the column 'trips'"):
        push(shared, tmp_path / "rows.parquet")


def test_the_tolerance_of_clocks(shared: Path, tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    data = written(tmp_path / "rows.csv", [{**row("soon", 0, 1), "event": soon}])
    with pytest.raises(DataError, match="lies in the future"):
        push(shared, data, config='{"future_seconds": 5}')
    push(shared, data, config='{"future_seconds": 600}')
    assert trips(shared, "soon") == {"soon": 1}


def test_columns_are_told_by_name(shared: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("driver,trip,rating,event,created,more\na,1,1,2024-01-01,2024-01-01,x\n")
    with pytest.raises(DataError, match="has no column 'trips'") as caught:
        push(shared, data)
    assert "did you mean 'trip'?" in str(caught.value)
    data.write_text("driver,trips,rating,event,created,more\na,1,1,2024-01-01,2024-01-01,x\n")
    assert "left out the columns more" in push(shared, data).notes


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"source": "trips_nov"}, "did you mean 'trips_now'?"),
        ({"to": "ofline"}, "did you mean 'offline'?"),
        ({"data": "nowhere.csv"}, "there is no file nowhere.csv"),
        ({"data": "/dev/null"}, "there is no file"),
        ({"config": '{"future_second": 1}'}, "did you mean 'future_seconds'?"),
        ({"config": '{"future_seconds": -1}'}, "whole number from 0"),
    ],
)
def test_wrong_arguments(shared: Path, tmp_path: Path, asked: dict[str, str], said: str) -> None:
    data = written(tmp_path / "rows.csv", [row("a", 1, 1)])
    with pytest.raises(PlimsollError) as caught:
        core.push(
            str(shared), core.PushRequest(**{"data": str(data), "source": "trips_now", **asked})
        )
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.parquet", b"PAR1", "cannot be read"),
        ("rows.csv", b"", "cannot be read"),
        ("rows.csv", f"{HEADER}\n".encode(), "there are no rows"),
        ("rows.csv", f"{HEADER}\n1,s3cret\n".encode(), "Expected 5 columns, got 2"),
        ("rows.csv.gz", b"no gzip", "cannot be read"),
        ("rows.jsonl", b"[]", "line 1 of"),
        ("rows.jsonl", b'{"driver": "\xff"}', "cannot be read"),
        ("rows.xlsx", b"", "cannot be told from its name"),
    ],
)
def test_damaged_files(shared: Path, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        push(shared, tmp_path / name)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_source_that_is_being_pushed_into(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    data = written(tmp_path / "rows.csv", [row("a", 1, 1)])
    held = os.open(folder / "data", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(DataError, match="locked"):
        push(folder, data, "offline", config='{"lock_seconds": 0}')
    os.close(held)
    assert push(folder, data, "offline").appended == 1


def test_a_view_that_is_not_fed_by_a_push_source(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("PushSource(name=", "dict(name=")
    folder = repository(tmp_path, definitions=definitions)
    with pytest.raises(PlimsollError):
        push(folder, written(tmp_path / "rows.csv", [row("a", 1, 1)]))
    plain = (
        DEFINITIONS.split("live = ")[0] + "service = FeatureService(name='all', features=[stats])"
    )
    (folder / "definitions.py").write_text(plain)
    with pytest.raises(UsageError, match="takes from a push source"):
        push(folder, written(tmp_path / "rows.csv", [row("a", 1, 1)]))
