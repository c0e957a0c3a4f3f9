"""Whole columns are serialized to the bytes that Feast makes one by one."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import extract_text_and_num
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import DataError
from plimsoll.feature_store.online.encoding import (
    CREATED_US,
    EVENT_US,
    EncodedRows,
    ViewSchema,
    encode_keys,
    encode_protos,
    encode_rows,
    encode_values,
    values_as_text,
)
from plimsoll.feature_store.types import as_declared
from plimsoll.timestamps import EPOCH_UTC, MICROSECOND, microseconds, timestamp_of

LARGEST_FLOAT = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
SECONDS = st.integers(-(2**33), 2**33)
VALUES: dict[str, tuple[str, pa.DataType, st.SearchStrategy[Any]]] = {
    "INT32": ("int32_val", pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "INT64": ("int64_val", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "FLOAT": ("float_val", pa.float32(), st.floats(-LARGEST_FLOAT, LARGEST_FLOAT, width=32)),
    "DOUBLE": ("double_val", pa.float64(), st.floats(allow_nan=False)),
    "BOOL": ("bool_val", pa.bool_(), st.booleans()),
    "STRING": ("string_val", pa.string(), st.text(st.characters(codec="utf-8"), max_size=200)),
    "UNIX_TIMESTAMP": ("unix_timestamp_val", pa.timestamp("s"), SECONDS),
}
KEYS = ("INT32", "INT64", "STRING", "UNIX_TIMESTAMP")
rows = st.lists(st.integers(0, 9), min_size=1, max_size=20)


def proto(kind: str, value: Any) -> Value:
    """Returns Feast's value; none is an empty one."""
    return Value() if value is None else Value(**{VALUES[kind][0]: value})


def column(kind: str, values: list[Any]) -> pa.Array:
    """Returns values as the offline side gives them."""
    return as_declared(pa.array(values, VALUES[kind][1]), kind, "a column")


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_values(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind][2], max_size=30))
    protos = [proto(kind, value) for value in values]
    assert encode_values(column(kind, values), kind) == [one.SerializeToString() for one in protos]
    told = [extract_text_and_num(one, False)[0] for one in protos]
    assert values_as_text(column(kind, values), kind) == told


@pytest.mark.parametrize("kind", VALUES)
def test_a_null_is_no_value_and_no_text(kind: str) -> None:
    value = {"STRING": "", "BOOL": False}.get(kind, 0)
    for values in ([None], [None, value], [value, None, value]):
        expected = [proto(kind, one).SerializeToString() for one in values]
        assert encode_values(column(kind, values), kind) == expected
        assert expected[values.index(None)] == b""
        told = [extract_text_and_num(proto(kind, one), False)[0] for one in values]
        assert values_as_text(column(kind, values), kind) == told


@given(data=st.data())
def test_keys(data: st.DataObject) -> None:
    names = data.draw(
        st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3, unique=True)
    )
    kinds = {name: data.draw(st.sampled_from(KEYS)) for name in names}
    number = data.draw(st.integers(1, 10))
    values = {
        name: data.draw(st.lists(VALUES[kind][2], min_size=number, max_size=number))
        for name, kind in kinds.items()
    }
    ours = encode_keys({name: column(kinds[name], values[name]) for name in names}, kinds)
    theirs = [
        EntityKey(
            join_keys=names,
            entity_values=[proto(kinds[name], values[name][row]) for name in names],
        )
        for row in range(number)
    ]
    assert ours == [serialize_entity_key(key, 3) for key in theirs]


def test_edges_of_varints() -> None:
    edges = [number for bits in range(64) for number in (2**bits - 1, 2**bits, -(2**bits))]
    values = [number for number in edges if -(2**63) <= number < 2**63]
    found = encode_values(pa.array(values, pa.int64()), "INT64")
    assert found == [Value(int64_val=number).SerializeToString() for number in values]


