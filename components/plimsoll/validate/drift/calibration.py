"""How far consecutive chunks of a split lie from the rest of it: what it has seen itself.

The sample is cut into chunks in the order of its rows, so that of rows in order of time each is
a stretch of time. The same is done with the rows shuffled, always in the same way, which gives
what chance alone does to chunks of that size.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.distributions import Calibration
from plimsoll.statistics.divergence import jensen_shannon_terms
from plimsoll.validate.drift.distances import (
    MOST_SINGLE_CELLS,
    equal_mass_starts,
    psi_terms,
)

Floats: TypeAlias = NDArray[np.float64]

MOST_CHUNKS = 20
CHUNK_ROWS = 50
"""Fewest rows of a chunk, where that leaves ``FEWEST_CHUNKS``."""
FEWEST_CHUNKS = 5
FEWEST_ROWS = 25
CAUTION = 0.3
"""The share of the greatest decay that is taken off what is found."""
SQUARED = ("jensen_shannon", "psi")
"""Distances that fall as the number of rows, where others fall as its root."""
FEW_ROWS = 10_000
MOST_SHUFFLES = 8
MOST_CELLS = 4096
"""Of more different texts, the most frequent half as many, and a part of the others."""
MISSING, CONSTANT, UNSEEN = "missing", "constant", "unseen"
"""Calibrated beside the distances: the share without a value, if a chunk has one value only, and
the share of values that the rest does not have."""


@dataclass(frozen=True, kw_only=True)
class _Chunks:
    """Shares of each cell in each chunk and in the rest of the sample; a row a chunk."""

    own: Floats
    rest: Floats
    widths: Floats
    """Of numbers: from each cell's end to the next one's, in standard deviations."""
    groups: NDArray[np.int64]
    """Of numbers: the first cell of each of a few groups of about equal mass."""


def chunk_count(rows: int) -> int:
    """Returns into how many chunks so many rows are cut; 0: too few to cut."""
    if rows < FEWEST_ROWS:
        return 0
    return min(MOST_CHUNKS, max(rows // CHUNK_ROWS, FEWEST_CHUNKS))


def chunk_calibration(
    present: NDArray[np.bool_],
    codes: NDArray[np.int64] | None = None,
    points: Floats | None = None,
) -> dict[str, Any]:
    """Returns the fields ``chunks`` and ``calibration`` of a distribution.

    Args:
        present: If each row of the sample has a value, in the rows' order.
        codes: The cell of each value, in the rows' order; None: there are no values.
        points: Of numbers, the end of each cell; None: cells are names.
    """
    chunks = chunk_count(len(present))
    if not chunks:
        return {"chunks": 0}
    calibration = {MISSING: _missing(present, chunks)}
    count = chunk_count(len(codes)) if codes is not None else 0
    if codes is not None and count:
        calibration |= _distances(codes, count, points)
    return {"chunks": chunks, "calibration": calibration}


def _distances(
    codes: NDArray[np.int64], chunks: int, points: Floats | None
) -> dict[str, Calibration]:
    codes, weights = (codes, None) if points is not None else _thinned(codes)
    cells = int(codes.max()) + 1
    shuffled = [codes[order] for order in _shuffles(len(codes))]
    constant = [_constant(part, chunks) for part in (codes, *shuffled)]
    calibrations = {CONSTANT: _calibration(constant[0], np.concatenate(constant[1:]))}
    if cells < 2:
        return calibrations
    measures = _NAMES if points is None else _NUMBERS
    fine, coarse = (
        [_chunked(part, cells, count, points, weights) for part in (codes, *shuffled)]
        if count
        else []
        for count in (chunks, _coarser(chunks))
    )
    for name, measure in measures.items():
        most = 1.0 if name in SQUARED else 0.5
        values = [measure(part) for part in fine]
        one = _calibration(values[0], np.concatenate(values[1:]))
        if coarse:
            wider = [measure(part) for part in coarse]
            other = _calibration(wider[0], np.concatenate(wider[1:]))
            one = replace(one, decay=_decay(one, other, chunks / _coarser(chunks), most))
        calibrations[name] = one
    return calibrations


def _coarser(chunks: int) -> int:
    """Returns into how many larger chunks the rows are cut as well; 0: they are too few."""
    return FEWEST_CHUNKS if chunks >= 2 * FEWEST_CHUNKS else 0


def _decay(fine: Calibration, coarse: Calibration, times: float, most: float) -> float:
    """Returns how the mean beyond chance falls with a chunk's rows, cautiously.

    Five chunks say little of it, so that a part of what they say is left out: a threshold that is
    too high for a column that varies is better than alarms at what it does all the time.
    """
    small, large = fine.mean - fine.chance_mean, coarse.mean - coarse.chance_mean
    if small <= 0:
        return 0.0
    power = math.log(small / max(large, small / times)) / math.log(times)
    return round(min(max(power - CAUTION * most, 0.0), most), 4)


@functools.lru_cache(maxsize=4)
def _shuffles(rows: int) -> tuple[NDArray[np.int64], ...]:
    """Returns random orders of rows: several of few rows, where one says little."""
    repeats = MOST_SHUFFLES if rows <= FEW_ROWS else 1
    generator = np.random.default_rng(0)
    return tuple(generator.permutation(rows) for _ in range(repeats))


def _edges(rows: int, chunks: int) -> NDArray[np.int64]:
    return np.arange(chunks + 1) * rows // chunks


def _missing(present: NDArray[np.bool_], chunks: int) -> Calibration:
    if present.all() or not present.any():
        return Calibration(mean=0.0, std=0.0)
    edges = _edges(len(present), chunks)
    sizes = np.diff(edges)
    shares = []
    for absent in (~present, *(~present[order] for order in _shuffles(len(present)))):
        counts = np.add.reduceat(absent, edges[:-1], dtype=np.float64)
        rest = (counts.sum() - counts) / (len(present) - sizes)
        shares.append(np.abs(counts / sizes - rest))
    return _calibration(shares[0], np.concatenate(shares[1:]))


def _constant(codes: NDArray[np.int64], chunks: int) -> Floats:
    starts = _edges(len(codes), chunks)[:-1]
    same = np.maximum.reduceat(codes, starts) == np.minimum.reduceat(codes, starts)
    return np.asarray(same, dtype=np.float64)


def _thinned(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats | None]:
    """Returns the codes of fewer texts, and how many texts each of those stands for."""
    counts = np.bincount(codes)
    if len(counts) <= MOST_CELLS:
        return codes, None
    order = np.argsort(-counts, kind="stable")
    frequent, others = order[: MOST_CELLS // 2], order[MOST_CELLS // 2 :]
    stride = -(-len(others) // (MOST_CELLS // 2))
    kept = np.concatenate([frequent, others[::stride]])
    cells = np.full(len(counts), -1)
    cells[kept] = np.arange(len(kept))
    weights = np.ones(len(kept))
    weights[len(frequent) :] = len(others) / len(others[::stride])
    thinned = cells[codes]
    # Values left out stay as rows without a cell, so that a chunk remains the same stretch.
    return np.where(thinned < 0, len(kept), thinned), np.append(weights, 0.0)


def _chunked(
    codes: NDArray[np.int64],
    cells: int,
    chunks: int,
    points: Floats | None,
    weights: Floats | None,
) -> _Chunks:
    of_chunk = np.repeat(np.arange(chunks), np.diff(_edges(len(codes), chunks)))
    flat = np.bincount(of_chunk * cells + codes, minlength=chunks * cells)
    counts = flat.reshape(chunks, cells).astype(np.float64)
    if weights is not None:
        counts *= weights[:cells]
    whole = counts.sum(axis=0)
    others = whole - counts
    shares = whole / whole.sum()
    return _Chunks(
        own=counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9),
        rest=others / np.maximum(others.sum(axis=1, keepdims=True), 1e-9),
        widths=_widths(points, shares) if points is not None else np.empty(0),
        groups=_groups(shares) if points is not None else np.empty(0, dtype=np.int64),
    )


def _widths(points: Floats, shares: Floats) -> Floats:
    half = points / 2
    middle = float(np.sum(half * shares))
    scale = float(np.sqrt(np.sum(((half - middle) / (np.abs(half).max() or 1.0)) ** 2 * shares)))
    return np.diff(half) / (scale * (np.abs(half).max() or 1.0) or 1.0)


def _groups(shares: Floats) -> NDArray[np.int64]:
    if len(shares) <= MOST_SINGLE_CELLS:
        return np.arange(len(shares))
    return equal_mass_starts(shares)


def _grouped(parts: _Chunks) -> tuple[Floats, Floats]:
    if not len(parts.groups):
        return parts.own, parts.rest
    return (
        np.add.reduceat(parts.own, parts.groups, axis=1),
        np.add.reduceat(parts.rest, parts.groups, axis=1),
    )


def _rank_shift(parts: _Chunks) -> Floats:
    ranks = 2 * np.cumsum(parts.rest, axis=1) - parts.rest - 1
    return np.abs(np.sum(parts.own * ranks, axis=1))


def _wasserstein(parts: _Chunks) -> Floats:
    gaps = np.abs(np.cumsum(parts.own - parts.rest, axis=1))[:, :-1]
    return np.asarray(gaps @ parts.widths)


def _jensen_shannon(parts: _Chunks) -> Floats:
    return np.clip(np.sum(jensen_shannon_terms(*_grouped(parts)), axis=1), 0.0, 1.0)


_Measure: TypeAlias = Callable[[_Chunks], Floats]
_OF_BOTH: Mapping[str, _Measure] = {
    "jensen_shannon": _jensen_shannon,
    "jensen_shannon_distance": lambda parts: np.sqrt(_jensen_shannon(parts)),
    "psi": lambda parts: np.asarray(np.sum(psi_terms(*_grouped(parts)), axis=1)),
}
_NUMBERS: Mapping[str, _Measure] = {
    "ks": lambda parts: np.abs(np.cumsum(parts.own - parts.rest, axis=1)).max(axis=1),
    "rank_shift": _rank_shift,
    "wasserstein": _wasserstein,
    **_OF_BOTH,
}
_NAMES: Mapping[str, _Measure] = {
    **_OF_BOTH,
    "l_infinity": lambda parts: np.abs(parts.own - parts.rest).max(axis=1),
    UNSEEN: lambda parts: np.sum(parts.own * (parts.rest <= 0), axis=1),
}


def _calibration(ordered: Floats, by_chance: Floats) -> Calibration:
    numbers = (ordered.mean(), ordered.std(), ordered.max(), by_chance.mean(), by_chance.std())
    # Rounded: no one needs more, and the last digits may differ between processors.
    mean, std, most, chance_mean, chance_std = (float(f"{number:.6g}") for number in numbers)
    return Calibration(
        mean=mean, std=std, most=most, chance_mean=chance_mean, chance_std=chance_std
    )
