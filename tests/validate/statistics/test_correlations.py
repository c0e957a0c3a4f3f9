import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from plimsoll.problem import Problem
from plimsoll.validate.statistics.correlations import (
    CRAMER,
    FEWEST_ROWS,
    PEARSON,
    RATIO,
    associations,
    clustered,
    correlations,
)

REGRESSION = Problem(label="y", task="regression")
BINARY = Problem(label="y", task="binary", positive="yes")
CLASSES = Problem(label="y", task="multiclass")
VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.just(math.nan)


def between(columns, problem=REGRESSION):
    table = pa.table(columns)
    return correlations(table, table.column_names, problem)


def said(columns, problem):
    table = pa.table(columns)
    found, left = associations(table, table.column_names, problem)
    return {item.column: item for item in found}, left


@given(arrays.arrays(float, (30, 3), elements=VALUES))
def test_pearson_is_numpys_over_the_rows_with_both(values):
    found = between({f"c{place}": values[:, place] for place in range(3)})
    for left, one in enumerate(found.columns):
        for right, other in enumerate(found.columns):
            x, y = values[:, int(one[1])], values[:, int(other[1])]
            both = ~(np.isnan(x) | np.isnan(y))
            x, y = x[both], y[both]
            assert found.common[left, right] == len(x)
            if len(x) < FEWEST_ROWS:
                assert math.isnan(found.pearson[left, right])
            elif min(np.ptp(x) / np.nanstd(values), np.ptp(y) / np.nanstd(values)) > 1e-3:
                expected = np.corrcoef(x, y)[0, 1]
                assert found.pearson[left, right] == pytest.approx(expected, abs=1e-5)


@given(arrays.arrays(float, (40, 2), elements=st.integers(-5, 5).map(float)))
def test_spearman_is_scipys_with_ties(values):
    found = between({"a": values[:, 0], "b": values[:, 1]})
    if len(found.columns) == 2:
        expected = stats.spearmanr(values[:, 0], values[:, 1]).statistic
        assert found.spearman[0, 1] == pytest.approx(expected, abs=1e-5)


