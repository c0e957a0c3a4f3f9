"""Values as Feast's online stores keep them: protobuf messages of one field, read by hand.

Feast's ``Value`` holds one field of its oneof; ``google.protobuf.Timestamp`` holds seconds and
nanoseconds. Whatever is not exactly such a message of the declared type is an error, never a
guess. Reading by hand is several times faster than protobuf's Python objects, and needs no
package. Wire format: https://protobuf.dev/programming-guides/encoding/.
"""

import datetime
import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from plimsoll.timestamps import EPOCH

Decoder = Callable[[bytes | None], Any]
"""A stored value's bytes, or None for none -> what a request would give; None for no value."""

REMEMBERED = 1 << 14
"""Whole numbers of each kind whose bytes are remembered: they come again, and are slow to read."""
NO_TIME = -(2**63)
"""What Feast writes for a missing UNIX_TIMESTAMP."""

_STRING_TAG = 2 << 3 | 2
_INT32_TAG = 3 << 3
_INT64_TAG = 4 << 3
_DOUBLE_TAG = 5 << 3 | 1
_FLOAT_TAG = 6 << 3 | 5
_BOOL_TAG = 7 << 3
_TIME_TAG = 8 << 3
_NULLS = (None, b"", b"\x98\x01\x00")
"""No bytes, an empty message, and ``null_val: NULL``."""
_LONGEST_VARINT = 10
_NANOSECONDS = range(1_000_000_000)
_unpack_double = struct.Struct("<d").unpack_from
_unpack_float = struct.Struct("<f").unpack_from
_FLOAT32 = struct.Struct("<f")


class DamagedValueError(ValueError):
    """Bytes that are not a value of the declared type; the text never holds the value."""


def decoder(value_type: str) -> Decoder:
    """Returns what reads the stored values of a declared type.

    Floats and doubles give a float (a FLOAT exactly what 32 bits hold), NaN gives None; times
    give ISO 8601 text in UTC, as requests do.

    Args:
        value_type: ``INT32``, ``INT64``, ``FLOAT``, ``DOUBLE``, ``BOOL``, ``STRING`` or
            ``UNIX_TIMESTAMP``.

    Raises:
        KeyError: if the type is another.
    """
    return _DECODERS[value_type]


@lru_cache(maxsize=REMEMBERED)
def event_microseconds(data: bytes) -> int:
    """Returns the microseconds since 1970 of a ``google.protobuf.Timestamp``.

    Raises:
        DamagedValueError: if the bytes are no such message.
    """
    seconds = nanoseconds = place = 0
    if data[:1] == b"\x08":
        seconds, place = _varint(data, 1)
        seconds = _signed(seconds)
    if data[place : place + 1] == b"\x10":
        nanoseconds, place = _varint(data, place + 1)
    if place != len(data) or nanoseconds not in _NANOSECONDS:
        raise DamagedValueError("the event timestamp is damaged")
    return seconds * 1_000_000 + nanoseconds // 1000


