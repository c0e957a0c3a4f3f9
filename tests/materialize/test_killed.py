"""A run that is killed between two batches, and run again, ends as one that was not."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_store.small_repository import REDIS, START, repository, row, write_rows
from plimsoll.feature_store.repository.intervals import last_ends
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.materialize import core
from redis_server import RedisServer, redis_server

ROOT = Path(__file__).resolve().parents[2]
UNTIL = (START + timedelta(days=9)).isoformat()
BATCH = '{"batch_rows": 25}'
KEYS = 200
WAITING = """
import sys
from plimsoll.feature_store.online.writer import OnlineWriter
from plimsoll.materialize import core

write = OnlineWriter.write

def told(self, batch):
    write(self, batch)
    print("batch", flush=True)
    sys.stdin.readline()

OnlineWriter.write = told
request = core.MaterializeRequest(until=sys.argv[2], config=sys.argv[3], views="stats")
core.materialize(sys.argv[1], request)
"""


@dataclass(frozen=True)
class Sqlite:
    """An online store in the repository's own folder."""

    def settings(self) -> None:
        return None

    def kept(self, folder: Path) -> list[Any]:
        with sqlite3.connect(folder / "data" / "online.db") as connection:
            return connection.execute("SELECT * FROM small_stats ORDER BY 1, 2").fetchall()


@dataclass(frozen=True)
class Redis:
    """A server, of which each repository has a database."""

    server: RedisServer
    databases: Iterator[int]

    def settings(self) -> dict[str, Any]:
        string = f"{self.server.connection_string},db={next(self.databases)}"
        return {"type": REDIS, "connection_string": string}

    def kept(self, folder: Path) -> list[Any]:
        number = int((folder / "feature_store.yaml").read_text().split("db=")[1].split()[0])
        with redis.Redis(port=self.server.port, db=number) as client:
            return sorted((key, sorted(client.hgetall(key).items())) for key in client.scan_iter())


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def side(request: pytest.FixtureRequest) -> Iterator[Sqlite | Redis]:
    """An online store of each kind."""
    if request.param == "sqlite":
        yield Sqlite()
    else:
        with redis_server() as server:
            yield Redis(server, itertools.count())


@pytest.fixture
def made(tmp_path: Path, side: Any) -> Callable[[str], Path]:
    """Makes repositories with the same rows and a store of their own."""
    rows = [row(f"d{key:03}", at, key + at) for key in range(KEYS) for at in (1, 3, 2)]
    return lambda name: repository(tmp_path / name, rows, online=side.settings())


def killed(folder: Path, batches: int) -> None:
    """Runs a materialisation and kills it after so many batches."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "components")}
    command = [sys.executable, "-c", WAITING, str(folder), UNTIL, BATCH]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for batch in range(batches):
            assert process.stdout.readline() == "batch\n"
            if batch + 1 < batches:
                process.stdin.write("go on\n")
                process.stdin.flush()
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL


def ended(folder: Path) -> int | None:
    """Returns up to when the registry says that the view is online."""
    opened = open_repository(str(folder), folder / "scratch")
    return last_ends(opened.store, opened.folder).get("stats")


def run(folder: Path) -> core.MaterializeResult:
    """Materialises without a break."""
    asked = core.MaterializeRequest(until=UNTIL, config=BATCH, views="stats")
    return core.materialize(str(folder), asked)


def test_killed_between_batches(made: Callable[[str], Path], side: Any) -> None:
    whole, broken = made("whole"), made("broken")
    run(whole)
    killed(broken, 3)
    half = side.kept(broken)
    assert 0 < len(half) < len(side.kept(whole))
    assert ended(broken) is None
    assert run(broken).keys == KEYS
    assert side.kept(broken) == side.kept(whole)
    assert ended(broken) == ended(whole)


def test_what_came_after_the_kill_is_there_too(made: Callable[[str], Path], side: Any) -> None:
    whole, broken = made("whole"), made("broken")
    killed(broken, 2)
    more = [row(f"d{key:03}", at, key + at) for key in range(KEYS + 10) for at in (1, 5)]
    for folder in (whole, broken):
        write_rows(folder, more)
        run(folder)
    assert side.kept(broken) == side.kept(whole)


def test_twice_is_as_once(made: Callable[[str], Path], side: Any) -> None:
    folder = made("twice")
    run(folder)
    once = side.kept(folder)
    again = core.MaterializeRequest(
        until=UNTIL, since="1999-01-01", config='{"batch_rows": 7}', views="stats"
    )
    assert core.materialize(str(folder), again).keys == KEYS
    assert side.kept(folder) == once
