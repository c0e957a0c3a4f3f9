"""Values cast as they are declared."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ConfigError, DataError
from plimsoll.feature_store.types import as_declared, column_type, value_type
from plimsoll.formats.dataset import ARROW_TYPES
from plimsoll.formats.feature_plan import COLUMN_TYPES

WHAT = "the feature 'temp' of 'weather'"
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as datasets keep it


def cast(values: object, kind: str) -> list[object]:
    found = as_declared(values, kind, WHAT)
    assert found.type == column_type(kind)
    return list(found.to_pylist())


@given(st.lists(st.none() | st.floats(width=64, allow_infinity=False, allow_nan=True)))
def test_a_float_is_what_32_bits_hold(values: list[float | None]) -> None:
    fits = [value for value in values if value is None or not abs(value) > 3.4e38]
    wanted = [
        None
        if value is None or math.isnan(value)
        else struct.unpack("f", struct.pack("f", value))[0]
        for value in fits
    ]
    assert cast(pa.array(fits, pa.float64()), "FLOAT") == wanted


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_kept_or_refused(values: list[int | None]) -> None:
    array = pa.array(values, pa.int64())
    assert cast(array, "INT64") == values
    if all(value is None or -(2**31) <= value < 2**31 for value in values):
        assert cast(array, "INT32") == values
    else:
        with pytest.raises(DataError, match="declared as INT32"):
            cast(array, "INT32")


@given(
    st.lists(st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))),  # noqa: DTZ001
    st.integers(-14, 14),
)
def test_a_timestamp_is_whole_seconds_in_utc(values: list[datetime | None], hours: int) -> None:
    there = timezone(timedelta(hours=hours))
    zoned = [value and value.replace(tzinfo=UTC).astimezone(there) for value in values]
    found = cast(pa.array(zoned, pa.timestamp("us", "UTC")), "UNIX_TIMESTAMP")
    wanted = [
        value and EPOCH + timedelta(seconds=int((value - EPOCH) / timedelta(seconds=1)))
        for value in values
    ]
    assert found == wanted
    assert cast(pa.array(values, pa.timestamp("ns")), "UNIX_TIMESTAMP") == wanted


def test_what_has_no_value_is_null() -> None:
    for kind in COLUMN_TYPES:
        assert cast(pa.nulls(2), kind) == [None, None]
        assert cast(pa.chunked_array([], pa.null()), kind) == []
    assert cast(pa.array([math.nan, 2.0]), "INT64") == [None, 2]
    assert cast(pa.array([math.nan, 2.0]), "DOUBLE") == [None, 2.0]


def test_types_that_say_the_same_are_taken() -> None:
    assert cast(pa.array(["a", None], pa.large_string()), "STRING") == ["a", None]
    assert cast(pa.array(["a", "a"]).dictionary_encode(), "STRING") == ["a", "a"]
    assert cast(pa.chunked_array([["a"], ["b"]]), "STRING") == ["a", "b"]
    assert cast(pa.array([1, 2], pa.uint8()), "INT32") == [1, 2]
    assert cast(pa.array([1, 2], pa.int32()), "FLOAT") == [1.0, 2.0]
    assert cast(pa.array([date(2013, 1, 2)]), "UNIX_TIMESTAMP") == [datetime(2013, 1, 2)]  # noqa: DTZ001
    assert cast(pa.array([True, None]), "BOOL") == [True, None]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["1"]), "INT64"),
        (pa.array([1.5]), "INT64"),
        (pa.array([2**63], pa.uint64()), "INT64"),
        (pa.array([1e300]), "INT64"),
        (pa.array([1e300]), "FLOAT"),
        (pa.array(["1.5"]), "DOUBLE"),
        (pa.array([1]), "BOOL"),
        (pa.array([1]), "STRING"),
        (pa.array([1]), "UNIX_TIMESTAMP"),
        (pa.array([[1]]), "INT64"),
    ],
)
def test_what_does_not_fit_is_refused_without_its_value(values: pa.Array, kind: str) -> None:
    with pytest.raises(DataError, match=f"declared as {kind}") as caught:
        as_declared(values, kind, WHAT)
    assert WHAT in caught.value.headline
    assert "1e+300" not in str(caught.value)


def test_every_value_type_of_a_plan_has_a_column_type() -> None:
    assert {COLUMN_TYPES[kind] for kind in COLUMN_TYPES} <= set(ARROW_TYPES)


def test_lists_and_bytes_are_refused() -> None:
    from feast import Field
    from feast.types import Array, Bytes, Float32, Int32

    assert value_type(Field(name="a", dtype=Int32), WHAT) == "INT32"
    for dtype in (Array(Float32), Bytes):
        with pytest.raises(ConfigError, match="which a dataset cannot keep") as caught:
            value_type(SimpleNamespace(name="many", dtype=dtype), "the feature view 'weather'")
        assert "INT32" in caught.value.choices
