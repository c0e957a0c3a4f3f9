"""How many keys stand in more than one split: exact while they are few, else from a sample."""

import numpy as np
from numpy.typing import NDArray

from plimsoll.statistics.distinct import SmallestHashes
from plimsoll.statistics.hashing import Hashes


class KeySpread:
    """Gathers in which splits each key stands, of the keys with the smallest hashes.

    Args:
        most: Up to so many keys it is exact.
    """

    def __init__(self, most: int) -> None:
        self._keys = SmallestHashes(most, np.bitwise_or, np.uint8)

    def add(self, hashes: Hashes, assigned: NDArray[np.int8]) -> None:
        """Takes each row's key, as its hash, and split."""
        self._keys.add(hashes, np.left_shift(1, assigned.astype(np.uint8)).astype(np.uint8))

    @property
    def shared(self) -> int:
        """How many of the keys looked at stand in more than one split."""
        splits = self._keys.numbers
        return int((splits & (splits - np.uint8(1)) > 0).sum())

    @property
    def text(self) -> str:
        """How many keys of how many that is, in words."""
        text = f"{self.shared:,} of {len(self._keys.hashes):,}"
        return f"{text} sampled" if self._keys.sampled else text
