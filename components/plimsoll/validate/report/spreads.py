"""Distributions as the shares of bins: on one range where they are compared."""

import bisect
import datetime
from collections.abc import Sequence

import numpy as np

from plimsoll.formats.distributions import CATEGORICAL, NUMERIC, Distribution
from plimsoll.pictures.scales import number_text
from plimsoll.timestamps import EPOCH
from plimsoll.validate.drift.distances import cumulative_shares

BARS = 12
"""Values of a text column that have a bar of their own; the others share one."""
MOST_WHOLE = 40
"""A range of so many whole numbers has a bin for each."""
FAR = 8
"""A range this many times as wide as the middle nine tenths of values is cut to those."""
OTHERS = "all others"


def is_drawn(distribution: Distribution | None) -> bool:
    """Says if a distribution has values to draw."""
    if distribution is None or not distribution.values:
        return False
    return bool(distribution.counts if distribution.kind == CATEGORICAL else distribution.points)


def edges_of(distributions: Sequence[Distribution], bins: int) -> tuple[float, ...]:
    """Returns the ends of bins that suit all of some columns of numbers, ascending.

    Few whole numbers have a bin each; otherwise bins are equally wide, over all values or, if a
    few lie far out, over the middle ones and as much again on both sides.

    Args:
        distributions: Of numbers, with values.
        bins: How many bins of equal width.
    """
    low = min(item.points[0] for item in distributions)
    high = max(item.points[-1] for item in distributions)
    if all(item.type == "int" for item in distributions) and high - low < MOST_WHOLE:
        return tuple(low - 0.5 + step for step in range(int(high - low) + 2))
    inner_low = min(quantile(item, 0.05) for item in distributions)
    inner_high = max(quantile(item, 0.95) for item in distributions)
    margin = inner_high - inner_low
    if high / 2 - low / 2 > FAR * (margin / 2) > 0:
        low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    if not high > low:
        around = abs(low) / 2 or 0.5
        low, high = low - around, high + around
    step = high / bins - low / bins
    return (*(low + step * index for index in range(bins)), high)


def shares_of(distribution: Distribution, edges: Sequence[float]) -> list[float]:
    """Returns the share of values in each bin; what lies outside counts in the first or last.

    Args:
        distribution: Of numbers, with values.
        edges: Ends of the bins, ascending; a bin holds its lower end.
    """
    below, _ = cumulative_shares(distribution, np.asarray(edges[1:-1], dtype=np.float64))
    ends = np.concatenate([[0.0], below, [1.0]])
    return [float(share) for share in np.diff(ends)]


def quantile(distribution: Distribution, share: float) -> float:
    """Returns the value below which a share, 0 to 1, of a column's numbers lie."""
    target = share * distribution.values
    index = bisect.bisect_left(distribution.at_most, target)
    index = min(index, len(distribution.points) - 1)
    if index == 0 or distribution.below[index] <= target:
        return distribution.points[index]
    start, end = distribution.points[index - 1], distribution.points[index]
    before = distribution.at_most[index - 1]
    along = (target - before) / max(distribution.below[index] - before, 1)
    return start + (end / 1 - start) * along if abs(end - start) < 1e300 else start


def names_of(distribution: Distribution) -> list[str]:
    """Returns the values of a text column that have a bar: the most frequent."""
    return [name for name, _ in distribution.counts[:BARS]]


def names_changed(distributions: Sequence[Distribution], most: int) -> list[str]:
    """Returns the values of text columns whose shares differ most, the most frequent first."""
    shares = [{name: count / item.values for name, count in item.counts} for item in distributions]
    ranges: dict[str, tuple[float, float]] = {}
    for name in {name for known in shares for name in known}:
        each = [known.get(name, 0.0) for known in shares]
        ranges[name] = (max(each) - min(each), max(each))
    chosen = sorted(ranges, key=lambda name: (-ranges[name][0], -ranges[name][1], name))[:most]
    return sorted(chosen, key=lambda name: (-ranges[name][1], name))


def shares_by_name(distribution: Distribution, names: Sequence[str]) -> list[float]:
    """Returns the share of each of some values of a text column, and of all others together."""
    counts = dict(distribution.counts)
    shares = [counts.get(name, 0) / distribution.values for name in names]
    return [*shares, max(0.0, 1.0 - sum(shares))]


def ends_text(distribution: Distribution, value: float) -> str:
    """Returns a number of a column as it is written: as a time, if the column holds those."""
    if distribution.type != "timestamp":
        return number_text(value)
    time = time_of(value)
    return f"{time:%Y-%m-%d %H:%M}" if time else "?"


def time_of(microseconds: float) -> datetime.datetime | None:
    """Returns the time so many microseconds after 1970, or None if there is none such."""
    try:
        return EPOCH + datetime.timedelta(microseconds=microseconds)
    except (OverflowError, ValueError):
        return None


def are_alike(distributions: Sequence[Distribution]) -> bool:
    """Says if columns can share a picture: all of numbers, or all of names."""
    kinds = {item.kind for item in distributions}
    return kinds in ({NUMERIC}, {CATEGORICAL})
