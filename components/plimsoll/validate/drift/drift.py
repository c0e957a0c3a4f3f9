"""Drift and skew: how far the columns of one data set lie from those of another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plimsoll.formats.distributions import NUMERIC, Distribution
from plimsoll.validate.config import EVERY_COLUMN, TESTS, Comparison

BASELINE, SERVING, TRAIN = "baseline", "serving", "train"
PASS = "pass"  # noqa: S105 - a level
FAMILY = 1e-3
"""How often chance alone makes any column of one data set a finding, at most."""
LEAST = {
    "ks": 0.05,
    "rank_shift": 0.1,
    "jensen_shannon": 0.01,
    "jensen_shannon_distance": 0.1,
    "l_infinity": 0.05,
    "psi": 0.1,
    "wasserstein": 0.1,
}
"""A calibrated threshold is never below this: smaller changes are real in large data, and do not
matter. A threshold that is given may be."""
LEAST_EFFECT = {"t_test": 0.1, "anova": 0.1, "chi_squared": 0.05}
"""The same of tests: Cohen's d of means, Cramér's V of categories."""
UNBOUNDED = ("psi", "wasserstein")
EVERYTHING = 0.98
"""A chunk that lies so far from the rest shares nothing with it, as of a column that only grows."""
TELLING = 4.0
"""Chunks that differ by so many standard errors more than shuffled ones differ in truth."""


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
class Wanted:
    """One distance to measure of one column."""

    column: str
    distance: str
    bound: float | None = None
    """The threshold that is given; None: calibrated."""
    how: str = "as configured"
    """Where the given threshold comes from."""
    level: str
    """What a value past the threshold is."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two data sets that are compared."""

    split: str
    against: str
    """As in ``Measurement``."""
    reference: Mapping[str, Distribution]
    """The columns of the baseline; of train, where it is compared with serving or a split."""
    current: Mapping[str, Distribution]
    wanted: Sequence[Wanted]

    @property
    def name(self) -> str:
        """What the reference is called."""
        return "the baseline" if self.against == BASELINE else TRAIN


def wanted_of(
    columns: Mapping[str, Distribution], comparison: Comparison, level: str
) -> list[Wanted]:
    """Returns what a comparison measures of columns.

    Args:
        columns: The columns to compare, by name.
        comparison: Which distances, and what thresholds are given.
        level: What a value past its threshold is; ``off``: nothing is measured.
    """
    if level == "off":
        return []
    found = []
    for name, one in columns.items():
        usual = comparison.numeric if one.kind == NUMERIC else comparison.categorical
        given = {
            distance: bound
            for distance, bound in comparison.thresholds.get(EVERY_COLUMN, {}).items()
            if fits(distance, one.kind)
        }
        given |= comparison.thresholds.get(name, {})
        tests = [test for test in comparison.tests if fits(test, one.kind)]
        for distance in dict.fromkeys([*usual, *tests, *given]):
            bound = given.get(distance)
            found.append(Wanted(column=name, distance=distance, bound=bound, level=level))
    return found


def fits(distance: str, kind: str) -> bool:
    """Says if a distance or a test is one of a kind of column."""
    from plimsoll.validate.config import (
        CATEGORICAL_DISTANCES,
        CATEGORICAL_TESTS,
        NUMERIC_DISTANCES,
        NUMERIC_TESTS,
    )

    if kind == NUMERIC:
        return distance in NUMERIC_DISTANCES + NUMERIC_TESTS
    return distance in (*CATEGORICAL_DISTANCES, *CATEGORICAL_TESTS, "normalized_abs_difference")


def measured(pair: Pair, alpha: float) -> list[Measurement]:
    """Returns what is wanted of a pair of data sets, measured.

    A column that one of the two lacks, or that is of another kind there, or without any value, is
    left out: there is nothing to compare, and other checks tell it.

    Args:
        pair: The data sets.
        alpha: How often chance may take one distance past its calibrated threshold.
    """
    found = []
    for item in pair.wanted:
        reference, current = pair.reference.get(item.column), pair.current.get(item.column)
        if reference is None or current is None or reference.kind != current.kind:
            continue
        if reference.values and current.values:
            found.append(_measurement(pair, item, alpha))
    return found


