"""What is measured does not depend on how rows are cut, and is exact while values are few."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.transform.kinds.category_stats import CategoryAccumulator, encoded
from plimsoll.transform.kinds.number_stats import NumberAccumulator
from plimsoll.transform.kinds.target_stats import ROWS, TargetAccumulator, Targets
from plimsoll.transform.kinds.time_stats import TimeAccumulator

FINITE = st.floats(-1e12, 1e12) | st.sampled_from([0.0, -0.0, 1.0, 2.0])
ANY = FINITE | st.sampled_from([math.nan, math.inf, -math.inf])


def numbers(values, limit=1 << 16, cut=None):
    whole = None
    for part in np.split(np.array(values, np.float64), cut or []):
        tally = NumberAccumulator(limit)
        tally.add(part)
        tally.close()
        if whole is None:
            whole = tally
        else:
            whole.merge(tally)
    return whole.finish()


@given(st.lists(ANY, max_size=60), st.integers(0, 60))
def test_few_numbers_are_counted_exactly_however_they_are_cut(values, cut):
    seen = numbers(values, cut=[min(cut, len(values))])
    once = numbers(values)
    finite = np.array([value for value in values if math.isfinite(value)])
    assert (seen.mean, seen.std) == (once.mean, once.std)
    assert seen.exact
    assert seen.known == len(finite)
    if not len(finite):
        return
    assert (seen.low, seen.high) == (finite.min(), finite.max())
    assert seen.values.tolist() == np.unique(finite + 0.0).tolist()
    assert seen.median() == np.median(finite)
    assert seen.mean == pytest.approx(finite.mean(), abs=1e-3)
    levels = np.linspace(0, 1, 8)
    assert seen.quantiles(levels) == pytest.approx(np.quantile(finite, levels), abs=1e-3)


def test_many_numbers_are_sketched_closely():
    random = np.random.default_rng(1)
    values = random.normal(size=300_000) * 7 + 3
    seen = numbers(values, limit=1000, cut=[100_000, 150_000])
    assert not seen.exact
    assert not seen.distinct_up_to(10**9)
    assert (seen.low, seen.high, seen.known) == (values.min(), values.max(), 300_000)
    assert seen.mean == pytest.approx(values.mean(), rel=1e-12)
    assert seen.std == pytest.approx(values.std(), rel=1e-12)
    levels = np.linspace(0, 1, 201)
    ranks = np.searchsorted(np.sort(values), seen.quantiles(levels)) / len(values)
    assert np.abs(ranks - levels).max() < 0.002
    assert seen.quantiles(np.array([0.0, 1.0])).tolist() == [values.min(), values.max()]


@pytest.mark.parametrize("first", [50, 5000])
def test_sketches_and_counts_are_merged_either_way(first):
    random = np.random.default_rng(2)
    values = random.normal(size=10_000)
    seen = numbers(values, limit=1000, cut=[first])
    assert seen.known == 10_000
    assert seen.mean == pytest.approx(values.mean(), rel=1e-9)
    assert seen.median() == pytest.approx(np.median(values), abs=0.02)


def names(values, limit=1 << 16, kind=None, cut=None):
    column = pa.array(values, kind)
    whole = CategoryAccumulator(limit, numbers=not pa.types.is_string(column.type))
    ends = [0, *(cut or []), len(column)]
    for start, end in itertools.pairwise(ends):
        part = CategoryAccumulator(limit, numbers=not pa.types.is_string(column.type))
        part.add(encoded(column.slice(start, end - start)))
        whole.merge(part)
    return whole.finish()


@given(st.lists(st.sampled_from(["a", "b", "ü", "", None]), max_size=40), st.integers(0, 40))
def test_few_names_are_counted_exactly_however_they_are_cut(values, cut):
    seen = names(values, kind=pa.string(), cut=[min(cut, len(values))])
    assert seen.exact
    assert seen.missing == values.count(None)
    assert dict(seen.counts) == {name: values.count(name) for name in set(values) - {None}}


def test_whole_numbers_are_those_that_a_double_has():
    seen = names([2**63 - 1, 2**63 - 2, -(2**63), 2**53 + 1, 2**53, None], kind=pa.int64())
    assert dict(seen.counts) == {2**63 - 1: 2, -(2**63): 1, 2**53: 2}
    assert {float(value) for value in seen.counts} == {2.0**63, -(2.0**63), 2.0**53}


def test_a_dictionary_is_counted_as_its_texts():
    column = pa.array(["a", None, "b", "a"]).dictionary_encode().slice(1)
    tally = CategoryAccumulator(10)
    tally.add(encoded(column))
    assert dict(tally.finish().counts) == {"a": 1, "b": 1}


def test_of_many_names_the_frequent_are_known_with_what_they_occur_at_least():
    random = np.random.default_rng(3)
    rare = [f"r{place}" for place in range(20_000)]
    values = random.permutation(rare + ["often"] * 9000 + ["less"] * 4000).tolist()
    seen = names(values, limit=1000, cut=[11_000])
    assert not seen.exact
    assert 8900 <= seen.counts["often"] <= 9000
    assert 3900 <= seen.counts["less"] <= 4000
    assert seen.distinct == pytest.approx(20_002, rel=0.1)
    assert seen.known == 33_000


def test_whole_numbers_are_named_as_doubles_have_them():
    assert dict(names([2**53 + 1, 7, 7, None]).counts) == {2**53: 1, 7: 2}
    assert dict(names([True, False, True]).counts) == {1: 2, 0: 1}
    many = names([*range(3000), *([5] * 900)], limit=100)
    assert max(many.counts, key=many.counts.get) == 5


def test_times_know_their_reach():
    tally = TimeAccumulator(100, elapsed=True)
    tally.add(np.array(["2013-01-02", "NaT"], "datetime64[us]"))
    later = TimeAccumulator(100, elapsed=True)
    later.add(np.array(["2013-01-01T00:00:01", "NaT"], "datetime64[us]"))
    tally.merge(later)
    seen = tally.finish()
    assert (seen.rows, seen.known, seen.within_days) == (4, 2, True)
    assert seen.high - seen.low == 86_399_000_000
    assert seen.elapsed.known == 2


def test_of_too_many_values_the_rarest_are_let_go():
    tally = TargetAccumulator(4, 2)
    values = ["a"] * 6 + ["b"] * 4 + list("cdefg") + [None]
    codes = encoded(pa.array(values))
    rows = len(values)
    fold = np.arange(rows) % 2
    tally.add(codes, Targets(fold, 2, {ROWS: np.ones(rows)}))
    held = tally.finish().sums[ROWS]
    assert set(held) == {"a", "b", None}
    assert held["a"].tolist() == [3.0, 3.0]
