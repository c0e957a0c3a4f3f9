"""Drift and skew: how far the columns of one data set lie from those of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plimsoll.formats.distributions import NUMERIC, Distribution
from plimsoll.validate.config import (
    CATEGORICAL_DISTANCES,
    CATEGORICAL_TESTS,
    EVERY_COLUMN,
    NUMERIC_DISTANCES,
    NUMERIC_TESTS,
    TESTS,
    Comparison,
)
from plimsoll.validate.drift import distances
from plimsoll.validate.drift.thresholds import LEAST_THRESHOLDS, threshold

BASELINE, SERVING, TRAIN = "baseline", "serving", "train"
PASS = "pass"  # noqa: S105 - a level
LEAST_EFFECT = {"t_test": 0.1, "anova": 0.1, "chi_squared": 0.05}
"""Of tests, the least that is drift: half of what Cohen (1988) calls small of d and of V."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One distance of one column between two data sets; kept also when it passes."""

    column: str
    split: str
    """What was compared: ``train``, ``eval`` or ``test``."""
    against: str
    """With what: ``baseline`` (drift since the last span), ``serving`` (skew between train and
    what is asked), or ``train`` (between the splits of one data set)."""
    distance: str
    """One of ``distances.DISTANCES`` or ``distances.TESTS``."""
    value: float
    """The distance; of a test, its p-value."""
    threshold: float
    """A distance above it is a finding; of a test, a p-value below it."""
    level: str
    """``pass``, ``warning`` or ``error``."""
    how: str
    """Where the threshold comes from, for people: ``from 20 chunks of the baseline``."""
    change: str = ""
    """What changed most, for people: ``mean 55.1 -> 78.4``."""

    def to_json(self) -> dict[str, Any]:
        """Returns the measurement as JSON values."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class DistanceRequest:
    """One distance to measure of one column."""

    column: str
    distance: str
    bound: float | None = None
    """The threshold that is given; None: calibrated."""
    how: str = "as configured"
    """Where the given threshold comes from."""
    level: str
    """What a value past the threshold is."""


@dataclass(frozen=True)
class DatasetPair:
    """Two data sets that are compared."""

    split: str
    against: str
    """As in ``Measurement``."""
    reference: Mapping[str, Distribution]
    """The columns of the baseline; of train, where it is compared with serving or a split."""
    current: Mapping[str, Distribution]
    requests: Sequence[DistanceRequest]

    @property
    def name(self) -> str:
        """What the reference is called."""
        return "the baseline" if self.against == BASELINE else TRAIN


def distance_requests(
    columns: Mapping[str, Distribution], comparison: Comparison, level: str
) -> list[DistanceRequest]:
    """Returns what a comparison measures of columns.

    Args:
        columns: The columns to compare, by name.
        comparison: Which distances, and what thresholds are given.
        level: What a value past its threshold is; ``off``: nothing is measured.
    """
    if level == "off":
        return []
    requests = []
    for name, column in columns.items():
        kind = column.kind
        usual = comparison.numeric if kind == NUMERIC else comparison.categorical
        given = {
            distance: bound
            for distance, bound in comparison.thresholds.get(EVERY_COLUMN, {}).items()
            if fits(distance, kind)
        }
        given |= comparison.thresholds.get(name, {})
        tests = [test for test in comparison.tests if fits(test, kind)]
        for distance in dict.fromkeys([*usual, *tests, *given]):
            bound = given.get(distance)
            requests.append(
                DistanceRequest(column=name, distance=distance, bound=bound, level=level)
            )
    return requests


def fits(distance: str, kind: str) -> bool:
    """Says if a distance or a test is one of a kind of column."""
    if kind == NUMERIC:
        return distance in (*NUMERIC_DISTANCES, *NUMERIC_TESTS)
    return distance in (*CATEGORICAL_DISTANCES, *CATEGORICAL_TESTS, "normalized_abs_difference")


def measure(pair: DatasetPair, alpha: float) -> list[Measurement]:
    """Returns what is requested of a pair of data sets, measured.

    A column that one of the two lacks, or that is of another kind there, or without any value, is
    left out: there is nothing to compare, and other checks report it.

    Args:
        pair: The data sets.
        alpha: How often chance may take one distance past its calibrated threshold.
    """
    measurements = []
    for item in pair.requests:
        reference, current = pair.reference.get(item.column), pair.current.get(item.column)
        if reference is None or current is None or reference.kind != current.kind:
            continue
        if reference.values and current.values:
            measurements.append(_measurement(pair, item, alpha))
    return measurements


def _measurement(pair: DatasetPair, item: DistanceRequest, alpha: float) -> Measurement:
    reference, current = pair.reference[item.column], pair.current[item.column]
    is_test = item.distance in distances.TESTS
    functions = distances.TESTS if is_test else distances.DISTANCES
    value = functions[item.distance](reference, current)
    bound, how = _threshold(pair, item, alpha)
    result = Measurement(
        column=item.column,
        split=pair.split,
        against=pair.against,
        distance=item.distance,
        value=_rounded(value),
        threshold=_rounded(bound),
        level=PASS,
        how=how,
    )
    past = value > bound + 1e-9
    if is_test:
        least = LEAST_EFFECT[item.distance] if item.bound is None else 0.0
        past = value < bound and distances.effect(item.distance, reference, current) >= least
    if not past:
        return result
    return replace(result, level=item.level, change=describe_change(reference, current))


def _threshold(pair: DatasetPair, item: DistanceRequest, alpha: float) -> tuple[float, str]:
    """Returns the threshold of a distance, and how it came."""
    if item.bound is not None:
        return float(item.bound), item.how
    if item.distance in TESTS:
        return alpha, "chance over all columns, for an effect that counts"
    reference, current = pair.reference[item.column], pair.current[item.column]
    least = LEAST_THRESHOLDS.get(item.distance, 0.0)
    return threshold(item.distance, reference, current, alpha, least, pair.name)


def describe_change(reference: Distribution, current: Distribution) -> str:
    """Returns what changed most of a column, in a few words."""
    if reference.kind == NUMERIC:
        if reference.type == "timestamp":
            return ""
        first, second = (f"{one.mean:.3g}" for one in (reference, current))
        if first != second:
            return f"mean {first} -> {second}"
        return f"standard deviation {reference.std:.3g} -> {current.std:.3g}"
    before, after = (
        {name: count / one.values for name, count in one.counts} for one in (reference, current)
    )
    names = before.keys() | after.keys()
    if not names:
        return f"different values {reference.distinct:,} -> {current.distinct:,}"
    gaps = {name: abs(before.get(name, 0.0) - after.get(name, 0.0)) for name in names}
    most = min(names, key=lambda name: (-gaps[name], name))
    shown = most if len(most) <= 40 else most[:39] + "…"
    return f"share of {shown!r} {before.get(most, 0.0):.1%} -> {after.get(most, 0.0):.1%}"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