@given(arrays.arrays(float, (20, 4), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_floats_give_correlations_from_minus_one_to_one(values):
    found = between({f"c{place}": values[:, place] for place in range(4)})
    for matrix in (found.pearson, found.spearman):
        known = matrix[~np.isnan(matrix)]
        assert (np.abs(known) <= 1).all()
        assert np.array_equal(matrix, matrix.T, equal_nan=True)
    assert set(found.columns) | set(found.constant) == {"c0", "c1", "c2", "c3"}


def test_what_does_not_vary_or_is_no_number_is_left_out():
    found = between(
        {
            "one": [1.0] * 50,
            "none": pa.array([None] * 50, pa.float64()),
            "text": ["a", "b"] * 25,
            "flag": [True, False] * 25,
            "number": list(range(50)),
        }
    )
    assert found.columns == ("flag", "number")
    assert found.constant == ("one", "none")


def test_large_and_nearly_equal_numbers_keep_their_correlation():
    random = np.random.default_rng(0)
    base = random.normal(size=500)
    found = between(
        {
            "huge": base * 1e300,
            "clock": pa.array(1_577_836_800_000_000 + (base * 1e6).astype(int)).cast(
                pa.timestamp("us")
            ),
            "plain": base,
        }
    )
    assert np.allclose(found.pearson, 1, atol=1e-5)


def test_the_positive_class_counts_as_one():
    columns = {"x": [float(row) for row in range(40)], "y": ["no"] * 20 + ["yes"] * 20}
    assert between(columns, BINARY).pearson[0, 1] == pytest.approx(0.8663, abs=1e-4)
    turned = Problem(label="y", task="binary", positive="no")
    assert between(columns, turned).pearson[0, 1] == pytest.approx(-0.8663, abs=1e-4)
    assert between(columns, CLASSES).columns == ("x",)


def test_pairs_come_once_and_the_strongest_first():
    random = np.random.default_rng(1)
    base = random.normal(size=300)
    found = between(
        {"a": base, "far": random.normal(size=300), "b": -base + random.normal(size=300) / 10}
    )
    pairs = found.pairs()
    assert (pairs[0].left, pairs[0].right) == ("a", "b")
    assert len(pairs) == 3
    assert pairs[0].pearson < -0.9
    assert pairs[0].rows == 300
    assert found.pairs(1) == pairs[:1]


def test_many_rows_and_columns_are_thinned_to_a_bounded_number_of_cells():
    table = pa.table(
        {f"c{place}": np.random.default_rng(place).normal(size=60_000) for place in range(100)}
    )
    found = correlations(table, table.column_names, REGRESSION)
    assert found.rows == (1 << 22) // 100
    assert np.abs(found.pearson - np.eye(100)).max() < 0.03


def test_names_are_compared_with_a_number_by_the_correlation_ratio():
    random = np.random.default_rng(2)
    groups = random.integers(0, 4, 4000)
    columns = {
        "told": [f"g{group}" for group in groups],
        "chance": [f"h{group}" for group in random.integers(0, 50, 4000)],
        "y": groups + random.normal(size=4000),
    }
    found, left = said(columns, REGRESSION)
    between_groups = np.var([0, 1, 2, 3])
    assert found["told"].measure == RATIO
    assert found["told"].value == pytest.approx(
        math.sqrt(between_groups / (between_groups + 1)), abs=0.02
    )
    assert found["chance"].value < 0.1
    assert left == []
    assert list(found) == ["told", "chance"]


def test_names_are_compared_with_classes_by_cramers_v():
    random = np.random.default_rng(3)
    label = random.integers(0, 3, 3000)
    columns = {
        "same": [f"s{value}" for value in label],
        "chance": [f"h{value}" for value in random.integers(0, 30, 3000)],
        "number": label * 2.0 + random.normal(size=3000) / 100,
        "y": label,
    }
    found, _ = said(columns, CLASSES)
    assert found["same"].measure == CRAMER
    assert found["same"].value == pytest.approx(1, abs=1e-3)
    assert found["chance"].value < 0.1
    assert found["number"].measure == RATIO
    assert found["number"].value == pytest.approx(1, abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=60, max_size=200))
def test_cramers_v_is_scipys_but_for_the_correction(pairs):
    left, right = zip(*pairs, strict=True)
    found, _ = said({"x": [f"k{item}" for item in left], "y": list(right)}, CLASSES)
    if "x" not in found:
        return
    plain = stats.contingency.association(
        stats.contingency.crosstab(left, right).count, method="cramer"
    )
    assert 0 <= found["x"].value <= 1
    assert found["x"].value <= plain + 0.15


def test_numbers_are_compared_with_a_binary_label_by_pearson():
    columns = {"x": list(range(40)), "y": ["no"] * 20 + ["yes"] * 20}
    found, left = said(columns, BINARY)
    assert found["x"].measure == PEARSON
    assert found["x"].value == pytest.approx(0.8663, abs=1e-4)
    assert found["x"].spearman == pytest.approx(0.8663, abs=1e-4)
    assert left == []


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_columns_that_say_nothing_are_named(task):
    columns = {
        "key": [f"id{row}" for row in range(100)],
        "one": ["same"] * 100,
        "zero": [0.0] * 100,
        "none": pa.array([None] * 100, pa.string()),
        "y": [row % 2 for row in range(100)],
    }
    found, left = said(
        columns, Problem(label="y", task=task, positive="1" if task == "binary" else "")
    )
    assert not found
    assert left == ["key", "one", "zero", "none"]


def test_a_sample_without_rows_or_label_has_nothing_to_say():
    empty = {
        "x": pa.array([], pa.float64()),
        "t": pa.array([], pa.string()),
        "y": pa.array([], pa.int64()),
    }
    assert between(empty).columns == ()
    assert said(empty, REGRESSION) == ({}, ["x", "t"])
    assert associations(pa.table({"x": [1.0]}), ["x"], REGRESSION) == ([], ["x"])


@given(st.permutations(range(12)))
def test_columns_that_go_together_stand_side_by_side(places):
    random = np.random.default_rng(4)
    causes = random.normal(size=(4, 400))
    mixed = np.array([causes[place // 3] for place in places])
    found = between(
        {
            f"c{number}": row * (-1) ** number
            for number, row in enumerate(mixed + random.normal(size=mixed.shape) / 3)
        }
    )
    order = [places[place] // 3 for place in clustered(found.pearson)]
    assert sum(one != other for one, other in itertools.pairwise(order)) == 3


@given(arrays.arrays(float, (6, 6), elements=st.floats(-1, 1) | st.just(math.nan)))
def test_any_matrix_is_ordered(matrix):
    assert sorted(clustered(matrix)) == list(range(6))
    assert clustered(np.empty((0, 0))) == []
