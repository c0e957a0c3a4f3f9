"""Fits one numeric output: what to fill in, where to clip, how to scale."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.transform import Number
from plimsoll.transform.config import TransformConfig

LARGEST = 1e30
"""Values further from zero count as this, so that squares and sums stay finite."""
FEW_VALUES = 10
"""A number of no more distinct values is standardised: a table would gain nothing."""
FAR = 10
"""How much further than the tail one single value must lie to call for quantiles."""


class FittedNumber(NamedTuple):
    """A numeric output, and why it is scaled as it is."""

    part: Number
    why: str


def fit_number(
    output: str, values: NDArray[np.float64], config: TransformConfig, *, scale: str, of: str
) -> FittedNumber:
    """Fits a numeric output.

    Args:
        output: Its name.
        values: The finite values in train, of at least two distinct ones.
        config: The knobs.
        scale: ``standard``, ``quantile``, or ``numeric`` to choose by the tails.
        of: ``value`` or ``elapsed_days``.
    """
    values = np.clip(values, -LARGEST, LARGEST)
    mean, std = float(values.mean()), float(values.std())
    why = "as configured"
    if scale == "numeric":
        scale, why = _chosen(values, config)
    if scale == "standard" and not std > 0:
        scale, why = "quantile", "its spread is too small to divide by"
    fill = float(np.median(values))
    if scale == "quantile":
        knots, scores = quantile_table(values, config.quantiles)
        part = Number(
            output=output, of=of, fill=fill, low=knots[0], high=knots[-1], scale="quantile",
            knots=knots, scores=scores,
        )  # fmt: skip
        return FittedNumber(part, why)
    reach = config.clip * std
    part = Number(
        output=output, of=of, fill=fill, low=mean - reach, high=mean + reach, scale="standard",
        center=mean, spread=std,
    )  # fmt: skip
    return FittedNumber(part, why)


def quantile_table(
    values: NDArray[np.float64], intervals: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns knots and the normal scores of their ranks; a value of many ranks has the middle.

    Args:
        values: Finite values of at least two distinct ones.
        intervals: How fine the table is; no finer than the values are many.
    """
    intervals = max(2, min(intervals, len(values)))
    levels = np.linspace(0.0, 1.0, intervals + 1)
    # Interpolation may round a quantile below the one before it.
    points = np.maximum.accumulate(np.quantile(values, levels))
    knots, where = np.unique(points, return_inverse=True)
    middle = np.bincount(where, levels) / np.bincount(where)
    # The ends' ranks stand for the half interval next to them: their scores are infinite.
    edge = 0.5 / intervals
    normal = NormalDist()
    scores = tuple(normal.inv_cdf(level) for level in np.clip(middle, edge, 1 - edge).tolist())
    return tuple(knots.tolist()), scores


def _chosen(values: NDArray[np.float64], config: TransformConfig) -> tuple[str, str]:
    points: list[Any] = np.quantile(values, [0, 0.005, 0.1, 0.5, 0.9, 0.995, 1]).tolist()
    least, low, below, median, above, high, most = points
    spread = above - below
    tail = max(high - median, median - low)
    farthest = max(most - median, median - least)
    if len(np.unique(values)) <= FEW_VALUES:
        return "standard", "few distinct values"
    if spread == 0:
        return "quantile", "most values are equal"
    if tail > config.heavy_tail * spread:
        return "quantile", f"heavy tail: {tail / spread:.1f} times its 10-90% range"
    if farthest > FAR * config.heavy_tail * spread:
        return "quantile", f"outliers: up to {farthest / spread:.0f} times its 10-90% range"
    return "standard", "no heavy tail"
