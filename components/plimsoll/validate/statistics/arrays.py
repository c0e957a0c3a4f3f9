"""How a column of the data set goes into TFDV: as lists, times and booleans made explicit.

TFDV wants list arrays, drops datetimes, and lets booleans replace a schema. Here a timestamp
becomes a count of some unit (or text, if the schema says so), and a boolean becomes the two
words, or 0 and 1, that the schema names. NaN and infinities count as missing, as they do in the
transform.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.timestamps import EPOCH

MICROSECONDS = {
    "UNIX_DAYS": 86_400_000_000,
    "UNIX_SECONDS": 1_000_000,
    "UNIX_MILLISECONDS": 1_000,
    "UNIX_MICROSECONDS": 1,
    "UNIX_NANOSECONDS": 0.001,
}
"""Integer format of a schema's time domain -> microseconds in its unit."""
ISO = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class Encoding:
    """How a column is encoded for TFDV.

    ``tfdv`` is INT, FLOAT or BYTES; ``convert`` maps the column's Arrow array to such values;
    ``microseconds`` is the unit of a timestamp kept as INT, 0 for anything else.
    """

    tfdv: str
    convert: Callable[[pa.Array], pa.Array]
    microseconds: float = 0

    def timestamp(self, value: float) -> datetime.datetime | None:
        """Returns the time that a number stands for, or None if it is no timestamp."""
        if not self.microseconds:
            return None
        try:
            return EPOCH + datetime.timedelta(microseconds=value * self.microseconds)
        except (OverflowError, ValueError):
            return None


def encoding_of(column_type: str, feature: Any | None = None) -> Encoding:
    """Returns how a column is encoded, chosen by its schema feature where that leaves a choice.

    Args:
        column_type: int, float, bool, string or timestamp.
        feature: The column's ``Feature``; None: what is kept when a schema is inferred.
    """
    type_ = feature_type(feature)
    if column_type == "int":
        # Whole numbers are numbers: a day without a fraction in it is no change of type.
        as_float = type_ == "FLOAT"
        return Encoding("FLOAT", _as_float) if as_float else Encoding("INT", _same)
    if column_type == "float":
        return Encoding("FLOAT", without_non_finite)
    if column_type == "bool":
        return _bool_encoding(feature, type_)
    if column_type == "timestamp":
        return _time_encoding(feature, type_)
    return Encoding("BYTES", _same)


def feature_type(feature: Any | None) -> str:
    """Returns INT, FLOAT, BYTES or STRUCT, or an empty string if the feature names no type."""
    if feature is None or not feature.HasField("type"):
        return ""
    name: str = (
        feature.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[feature.type].name
    )
    return "" if name == "TYPE_UNKNOWN" else name


def text_of(value: Any) -> str:
    """Returns a value as it is written in a file: ``true``, ``inf``, ``2013-10-01 05:00:00``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def lists_of(array: pa.Array) -> pa.ListArray:
    """Returns an array as a list array: one value a row, and a null list for a null."""
    rows = len(array)
    if array.null_count == 0:
        return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32)), array)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(valid, out=offsets[1:])
    absent = np.append(~valid, False)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=absent), array.drop_null())


def without_non_finite(array: pa.Array) -> pa.Array:
    """Returns floats with NaN and infinities made null."""
    finite = pc.is_finite(array)
    if pc.all(finite).as_py() is not False:
        return array
    return pc.if_else(finite, array, pa.scalar(None, array.type))


# Named functions, not lambdas: encodings travel to other processes.


def _same(array: pa.Array) -> pa.Array:
    return array


def _as_int(array: pa.Array) -> pa.Array:
    return array.cast(pa.int64())


def _as_float(array: pa.Array) -> pa.Array:
    return array.cast(pa.float64())


def _as_texts(array: pa.Array, true: str, false: str) -> pa.Array:
    return pc.if_else(array, pa.scalar(true), pa.scalar(false))


def _as_written(array: pa.Array, form: str) -> pa.Array:
    return pc.strftime(_whole_seconds(array), format=form)


def _in_nanoseconds(array: pa.Array) -> pa.Array:
    return pc.multiply(_as_int(array), 1000)


def _in_units(array: pa.Array, microseconds: int) -> pa.Array:
    return _floor_divided(_as_int(array), microseconds)


def _bool_encoding(feature: Any | None, type_: str) -> Encoding:
    if type_ == "INT":
        return Encoding("INT", _as_int)
    true, false = bool_texts(feature)
    return Encoding("BYTES", partial(_as_texts, true=true, false=false))


def bool_texts(feature: Any | None) -> tuple[str, str]:
    """Returns the words for true and false that a feature's bool domain names, or the usual."""
    domain = feature.bool_domain if feature is not None else None
    true = domain.true_value if domain is not None else ""
    false = domain.false_value if domain is not None else ""
    return true or "true", false or "false"


def _time_encoding(feature: Any | None, type_: str) -> Encoding:
    if type_ == "BYTES":
        written = feature.time_domain.string_format if feature is not None else ""
        return Encoding("BYTES", partial(_as_written, form=written or ISO))
    unit = "UNIX_MICROSECONDS"
    if feature is not None and feature.WhichOneof("domain_info") == "time_domain":
        number = feature.time_domain.integer_format
        unit = feature.time_domain.IntegerTimeFormat.Name(number)
    if unit == "UNIX_NANOSECONDS":
        return Encoding("INT", _in_nanoseconds, MICROSECONDS[unit])
    microseconds = int(MICROSECONDS.get(unit, 1))
    return Encoding("INT", partial(_in_units, microseconds=microseconds), microseconds)


def _whole_seconds(array: pa.Array) -> pa.Array:
    """Drops fractions of a second, which Arrow's ``%S`` would write out."""
    return pc.floor_temporal(array, unit="second").cast(pa.timestamp("s"))


def _floor_divided(array: pa.Array, by: int) -> pa.Array:
    if by == 1:
        return array
    # Arrow divides towards zero, which would put timestamps before 1970 into the next day.
    filled = array.fill_null(0).to_numpy(zero_copy_only=False)
    absent = array.is_null().to_numpy(zero_copy_only=False)
    return pa.array(np.floor_divide(filled, by), mask=absent)
