"""Distances between two distributions, and tests of their being one; numpy and scipy alone.

A new distance is a function here, in ``DISTANCES``; its name in ``validate.config`` says of what
columns it is; ``null_bounds``, ``thresholds`` and ``calibration`` say how large it is by chance.

Of numbers, distances are those of the two cumulative distributions: exact where both are (see
``formats.distributions``), else of distributions that are even between 257 points. Where cells
are needed, numbers share ``BINS`` cells of equal mass in the two together. NaN and infinities
are in no cell on either side. A distance to a column without values is NaN; of two without, 0.
"""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from plimsoll.formats.distributions import CATEGORICAL, NUMERIC, Distribution
from plimsoll.statistics import divergence
from plimsoll.validate.drift.contingency_table import ContingencyTable, categorical_table

Floats: TypeAlias = NDArray[np.float64]
Distance: TypeAlias = Callable[[Distribution, Distribution], float]

BINS = 20
MOST_SINGLE_CELLS = 64
"""Up to so many different numbers in the two together, each is a cell of its own."""
FEWEST_EXPECTED = 5
"""Of a cell of the chi-squared test, by the usual rule (Cochran, 1954)."""
PSI_EPSILON = 1e-4
"""What the population stability index takes an empty cell's share for."""


def ks(reference: Distribution, current: Distribution) -> float:
    """Returns Kolmogorov and Smirnov's statistic: the greatest gap of the cumulatives, 0 to 1."""
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    _, (below, at_most), (other_below, other_at_most) = _cumulatives(reference, current)
    gaps = np.maximum(np.abs(below - other_below), np.abs(at_most - other_at_most))
    return float(gaps.max())


def rank_shift(reference: Distribution, current: Distribution) -> float:
    """Returns Cliff's delta without its sign, 0 to 1: ``|P(X < Y) - P(X > Y)|``.

    It is ``|2 U / (m n) - 1|`` of Mann and Whitney's U, and finds a shift of the whole column that
    is too small for ``ks`` at the same number of rows.
    """
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    first, second = _masses(reference, current)
    return float(abs(np.sum(second * (2 * np.cumsum(first) - first - 1))))


def wasserstein(reference: Distribution, current: Distribution) -> float:
    """Returns the area between the cumulatives in standard deviations of the reference, from 0.

    Where the reference has one value only, it is divided by the other's standard deviation, and
    where both have, it is 1 if they differ.
    """
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    grid, (below, at_most), (other_below, other_at_most) = _cumulatives(reference, current)
    scale = reference.std or current.std
    # Halves, because the width between two finite numbers may be infinite.
    widths = np.diff(grid / 2)
    area = 2 * float(np.sum(_area(at_most - other_at_most, below - other_below) * widths))
    if not area:
        return 0.0
    return area / scale if scale and math.isfinite(area / scale) else 1.0


def jensen_shannon(reference: Distribution, current: Distribution) -> float:
    """Returns Jensen and Shannon's divergence in base 2, 0 to 1."""
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    table = contingency_table(reference, current)
    return divergence.jensen_shannon(table.first, table.second)


def jensen_shannon_distance(reference: Distribution, current: Distribution) -> float:
    """Returns the square root of the divergence in base 2, 0 to 1: a metric."""
    return math.sqrt(jensen_shannon(reference, current))


def l_infinity(reference: Distribution, current: Distribution) -> float:
    """Returns the greatest change of the share of one value, 0 to 1; blind to many rare ones."""
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    table = contingency_table(reference, current)
    gaps = np.abs(table.first - table.second)[table.named]
    return float(gaps.max()) if len(gaps) else 0.0


def normalized_abs_difference(reference: Distribution, current: Distribution) -> float:
    """Returns the greatest ``|n - m|`` of one value's rows over all rows of both, 0 to 1.

    Unlike ``l_infinity`` it also grows where one data set has more rows than the other. What TFDV
    calls the normalised absolute difference.
    """
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    rows, others = (one.rows - one.nulls for one in (reference, current))
    table = contingency_table(reference, current)
    gaps = np.abs(table.first * rows - table.second * others)[table.named]
    return float(gaps.max() / (rows + others)) if len(gaps) else 0.0