def settled(value_type: str, value: Any) -> Any:
    """Returns a computed or a JSON value as the store would have kept and given it.

    Args:
        value_type: The declared type.
        value: A plain value; a time as a datetime, or as seconds since 1970.

    Raises:
        DamagedValueError: if the value is not of the type.
    """
    if value is None:
        return None
    try:
        return _SETTLERS[value_type](value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedValueError(f"a value is not of the type {value_type}") from error


def _double(data: bytes | None) -> float | None:
    if data in _NULLS:
        return None
    if len(data) != 9 or data[0] != _DOUBLE_TAG:
        raise _not("DOUBLE")
    value: float = _unpack_double(data, 1)[0]
    return value if value == value else None  # noqa: PLR0124  (NaN alone is not itself)


def _float(data: bytes | None) -> float | None:
    if data in _NULLS:
        return None
    if len(data) != 5 or data[0] != _FLOAT_TAG:
        raise _not("FLOAT")
    value: float = _unpack_float(data, 1)[0]
    return value if value == value else None  # noqa: PLR0124  (NaN alone is not itself)


@lru_cache(maxsize=REMEMBERED)
def _int64(data: bytes | None) -> int | None:
    if data in _NULLS:
        return None
    return _number(data, _INT64_TAG, "INT64")


@lru_cache(maxsize=REMEMBERED)
def _int32(data: bytes | None) -> int | None:
    if data in _NULLS:
        return None
    value = _number(data, _INT32_TAG, "INT32")
    if not -(2**31) <= value < 2**31:
        raise _not("INT32")
    return value


def _bool(data: bytes | None) -> bool | None:
    if data in _NULLS:
        return None
    value = _number(data, _BOOL_TAG, "BOOL")
    if value not in (0, 1):
        raise _not("BOOL")
    return value == 1


@lru_cache(maxsize=REMEMBERED)
def _time(data: bytes | None) -> str | None:
    if data in _NULLS:
        return None
    return _moment(_number(data, _TIME_TAG, "UNIX_TIMESTAMP"))


def _string(data: bytes | None) -> str | None:
    if data in _NULLS:
        return None
    if len(data) < 2 or data[0] != _STRING_TAG:
        raise _not("STRING")
    length, place = (data[1], 2) if data[1] < 0x80 else _varint(data, 1)
    if place + length != len(data):
        raise _not("STRING")
    try:
        return data[place:].decode()
    except UnicodeDecodeError:
        raise _not("STRING") from None


_DECODERS: Mapping[str, Decoder] = {
    "INT32": _int32,
    "INT64": _int64,
    "FLOAT": _float,
    "DOUBLE": _double,
    "BOOL": _bool,
    "STRING": _string,
    "UNIX_TIMESTAMP": _time,
}


def _number(data: bytes, tag: int, value_type: str) -> int:
    if len(data) < 2 or data[0] != tag:
        raise _not(value_type)
    if len(data) == 2 and data[1] < 0x80:
        return data[1]
    value, place = _varint(data, 1)
    if place != len(data):
        raise _not(value_type)
    return _signed(value)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns an unsigned number of 64 bits, and where it ended."""
    value = 0
    for count, byte in enumerate(data[place : place + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, place + count + 1
    raise DamagedValueError("a stored number is damaged")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _not(value_type: str) -> DamagedValueError:
    return DamagedValueError(f"a stored value is not of the type {value_type}")


def _moment(seconds: int) -> str | None:
    if seconds == NO_TIME:
        return None
    try:
        return (EPOCH + datetime.timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        raise DamagedValueError("a stored time is out of the calendar") from None


def _settled_float(value: Any) -> float | None:
    number = _settled_double(value)
    if number is None or math.isinf(number):
        return number
    result: float = _FLOAT32.unpack(_FLOAT32.pack(number))[0]
    return result


def _settled_double(value: Any) -> float | None:
    # A feature server writes what JSON has no number for as these words.
    if isinstance(value, bool) or (
        isinstance(value, str) and value not in ("NaN", "Infinity", "-Infinity")
    ):
        raise TypeError
    number = float(value)
    return number if number == number else None  # noqa: PLR0124


def _settled_int(value: Any, bits: int) -> int | None:
    if isinstance(value, bool | str):
        raise TypeError
    if isinstance(value, float) and math.isnan(value):
        return None
    number = int(value)
    if number != value or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError
    return number


def _settled_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _settled_string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _settled_time(value: Any) -> str | None:
    if isinstance(value, datetime.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        value = int(aware.timestamp())
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return _moment(value)


_SETTLERS: Mapping[str, Callable[[Any], Any]] = {
    "INT32": lambda value: _settled_int(value, 32),
    "INT64": lambda value: _settled_int(value, 64),
    "FLOAT": _settled_float,
    "DOUBLE": _settled_double,
    "BOOL": _settled_bool,
    "STRING": _settled_string,
    "UNIX_TIMESTAMP": _settled_time,
}