def test_nan_is_no_value() -> None:
    assert encode_values(column("DOUBLE", [math.nan, 1.0]), "DOUBLE")[0] == b""
    assert values_as_text(column("DOUBLE", [math.nan, 1.0]), "DOUBLE") == [None, "1.0"]


def test_lists_go_through_feast() -> None:
    found = encode_values(pa.array([[1.0, 2.0], None]), "DOUBLE_LIST")
    assert Value.FromString(found[0]).double_list_val.val == [1.0, 2.0]
    assert found[1] == b""
    with pytest.raises(DataError, match="cannot be kept as DOUBLE_LIST"):
        encode_values(pa.array([["x"]]), "DOUBLE_LIST")


LAYOUT = ViewSchema(view="stats", keys={"driver": "STRING"}, features={"trips": "INT32"})


def batch(drivers: list[Any], trips: pa.Array) -> pa.RecordBatch:
    """Returns rows of one event."""
    times = pa.array([1] * len(drivers), pa.int64())
    columns = {"driver": pa.array(drivers, pa.string()), "trips": trips}
    return pa.RecordBatch.from_pydict({**columns, EVENT_US: times, CREATED_US: times})


@pytest.mark.parametrize(
    "trips", [pa.array(["1"]), pa.array([1.5]), pa.array([2**31]), pa.array([True])]
)
def test_a_value_of_the_wrong_type_is_refused_by_name(trips: pa.Array) -> None:
    with pytest.raises(DataError, match="the feature 'trips' of 'stats'") as caught:
        encode_rows(batch(["a"], trips), LAYOUT)
    assert "INT32" in str(caught.value)


def test_a_null_key_is_refused() -> None:
    with pytest.raises(DataError, match="entity key 'driver' of 'stats' is null"):
        encode_rows(batch(["a", None], pa.array([1, 2])), LAYOUT)


def test_a_key_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(DataError, match="'price' of 'stats' has the type DOUBLE"):
        ViewSchema(view="stats", keys={"price": "DOUBLE"}, features={})


def test_whole_numbers_may_come_as_floats() -> None:
    found = encode_rows(batch(["a", "b"], pa.array([3.0, math.nan])), LAYOUT)
    assert found.values[0] == [Value(int32_val=3).SerializeToString(), b""]


@given(
    us=st.integers(-(2**55), 2**55),
    hours=st.none() | st.integers(-12, 14),
)
def test_moments(us: int, hours: int | None) -> None:
    moment = timestamp_of(us)
    assert (moment - EPOCH_UTC) // MICROSECOND == us
    if hours is None:
        # Without a zone it is UTC.
        assert microseconds(moment.replace(tzinfo=None)) == us
    else:
        assert microseconds(moment.astimezone(timezone(timedelta(hours=hours)))) == us


def test_rows_of_feast_are_kept_apart_where_their_features_differ() -> None:
    key = EntityKey(join_keys=["driver"], entity_values=[Value(string_val="a")])
    at = datetime(2024, 1, 1, tzinfo=UTC)
    one, other = {"a": Value(int64_val=1)}, {"b": Value()}
    data = [(key, one, at, None), (key, one, at, at), (key, other, at, None), (key, one, at, None)]
    found = list(encode_protos(data, texts=True))
    assert [(part.features, len(part)) for part in found] == [(("a",), 2), (("b",), 1), (("a",), 1)]
    assert found[0].created_us == [None, microseconds(at)]
    assert found[1].texts == [[None]]


@given(number=st.integers(0, 10), size=st.integers(1, 4))
def test_slices_are_all_of_the_rows(number: int, size: int) -> None:
    keys = [bytes([row]) for row in range(number)]
    whole = EncodedRows(
        features=("a",), keys=keys, values=[keys], event_us=range(number), created_us=[1] * number
    )
    parts = list(whole.slices(size))
    assert all(len(part) <= size for part in parts)
    assert [key for part in parts for key in part.keys] == keys
    assert [us for part in parts for us in part.event_us] == list(range(number))
