"""What chance alone does to a distance between two samples of one distribution.

Each bound is passed by two random halves of one data set with a probability of about ``alpha``
at most. Of the distances on cells, the bound is that of dividing the counts of the two together
at random: mean and variance are summed over cells, and the tail is a gamma distribution's, which
is exact for large counts, where it is chi-squared.
"""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from plimsoll.formats.distributions import Distribution
from plimsoll.statistics.divergence import jensen_shannon_terms
from plimsoll.validate.drift.contingency_table import ContingencyTable
from plimsoll.validate.drift.distances import contingency_table, cumulative_shares, psi_terms

Floats: TypeAlias = NDArray[np.float64]
Terms: TypeAlias = Callable[[Floats, Floats], Floats]

SMALL_COUNT = 200
"""Up to this many values in a cell, each way to divide them is weighed; past it, chi-squared."""


def null_bound(
    distance: str, reference: Distribution, current: Distribution, alpha: float
) -> float:
    """Returns what a distance exceeds by chance with a probability of at most about ``alpha``.

    Args:
        distance: A name in ``distances.DISTANCES``, ``missing`` or ``unseen``.
        reference: The one column.
        current: The other.
        alpha: Above 0, below 1.

    Returns:
        The bound; infinite where nothing is known, such as of an empty column.
    """
    if distance == "missing":
        return _missing(reference, current, alpha)
    if not reference.values or not current.values:
        return math.inf
    return _BOUNDS[distance](reference, current, alpha)


def _precision(reference: Distribution, current: Distribution) -> float:
    return 1 / reference.values + 1 / current.values


def _ks(reference: Distribution, current: Distribution, alpha: float) -> float:
    # Kolmogorov's limit; with ties the statistic is only smaller.
    return float(special.kolmogi(alpha)) * math.sqrt(_precision(reference, current))


def _rank_shift(reference: Distribution, current: Distribution, alpha: float) -> float:
    # The variance of Mann and Whitney's U; with ties it is only smaller.
    first, second = reference.values, current.values
    return _sigmas(alpha) * math.sqrt((first + second + 1) / (3.0 * first * second))


def _wasserstein(reference: Distribution, current: Distribution, alpha: float) -> float:
    # The mean area of a Brownian bridge, and of the area the concentration of a Gaussian maximum.
    scale = reference.std or current.std
    if not scale:
        return 1.0
    total = reference.values + current.values
    first, second = reference.values / total, current.values / total
    grid = np.union1d(np.asarray(reference.points, float), np.asarray(current.points, float))
    pooled = (
        cumulative_shares(reference, grid)[1] * first + cumulative_shares(current, grid)[1] * second
    )
    spread = np.sqrt(np.clip(pooled * (1 - pooled), 0, None))
    # Between two points the spread is at most the larger of the two ends'.
    area = 2 * float(np.sum(np.maximum(spread[:-1], spread[1:]) * np.diff(grid / 2)))
    middle = reference.mean * first + current.mean * second
    # Huge numbers have no square.
    spread_of_both = math.hypot(
        *(
            math.sqrt(share) * part
            for share, one in ((first, reference), (second, current))
            for part in (one.std, one.mean - middle)
        )
    )
    precision = math.sqrt(_precision(reference, current))
    bound = (math.sqrt(2 / math.pi) * area + _sigmas(alpha) * spread_of_both) * precision / scale
    return bound if math.isfinite(bound) else math.inf


def _l_infinity(reference: Distribution, current: Distribution, alpha: float) -> float:
    # Bernstein's inequality for each value, and the union of all.
    table = contingency_table(reference, current)
    log = math.log(2 * max(len(table.counts), 1) / alpha)
    pooled = (table.counts + table.other_counts) / (reference.values + current.values)
    variance = pooled * (1 - pooled) * _precision(reference, current)
    fewest = min(reference.values, current.values)
    return float(np.max(np.sqrt(2 * variance * log))) + log / (3 * fewest)


def _jensen_shannon(reference: Distribution, current: Distribution, alpha: float) -> float:
    table = contingency_table(reference, current)
    return min(_divided(table, jensen_shannon_terms, 1 / (8 * math.log(2)), alpha), 1.0)


def _unseen(reference: Distribution, current: Distribution, alpha: float) -> float:
    def terms(first: Floats, second: Floats) -> Floats:
        return np.where(first > 0, 0.0, second)

    return min(_divided(contingency_table(reference, current), terms, 0.0, alpha), 1.0)


