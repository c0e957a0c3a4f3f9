"""Reads features from SQLite, as Feast's store and ours write them.

Feast keeps ``event_ts`` in whole seconds of its machine's local time; our store adds a column
``event_us``, exact microseconds in UTC, which is taken where it is there.
"""

import calendar
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.serving.online.keys import microseconds
from plimsoll.serving.online.store import (
    DAMAGED,
    REFUSED,
    UNREACHABLE,
    EntityKeys,
    FeatureRow,
    LookupPlan,
    LookupView,
    StoreError,
    damaged,
    seconds_left,
    timed_out,
)
from plimsoll.serving.online.values import DamagedValueError, Decoder, decoder

KEYS_AT_ONCE = 500
"""Keys in one statement; SQLite's own limit on variables is 32,766."""
STEPS_BETWEEN_LOOKS = 5000
"""Instructions of SQLite's machine between two looks at the clock."""
BUSY_WAIT_SECONDS = 0.002
_INTERRUPTED = 9
_BUSY = (5, 6)
_EXACT = "event_us"
_NO_TIME = "the event timestamp is damaged"


@dataclass(kw_only=True)
class _Connection:
    """A thread's own connection."""

    handle: sqlite3.Connection
    file: tuple[int, int]
    """Device and inode of the file that was opened."""
    statements: dict[int, str] = field(default_factory=dict)
    """Index of a view -> its statement up to the keys."""
    deadline: float = 0.0


class SqliteReader:
    """Reads from one SQLite file, by a connection a thread that cannot write.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._plan = LookupPlan(project="", entities=(), views=())
        self._features: list[dict[str, tuple[int, Decoder]]] = []
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def prepare(self, plan: LookupPlan) -> None:
        """Takes what will be read, once, before the first read; touches no store."""
        self._plan = plan
        self._features = [
            {item.name: (index, decoder(item.type)) for index, item in enumerate(view.features)}
            for view in plan.views
        ]

    def read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int], deadline: float
    ) -> dict[int, list[FeatureRow | None]]:
        """Reads views for keys, one query a view; see ``OnlineReader``.

        Raises:
            StoreError: if the store does not answer as it should, or not in time.
        """
        try:
            connection = self._connection()
            connection.deadline = deadline
            return {
                index: self._view(connection, index, keys[self._plan.views[index].entity].keys)
                for index in views
            }
        except sqlite3.Error as error:
            self._forget()
            raise _store_error(error) from error
        except OSError as error:
            self._forget()
            raise StoreError(
                UNREACHABLE,
                "the feature store's SQLite file cannot be read",
                cause=os.strerror(error.errno) if error.errno else type(error).__name__,
            ) from error
        except (DamagedValueError, TypeError, ValueError) as error:
            raise damaged(error) from error

    def close(self) -> None:
        """Lets go of all threads' connections."""
        with self._lock:
            opened, self._opened = self._opened, []
        for handle in opened:
            handle.close()
        self._local = threading.local()

    def _connection(self) -> _Connection:
        kept: _Connection | None = getattr(self._local, "connection", None)
        status = self._path.stat()
        file = (status.st_dev, status.st_ino)
        if kept is not None:
            if kept.file == file:
                return kept
            # Another file took its place: the old one would go on answering, unseen.
            self._forget()
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        # Closed by whichever thread ends the reader.
        handle = sqlite3.connect(
            uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        made = _Connection(handle=handle, file=file)
        handle.set_progress_handler(lambda: time.monotonic() > made.deadline, STEPS_BETWEEN_LOOKS)
        with self._lock:
            self._opened.append(handle)
        self._local.connection = made
        return made

    def _forget(self) -> None:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        self._local.connection = None
        with self._lock:
            if connection.handle in self._opened:
                self._opened.remove(connection.handle)
        connection.handle.close()

    def _view(
        self, connection: _Connection, index: int, keys: Sequence[bytes]
    ) -> list[FeatureRow | None]:
        statement = connection.statements.get(index)
        if statement is None:
            statement = self._statement(connection, self._plan.views[index])
            connection.statements[index] = statement
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = keys[start : start + KEYS_AT_ONCE]
            rows += _run(connection, f"{statement} ({','.join('?' * len(part))})", part)
        return self._gathered(index, keys, rows)

    def _statement(self, connection: _Connection, view: LookupView) -> str:
        table = _quoted(f"{self._plan.project}_{view.view.name}")
        columns = {row[1] for row in _run(connection, f"PRAGMA table_info({table})", ())}
        if not columns:
            raise StoreError(
                REFUSED,
                f"the feature store has no table of the view {view.view.name!r}",
                cause=f"project {self._plan.project!r}",
            )
        exact = _EXACT if _EXACT in columns else "NULL"
        return (
            f"SELECT entity_key, feature_name, value, event_ts, {exact} FROM {table} "
            "WHERE entity_key IN"
        )

    def _gathered(
        self, index: int, keys: Sequence[bytes], rows: Sequence[tuple[Any, ...]]
    ) -> list[FeatureRow | None]:
        features = self._features[index]
        values: dict[bytes, list[Any]] = {}
        times: dict[bytes, int] = {}
        known: dict[Any, int] = {}
        for key, name, value, event, exact in rows:
            feature = features.get(name)
            if feature is None:
                continue
            row = values.get(key)
            if row is None:
                row = values[key] = [None] * len(features)
            row[feature[0]] = feature[1](value)
            at = exact
            if at is None and (at := known.get(event)) is None:
                at = known[event] = _event_us(event)
            elif type(at) is not int:
                raise DamagedValueError(_NO_TIME)
            # A key's features are written together; where they were not, the oldest counts.
            if at < times.setdefault(key, at):
                times[key] = at
        return [
            FeatureRow(times[key], tuple(values[key])) if key in values else None for key in keys
        ]


def _run(connection: _Connection, statement: str, values: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Runs one statement; one that finds a writer in its way tries again until the deadline."""
    while True:
        left = seconds_left(connection.deadline)
        try:
            return connection.handle.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY:
                raise
        time.sleep(min(left, BUSY_WAIT_SECONDS))


def _event_us(stored: Any) -> int:
    try:
        if isinstance(stored, int):
            return calendar.timegm(time.localtime(stored)) * 1_000_000
        # What Feast's older adapter wrote.
        return microseconds(stored)
    except (AttributeError, ValueError, OverflowError, OSError) as error:
        raise DamagedValueError(_NO_TIME) from error


def _store_error(error: sqlite3.Error) -> StoreError:
    code = _code(error)
    if code == _INTERRUPTED:
        return timed_out()
    if code is None:
        # Not SQLite's but Python's: text that is not UTF-8, which its own words would show.
        return StoreError(DAMAGED, "the feature store holds a damaged value")
    return StoreError(REFUSED, "the feature store's SQLite file does not answer", cause=str(error))


def _code(error: sqlite3.Error) -> int | None:
    """Returns SQLite's own code of an error; None for one that Python raised."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
