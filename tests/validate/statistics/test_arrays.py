import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from plimsoll.validate.statistics.arrays import encoding_of, lists_of, without_non_finite


def feature(text):
    return text_format.Parse(text, schema_pb2.Feature())


@given(
    st.one_of(
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)).map(
            lambda v: pa.array(v, pa.int64())
        ),
        st.lists(st.none() | st.text()).map(lambda v: pa.array(v, pa.string())),
        st.lists(st.none() | st.booleans()).map(lambda v: pa.array(v, pa.bool_())),
    ),
    st.integers(0, 5),
)
def test_a_row_becomes_a_list_of_its_value_or_a_null_list(array, offset):
    array = array.slice(offset)
    lists = lists_of(array)
    assert lists.to_pylist() == [None if value is None else [value] for value in array.to_pylist()]
    lists.validate(full=True)


@given(st.lists(st.none() | st.floats()))
def test_nan_and_infinities_become_null_and_nothing_else_does(values):
    kept = without_non_finite(pa.array(values, pa.float64())).to_pylist()
    assert kept == [value if value is not None and np.isfinite(value) else None for value in values]


# 2013-01-01T05:00:00, and half a second before 1970.
MOMENTS = pa.array([1_357_016_400_000_000, -500_000, None]).cast(pa.timestamp("us"))


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("UNIX_DAYS", [15706, -1, None]),
        ("UNIX_SECONDS", [1357016400, -1, None]),
        ("UNIX_MILLISECONDS", [1357016400000, -500, None]),
        ("UNIX_MICROSECONDS", [1357016400000000, -500000, None]),
        ("UNIX_NANOSECONDS", [1357016400000000000, -500000000, None]),
    ],
)
def test_a_timestamp_is_counted_in_the_unit_of_the_schema(unit, expected):
    encoding = encoding_of(
        "timestamp", feature(f'name: "t" type: INT time_domain {{ integer_format: {unit} }}')
    )
    assert encoding.tfdv == "INT"
    assert encoding.convert(MOMENTS).to_pylist() == expected
    told = str(encoding.timestamp(expected[0]))
    assert told == ("2013-01-01 00:00:00" if unit == "UNIX_DAYS" else "2013-01-01 05:00:00")


def test_a_timestamp_is_text_if_the_schema_says_bytes():
    plain = encoding_of("timestamp", feature('name: "t" type: BYTES'))
    assert plain.convert(MOMENTS).to_pylist()[0] == "2013-01-01T05:00:00"
    day = encoding_of(
        "timestamp", feature('name: "t" type: BYTES time_domain { string_format: "%Y-%m-%d" }')
    )
    assert day.convert(MOMENTS).to_pylist() == ["2013-01-01", "1969-12-31", None]


def test_a_timestamp_without_a_schema_is_microseconds():
    assert encoding_of("timestamp").convert(MOMENTS).to_pylist()[1] == -500000


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("", "BYTES", ["true", "false", None]),
        ('name: "b" type: INT', "INT", [1, 0, None]),
        (
            'name: "b" type: BYTES bool_domain { true_value: "Y" false_value: "N" }',
            "BYTES",
            ["Y", "N", None],
        ),
    ],
)
def test_a_boolean_becomes_what_the_schema_names(text, kind, expected):
    encoding = encoding_of("bool", feature(text) if text else None)
    assert encoding.tfdv == kind
    assert encoding.convert(pa.array([True, False, None])).to_pylist() == expected


def test_whole_numbers_are_floats_where_the_schema_says_so():
    encoding = encoding_of("int", feature('name: "n" type: FLOAT'))
    assert encoding.tfdv == "FLOAT"
    assert encoding.convert(pa.array([1, None])).type == pa.float64()
