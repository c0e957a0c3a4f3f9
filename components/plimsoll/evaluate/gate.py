"""The model gate: each threshold against what was measured; what was not measured fails."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.problem import Threshold

STANDARD_ERRORS = 3.0
"""How far below a constant guess chance alone may put an inferred threshold."""
SPLIT = "test"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One bound of one metric."""

    metric: str
    """The metric, on the test split."""
    bound: str
    """``min`` or ``max``; inclusive."""
    allowed: float
    """The bound's value."""
    measured: float
    """What was measured; NaN if it could not be."""

    @property
    def passed(self) -> bool:
        """Whether the bound holds; a metric that could not be measured is past every bound."""
        if math.isnan(self.measured):
            return False
        if self.bound == "min":
            return self.measured >= self.allowed
        return self.measured <= self.allowed

    def __str__(self) -> str:
        if math.isnan(self.measured):
            return (
                f"{self.metric} could not be measured on {SPLIT}: it has too few rows, or all of "
                "one label; give more data, or a larger share of it to test"
            )
        sign = {"min": ">=", "max": "<="}[self.bound]
        return f"{SPLIT} {self.metric} {self.measured:.4f}, allowed {sign} {self.allowed:.4f}"


def judge(thresholds: Mapping[str, Threshold], metrics: Mapping[str, float]) -> tuple[Verdict, ...]:
    """Returns a verdict a bound, in the order of the thresholds."""
    return tuple(
        Verdict(
            metric=metric,
            bound=bound,
            allowed=float(allowed),
            measured=metrics.get(metric, math.nan),
        )
        for metric, threshold in thresholds.items()
        for bound, allowed in (("min", threshold.min), ("max", threshold.max))
        if allowed is not None
    )


def reason(verdicts: Sequence[Verdict]) -> str:
    """Returns what failed, as one line; empty if nothing did, and never empty without verdicts."""
    if not verdicts:
        return "there is no threshold, and nothing unchecked is blessed"
    return "; ".join(str(verdict) for verdict in verdicts if not verdict.passed)


def no_worse_than_chance(
    task: str, train_label: NDArray[Any], test_label: NDArray[Any], positive: int
) -> dict[str, Threshold]:
    """Returns the thresholds of a problem that names none: no worse than a constant guess.

    A constant guess has AUC 0.5, the accuracy of always saying train's commonest class, or R2 0.
    The bound lies three standard errors below, so that chance alone does not refuse a model:
    of the AUC, the error under the null of the rank-sum test (Mann and Whitney, 1947); of
    accuracy, the binomial's; of R2, one over the root of the rows.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        train_label: Class indices or values of the train split.
        test_label: The same of the test split.
        positive: Binary: the index of the positive class.
    """
    rows = max(1, len(test_label))
    if task == "regression":
        return {"r2": Threshold(min=-STANDARD_ERRORS / math.sqrt(rows))}
    if task == "binary":
        positives = int((test_label == positive).sum())
        pairs = max(1, positives * (rows - positives))
        error = math.sqrt((rows + 1) / (12 * pairs))
        return {"auc": Threshold(min=max(0.0, 0.5 - STANDARD_ERRORS * error))}
    commonest = np.bincount(train_label).argmax()
    share = float((test_label == commonest).mean())
    error = math.sqrt(share * (1 - share) / rows)
    return {"accuracy": Threshold(min=max(0.0, share - STANDARD_ERRORS * error))}
