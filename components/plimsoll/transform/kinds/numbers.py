"""Fits numeric outputs: what to fill in, where to clip, how to scale, where bins end."""

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from plimsoll.errors import ConfigError
from plimsoll.models.transform_parts import Bins, Number
from plimsoll.transform.apply.numbers import signed_log
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.kinds.number_stats import LARGEST, Numbers, NumberStats
from plimsoll.transform.treatments import DEFAULT_TREATMENT, Treatment

FEW_VALUES = 10
"""A number of no more distinct values is standardised: a table would gain nothing."""
FAR = 10
"""How much further than the tail one single value must lie to call for quantiles."""
QUARTILES_OF_NORMAL = 2 * NormalDist().inv_cdf(0.75)
"""Distance between the quartiles of a normal distribution, in standard deviations."""
_LONGEST_LOG = 80.0


class FittedNumber(NamedTuple):
    """A numeric output, and why it is scaled as it is."""

    part: Number
    why: str


def fit_number(
    output: str,
    stats: NumberStats,
    config: TransformConfig,
    *,
    scale: str = "numeric",
    of: str = "value",
    treatment: Treatment = DEFAULT_TREATMENT,
) -> FittedNumber:
    """Fits a numeric output.

    Args:
        output: Its name.
        stats: The finite values in train, of at least two distinct ones.
        config: The settings.
        scale: ``standard``, ``robust``, ``log``, ``quantile``, or ``numeric`` to choose by the
            tails.
        of: ``value`` or ``elapsed_days``.
        treatment: Where to clip, and how fine a table is.

    Raises:
        ConfigError: if the column is to be clipped to a single value.
    """
    why = "as configured"
    if scale == "numeric":
        scale, why = _chosen(stats, config)
    center, spread = _center(stats, scale)
    if scale in ("standard", "robust") and not spread > 0:
        scale, why = "quantile", "its spread is too small to divide by"
    fill = _within(stats.median(), treatment)
    common: dict[str, Any] = {"output": output, "of": of, "fill": fill, "scale": scale}
    if scale == "quantile":
        knots, scores = quantile_table(stats, treatment.quantiles or config.quantiles, treatment)
        low, high = knots[0], knots[-1]
        return FittedNumber(Number(**common, low=low, high=high, knots=knots, scores=scores), why)
    if scale == "log":
        return FittedNumber(_logarithm(stats, config, treatment, common), why)
    width = config.clip * spread
    low, high = treatment.clip or (center - width, center + width)
    return FittedNumber(Number(**common, low=low, high=high, center=center, spread=spread), why)


def fit_bins(output: str, stats: NumberStats, treatment: Treatment, of: str = "value") -> Bins:
    """Fits bins of about as many rows each; equal values may make them fewer.

    Args:
        output: What the names of the outputs begin with.
        stats: The finite values in train, of at least two distinct ones.
        treatment: How many bins, and where to clip.
        of: ``value`` or ``elapsed_days``.

    Raises:
        ConfigError: if the column is to be clipped to a single value.
    """
    points = _points(output, stats, np.linspace(0.0, 1.0, treatment.bins + 1), treatment)
    edges = tuple(np.unique(points).tolist())
    return Bins(output=output, of=of, fill=_within(stats.median(), treatment), edges=edges)


