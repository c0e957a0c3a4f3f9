import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.validate.statistics.summary import shares_between

numbers = st.floats(-1e6, 1e6)


@given(
    st.lists(numbers, min_size=2, max_size=30), numbers, st.floats(0.001, 1e6), st.integers(1, 40)
)
def test_the_shares_of_all_parts_sum_to_one(ends, low, width, bins):
    shares = shares_between(sorted(ends), low, low + width, bins)
    assert len(shares) == bins
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)
    assert min(shares) >= 0.0


def test_evenly_spread_values_fill_the_parts_evenly():
    assert shares_between(np.linspace(0, 10, 6), 0, 10, 4) == pytest.approx([0.25] * 4)


def test_repeated_values_stand_in_one_part():
    assert shares_between([3, 3, 3, 10], 0, 10, 5) == pytest.approx(
        [0, 2 / 3 + 1 / 21, 2 / 21, 2 / 21, 2 / 21]
    )


def test_outliers_count_in_the_parts_at_the_ends():
    assert shares_between([-1e8, -1e8, 1, 1e8], 0, 2, 2) == pytest.approx([2 / 3, 1 / 3], abs=1e-6)


def test_no_values_have_no_shares():
    assert shares_between([], 0, 1, 3) == (0, 0, 0)
