"""An online store in SQLite that an older value never gets into: Feast's layout, and one rule.

``online_store: {type: plimsoll.feature_store.sqlite.NewestSqliteOnlineStore, path: ...}``. A
value is replaced only by one whose (event timestamp, created timestamp) is the same or later, in
the statement that writes it, so that writers at once, repeated batches and backfills all end in
the same state. Feast's own class reads and writes the same tables.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.protos.feast.types.Value_pb2 import Value

from plimsoll.feature_store.offline.sql_text import quoted
from plimsoll.feature_store.online.encoding import EncodedRows, encode_protos
from plimsoll.timestamps import EPOCH, SECOND_US, timestamp_of

ROWS_AT_ONCE = 10_000
"""Of one transaction."""
KEYS_AT_ONCE = 10_000
"""Of one query; SQLite takes 32,766 parameters."""
WAIT_S = 0.05
EXACT = ("event_us", "created_us")
"""Columns beside Feast's: both timestamps in microseconds UTC; Feast keeps whole seconds in the
zone of the machine that writes."""
COLUMNS = (
    "entity_key BLOB, feature_name TEXT, value BLOB, value_text TEXT, vector_value BLOB, "
    "event_ts timestamp, created_ts timestamp, event_us INTEGER, created_us INTEGER, "
    "PRIMARY KEY(entity_key, feature_name)"
)
NO_CREATED = -(1 << 63)


class NewestSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """Configuration of ``NewestSqliteOnlineStore``."""

    type: Literal["plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"] = (
        "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore"
    )
    """The class."""
    busy_timeout_ms: int = 10_000
    """How long a writer waits for another one; then it is an error."""


class NewestSqliteOnlineStore(SqliteOnlineStore):
    """Feast's SQLite store, with the newest value winning."""

    _conn: sqlite3.Connection | None = None

    def __init__(self) -> None:
        super().__init__()
        self._writing = threading.Lock()
        self._ready: set[str] = set()

    def online_write_batch(
        self,
        config: Any,
        table: Any,
        data: list[Any],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Writes rows as Feast hands them over, and says how many."""
        version = config.entity_key_serialization_version
        for rows in encode_protos(data, key_version=version, texts=True):
            self.write_rows(config, table, rows)
            if progress:
                progress(len(rows))

    def write_rows(self, config: Any, table: Any, rows: EncodedRows) -> None:
        """Writes encoded rows, each transaction whole or not at all.

        Args:
            config: Feast's configuration.
            table: The feature view.
            rows: The rows, with texts.
        """
        name = _table_name(config, table)
        with self._writing:
            connection = self._get_conn(config)
            self._prepare(connection, name)
            statement = _upsert(name)
            for part in rows.slices(ROWS_AT_ONCE):
                with _transaction(connection):
                    connection.executemany(statement, _parameters(part))

    def online_read(
        self,
        config: Any,
        table: Any,
        entity_keys: list[Any],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, Any] | None]]:
        """Reads rows, with the exact event timestamp where it is kept.

        Args:
            config: Feast's configuration.
            table: The feature view.
            entity_keys: Whose values.
            requested_features: Which; None: all.

        Returns:
            The event timestamp (UTC) and the values of each key; both None where there are none.
        """
        version = config.entity_key_serialization_version
        keys = [serialize_entity_key(key, version) for key in entity_keys]
        connection = self._get_conn(config)
        name = _table_name(config, table)
        self._prepare(connection, name)
        wanted = set(requested_features or [item.name for item in table.features])
        by_key: dict[bytes, tuple[datetime | None, dict[str, Any]]] = {}
        for key, feature, value, stored, exact in _select(connection, name, keys):
            if feature in wanted:
                event, values = by_key.get(key, (None, {}))
                values[feature] = Value.FromString(value)
                timestamp = stored.replace(tzinfo=UTC) if exact is None else timestamp_of(exact)
                # As a server does: of features written apart the oldest time counts.
                by_key[key] = (min(timestamp, event or timestamp), values)
        return [by_key.get(key, (None, None)) for key in keys]

    def update(
        self,
        config: Any,
        tables_to_delete: Sequence[Any],
        tables_to_keep: Sequence[Any],
        entities_to_delete: Sequence[Any],
        entities_to_keep: Sequence[Any],
        partial: bool,
    ) -> None:
        """Makes the tables of new views, and drops those of removed ones."""
        connection = self._get_conn(config)
        with self._writing:
            if not _is_searched(config.online_store):
                for view in tables_to_keep:
                    # One tree in the order of the key: a row is written once, not three times.
                    connection.execute(
                        f"CREATE TABLE IF NOT EXISTS {quoted(_table_name(config, view))} "
                        f"({COLUMNS}) WITHOUT ROWID"
                    )
                tables_to_keep = []
            super().update(
                config, tables_to_delete, tables_to_keep, entities_to_delete, entities_to_keep,
                partial,
            )  # fmt: skip
            self._ready.clear()

    def teardown(self, config: Any, tables: Sequence[Any], entities: Sequence[Any]) -> None:
        """Removes the file, and what lies beside it."""
        super().teardown(config, tables, entities)
        self._ready.clear()
        for ending in ("-wal", "-shm"):
            Path(f"{self._get_db_path(config)}{ending}").unlink(missing_ok=True)

    def _get_conn(self, config: Any) -> sqlite3.Connection:
        if self._conn is None:
            path = Path(self._get_db_path(config))
            path.parent.mkdir(parents=True, exist_ok=True)
            seconds = config.online_store.busy_timeout_ms / 1000
            connection = sqlite3.connect(
                path,
                timeout=seconds,
                detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES,
                check_same_thread=False,
                isolation_level=None,
            )
            _write_ahead(connection, seconds)
            self._conn = connection
        return self._conn

    def _prepare(self, connection: sqlite3.Connection, name: str) -> None:
        """Adds the exact timestamps' columns to a table that plain Feast made."""
        if name in self._ready:
            return
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({quoted(name)})")}
        if not columns:
            return
        for column in EXACT:
            if column not in columns:
                _add_column(connection, name, column)
        connection.execute(_reset_trigger(name))
        self._ready.add(name)


def _table_name(config: Any, view: Any) -> str:
    versions = config.registry.enable_online_feature_view_versioning
    return str(compute_table_id(config.project, view, versions))


def _is_searched(online_store: Any) -> bool:
    """Says if vectors or texts are searched, for which Feast needs row ids."""
    return bool(
        online_store.vector_enabled
        or online_store.text_search_enabled
        or online_store.enable_openai_compatible_store
    )


def _reset_trigger(name: str) -> str:
    """Returns a trigger: where plain Feast wrote, the exact time of the value before is gone."""
    return (
        f"CREATE TRIGGER IF NOT EXISTS {quoted(f'{name}_exact')} "
        f"AFTER UPDATE OF event_ts ON {quoted(name)} "
        f"WHEN new.event_us IS old.event_us AND new.event_ts IS NOT old.event_ts "
        f"BEGIN UPDATE {quoted(name)} SET event_us = NULL, created_us = NULL "
        f"WHERE entity_key = new.entity_key AND feature_name = new.feature_name; END"
    )


def _upsert(name: str) -> str:
    table = quoted(name)
    columns = ("value", "value_text", "event_ts", "created_ts", *EXACT)
    replaced = ", ".join(f"{column} = excluded.{column}" for column in columns)
    # Where plain Feast wrote last there is no exact time.
    return (
        f"INSERT INTO {table} AS kept (entity_key, feature_name, {', '.join(columns)}) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        f"ON CONFLICT(entity_key, feature_name) DO UPDATE SET {replaced} "
        f"WHERE excluded.event_us > kept.event_us "
        f"OR (excluded.event_us = kept.event_us AND "
        f"coalesce(excluded.created_us, {NO_CREATED}) >= coalesce(kept.created_us, {NO_CREATED})) "
        f"OR (kept.event_us IS NULL AND excluded.event_ts >= kept.event_ts)"
    )


def _parameters(rows: EncodedRows) -> Iterator[tuple[Any, ...]]:
    """Yields a value a row, in the order of the keys, which spares the tree many a jump."""
    events = _stored_seconds(rows.event_us)
    created = _stored_seconds(rows.created_us)
    features = list(zip(rows.features, rows.values, rows.texts, strict=True))
    keys = rows.keys
    # Of a key that comes twice the later row stays the later one.
    for row in sorted(range(len(keys)), key=keys.__getitem__):
        key = keys[row]
        times = (events[row], created[row], rows.event_us[row], rows.created_us[row])
        for name, values, texts in features:
            yield (key, name, values[row], texts[row], *times)


def _stored_seconds(times_us: Sequence[int | None]) -> list[int | None]:
    """Returns timestamps as Feast stores them, so that it reads the right one in this zone.

    It takes the UTC time of day for one of the machine's zone when it writes, and back when it
    reads.
    """
    known: dict[int | None, int | None] = {None: None}
    for us in set(times_us):
        if us is not None:
            naive = EPOCH + timedelta(seconds=us // SECOND_US)
            known[us] = int(naive.timestamp())
    return [known[us] for us in times_us]


def _select(
    connection: sqlite3.Connection, name: str, keys: Sequence[bytes]
) -> Iterator[tuple[bytes, str, bytes, datetime, int | None]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        yield from connection.execute(
            f"SELECT entity_key, feature_name, value, event_ts, event_us FROM {quoted(name)} "
            f"WHERE entity_key IN ({','.join('?' * len(some))})",
            some,
        )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # At once a writer's: one that reads first and writes later can be refused without a wait.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    """Lets readers read while one writes; the switch itself does not wait for others."""
    connection.execute("PRAGMA synchronous = NORMAL")
    until = time.monotonic() + seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(WAIT_S)


def _add_column(connection: sqlite3.Connection, name: str, column: str) -> None:
    try:
        connection.execute(f"ALTER TABLE {quoted(name)} ADD COLUMN {column} INTEGER")
    except sqlite3.OperationalError as error:
        # Another process was first.
        if "duplicate column name" not in str(error):
            raise
