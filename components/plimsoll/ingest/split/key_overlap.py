"""How many keys stand in more than one split: exact while they are few, else from a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class KeySpread:
    """Gathers in which splits each key stands, of the keys with the smallest hashes.

    Args:
        most: Up to so many keys it is exact.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._splits = np.zeros(0, dtype=np.uint8)
        self._sampled = False

    def add(self, hashes: NDArray[np.uint64], assigned: NDArray[np.int8]) -> None:
        """Takes each row's key, as its hash, and split."""
        bits = np.left_shift(1, assigned.astype(np.uint8)).astype(np.uint8)
        if self._sampled:
            low = hashes <= self._hashes[-1]
            hashes, bits = hashes[low], bits[low]
        if not len(hashes):
            return
        hashes = np.concatenate([self._hashes, hashes])
        bits = np.concatenate([self._splits, bits])
        order = np.argsort(hashes, kind="stable")
        hashes, bits = hashes[order], bits[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        self._sampled = self._sampled or len(starts) > self._most
        self._hashes = hashes[starts][: self._most]
        self._splits = np.bitwise_or.reduceat(bits, starts)[: self._most]

    @property
    def shared(self) -> int:
        """How many of the keys looked at stand in more than one split."""
        return int((self._splits & (self._splits - np.uint8(1)) > 0).sum())

    @property
    def text(self) -> str:
        """How many keys of how many that is, in words."""
        text = f"{self.shared:,} of {len(self._hashes):,}"
        return f"{text} sampled" if self._sampled else text
