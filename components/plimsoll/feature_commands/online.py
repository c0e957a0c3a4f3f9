"""What an online store holds for one row, read through Feast's own interface of its stores."""

import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from plimsoll.feature_commands.rows import store_value
from plimsoll.feature_store.repository.model import Repository
from plimsoll.formats.feature_plan import View

SECONDS = 20.0
"""How long a store may take to answer."""
NO_ENTITY = "__dummy"
"""Feast's entity of views that have none."""
_SECRET = re.compile("password|secret|token|key", re.IGNORECASE)
_IN_TEXT = re.compile(r"(?:password=|://[^@/\s]*:)([^,@\s]+)")


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """What a store holds of one view for one key."""

    event: datetime | None = None
    """When what the values tell of happened; None: there is nothing for the key."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Feature of the view -> value; None where it has none."""


@dataclass(frozen=True, kw_only=True)
class OnlineRows:
    """What the online store holds for one row."""

    rows: tuple[StoredRow, ...]
    """By view, in the plan's order."""
    trouble: str = ""
    """Why it could not be read; empty: it could."""


def read_online(opened: Repository, views: tuple[View, ...], row: Mapping[str, Any]) -> OnlineRows:
    """Reads what the online store holds for a row."""
    nothing = tuple(StoredRow() for _ in views)
    if trouble := missing_store(opened):
        return OnlineRows(rows=nothing, trouble=trouble)
    rows, error = call_with_timeout(lambda: tuple(_stored_row(opened, view, row) for view in views))
    if error is not None:
        return OnlineRows(
            rows=nothing, trouble=f"the online store gives no answer: {error_text(error, opened)}"
        )
    return OnlineRows(rows=rows)


def missing_store(opened: Repository) -> str:
    """Says that there is no online store yet, which reading from it would make; or nothing."""
    config = opened.config.online_store
    if config is None:
        return "the repository's configuration names no online store"
    path = str(getattr(config, "path", ""))
    is_file = bool(path) and "sqlite" in str(config.type).lower()
    if is_file and not (opened.folder / path).is_file():
        return f"the online store {path} is not there yet: nothing was materialised"
    return ""


def join_keys(opened: Repository, view: Any) -> list[str]:
    """Returns the join keys of a view, none for one without entities: Feast's own is no column."""
    named = [opened.entities[name] for name in view.entities if name in opened.entities]
    return [entity.join_key for entity in named if entity.name != NO_ENTITY]


def call_with_timeout(
    call: Callable[[], Any], seconds: float = SECONDS
) -> tuple[Any, Exception | None]:
    """Returns what a call gives, or its error: its own, or that it takes too long.

    Args:
        call: Asks a store; clients may wait for one for ever.
        seconds: How long it may take.
    """
    results: list[Any] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # stores are plug-ins, and raise what their clients raise
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return None, TimeoutError(f"no answer in {seconds:g} s")
    return (None, errors[0]) if errors else (results[0], None)


def error_text(error: Exception, opened: Repository) -> str:
    """Returns what went wrong, in one line and without the secrets of the configuration."""
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    config = opened.config
    parts = (config.online_store, config.offline_store, config.registry)
    secrets = {secret for part in parts for secret in _secrets(part)}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _stored_row(opened: Repository, view: View, row: Mapping[str, Any]) -> StoredRow:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.type_map import python_values_to_proto_values
    from feast.value_type import ValueType

    keys = {key.join_key: (key.type, row[key.column] if key.column else "") for key in view.keys}
    if any(value is None for _, value in keys.values()):
        return StoredRow()
    entity = EntityKey(
        join_keys=list(keys),
        entity_values=[
            python_values_to_proto_values([store_value(value, kind)], ValueType[kind])[0]
            for kind, value in keys.values()
        ],
    )
    names = [item.name for item in view.features]
    store, config = opened.store.provider.online_store, opened.store.config
    ((event, values),) = store.online_read(config, opened.views[view.name], [entity], names)
    if event is None or values is None:
        return StoredRow()
    event = event.replace(tzinfo=UTC) if event.tzinfo is None else event.astimezone(UTC)
    return StoredRow(event=event, values={name: _plain(values.get(name)) for name in names})


def _plain(value: Any) -> Any:
    """Returns a stored value as JSON has it."""
    from feast.type_map import feast_value_type_to_python_type

    plain_value = None if value is None else feast_value_type_to_python_type(value)
    return plain(plain_value)


def plain(value: Any) -> Any:
    """Returns a value as JSON has it: null for NaN, text for a time."""
    if isinstance(value, datetime):
        timestamp = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return timestamp.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _secrets(config: Any) -> Iterator[str]:
    for name, value in vars(config).items() if config is not None else ():
        if not isinstance(value, str) or not value:
            continue
        if _SECRET.search(name):
            yield value
        yield from _IN_TEXT.findall(value)
