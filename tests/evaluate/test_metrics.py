"""Metrics, against their definitions written out the slow way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluate import metrics

PAIRS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40)


def two_classes(probability):
    return np.stack([1 - probability, probability], axis=1)


def measured(pairs):
    truth = np.array([pair[0] for pair in pairs])
    probability = np.array([pair[1] for pair in pairs])
    found = metrics.measure(
        "binary", ["no", "yes"], "yes", truth.astype(int), two_classes(probability)
    )
    return truth, probability, found


@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs):
    truth, probability, found = measured(pairs)
    right = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in probability[truth]
        for low in probability[~truth]
    ]
    if right:
        assert found["auc"] == pytest.approx(np.mean(right))
    else:
        assert math.isnan(found["auc"])


@given(PAIRS)
def test_counts_make_precision_recall_and_f1(pairs):
    truth, probability, found = measured(pairs)
    given_yes = probability >= 0.5
    hits = (truth & given_yes).sum()
    precision = hits / given_yes.sum() if given_yes.any() else 0.0
    recall = hits / truth.sum() if truth.any() else 0.0
    assert found["precision"] == pytest.approx(precision)
    assert found["recall"] == pytest.approx(recall)
    both = precision + recall
    assert found["f1"] == pytest.approx(2 * precision * recall / both if both else 0.0)
    assert found["accuracy"] == pytest.approx((truth == given_yes).mean())
    assert found["brier"] == pytest.approx(((probability - truth) ** 2).mean())


@given(PAIRS)
def test_losses_are_finite_and_errors_lie_between_0_and_1(pairs):
    _, _, found = measured(pairs)
    assert 0 <= found["log_loss"] < 40
    for name in ("accuracy", "precision", "recall", "f1", "calibration_error", "brier"):
        assert 0 <= found[name] <= 1


def test_calibration_error_is_0_for_the_calibrated_and_the_gap_for_others():
    confidence = np.repeat([0.25, 0.75], 100)
    outcome = np.concatenate([np.arange(100) < 25, np.arange(100) < 75])
    assert metrics.calibration_error(confidence, outcome) == pytest.approx(0)
    assert metrics.calibration_error(np.full(10, 0.9), np.zeros(10, bool)) == pytest.approx(0.9)


def test_the_positive_class_may_stand_first():
    label = np.array([0, 0, 1, 1])
    answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    found = metrics.measure("binary", [True, False], True, label, answers)
    assert found["auc"] == found["recall"] == found["precision"] == 1


def test_three_classes():
    label = np.array([0, 1, 2, 2])
    answers = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    found = metrics.measure("multiclass", ["a", "b", "c"], None, label, answers)
    assert found["accuracy"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.7, 0.7, 0.2]).mean())
    assert found["recall"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert found["auc"] == pytest.approx((1 + 1 + 1) / 3)


def test_a_class_that_the_split_lacks_does_not_count():
    answers = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    found = metrics.measure("multiclass", ["a", "b", "c"], None, np.array([0, 1]), answers)
    assert found["recall"] == found["auc"] == 1


def test_values():
    found = metrics.measure("regression", [], None, np.array([1, 2, 3]), np.array([1.0, 2.0, 5.0]))
    assert found["rmse"] == pytest.approx(math.sqrt(4 / 3))
    assert found["mae"] == pytest.approx(2 / 3)
    assert found["r2"] == pytest.approx(1 - 4 / 2)
    constant = metrics.measure("regression", [], None, np.array([2, 2]), np.array([2.0, 3.0]))
    assert math.isnan(constant["r2"])


def test_nothing_is_measured_on_no_rows():
    assert metrics.measure("regression", [], None, np.zeros(0), np.zeros(0)) == {}
