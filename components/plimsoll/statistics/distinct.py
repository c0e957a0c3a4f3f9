"""How many different values a column has: exact while they are few, else from a sample of them."""

import zlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.statistics.hashing import Hashes, mixed


class SmallestHashes:
    """Keeps the values with the smallest hashes, and a number of each: a sample of the values.

    It does not depend on the order of the rows.

    Args:
        most: Up to so many different values all are kept.
        combine: Makes one number of those of equal values.
        dtype: Of the numbers.
    """

    def __init__(self, most: int, combine: np.ufunc, dtype: type[np.integer]) -> None:
        self._most = most
        self._combine = combine
        self.hashes: Hashes = np.zeros(0, np.uint64)
        """Those kept, rising."""
        self.numbers: NDArray[np.integer] = np.zeros(0, dtype)
        """What is known of each."""
        self.sampled = False
        """Whether there were more values than are kept."""

    def add(self, hashes: Hashes, numbers: NDArray[np.integer]) -> None:
        """Adds values by their hashes, spread evenly over 64 bits, each with its number."""
        if self.sampled:
            low = hashes <= self.hashes[-1]
            hashes, numbers = hashes[low], numbers[low]
        if not len(hashes):
            return
        hashes = np.concatenate([self.hashes, hashes])
        numbers = np.concatenate([self.numbers, numbers])
        order = np.argsort(hashes, kind="stable")
        hashes, numbers = hashes[order], numbers[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        self.sampled = self.sampled or len(starts) > self._most
        self.hashes = hashes[starts][: self._most]
        self.numbers = self._combine.reduceat(numbers, starts)[: self._most]


class Distinct:
    """Counts different values by their hashes.

    Of more than ``most`` values it keeps those with the smallest hashes, each with how often it
    came. (The estimate of k minimum values: Bar-Yossef et al., "Counting distinct elements in a
    data stream", 2002.)

    Args:
        most: Up to so many different values it is exact; then its relative error is about
            1 / sqrt(most).
    """

    def __init__(self, most: int) -> None:
        self._smallest = SmallestHashes(most, np.add, np.int64)

    def add(self, hashes: Hashes, counts: NDArray[np.int64] | None = None) -> None:
        """Takes more values.

        Args:
            hashes: One a value, spread evenly over 64 bits.
            counts: How often each one came; once if it is not given.
        """
        self._smallest.add(hashes, np.ones(len(hashes), np.int64) if counts is None else counts)

    @property
    def count(self) -> int:
        """How many different values there are, about."""
        hashes = self._smallest.hashes
        if not self._smallest.sampled:
            return len(hashes)
        return round((len(hashes) - 1) / (float(hashes[-1]) / 2.0**64))

    @property
    def share(self) -> float:
        """Different values for each value that came: 1 if none came twice."""
        rows = int(self._smallest.numbers.sum())
        return len(self._smallest.hashes) / rows if rows else 0.0


def hashes_and_counts(values: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Returns a hash of each different text or whole number, and how often it comes.

    The hashes are good for counting, and no more: other texts may be made that have the same.

    Args:
        values: Strings or integers; missing ones do not count.
    """
    if not pa.types.is_string(values.type):
        numbers = values.drop_null().to_numpy(zero_copy_only=False).astype(np.int64)
        return mixed(numbers.view(np.uint64)), np.ones(len(numbers), dtype=np.int64)
    encoded = values.dictionary_encode()
    words = encoded.dictionary.cast(pa.binary()).to_numpy(zero_copy_only=False)
    low = np.fromiter(map(zlib.crc32, words), dtype=np.uint64, count=len(words))
    high = np.fromiter(map(zlib.adler32, words), dtype=np.uint64, count=len(words))
    counts = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(words))
    return mixed((high << np.uint64(32)) | low), counts.astype(np.int64)
