"""Writes rows of a feature view into the online store that a repository names."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError, PlimsollError
from plimsoll.feature_store.online.encoding import (
    CREATED_US,
    EVENT_US,
    ViewSchema,
    cast_as_declared,
    encode_rows,
)
from plimsoll.feature_store.repository.model import Repository
from plimsoll.timestamps import timestamp_of

HINT = "start the store, correct online_store in the feature repository, and run this again"
HINTS = {
    "SQLITE_BUSY": "wait for what holds the store's file, or end it, and run this again",
    "SQLITE_FULL": "free some disk where the store's file is, and run this again",
}


class OnlineWriter:
    """Writes batches of one view's rows.

    Args:
        store: Feast's ``FeatureStore``.
        view: Feast's feature view.
        schema: Its columns.

    Raises:
        DataError: if the repository names no online store.
    """

    def __init__(self, store: Any, view: Any, schema: ViewSchema) -> None:
        self._store = store
        self._view = view
        self._schema = schema
        if store.config.online_store is None:
            raise DataError(
                "the feature repository names no online store",
                hint="name one: online_store: {type: "
                "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore, path: data/online.db}",
            )
        with translate_errors(store):
            self._online = store._get_provider().online_store

    @property
    def keeps_newest(self) -> bool:
        """If the store itself never lets an older row replace a newer one."""
        return hasattr(self._online, "write_rows")

    def write(self, batch: pa.RecordBatch) -> None:
        """Writes rows; when it returns they are there.

        Args:
            batch: The view's keys and features, ``EVENT_US`` and ``CREATED_US``.

        Raises:
            DataError: if a value does not fit its declared type, or the store cannot be written.
        """
        if self.keeps_newest:
            rows = encode_rows(batch, self._schema, texts=True)
            with translate_errors(self._store):
                self._online.write_rows(self._store.config, self._view, rows)
        else:
            protos = _protos(batch, self._schema)
            with translate_errors(self._store):
                self._online.online_write_batch(self._store.config, self._view, protos, None)


def apply_definitions(repository: Repository, seconds: float) -> tuple[str, ...]:
    """Brings a repository's registry and its online store's tables up to its definitions.

    Args:
        repository: The repository.
        seconds: How long to wait for a registry that another holds.

    Returns:
        What is to be said of it, a sentence each.

    Raises:
        DataError: if the registry is locked, or it or the online store cannot be written.
    """
    if repository.definitions is None:
        return ("the repository has no definitions: its registry was taken as it is",)
    try:
        differences = repository.apply(seconds)
    except PlimsollError:
        raise
    except Exception as error:
        raise DataError(
            f"the feature repository {repository.where} could not be applied",
            cause=_safe_text(error),
            hint="see that its registry and its online store can be reached and written",
        ) from error
    return (
        (f"applied {len(differences)} definitions that the registry did not have",)
        if differences
        else ()
    )


@contextmanager
def translate_errors(store: Any) -> Iterator[None]:
    """Turns what goes wrong in an online store into an error that says so.

    Args:
        store: Feast's ``FeatureStore``, whose online store the block uses.

    Raises:
        DataError: if the block fails with anything but an error of ours.
    """
    try:
        yield
    except PlimsollError:
        raise
    except Exception as error:
        kind = str(store.config.online_store.type).rpartition(".")[2]
        raise DataError(
            f"the online store ({kind}) cannot be written",
            cause=_safe_text(error),
            hint=HINTS.get(getattr(error, "sqlite_errorname", ""), HINT),
        ) from error


def _safe_text(error: Exception) -> str:
    """Returns an error's text where it is known not to tell what a store was connected with."""
    if isinstance(error, sqlite3.Error) or type(error).__module__.startswith("redis"):
        return f"{type(error).__name__}: {error}"[:300]
    return type(error).__name__


def _protos(batch: pa.RecordBatch, schema: ViewSchema) -> list[Any]:
    """Returns rows as Feast hands them to an online store."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.type_map import python_values_to_proto_values
    from feast.value_type import ValueType

    kinds = {**schema.keys, **schema.features}
    columns = {
        name: python_values_to_proto_values(column.to_pylist(), ValueType[kinds[name]])
        for name, column in cast_as_declared(batch, schema).items()
    }
    events = [timestamp_of(us) for us in batch.column(EVENT_US).to_pylist()]
    created = [
        None if us is None else timestamp_of(us) for us in batch.column(CREATED_US).to_pylist()
    ]
    return [
        (
            EntityKey(
                join_keys=list(schema.keys),
                entity_values=[columns[key][row] for key in schema.keys],
            ),
            {name: columns[name][row] for name in schema.features},
            events[row],
            created[row],
        )
        for row in range(batch.num_rows)
    ]
