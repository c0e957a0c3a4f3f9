"""The online side of a random history: materialised, pushed, looked up, and looked at as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from feature_store.histories import SECOND, Row, ViewHistory
from feature_store.made_repository import (
    SERVICE,
    TIME,
    Answer,
    Question,
    moment,
    source_table,
)
from plimsoll.feature_store.repository.plans import plan_of
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.formats.feature_plan import FeaturePlan
from plimsoll.materialize import core
from plimsoll.push_features import core as pushing
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.serving.online.redis import RedisReader
from plimsoll.serving.online.sqlite import SqliteReader
from plimsoll.timestamps import microseconds
from redis_server import RedisServer

PATIENT = LookupConfig(timeout_ms=60_000)
"""Machines are slow at times."""


@dataclass(frozen=True)
class SqliteSide:
    """An online store in a file."""

    path: Path

    @property
    def settings(self) -> dict[str, Any]:
        """Feast's configuration."""
        kind = "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"
        return {"type": kind, "path": str(self.path)}

    @property
    def plain(self) -> dict[str, Any]:
        """The configuration of Feast's own store over the same place."""
        return {"type": "sqlite", "path": str(self.path)}

    def reader(self) -> Any:
        """Opens what the server reads it with."""
        return SqliteReader(self.path)

    def kept(self, project: str) -> dict[Any, Any]:
        """Returns all that it keeps of a project: times to the microsecond, and values."""
        with closing(sqlite3.connect(self.path)) as connection:
            named = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = [name for (name,) in connection.execute(named) if name.startswith(project)]
            return {
                (table.removeprefix(project), key, feature): values
                for table in tables
                for key, feature, *values in connection.execute(
                    "SELECT entity_key, feature_name, value, value_text, event_us, created_us, "
                    f'event_ts, created_ts FROM "{table}"'
                )
            }


@dataclass(frozen=True)
class RedisSide:
    """An online store in a server."""

    server: RedisServer

    @property
    def settings(self) -> dict[str, Any]:
        """Feast's configuration."""
        kind = "plimsoll.feature_store.redis.NewestRedisOnlineStore"
        return {"type": kind, "connection_string": self.server.connection_string}

    @property
    def plain(self) -> dict[str, Any]:
        """The configuration of Feast's own store over the same place."""
        return {"type": "redis", "connection_string": self.server.connection_string}

    def reader(self) -> Any:
        """Opens what the server reads it with."""
        return RedisReader({"host": "127.0.0.1", "port": self.server.port}, timeout_seconds=60)

    def kept(self, project: str) -> dict[Any, Any]:
        """Returns all that it keeps of a project: times and values."""
        import redis

        with redis.Redis(port=self.server.port) as client:
            keys = [key for key in client.scan_iter(count=1000) if key.endswith(project.encode())]
            return {key.removesuffix(project.encode()): client.hgetall(key) for key in keys}


Side = SqliteSide | RedisSide


def materialize(folder: Path, until: int, since: int | None = None) -> None:
    """Brings a repository's online store up to a time, in batches of few rows."""
    told = "" if since is None else moment(since).isoformat()
    asked = core.MaterializeRequest(
        until=moment(until).isoformat(), since=told, config='{"batch_rows": 3}'
    )
    core.materialize(str(folder), asked)


def push(folder: Path, view: ViewHistory, rows: Sequence[Row], to: str) -> None:
    """Pushes rows into the push source of a view."""
    path = folder / "pushed.parquet"
    pq.write_table(source_table(view, rows), path)
    pushing.push(
        str(folder), pushing.PushRequest(data=str(path), source=f"{view.name} push", to=to)
    )


@contextmanager
def looking_up(folder: Path, scratch: Path, side: Side) -> Iterator[FeatureLookup]:
    """Yields the server's look-up of the repository's service, by the plan made of it."""
    lookup = FeatureLookup(planned(folder, scratch), side.reader(), config=PATIENT)
    try:
        yield lookup
    finally:
        lookup.close()


def planned(folder: Path, scratch: Path) -> FeaturePlan:
    """Returns the plan of the repository's service."""
    return plan_of(open_repository(str(folder), scratch), SERVICE, TIME).plan


def online_values(lookup: FeatureLookup, rows: Sequence[Question]) -> list[Answer]:
    """Returns what the server gives for rows asked, as kept: times as microseconds."""
    asked = [{**row, TIME: moment(row[TIME]).isoformat()} for row in rows]
    times = {item.column for item in lookup.plan.features() if item.type == "UNIX_TIMESTAMP"}
    return [_answer(row, lookup.plan.columns, times) for row in lookup.rows(asked)]


def feast_values(folder: Path, rows: Sequence[Question], plain: Mapping[str, Any]) -> list[Answer]:
    """Returns what Feast's own path gives for rows asked, which is of any age, as kept.

    Args:
        folder: The repository.
        rows: The rows, without nulls among the keys.
        plain: The configuration of Feast's own online store over the same place.
    """
    from feast import FeatureStore, RepoConfig

    told = yaml.safe_load((folder / "feature_store.yaml").read_text())
    store = FeatureStore(config=RepoConfig(**{**told, "online_store": dict(plain)}))
    asked = {name: [row[name] for row in rows] for name in rows[0] if name != TIME}
    service = store.get_feature_service(SERVICE)
    found = store.get_online_features(service, asked, full_feature_names=True).to_dict()
    return [{name: found[name][place] for name in found} for place in range(len(rows))]


def _answer(row: Mapping[str, Any], columns: Iterable[str], times: set[str]) -> Answer:
    return {name: _microseconds(row[name]) if name in times else row[name] for name in columns}


def _microseconds(text: str | None) -> int | None:
    if text is None:
        return None
    found = microseconds(datetime.fromisoformat(text))
    assert found % SECOND == 0
    return found