def _missing(reference: Distribution, current: Distribution, alpha: float) -> float:
    if not reference.rows or not current.rows:
        return math.inf
    pooled = (reference.missing + current.missing) / (reference.rows + current.rows)
    precision = 1 / reference.rows + 1 / current.rows
    log = math.log(2 / alpha)
    fewest = min(reference.rows, current.rows)
    return math.sqrt(2 * pooled * (1 - pooled) * precision * log) + log / (3 * fewest)


def _divided(table: ContingencyTable, terms: Terms, curvature: float, alpha: float) -> float:
    """Returns the bound of a sum over cells, whose counts chance divides between two samples.

    Args:
        table: The counts of the two samples in each cell.
        terms: Maps shares of the two samples to each cell's part of the sum.
        curvature: Near equal shares a part is ``curvature * (p - q)**2 / ((p + q) / 2)``.
        alpha: The probability.
    """
    counts = np.round(table.counts + table.other_counts)
    small = counts <= SMALL_COUNT
    mean = variance = covariance = spread = 0.0
    for index, repeats in _alike(table, counts, small):
        of_cell = _moments(table, index, int(counts[index]), terms)
        mean += repeats * of_cell[0]
        variance += repeats * of_cell[1]
        covariance += repeats * of_cell[2]
        spread += repeats * of_cell[3]
    # The first sample's size is given, which leaves less to chance.
    variance -= covariance**2 / spread if spread > 0 else 0.0
    large = ~small
    if large.any():
        parts = curvature * _expected_square(table, counts)[large]
        freedom = 1 - 1 / len(counts) if large.all() else 1.0
        mean += float(parts.sum()) * freedom
        variance += 2 * float(np.sum(parts**2)) * freedom
    return _gamma_tail(mean, max(variance, 0.0), alpha)


def _alike(
    table: ContingencyTable, counts: Floats, small: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Returns one cell of each kind of small ones, and how many there are of it."""
    cells = np.flatnonzero(small & (counts > 0))
    if not len(cells):
        return []
    kinds = np.column_stack([counts[cells], table.null_share[cells], table.weights[cells]])
    _, first, repeats = np.unique(kinds, axis=0, return_index=True, return_counts=True)
    return list(zip(cells[first].tolist(), repeats.tolist(), strict=True))


def _moments(
    table: ContingencyTable, index: int, count: int, terms: Terms
) -> tuple[float, float, float, float]:
    """Returns mean and variance of a cell's part, its covariance with the count, and its."""
    ways = np.arange(count + 1, dtype=np.float64)
    share = float(table.null_share[index])
    odds = np.exp(
        special.gammaln(count + 1)
        - special.gammaln(ways + 1)
        - special.gammaln(count - ways + 1)
        + special.xlogy(ways, share)
        + special.xlog1py(count - ways, -share)
    )
    parts = terms(ways * table.weights[index], (count - ways) * table.other_weights[index])
    mean, middle = float(odds @ parts), count * share
    return (
        mean,
        max(float(odds @ parts**2) - mean**2, 0.0),
        float(odds @ (parts * (ways - middle))),
        count * share * (1 - share),
    )


def _expected_square(table: ContingencyTable, counts: Floats) -> Floats:
    """Returns each cell's mean of ``(p - q)**2 / ((p + q) / 2)``."""
    share, both = table.null_share, table.weights + table.other_weights
    variance = both**2 * counts * share * (1 - share)
    middle = counts * (share * table.weights + (1 - share) * table.other_weights) / 2
    return np.divide(variance, middle, out=np.zeros(len(counts)), where=middle > 0)


def _gamma_tail(mean: float, variance: float, alpha: float) -> float:
    if mean <= 0 or variance <= 1e-12 * mean**2:
        return mean
    shape = mean**2 / variance
    if shape > 1e5:
        return mean + _sigmas(2 * alpha) * math.sqrt(variance)
    return float(special.gammainccinv(shape, alpha)) * variance / mean


def _sigmas(alpha: float) -> float:
    """Returns how many standard deviations a normal variable exceeds, either way, by chance."""
    return float(-special.ndtri(alpha / 2))


_BOUNDS: Mapping[str, Callable[[Distribution, Distribution, float], float]] = {
    "ks": _ks,
    "rank_shift": _rank_shift,
    "wasserstein": _wasserstein,
    "jensen_shannon": _jensen_shannon,
    "jensen_shannon_distance": lambda *arguments: math.sqrt(_jensen_shannon(*arguments)),
    "psi": lambda reference, current, alpha: _divided(
        contingency_table(reference, current), psi_terms, 1.0, alpha
    ),
    "l_infinity": _l_infinity,
    "unseen": _unseen,
}
