"""How answers are compared."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.infra_validate.requests import TOLERANCE, difference

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(FINITE, min_size=1))
def test_equal_answers_do_not_differ(values):
    answers = [{"value": value} for value in values]
    assert difference(answers, answers) == (0.0, "")


@given(FINITE, st.floats(2 * TOLERANCE, 1.0))
def test_a_number_past_the_tolerance_is_found(value, by):
    apart, said = difference([{"value": value + by * max(1, abs(value))}], [{"value": value}])
    assert said.startswith("row 0: value")
    assert apart == pytest.approx(by, rel=0.01)


@pytest.mark.parametrize(
    ("given_", "recorded"),
    [
        ({"value": None}, {"value": 1.0}),
        ({"value": math.nan}, {"value": 1.0}),
        ({"value": 1.0}, {"value": math.nan}),
        ({"label": "1"}, {"label": "2"}),
        ({"label": 1.0}, {"label": True}),
        ({"label": True}, {"label": False}),
        ({"other": 1.0}, {"value": 1.0}),
        ({"probabilities": {"a": 1.0}}, {"probabilities": {"a": 1.0, "b": 0.0}}),
        ({"probabilities": {"a": 1.0, "b": 0.0}}, {"probabilities": {"a": 1.0}}),
        ({"probabilities": [1.0]}, {"probabilities": {"a": 1.0}}),
        ({}, {"value": 1.0}),
    ],
)
def test_what_is_of_another_kind_differs(given_, recorded):
    apart, said = difference([given_], [recorded])
    assert apart == math.inf
    assert said


def test_every_row_must_be_answered():
    assert difference([], [{"value": 1.0}]) == (math.inf, "0 answers for 1 rows")


def test_labels_of_v2_are_text():
    assert difference([{"label": "true"}], [{"label": True}]) == (0.0, "")
    assert difference([{"label": "3"}], [{"label": 3}]) == (0.0, "")
