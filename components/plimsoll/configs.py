"""Configurations: frozen dataclasses that travel from a pipeline's input as one JSON text."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, TypeVar

from plimsoll.errors import ConfigError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")


def from_json(kind: type[Config], text: str, name: str) -> Config:
    """Reads a config from JSON text; empty text is the default.

    Args:
        kind: The dataclass; it checks its values on creation.
        text: A JSON object of its fields.
        name: What to call it in errors: ``train config``.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    try:
        values = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigError(f"{name}: it is not JSON", cause=str(error)) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: it must be a JSON object", cause=f"it is {text.strip()[:60]}")
    known = tuple(item.name for item in dataclasses.fields(kind))
    for field in values:
        if field not in known:
            raise ConfigError(
                f"{name}: there is no field {field!r}", cause=nearest(field, known), choices=known
            )
    return kind(**values)


def check_whole(name: str, field: str, value: Any, least: int) -> None:
    """Refuses what is not a whole number from ``least`` upwards.

    Raises:
        ConfigError: if it is not one.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(
            f"{name}: {field} must be a whole number from {least} upwards",
            cause=f"it is {value!r}",
        )
