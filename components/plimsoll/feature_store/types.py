"""Feast's value types and the dataset's column types; values cast as their type is declared.

A source may keep a feature more exactly than it is declared. The online store cannot, so the
declared type counts on both sides: a FLOAT is rounded to 32 bits, a UNIX_TIMESTAMP cut to whole
seconds, an INT32 checked. Null and NaN both are no value.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import ConfigError, DataError
from plimsoll.formats.dataset import ARROW_TYPES
from plimsoll.formats.feature_plan import COLUMN_TYPES
from plimsoll.timestamps import SECOND_US

INT_RANGES: Mapping[str, tuple[int, int]] = {
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
}
KEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "INT32": ("int",),
    "INT64": ("int",),
    "STRING": ("string",),
    "UNIX_TIMESTAMP": ("timestamp",),
}
"""Value type of an entity key -> types of the dataset's columns that can be one."""


def value_type(field: Any, what: str) -> str:
    """Returns the name of a Feast field's value type.

    Args:
        field: Feast's ``Field``.
        what: What to call it in errors: ``the feature view 'weather'``.

    Raises:
        ConfigError: if a dataset cannot keep such values: lists, vectors, bytes, maps.
    """
    name = str(field.dtype.to_value_type().name)
    if name not in COLUMN_TYPES:
        raise ConfigError(
            f"{what} declares {field.name!r} as {name}, which a dataset cannot keep",
            choices=tuple(COLUMN_TYPES),
            hint="leave it out of the feature service, or declare one value of a row at a time",
        )
    return name


def column_type(kind: str) -> pa.DataType:
    """Returns the Arrow type that a dataset keeps values of a declared type in."""
    return ARROW_TYPES[COLUMN_TYPES[kind]]


def as_declared(values: Any, kind: str, what: str) -> pa.Array:
    """Casts values to their declared type, in the dataset's own column type.

    Args:
        values: An Arrow array or chunked array, of any length.
        kind: The declared value type: one of ``COLUMN_TYPES``.
        what: What to call them in errors: ``the feature 'temp' of 'weather'``.

    Returns:
        An array of ``column_type(kind)``, nulls where there is no value.

    Raises:
        DataError: if a value does not fit its declared type.
    """
    array = _flat(values)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), column_type(kind))
    try:
        return _CASTS[COLUMN_TYPES[kind]](array, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, _UnfitError) as error:
        raise DataError(
            f"{what} is declared as {kind}, and its values do not fit that",
            # Arrow tells the value, which may be private.
            cause=str(error) if isinstance(error, _UnfitError) else f"they come as {array.type}",
            hint="declare the type that the source has, or cast the source",
        ) from None


class _UnfitError(ValueError):
    """Values are of a type, or out of a range, that the declared type does not have."""


def _flat(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values


def _ints(array: pa.Array, kind: str) -> pa.Array:
    if pa.types.is_floating(array.type):
        # Whole numbers come as floats where a table had no other way to say null.
        array = _without_nan(array)
        whole = pc.equal(array, pc.trunc(array))
        if pc.any(pc.invert(whole)).as_py():
            raise _UnfitError("some of them are not whole numbers")
    elif not pa.types.is_integer(array.type):
        raise _UnfitError(f"they come as {array.type}")
    low, high = INT_RANGES[kind]
    try:
        numbers = array.cast(pa.int64())
    except pa.ArrowInvalid:
        raise _UnfitError(f"some of them are outside of {low} to {high}") from None
    fits = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
    if pc.any(pc.invert(fits)).as_py():
        raise _UnfitError(f"some of them are outside of {low} to {high}")
    return numbers


def _floats(array: pa.Array, kind: str) -> pa.Array:
    number = pa.types.is_floating(array.type) or pa.types.is_integer(array.type)
    if not number and not pa.types.is_decimal(array.type):
        raise _UnfitError(f"they come as {array.type}")
    # Large whole numbers are rounded, as any store of floats rounds them.
    array = _without_nan(array.cast(pa.float64(), safe=False))
    if kind == "DOUBLE":
        return array
    rounded = array.cast(pa.float32(), safe=False)
    if pc.any(pc.and_(pc.is_finite(array), pc.invert(pc.is_finite(rounded)))).as_py():
        raise _UnfitError("some of them are too large for 32 bits")
    return rounded.cast(pa.float64())


def _without_nan(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def _bools(array: pa.Array, _: str) -> pa.Array:
    if not pa.types.is_boolean(array.type):
        raise _UnfitError(f"they come as {array.type}")
    return array


def _strings(array: pa.Array, _: str) -> pa.Array:
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise _UnfitError(f"they come as {array.type}")
    return array.cast(pa.string())


def _timestamps(array: pa.Array, _: str) -> pa.Array:
    if not (pa.types.is_timestamp(array.type) or pa.types.is_date(array.type)):
        raise _UnfitError(f"they come as {array.type}")
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    # A time without a zone is in UTC; with one, Arrow keeps UTC already.
    ticks = array.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    # Towards zero, as Feast cuts them.
    seconds = pc.multiply(pc.divide(ticks, SECOND_US), SECOND_US)
    return seconds.cast(pa.timestamp("us"))


_CASTS: Mapping[str, Callable[[pa.Array, str], pa.Array]] = {
    "int": _ints,
    "float": _floats,
    "bool": _bools,
    "string": _strings,
    "timestamp": _timestamps,
}
