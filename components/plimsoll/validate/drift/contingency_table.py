"""The contingency table of two columns, from which divergences and their bounds are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.distributions import HASHES, Distribution, hashes_of

Floats: TypeAlias = NDArray[np.float64]

FAR_MORE = 20


@dataclass(frozen=True, kw_only=True)
class ContingencyTable:
    """Counts of two samples in the same cells, and what a count stands for.

    A cell of a value that stands for others like it weighs more than one of a value that stands
    for itself. All arrays have one entry a cell.
    """

    counts: Floats
    """Of the first sample."""
    other_counts: Floats
    """Of the second."""
    weights: Floats
    """The share of the first sample that each of its counts in a cell stands for."""
    other_weights: Floats
    null_share: Floats
    """The share of a cell's counts that falls to the first sample if chance alone divides them."""
    named: NDArray[np.bool_]
    """If the cell is one value that stands for itself."""

    @property
    def first(self) -> Floats:
        """The first sample's shares, summing to 1."""
        return self.counts * self.weights

    @property
    def second(self) -> Floats:
        """The second sample's."""
        return self.other_counts * self.other_weights

    @classmethod
    def of_counts(
        cls, counts: Floats, other_counts: Floats, total: float, other_total: float
    ) -> ContingencyTable:
        """Returns a table in which each count stands for itself.

        Args:
            counts: Of the first sample, one entry a cell.
            other_counts: Of the second, for the same cells.
            total: Values of the first sample, in all cells.
            other_total: Values of the second.
        """
        one = np.ones(len(counts))
        return cls(
            counts=counts,
            other_counts=other_counts,
            weights=one / total,
            other_weights=one / other_total,
            null_share=one * (total / (total + other_total)),
            named=one.astype(bool),
        )


def categorical_table(reference: Distribution, current: Distribution) -> ContingencyTable:
    """Returns the contingency table of two columns of texts.

    Where all values of both are known by name, each is a cell. Else those known of both sides by
    name are, and of the others those whose hash is small, the same on both sides, stand for all.
    """
    first, second = _Side(reference), _Side(current)
    if not reference.rest and not current.rest:
        names = sorted(first.named | second.named)
        return ContingencyTable.of_counts(
            np.array([first.named.get(name, 0) for name in names], dtype=np.float64),
            np.array([second.named.get(name, 0) for name in names], dtype=np.float64),
            reference.values,
            current.values,
        )
    pairs = _known_of_both(first, second)
    bound = min(first.bound, second.bound)
    known = {int(code) for code in hashes_of(sorted(pairs))}
    light = sorted(
        code
        for code in first.hashed.keys() | second.hashed.keys()
        if code < bound and code not in known
    )
    return _joined(
        reference,
        current,
        [pairs[name] for name in sorted(pairs)],
        [(first.hashed.get(code, 0), second.hashed.get(code, 0)) for code in light],
    )


class _Side:
    """One column's counts by name and by hash, and from where on its hashes are not all known."""

    def __init__(self, one: Distribution) -> None:
        self.named = dict(one.counts)
        self.values = one.values
        self.complete = not one.rest
        if self.complete:
            codes = hashes_of([name for name, _ in one.counts])
            self.hashed: Mapping[int, int] = {
                int(code): count for code, (_, count) in zip(codes, one.counts, strict=True)
            }
            self.bound = HASHES
        else:
            self.hashed = dict(one.hashes)
            self.bound = one.hashes[-1][0] + 1 if one.hashes else 0
        self.rarest = one.counts[-1][1] if one.counts else 1


def _known_of_both(first: _Side, second: _Side) -> dict[str, tuple[float, float]]:
    pairs: dict[str, tuple[float, float]] = {}
    for name in first.named.keys() | second.named.keys():
        one, other = _count(first, second, name), _count(second, first, name)
        if one is not None and other is not None:
            pairs[name] = (one, other)
    return pairs


def _count(side: _Side, beside: _Side, name: str) -> float | None:
    """Returns how often a side has a value, or None if it is rare on either side."""
    if name in side.named:
        return side.named[name]
    if side.complete:
        return 0.0
    # Not among the frequent: at most as often as the rarest of those. Only where the other side
    # has it more often than chance would does that count, and then it is taken at its most.
    most = side.rarest * beside.values / side.values
    return float(side.rarest) if beside.named.get(name, 0) > 4 * most + FAR_MORE else None


def _joined(
    reference: Distribution,
    current: Distribution,
    heavy: list[tuple[float, float]],
    light: list[tuple[float, float]],
) -> ContingencyTable:
    known = np.array(heavy, dtype=np.float64).reshape(-1, 2)
    sampled = np.array(light, dtype=np.float64).reshape(-1, 2)
    totals = np.array([reference.values, current.values], dtype=np.float64)
    left = np.maximum(totals - known.sum(axis=0), 0.0)
    kept = sampled.sum(axis=0)
    if (kept == 0).any():
        # Nothing to tell the others apart by: they are one cell.
        sampled, kept = left.reshape(1, 2), left
    scale = np.divide(left, totals * kept, out=np.zeros(2), where=kept > 0)
    counts = np.vstack([known, sampled])
    weights = np.vstack([np.tile(1 / totals, (len(known), 1)), np.tile(scale, (len(sampled), 1))])
    sums = np.array([totals.sum(), max(kept.sum(), 1.0)])
    return ContingencyTable(
        counts=counts[:, 0],
        other_counts=counts[:, 1],
        weights=weights[:, 0],
        other_weights=weights[:, 1],
        null_share=np.repeat([totals[0] / sums[0], kept[0] / sums[1]], [len(known), len(sampled)]),
        named=np.repeat([True, False], [len(known), len(sampled)]),
    )