def psi(reference: Distribution, current: Distribution) -> float:
    """Returns the population stability index, from 0: ``sum((q - p) ln(q / p))`` over cells.

    An empty cell's share counts as ``PSI_EPSILON``.
    """
    if (empty := _if_empty(reference, current)) is not None:
        return empty
    table = contingency_table(reference, current)
    return float(np.sum(psi_terms(table.first, table.second)))


def chi_squared(reference: Distribution, current: Distribution) -> float:
    """Returns the p-value of Pearson's chi-squared test, without Yates' correction.

    Values of which either side expects fewer than ``FEWEST_EXPECTED`` count as one.
    """
    if (empty := _if_empty(reference, current)) is not None:
        return 1.0 - empty
    statistic, freedom, _ = _pearson(reference, current)
    return float(special.chdtrc(freedom, statistic)) if freedom > 0 else 1.0


def t_test(reference: Distribution, current: Distribution) -> float:
    """Returns the p-value of Welch's t-test of equal means, two-sided."""
    if min(reference.values, current.values) < 2:
        return math.nan
    means, stds = _moments(reference, current)
    parts = [std**2 / (one.values - 1) for std, one in zip(stds, (reference, current), strict=True)]
    if not sum(parts):
        return 1.0 if reference.mean == current.mean else 0.0
    statistic = abs(means[0] - means[1]) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (one.values - 1) for part, one in zip(parts, (reference, current), strict=True)
    )
    return float(2 * special.stdtr(freedom, -statistic))


def anova(*groups: Distribution) -> float:
    """Returns the p-value of the one-way analysis of variance of equal means."""
    total = sum(one.values for one in groups)
    if len(groups) < 2 or min(one.values for one in groups) < 1 or total <= len(groups):
        return math.nan
    means, stds = _moments(*groups)
    sizes = [one.values for one in groups]
    mean = sum(own * (size / total) for own, size in zip(means, sizes, strict=True))
    squares = sum(size * (own - mean) ** 2 for own, size in zip(means, sizes, strict=True))
    between = squares / (len(groups) - 1)
    within = sum(size * std**2 for std, size in zip(stds, sizes, strict=True))
    within /= total - len(groups)
    if not within:
        return 1.0 if not between else 0.0
    return float(special.fdtrc(len(groups) - 1, total - len(groups), between / within))


def effect(test: str, reference: Distribution, current: Distribution) -> float:
    """Returns how large a difference is, whatever the number of rows.

    Cohen's d of the means (0.2 is small, 0.8 large), or Cramér's V of a chi-squared test, 0 to 1.

    Args:
        test: A name in ``TESTS``.
        reference: The one column.
        current: The other.
    """
    if test == "chi_squared":
        statistic, _, total = _pearson(reference, current)
        return math.sqrt(statistic / total) if total else 0.0
    means, stds = _moments(reference, current)
    scale = math.sqrt((stds[0] ** 2 + stds[1] ** 2) / 2)
    gap = abs(means[0] - means[1])
    return gap / scale if scale else (math.inf if gap else 0.0)


def _moments(*groups: Distribution) -> tuple[list[float], list[float]]:
    """Returns means and standard deviations in a unit of their size, a power of two.

    The squares of huge numbers are none, and those of tiny ones are zero.
    """
    greatest = max(max(abs(one.mean), one.std) for one in groups)
    unit = math.ldexp(0.5, math.frexp(greatest)[1])
    return [one.mean / unit for one in groups], [one.std / unit for one in groups]


DISTANCES: Mapping[str, Distance] = {
    "ks": ks,
    "rank_shift": rank_shift,
    "jensen_shannon": jensen_shannon,
    "jensen_shannon_distance": jensen_shannon_distance,
    "l_infinity": l_infinity,
    "psi": psi,
    "wasserstein": wasserstein,
    "normalized_abs_difference": normalized_abs_difference,
}
TESTS: Mapping[str, Distance] = {"chi_squared": chi_squared, "t_test": t_test, "anova": anova}


