"""Each distance against its formula on the raw values, and what holds of all of them."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance as formulas

from plimsoll.statistics.tally import Tally
from plimsoll.validate.drift import distances
from plimsoll.validate.drift.contingency_table import categorical_table
from plimsoll.validate.drift.distributions import distribution_of
from plimsoll.validate.drift.null_bounds import null_bound

# Few enough different values for the distributions to be exact.
numbers = st.lists(st.integers(-40, 40).map(lambda x: x / 4), min_size=1, max_size=120)
texts = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=120)
NUMERIC = ("ks", "rank_shift", "wasserstein", "jensen_shannon", "jensen_shannon_distance", "psi")
CATEGORICAL = ("jensen_shannon", "jensen_shannon_distance", "l_infinity", "psi",
               "normalized_abs_difference")  # fmt: skip
BOUNDED = set(NUMERIC + CATEGORICAL) - {"wasserstein", "psi"}


def column(values, kind=None):
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    tally = Tally()
    tally.add(array)
    return distribution_of(pa.chunked_array([array]), tally, len(array))


def shares(first, second):
    names = sorted({*first, *second})
    return [np.array([side.count(name) / len(side) for name in names]) for side in (first, second)]


@given(numbers, numbers)
@settings(max_examples=50)
def test_ks_is_the_greatest_gap_of_the_cumulatives(first, second):
    expected = max(
        abs(np.mean(np.array(first) <= at) - np.mean(np.array(second) <= at))
        for at in {*first, *second}
    )
    assert distances.ks(column(first), column(second)) == pytest.approx(expected, abs=1e-9)


@given(numbers, numbers)
@settings(max_examples=50)
def test_rank_shift_is_mann_and_whitneys(first, second):
    u = stats.mannwhitneyu(first, second).statistic
    expected = abs(2 * u / (len(first) * len(second)) - 1)
    assert distances.rank_shift(column(first), column(second)) == pytest.approx(expected, abs=1e-9)


@given(numbers, numbers)
@settings(max_examples=50)
def test_wasserstein_is_scipys_in_standard_deviations_of_the_reference(first, second):
    found = distances.wasserstein(column(first), column(second))
    area = stats.wasserstein_distance(first, second)
    scale = np.std(first) or np.std(second)
    assert found == pytest.approx(area / scale if scale else float(area > 0), abs=1e-6)


@given(texts, texts)
@settings(max_examples=50)
def test_jensen_shannon_is_scipys_in_base_2(first, second):
    p, q = shares(first, second)
    expected = formulas.jensenshannon(p, q, base=2)
    one, other = column(first), column(second)
    assert distances.jensen_shannon(one, other) == pytest.approx(expected**2, abs=1e-9)
    assert distances.jensen_shannon_distance(one, other) == pytest.approx(expected, abs=1e-5)


@given(texts, texts)
@settings(max_examples=50)
def test_l_infinity_and_its_kin_are_the_greatest_change(first, second):
    p, q = shares(first, second)
    one, other = column(first), column(second)
    assert distances.l_infinity(one, other) == pytest.approx(np.abs(p - q).max())
    gaps = np.abs(p * len(first) - q * len(second))
    expected = gaps.max() / (len(first) + len(second))
    assert distances.normalized_abs_difference(one, other) == pytest.approx(expected)


@given(texts, texts)
@settings(max_examples=50)
def test_psi_is_its_formula(first, second):
    p, q = (np.where(side > 0, side, 1e-4) for side in shares(first, second))
    expected = float(np.sum((q - p) * np.log(q / p)))
    assert distances.psi(column(first), column(second)) == pytest.approx(expected, abs=1e-9)


@given(numbers, numbers)
@settings(max_examples=50)
def test_tests_of_means_are_scipys(first, second):
    if min(len(first), len(second)) < 2 or np.std(first) + np.std(second) == 0:
        return
    one, other = column(first), column(second)
    welch = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert distances.t_test(one, other) == pytest.approx(welch, abs=1e-9)
    expected = stats.f_oneway(first, second).pvalue
    if not math.isnan(expected):
        assert distances.anova(one, other) == pytest.approx(expected, abs=1e-9)


def test_anova_of_three_groups_is_scipys():
    groups = [np.random.default_rng(seed).normal(seed / 9, 1, 80 + seed) for seed in range(3)]
    expected = stats.f_oneway(*groups).pvalue
    assert distances.anova(*map(column, groups)) == pytest.approx(expected)


def test_chi_squared_is_scipys_where_no_cell_is_rare():
    first, second = ["a"] * 60 + ["b"] * 40 + ["c"] * 30, ["a"] * 40 + ["b"] * 55 + ["c"] * 20
    table = [[side.count(name) for name in "abc"] for side in (first, second)]
    expected = stats.chi2_contingency(table, correction=False)
    one, other = column(first), column(second)
    assert distances.chi_squared(one, other) == pytest.approx(expected.pvalue)
    cramer = math.sqrt(expected.statistic / 245)
    assert distances.effect("chi_squared", one, other) == pytest.approx(cramer)


@pytest.mark.parametrize("name", NUMERIC)
@given(first=numbers, second=numbers)
@settings(max_examples=40)
def test_what_holds_of_distances_of_numbers(name, first, second):
    holds(name, column(first), column(second))


@pytest.mark.parametrize("name", CATEGORICAL)
@given(first=texts, second=texts)
@settings(max_examples=40)
def test_what_holds_of_distances_of_texts(name, first, second):
    holds(name, column(first), column(second))


def holds(name, one, other):
    distance = distances.DISTANCES[name]
    assert distance(one, one) == pytest.approx(0, abs=1e-9)
    found = distance(one, other)
    assert 0 <= found <= (1 if name in BOUNDED else math.inf)
    if name != "wasserstein":
        assert found == pytest.approx(distance(other, one), abs=1e-9)


@given(numbers, numbers, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=40)
def test_nan_and_infinities_are_in_no_cell(first, second, nan, infinite):
    strange = [math.nan] * nan + [math.inf, -math.inf] * infinite + [None] * nan
    plain = [distances.DISTANCES[name](column(first), column(second)) for name in NUMERIC]
    beside = [
        distances.DISTANCES[name](column(strange + first), column(second)) for name in NUMERIC
    ]
    assert beside == pytest.approx(plain)


def test_a_column_without_values_has_no_distance_and_equals_another():
    empty, full = column([None] * 9, pa.float64()), column([1.0, 2.0])
    for name in NUMERIC:
        assert distances.DISTANCES[name](empty, empty) == 0
        assert math.isnan(distances.DISTANCES[name](empty, full))
        assert null_bound(name, empty, full, 0.01) == math.inf


@pytest.mark.parametrize("scale", [2.0**1010, 2.0**-900])
def test_tests_and_bounds_do_not_depend_on_the_unit(scale):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=200), rng.normal(0.3, 1.5, size=300))
    plain = [column(side) for side in values]
    scaled = [column(side * scale) for side in values]
    for name in ("t_test", "anova"):
        test = distances.TESTS[name]
        assert test(*scaled) == pytest.approx(test(*plain))
        assert distances.effect(name, *scaled) == pytest.approx(distances.effect(name, *plain))
    assert null_bound("wasserstein", *scaled, 1e-6) == pytest.approx(
        null_bound("wasserstein", *plain, 1e-6)
    )


def test_numbers_near_the_ends_of_what_a_float_holds():
    one, other = column([-1.7e308, 0.0, 1.7e308] * 9), column([1e-300, 5e-324, 1.7e308] * 9)
    for name in NUMERIC:
        assert math.isfinite(distances.DISTANCES[name](one, other)), name


@pytest.mark.parametrize("make", [
    lambda rng, size: rng.normal(size=size),
    lambda rng, size: rng.standard_cauchy(size=size),
    lambda rng, size: np.where(rng.random(size) < 0.6, 0.0, rng.exponential(size=size)),
])  # fmt: skip
def test_points_of_many_numbers_are_close_to_the_numbers_themselves(make):
    rng = np.random.default_rng(3)
    first, second = make(rng, 20_000), make(rng, 15_000) * 1.3
    one, other = column(first), column(second)
    assert len(one.points) < 300
    exact = stats.ks_2samp(first, second, method="asymp").statistic
    assert distances.ks(one, other) == pytest.approx(exact, abs=0.005)
    u = stats.mannwhitneyu(first, second).statistic
    expected = abs(2 * u / (len(first) * len(second)) - 1)
    assert distances.rank_shift(one, other) == pytest.approx(expected, abs=0.005)


def many(start, count, rows, seed):
    rng = np.random.default_rng(seed)
    return column([f"value {number}" for number in rng.integers(start, start + count, rows)])


def test_of_many_values_l_infinity_is_blind_and_jensen_shannon_is_not():
    one, other = many(0, 20_000, 40_000, 1), many(20_000, 20_000, 40_000, 2)
    assert distances.l_infinity(one, other) <= 0.001
    assert distances.jensen_shannon(one, other) == pytest.approx(1.0)
    assert null_bound("jensen_shannon", one, other, 1e-6) < 0.8


def test_of_many_values_the_same_ones_are_compared_on_both_sides():
    one, other = many(0, 5_000, 40_000, 1), many(0, 5_000, 30_000, 2)
    exact_one = np.bincount(np.random.default_rng(1).integers(0, 5_000, 40_000), minlength=5_000)
    exact_other = np.bincount(np.random.default_rng(2).integers(0, 5_000, 30_000), minlength=5_000)
    expected = formulas.jensenshannon(exact_one, exact_other, base=2) ** 2
    assert distances.jensen_shannon(one, other) == pytest.approx(expected, rel=0.1)


def test_a_frequent_value_that_went_is_seen_among_many():
    rng = np.random.default_rng(4)
    tail = [f"v{number}" for number in rng.integers(0, 9_000, 20_000)]
    one, other = column(["often"] * 8_000 + tail), column(tail)
    counts = categorical_table(one, other)
    assert counts.first.sum() == pytest.approx(1)
    assert counts.second.sum() == pytest.approx(1)
    assert distances.jensen_shannon(one, other) > 0.1
    assert distances.l_infinity(one, other) == pytest.approx(8_000 / 28_000, abs=0.01)


def test_kinds_are_not_mixed():
    with pytest.raises(ValueError, match="cannot be compared"):
        distances.jensen_shannon(column([1.0]), column(["a"]))
    with pytest.raises(ValueError, match="one of numbers"):
        distances.ks(column(["a"]), column(["a"]))


@pytest.mark.parametrize("name", ["ks", "rank_shift", "jensen_shannon", "psi", "wasserstein"])
@pytest.mark.parametrize("make", [
    lambda rng: rng.normal(size=400),
    lambda rng: rng.integers(0, 4, 400).astype(float),
    lambda rng: rng.standard_cauchy(size=400),
])  # fmt: skip
def test_chance_does_as_much_as_is_said_and_not_much_less(name, make):
    """At one in twenty: never much more often, and the bound is within reach of what happens."""
    rng = np.random.default_rng(5)
    past, ratios = 0, []
    for _ in range(100):
        one, other = column(make(rng)), column(make(rng))
        value = distances.DISTANCES[name](one, other)
        bound = null_bound(name, one, other, 0.05)
        past += value > bound
        ratios.append(value / bound)
    assert past <= 13
    assert max(ratios) > 0.5


def test_chance_among_many_rare_values_is_bounded_closely():
    rng = np.random.default_rng(6)
    ratios = []
    for _ in range(60):
        one, other = (
            column([f"v{number}" for number in rng.integers(0, 1_000, rows)])
            for rows in (300, 2_000)
        )
        value = distances.jensen_shannon(one, other)
        ratios.append(value / null_bound("jensen_shannon", one, other, 0.05))
    assert np.mean(np.array(ratios) > 1) <= 0.15
    assert max(ratios) > 0.98
    assert min(ratios) > 0.9
