"""Properties of the v2 tensors."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import RequestError
from plimsoll.serving.http.v2_tensors import DATATYPES, lists_of


@dataclass
class Tensor:
    name: str
    datatype: str
    shape: list[int]
    data: Any


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none()), st.booleans())
def test_values_come_through_whatever_their_shape(values, upright):
    shape = [len(values), 1] if upright else [len(values)]
    data = [[value] for value in values] if upright else values
    tensor = Tensor("x", "FP64", shape, data)
    assert lists_of([tensor], {"x": "float"}) == {"x": values}


@given(
    st.lists(
        st.builds(
            Tensor,
            name=st.sampled_from(["x", "y", "z"]),
            datatype=st.sampled_from(["FP64", "INT64", "BOOL", "BYTES", "COMPLEX", ""]),
            shape=st.lists(st.integers(-2, 3), max_size=3),
            data=st.lists(VALUES, max_size=3) | st.none() | st.text(),
        ),
        max_size=3,
    ),
    st.sampled_from(sorted(DATATYPES)),
)
def test_any_tensor_is_read_or_refused(tensors, kind):
    try:
        lists = lists_of(tensors, {"x": kind})
    except RequestError:
        return
    lengths = {name: len(values) for name, values in lists.items()}
    assert lengths == {tensor.name: tensor.shape[0] for tensor in tensors}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_missing(value):
    assert lists_of([Tensor("x", "FP64", [1], [value])], {"x": "int"}) == {"x": [None]}
