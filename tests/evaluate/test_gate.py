"""The model gate: inclusive bounds, and failure of all that was not measured."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluate import gate
from plimsoll.problem import Threshold


@pytest.mark.parametrize(
    ("threshold", "measured", "passes"),
    [
        (Threshold(min=0.7), 0.7, True),
        (Threshold(min=0.7), 0.6999, False),
        (Threshold(max=0.2), 0.2, True),
        (Threshold(max=0.2), 0.2001, False),
        (Threshold(min=0.7), math.nan, False),
        (Threshold(max=0.7), math.nan, False),
        (Threshold(min=0.1, max=0.2), 0.15, True),
        (Threshold(min=0.1, max=0.2), 0.25, False),
    ],
)
def test_bounds_are_inclusive_and_nan_is_past_all(threshold, measured, passes):
    verdicts = gate.judge({"auc": threshold}, {"auc": measured})
    assert all(verdict.passed for verdict in verdicts) == passes
    assert bool(gate.reason(verdicts)) != passes


def test_a_metric_that_is_absent_fails_by_name_and_says_what_to_do():
    verdicts = gate.judge({"recall": Threshold(min=0.1)}, {"auc": 0.9})
    assert gate.reason(verdicts).startswith("recall could not be measured on test: ")
    assert "give more data" in gate.reason(verdicts)


def test_without_a_threshold_nothing_is_blessed():
    assert "nothing unchecked is blessed" in gate.reason(())


def test_the_reason_says_measured_and_allowed():
    verdicts = gate.judge(
        {"auc": Threshold(min=0.7), "f1": Threshold(min=0)}, {"auc": 0.6, "f1": 1}
    )
    assert gate.reason(verdicts) == "test auc 0.6000, allowed >= 0.7000"


@given(st.integers(20, 400), st.integers(0, 2**32 - 1))
def test_a_constant_guess_passes_an_inferred_line(rows, seed):
    truth = np.random.default_rng(seed).integers(0, 2, rows)
    found = gate.no_worse_than_chance("binary", truth, truth, 1)
    assert 0 <= found["auc"].min < 0.5
    share = float((truth == np.bincount(truth).argmax()).mean())
    accuracy = gate.no_worse_than_chance("multiclass", truth, truth, 0)["accuracy"]
    assert accuracy.min <= share
    assert gate.no_worse_than_chance("regression", truth, truth, 0)["r2"].min < 0


def test_more_rows_draw_the_line_closer():
    few, many = np.arange(40) % 2, np.arange(40_000) % 2
    loose = gate.no_worse_than_chance("binary", few, few, 1)["auc"].min
    tight = gate.no_worse_than_chance("binary", many, many, 1)["auc"].min
    assert loose < 0.3 < 0.49 < tight