def _measurement(pair: Pair, item: Wanted, alpha: float) -> Measurement:
    from plimsoll.validate.drift import distances

    reference, current = pair.reference[item.column], pair.current[item.column]
    is_test = item.distance in distances.TESTS
    functions = distances.TESTS if is_test else distances.DISTANCES
    value = functions[item.distance](reference, current)
    threshold, how = _line(pair, item, alpha)
    result = Measurement(
        column=item.column,
        split=pair.split,
        against=pair.against,
        distance=item.distance,
        value=_rounded(value),
        threshold=_rounded(threshold),
        level=PASS,
        how=how,
    )
    past = value > threshold + 1e-9
    if is_test:
        least = LEAST_EFFECT[item.distance] if item.bound is None else 0.0
        past = value < threshold and distances.effect(item.distance, reference, current) >= least
    if not past:
        return result
    return replace(result, level=item.level, change=change_of(reference, current))


def _line(pair: Pair, item: Wanted, alpha: float) -> tuple[float, str]:
    """Returns the threshold of a distance, and how it came."""
    if item.bound is not None:
        return float(item.bound), item.how
    if item.distance in TESTS:
        return alpha, "chance over all columns, for an effect that counts"
    reference, current = pair.reference[item.column], pair.current[item.column]
    least = LEAST.get(item.distance, 0.0)
    return line(item.distance, reference, current, alpha, least, pair.name)


def line(
    distance: str,
    reference: Distribution,
    current: Distribution,
    alpha: float,
    least: float,
    name: str,
) -> tuple[float, str]:
    """Returns a calibrated threshold, and where it comes from.

    It is the greatest of three: the least change that counts; what chance does to two samples of
    these sizes; and, if chunks of the reference differ by more than chance, the mean of their
    distances plus three standard deviations, with and without the part of chance, changed from a
    chunk's number of rows to these as larger chunks of the reference say.

    Args:
        distance: Which one, or ``missing`` or ``unseen``.
        reference: The column in the data set that is compared with.
        current: The column now.
        alpha: How often chance may do more.
        least: The least change that counts.
        name: What the reference is called.
    """
    from plimsoll.validate.drift import null_bounds as chance

    by_chance = chance.bound(distance, reference, current, alpha)
    lines = [
        (least, "the least that counts"),
        (by_chance, f"chance among {reference.values:,} and {current.values:,} values"),
    ]
    seen = reference.calibration.get(distance)
    if seen is not None and reference.chunks:
        error = seen.chance_std / math.sqrt(reference.chunks)
        if seen.mean - seen.chance_mean > TELLING * error + 1e-12:
            spread = math.sqrt(max(seen.std**2 - seen.chance_std**2, 0.0))
            told = f"from {reference.chunks} chunks of {name}"
            scale = _to_size(reference, current, seen.decay)
            excess = seen.mean - seen.chance_mean + 3 * spread
            found = max((seen.mean + 3 * seen.std) * scale, by_chance + excess * scale)
            # Nothing is past 1; what lies past all that was seen by half of the way there, is.
            capped = distance not in UNBOUNDED and seen.most < EVERYTHING
            cap = (1 + seen.most) / 2 if capped else math.inf
            lines.append((min(found, cap), told))
    return max(lines, key=lambda item: item[0])


def _to_size(reference: Distribution, current: Distribution, decay: float) -> float:
    """Returns how much nearer data of the current size are than a chunk of the reference is."""
    chunk = reference.rows / reference.chunks
    of_chunk = 1 / chunk + 1 / max(reference.rows - chunk, 1)
    of_both = 1 / reference.rows + 1 / max(current.rows, 1)
    return float((of_both / of_chunk) ** decay)


def change_of(reference: Distribution, current: Distribution) -> str:
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
