import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.pictures.scales import column_texts, finite_number, linear_scale, number_text

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.floats(), max_size=20), st.booleans(), st.booleans(), st.booleans())
def test_every_finite_value_lies_on_its_scale(values, from_zero, whole, round_ends):
    scale = linear_scale(values, from_zero=from_zero, whole=whole, round_ends=round_ends)
    numbers = [number for number in map(finite_number, values) if number is not None]
    assert math.isfinite(scale.low)
    assert math.isfinite(scale.high)
    assert scale.low < scale.high
    for number in numbers:
        slack = (scale.high / 2 - scale.low / 2) * 1e-6
        assert scale.low - slack <= number <= scale.high + slack
        assert 0 <= scale.share(number) <= 1
    if from_zero:
        assert scale.low <= 0 <= scale.high
    assert len(scale.labels) == len(scale.ticks) <= 101
    assert list(scale.ticks) == sorted(scale.ticks)


@given(st.lists(FINITE, min_size=2, max_size=20))
def test_a_scale_keeps_the_order_of_values(values):
    scale = linear_scale(values)
    shares = [scale.share(value) for value in sorted(values)]
    assert shares == sorted(shares)


def test_ticks_are_round_and_their_labels_tell_them_apart():
    scale = linear_scale([0.352, 0.587])
    assert scale.labels == ("0.35", "0.40", "0.45", "0.50", "0.55", "0.60")
    assert linear_scale([0, 1234]).labels == ("0", "250", "500", "750", "1,000", "1,250")
    assert linear_scale([0, 2_400_000]).labels[:2] == ("0", "0.5M")
    narrow = linear_scale([1_234_567, 1_234_568]).labels
    assert len(set(narrow)) == len(narrow)
    assert linear_scale([1, 3], whole=True).ticks == (1, 2, 3)


def test_a_known_domain_is_kept():
    scale = linear_scale([0.4], domain=(0.0, 1.0))
    assert (scale.low, scale.high) == (0.0, 1.0)
    assert scale.share(7) == 1.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345, "12,345"),
        (0.73421, "0.7342"),
        (0.5, "0.5000"),
        (12345.67, "12,345.7"),
        (12.3456, "12.35"),
        (1.23e-7, "1.23e-07"),
        (-3.0, "-3"),
        (True, "yes"),
        (None, "–"),  # noqa: RUF001
        (math.nan, "–"),  # noqa: RUF001
        (math.inf, "–"),  # noqa: RUF001
        ("x", "–"),  # noqa: RUF001
        (10**400, "–"),  # noqa: RUF001
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert number_text(value) == text


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none(), st.text()))
@example("0.")
def test_any_value_has_a_text(value):
    assert number_text(value)


def test_numbers_in_a_column_have_as_many_decimals():
    assert column_texts([0.71, 0.7, 1.0]) == ["0.71", "0.70", "1.00"]
    assert column_texts([1, 20_000, None]) == ["1", "20,000", "–"]  # noqa: RUF001


def test_a_small_number_in_a_column_is_not_written_as_zero():
    assert column_texts([0.5, 1e-9]) == ["0.5", "1.00e-09"]


@given(st.lists(FINITE, max_size=8))
def test_a_column_says_zero_only_of_zero(values):
    for value, text in zip(values, column_texts(values), strict=True):
        assert (float(text.replace(",", "")) == 0) == (value == 0)
