"""How many different values a column has: exact while they are few, else from a sample of them."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.ingest.rows.row_hashes import mixed

HIGHEST = np.uint64(2**64 - 1)


class Distinct:
    """Counts different values by their hashes.

    Of more than ``most`` values it keeps those with the smallest hashes, each with how often it
    came: a sample of the different values that does not depend on the order of the rows. (The
    estimate of k minimum values: Bar-Yossef et al., "Counting distinct elements in a data
    stream", 2002.)

    Args:
        most: Up to so many different values it is exact; then its relative error is about
            1 / sqrt(most).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._counts = np.zeros(0, dtype=np.int64)
        self._limit = HIGHEST

    def add(self, hashes: NDArray[np.uint64], counts: NDArray[np.int64] | None = None) -> None:
        """Takes more values.

        Args:
            hashes: One a value, spread evenly over 64 bits.
            counts: How often each one came; once if it is not given.
        """
        counts = np.ones(len(hashes), dtype=np.int64) if counts is None else counts
        if self._limit != HIGHEST:
            low = hashes <= self._limit
            hashes, counts = hashes[low], counts[low]
        if not len(hashes):
            return
        hashes = np.concatenate([self._hashes, hashes])
        counts = np.concatenate([self._counts, counts])
        order = np.argsort(hashes, kind="stable")
        hashes, counts = hashes[order], counts[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        self._hashes, self._counts = hashes[starts], np.add.reduceat(counts, starts)
        if len(self._hashes) > self._most:
            self._hashes, self._counts = self._hashes[: self._most], self._counts[: self._most]
            self._limit = self._hashes[-1]

    @property
    def count(self) -> int:
        """How many different values there are, about."""
        if self._limit == HIGHEST:
            return len(self._hashes)
        return round((len(self._hashes) - 1) / (float(self._limit) / 2.0**64))

    @property
    def share(self) -> float:
        """Different values for each value that was seen: 1 if none came twice."""
        total = int(self._counts.sum())
        return len(self._hashes) / total if total else 0.0


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
