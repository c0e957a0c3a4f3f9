"""Columns in one pass: against numpy, whatever the batches, and in bounded memory."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.commands import profiles
from plimsoll.commands.profiles import Profile, Texts, distance
from plimsoll.statistics.divergence import jensen_shannon


def profile(values, kind="float", chunk=3):
    texts = Texts(1000) if kind in ("string", "bool") else None
    made = Profile(name="x", type=kind, texts=texts)
    array = pa.array(values, {"float": pa.float64(), "string": pa.string()}[kind])
    for start in range(0, len(array), chunk):
        made.add(array.slice(start, chunk))
    if texts is None:
        made.numbers = profiles.finite_numbers(array)
    return made


finite = st.floats(-1e6, 1e6)
holes = st.one_of(st.none(), st.just(float("nan")), st.just(float("inf")))


@given(st.lists(st.one_of(finite, holes), max_size=40), st.integers(1, 50))
def test_mean_and_deviation_are_numpys_whatever_the_batches(values, chunk):
    made = profile(values, chunk=chunk)
    usable = [value for value in values if value is not None and np.isfinite(value)]

    told = made.summary()

    assert told["rows"] == len(values)
    assert made.tally.missing == len(values) - len(usable)
    if usable:
        assert told["mean"] == pytest.approx(np.mean(usable), rel=1e-9, abs=1e-6)
        assert told["sd"] == pytest.approx(np.std(usable), rel=1e-6, abs=1e-4)
        assert told["median"] == pytest.approx(np.median(usable))
        assert (told["low"], told["high"]) == (min(usable), max(usable))


shares = st.lists(st.integers(0, 100), min_size=4, max_size=4).filter(any)


@given(shares, shares)
def test_the_divergence_is_its_formula(first, second):
    p, q = (np.array(side) / sum(side) for side in (first, second))
    m = (p + q) / 2
    expected = sum(
        0.5 * sum(a * np.log2(a / b) for a, b in zip(side, m, strict=True) if a) for side in (p, q)
    )

    found = jensen_shannon(p, q)

    assert found == pytest.approx(expected, abs=1e-12)
    assert found == pytest.approx(jensen_shannon(q, p))
    assert 0 <= found <= 1


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), st.randoms())
def test_texts_in_another_order_are_at_no_distance(values, random):
    moved = list(values)
    random.shuffle(moved)

    assert distance(profile(values, "string"), profile(moved, "string")) == 0


def test_nothing_in_common_is_1_and_missing_is_a_value_too():
    assert distance(profile(["a"] * 9, "string"), profile(["b"] * 9, "string")) == 1
    assert distance(profile([1.0] * 9), profile([2.0] * 9)) == 1
    assert distance(profile([1.0] * 9), profile([None] * 9)) == 1
    half = distance(profile([1.0] * 8), profile([1.0] * 4 + [None] * 4))
    assert 0.2 < half < 0.4


def test_a_shift_is_farther_than_chance():
    made = np.random.default_rng(1)
    one, same, shifted = (made.normal(mean, 1, 5000) for mean in (0, 0, 0.5))

    near, far = (distance(profile(one), profile(other)) for other in (same, shifted))

    assert near < 0.01 < 0.03 < far


def texts_of(values, most=200, chunk=100):
    made = Texts(most)
    for start in range(0, len(values), chunk):
        made.add(pa.array(values[start : start + chunk]))
    return made


@settings(max_examples=20)
@given(st.integers(0, 3000), st.integers(10, 400))
def test_many_texts_are_sampled_and_every_row_counts(distinct, most):
    values = [f"v{number}" for number in range(distinct)] * 2
    texts = texts_of(values, most)

    counts, others = texts.contingency_table(texts)

    assert counts.sum() == others.sum() == pytest.approx(2 * distinct)
    assert len(texts.counts) + len(texts.light) <= 1.1 * most
    assert texts.sampled == (distinct > most)
    if not texts.sampled:
        assert texts.distinct == distinct
    elif most >= 100:
        assert texts.distinct == pytest.approx(distinct, rel=0.6)


def divergence(one, other):
    return jensen_shannon(*(side / side.sum() for side in one.contingency_table(other)))


def test_many_texts_are_compared_on_the_same_values():
    random = np.random.default_rng(0)
    values = [f"row {number}" for number in range(5000)]
    moved = list(random.permutation(values))
    others = [f"other {number}" for number in range(5000)]
    half = values[:2500] + others[:2500]

    assert divergence(texts_of(values), texts_of(moved)) < 0.02
    assert divergence(texts_of(values), texts_of(others)) > 0.98
    assert 0.4 < divergence(texts_of(values), texts_of(half)) < 0.6


def test_a_frequent_text_among_many_counts_for_its_share():
    rare = [f"row {number}" for number in range(5000)]
    with_few, with_many = (["often"] * often + rare for often in (50, 5000))

    far = divergence(texts_of(with_few), texts_of(with_many))
    exact = jensen_shannon(
        np.array([50 / 5050] + [1 / 5050] * 5000), np.array([0.5] + [0.5 / 5000] * 5000)
    )

    assert far == pytest.approx(exact, abs=0.03)


def test_few_texts_against_many():
    few, many = ["a", "b"] * 500, [f"row {number}" for number in range(5000)]

    assert divergence(texts_of(few), texts_of(many)) > 0.98


def test_long_texts_are_kept_short_and_told_apart():
    texts = Texts(10)
    texts.add(pa.array(["x" * 5000 + end for end in "ab"]))

    assert len(texts.counts) == 2
    assert max(map(len, texts.counts)) < 120
