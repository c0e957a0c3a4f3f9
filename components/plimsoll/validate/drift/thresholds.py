"""The calibrated threshold of a distance: from chance, and from what the reference's chunks did."""

import math

from plimsoll.formats.distributions import Calibration, Distribution
from plimsoll.validate.drift.null_bounds import null_bound

FAMILYWISE_ERROR_RATE = 1e-3
"""How often chance alone makes any column of one data set a finding, at most."""
LEAST_THRESHOLDS = {
    "ks": 0.05,
    "rank_shift": 0.1,
    "jensen_shannon": 0.01,
    "jensen_shannon_distance": 0.1,
    "l_infinity": 0.05,
    "psi": 0.1,
    "wasserstein": 0.1,
}
"""A calibrated threshold is never below this: smaller changes are real in large data, and do not
matter (below 0.1 credit scoring takes PSI for no change). A threshold that is given may be."""
UNBOUNDED = ("psi", "wasserstein")
"""Distances that may be above 1."""
SATURATED = 0.98
"""A chunk that lies so far from the rest shares nothing with it, as of a column that only grows."""
SIGNIFICANT = 4.0
"""Chunks that differ by so many standard errors more than shuffled ones differ in truth."""


def threshold(
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
    by_chance = null_bound(distance, reference, current, alpha)
    sources = [
        (least, "the least that counts"),
        (by_chance, f"chance among {reference.values:,} and {current.values:,} values"),
    ]
    chunks = reference.calibration.get(distance)
    if chunks is not None and _is_significant(chunks, reference.chunks):
        scale = _to_size(reference, current, chunks.decay)
        spread = math.sqrt(max(chunks.std**2 - chunks.chance_std**2, 0.0))
        excess = chunks.mean - chunks.chance_mean + 3 * spread
        bound = max((chunks.mean + 3 * chunks.std) * scale, by_chance + excess * scale)
        # Nothing is past 1; what lies past all chunks by half of the way there, is.
        capped = distance not in UNBOUNDED and chunks.most < SATURATED
        cap = (1 + chunks.most) / 2 if capped else math.inf
        sources.append((min(bound, cap), f"from {reference.chunks} chunks of {name}"))
    return max(sources, key=lambda source: source[0])


def _is_significant(calibration: Calibration, chunks: int) -> bool:
    """Says if chunks in their order differ by more than shuffled ones do."""
    if not chunks:
        return False
    error = calibration.chance_std / math.sqrt(chunks)
    return calibration.mean - calibration.chance_mean > SIGNIFICANT * error + 1e-12


def _to_size(reference: Distribution, current: Distribution, decay: float) -> float:
    """Returns how much nearer data of the current size are than a chunk of the reference is."""
    chunk = reference.rows / reference.chunks
    of_chunk = 1 / chunk + 1 / max(reference.rows - chunk, 1)
    of_both = 1 / reference.rows + 1 / max(current.rows, 1)
    return float((of_both / of_chunk) ** decay)