def contingency_table(reference: Distribution, current: Distribution) -> ContingencyTable:
    """Returns the contingency table of two columns; of numbers, over cells of about equal mass.

    Raises:
        ValueError: if one is of numbers, and the other is not.
    """
    if reference.kind != current.kind:
        raise ValueError(f"a {reference.kind} column cannot be compared with a {current.kind} one")
    if reference.kind == CATEGORICAL:
        return categorical_table(reference, current)
    first, second = _masses(reference, current)
    exact = all(len(one.points) == one.distinct for one in (reference, current))
    if not exact or len(first) > 2 * MOST_SINGLE_CELLS:
        # A point's cell ends with it: spread masses lie before the point that they lead to.
        starts = equal_mass_starts((first + second) / 2)
        first, second = np.add.reduceat(first, starts), np.add.reduceat(second, starts)
    return ContingencyTable.of_counts(
        first * reference.values, second * current.values, reference.values, current.values
    )


def equal_mass_starts(shares: Floats) -> NDArray[np.int64]:
    """Returns the first of each of at most ``BINS`` runs of about equal mass; shares sum to 1."""
    ends = np.searchsorted(np.cumsum(shares), np.arange(1, BINS) / BINS - 1e-12)
    starts = np.unique(np.concatenate([[0], ends + 1]))
    return np.asarray(starts[starts < len(shares)], dtype=np.int64)


def cumulative_shares(one: Distribution, at: Floats) -> tuple[Floats, Floats]:
    """Returns the share of values below each of some numbers, and at or below it."""
    points = np.asarray(one.points, dtype=np.float64)
    below = np.asarray(one.below, dtype=np.float64) / one.values
    at_most = np.asarray(one.at_most, dtype=np.float64) / one.values
    index = np.searchsorted(points, at, side="right") - 1
    last, following = np.maximum(index, 0), np.minimum(index + 1, len(points) - 1)
    start = np.where(index >= 0, at_most[last], 0.0)
    end = np.where(index + 1 < len(points), below[following], 1.0)
    width = points[following] / 2 - points[last] / 2
    inside = (index >= 0) & (width > 0)
    share = np.divide(at / 2 - points[last] / 2, width, out=np.zeros(len(at)), where=inside)
    spread = start + (end - start) * share
    hit = (index >= 0) & (points[last] == at)
    return np.where(hit, below[last], spread), np.where(hit, at_most[last], spread)


def psi_terms(first: Floats, second: Floats) -> Floats:
    """Returns each cell's part of the population stability index; shares of one shape."""
    first = np.where(first > 0, first, PSI_EPSILON)
    second = np.where(second > 0, second, PSI_EPSILON)
    return (second - first) * np.log(second / first)


def _cumulatives(
    reference: Distribution, current: Distribution
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Returns the points of both columns, and each one's ``cumulative_shares`` at them."""
    if reference.kind != NUMERIC or current.kind != NUMERIC:
        raise ValueError("this distance is one of numbers")
    grid = np.union1d(np.asarray(reference.points, float), np.asarray(current.points, float))
    return grid, cumulative_shares(reference, grid), cumulative_shares(current, grid)


def _masses(reference: Distribution, current: Distribution) -> tuple[Floats, Floats]:
    """Returns each column's shares between and at the points of both: gap, point, gap, point."""
    _, *sides = _cumulatives(reference, current)
    first, second = (np.diff(np.ravel(np.column_stack(side)), prepend=0.0) for side in sides)
    return first, second


def _area(start: Floats, end: Floats) -> Floats:
    """Returns the mean of ``|gap|`` between neighbouring points, where the gap is a line."""
    first, last = start[:-1], end[1:]
    total = np.abs(first) + np.abs(last)
    crossing = np.divide(first**2 + last**2, 2 * total, out=np.zeros_like(total), where=total > 0)
    return np.where(first * last >= 0, total / 2, crossing)


def _if_empty(reference: Distribution, current: Distribution) -> float | None:
    if reference.values and current.values:
        return None
    return 0.0 if reference.values == current.values else math.nan


def _pearson(reference: Distribution, current: Distribution) -> tuple[float, int, float]:
    """Returns chi-squared, its degrees of freedom, and the number of values."""
    if not reference.values or not current.values:
        return 0.0, 0, 0.0
    table = contingency_table(reference, current)
    counts = np.vstack([table.first * reference.values, table.second * current.values])
    total = float(counts.sum())
    least = counts.sum(axis=0) * min(reference.values, current.values) / total
    alone = table.named & (least >= FEWEST_EXPECTED)
    counts = np.column_stack([counts[:, alone], counts[:, ~alone].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 1e-9]
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    return float(np.sum((counts - expected) ** 2 / expected)), counts.shape[1] - 1, total