def quantile_table(
    stats: NumberStats, intervals: int, treatment: Treatment = DEFAULT_TREATMENT
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns knots and the normal scores of their ranks; a value of many ranks has the middle.

    Args:
        stats: Finite values of at least two distinct ones.
        intervals: How fine the table is; no finer than the values are many.
        treatment: Where to clip.

    Raises:
        ConfigError: if the column is to be clipped to a single value.
    """
    intervals = max(2, min(intervals, stats.known))
    levels = np.linspace(0.0, 1.0, intervals + 1)
    points = _points("", stats, levels, treatment)
    knots, indices = np.unique(points, return_inverse=True)
    middle = np.bincount(indices, levels) / np.bincount(indices)
    # The ends' ranks stand for the half interval next to them: their scores are infinite.
    edge = 0.5 / intervals
    normal = NormalDist()
    scores = tuple(normal.inv_cdf(level) for level in np.clip(middle, edge, 1 - edge).tolist())
    return tuple(knots.tolist()), scores


def _points(name: str, stats: NumberStats, levels: Numbers, treatment: Treatment) -> Numbers:
    low, high = treatment.clip or (-LARGEST, LARGEST)
    # Interpolation may round a quantile below the one before it.
    points = np.maximum.accumulate(stats.quantiles(levels)) + 0.0
    points = np.clip(points, max(low, -LARGEST), min(high, LARGEST))
    if not points[0] < points[-1]:
        raise ConfigError(
            f"the column {name!r} has a single value where it is clipped"
            if name
            else "a column has a single value where it is clipped",
            cause=f"clip is [{low:g}, {high:g}], train has {stats.low:g} to {stats.high:g}",
        )
    return np.asarray(points)


def _center(stats: NumberStats, scale: str) -> tuple[float, float]:
    if scale != "robust":
        return stats.mean, stats.std
    low, high = np.clip(stats.quantiles(np.array([0.25, 0.75])), -LARGEST, LARGEST).tolist()
    middle = min(max(stats.median(), -LARGEST), LARGEST)
    return middle, (high - low) / QUARTILES_OF_NORMAL


def _logarithm(
    stats: NumberStats, config: TransformConfig, treatment: Treatment, common: dict[str, Any]
) -> Number:
    values = np.clip(stats.values, -LARGEST, LARGEST)
    weights = stats.counts if stats.exact else np.ones(len(values), np.int64)
    unit = _unit(values, weights)
    logs = signed_log(values, unit)
    total = int(weights.sum())
    center = math.fsum((logs * weights).tolist()) / total
    spread = math.sqrt(math.fsum((np.square(logs - center) * weights).tolist()) / total)
    spread = spread or 1.0
    width = config.clip * spread
    low, high = treatment.clip or (_exp(center - width, unit), _exp(center + width, unit))
    return Number(**common, low=low, high=high, center=center, spread=spread, unit=unit)


def _unit(values: Numbers, weights: Any) -> float:
    """Returns the lower quartile of the sizes that are not 0: most values go by their logarithm."""
    sizes = np.abs(values)
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    ends = np.cumsum(weights[order])
    unit = float(sizes[order][np.searchsorted(ends, ends[-1] / 4)])
    # Below, a share of it may no longer be a number.
    return max(unit, 1e-250)


def _exp(log: float, unit: float) -> float:
    size = min(unit * math.expm1(min(abs(log), _LONGEST_LOG)), LARGEST)
    return math.copysign(size, log)


def _within(value: float, treatment: Treatment) -> float:
    low, high = treatment.clip or (-LARGEST, LARGEST)
    return min(max(value, low), high)


def _chosen(stats: NumberStats, config: TransformConfig) -> tuple[str, str]:
    levels = np.array([0, 0.005, 0.1, 0.5, 0.9, 0.995, 1])
    points = np.clip(stats.quantiles(levels), -LARGEST, LARGEST).tolist()
    least, low, below, median, above, high, most = points
    spread = above - below
    tail = max(high - median, median - low)
    farthest = max(most - median, median - least)
    if stats.distinct_up_to(FEW_VALUES):
        return "standard", "few distinct values"
    if spread == 0:
        return "quantile", "most values are equal"
    if tail > config.heavy_tail * spread:
        return "quantile", f"heavy tail: {tail / spread:.1f} times its 10-90% range"
    if farthest > FAR * config.heavy_tail * spread:
        return "quantile", f"outliers: up to {farthest / spread:.0f} times its 10-90% range"
    return "standard", "no heavy tail"
