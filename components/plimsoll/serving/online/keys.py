"""Entity keys as Feast serializes them (version 3), and the hash fields of its Redis store.

The layout is that of Feast's ``key_encoding_utils``: the number of join keys, each join key as
type, length and text, sorted by name, then each value as type, length and bytes. All numbers are
little-endian and unsigned.
"""

import datetime
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plimsoll import timestamps
from plimsoll.errors import ArtifactError
from plimsoll.formats.feature_plan import Key

KEY_VERSION = 3
"""The only ``entity_key_serialization_version`` that Feast still writes."""
DUMMY_VALUE = ""
"""The key of a view without entities, as Feast has it."""

_STRING = 2
_INT32 = 3
_INT64 = 4
_UNIX_TIMESTAMP = 8
_HEAD = struct.Struct("<II")
_INT32_PART = struct.Struct("<IIi")
_INT64_PART = struct.Struct("<IIq")
_INT32_RANGE = range(-(2**31), 2**31)
_INT64_RANGE = range(-(2**63), 2**63)


class WrongKeyError(ValueError):
    """A value that cannot be the key's type; its text says why, if there is more to say."""


def part_type(value_type: str) -> Callable[[Any], bytes]:
    """Returns what turns one value of a key into its bytes.

    Args:
        value_type: Feast's value type of the key.

    Raises:
        ArtifactError: if Feast does not serialize keys of this type.
    """
    if value_type not in _PARTS:
        raise ArtifactError(
            f"an entity key of the type {value_type} cannot be looked up",
            cause="Feast does not serialize it",
            choices=tuple(_PARTS),
        )
    return _PARTS[value_type]


class KeyWriter:
    """Serializes the keys of one entity.

    Args:
        keys: The parts of the key, in any order.

    Raises:
        ArtifactError: if Feast does not serialize a part's type.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        order = sorted(range(len(keys)), key=lambda index: keys[index].join_key)
        self._prefix = key_prefix([keys[index].join_key for index in order])
        self._parts = [(index, part_type(keys[index].type)) for index in order]

    def write(self, values: Sequence[Any]) -> bytes:
        """Returns a key's bytes.

        Args:
            values: One a part, in the order in which the parts were given; none is None.

        Raises:
            WrongKeyError: if a value is not of its part's type.
        """
        return self._prefix + b"".join([part(values[index]) for index, part in self._parts])


def key_prefix(join_keys: Sequence[str]) -> bytes:
    """Returns what the keys of an entity begin with: its join keys, which must be sorted."""
    names = [name.encode() for name in join_keys]
    return struct.pack("<I", len(names)) + b"".join(
        _HEAD.pack(_STRING, len(name)) + name for name in names
    )


def normal(value_type: str, value: Any) -> Any:
    """Returns a request's value as a key's part: text or a whole number; None if there is none.

    Args:
        value_type: Feast's value type of the key.
        value: What JSON or a tensor gave: text, a number, null; a time as ISO 8601 text.

    Raises:
        WrongKeyError: if the value is of another type, or does not fit.
    """
    if value is None:
        return None
    return _NORMAL[value_type](value)


def hash_field(view: str, feature: str) -> bytes:
    """Returns the field of Feast's Redis hash that holds a feature: 4 bytes of murmur3."""
    import mmh3

    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def time_field(view: str) -> bytes:
    """Returns the field of Feast's Redis hash that holds a view's event timestamp."""
    return f"_ts:{view}".encode()


def microseconds(text: str) -> int:
    """Returns the microseconds since 1970, UTC, of ISO 8601 text; without a zone it is UTC.

    Raises:
        ValueError: if it is no such text.
        OverflowError: if its zone leads out of the calendar.
    """
    return timestamps.microseconds(datetime.datetime.fromisoformat(text.strip()))


def _text_part(value: Any) -> bytes:
    data: bytes = value.encode()
    return _HEAD.pack(_STRING, len(data)) + data


_PARTS: Mapping[str, Callable[[Any], bytes]] = {
    "STRING": _text_part,
    "INT32": lambda value: _INT32_PART.pack(_INT32, 4, value),
    "INT64": lambda value: _INT64_PART.pack(_INT64, 8, value),
    "UNIX_TIMESTAMP": lambda value: _INT64_PART.pack(_UNIX_TIMESTAMP, 8, value),
}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongKeyError
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise WrongKeyError(error.reason) from None
    return value


def _whole(value: Any, within: range) -> int | None:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value % 1:
            raise WrongKeyError
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongKeyError
    if value not in within:
        raise WrongKeyError(f"out of range: {within.start} to {within.stop - 1}")
    return value


def _seconds(value: Any) -> int:
    if not isinstance(value, str):
        raise WrongKeyError
    try:
        us = microseconds(value)
    except (ValueError, OverflowError) as error:
        raise WrongKeyError(str(error)) from None
    # Toward zero, as Feast's int() of a datetime's timestamp.
    return us // 1_000_000 if us >= 0 else -(-us // 1_000_000)


_NORMAL: Mapping[str, Callable[[Any], Any]] = {
    "STRING": _text,
    "INT32": lambda value: _whole(value, _INT32_RANGE),
    "INT64": lambda value: _whole(value, _INT64_RANGE),
    "UNIX_TIMESTAMP": _seconds,
}
