"""Jensen and Shannon's divergence, in base 2: 0 of the same shares, 1 of nothing in common."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def jensen_shannon(first: Floats, second: Floats) -> float:
    """Returns the divergence of two arrays of shares, 0 to 1."""
    return min(max(float(np.sum(jensen_shannon_terms(first, second))), 0.0), 1.0)


def jensen_shannon_terms(first: Floats, second: Floats) -> Floats:
    """Returns each cell's part of the divergence; arrays of shares of one shape."""
    middle = (first + second) / 2
    return (_entropy_term(first, middle) + _entropy_term(second, middle)) / 2


def _entropy_term(share: Floats, middle: Floats) -> Floats:
    ratio = np.divide(share, middle, out=np.ones_like(share), where=middle > 0)
    return share * np.log2(np.where(share > 0, ratio, 1.0))
