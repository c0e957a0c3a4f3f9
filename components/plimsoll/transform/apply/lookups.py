"""Looks values up: vocabularies, target encodings, hashes, and crosses of several columns."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from math import isfinite, prod
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.columns import Columns
from plimsoll.models.transform_parts import (
    FIRST_KNOWN,
    MISSING,
    UNKNOWN,
    Cross,
    TargetMean,
    Value,
)
from plimsoll.statistics.hashing import STEP, finalised
from plimsoll.transform.apply.steps import FEW, Encode, Features, Fill, Step, row_encoder

DENSE = 1 << 16
"""Whole numbers within so many of each other are looked up by offset."""
MOST_CELLS = 1 << 20
"""A cross of no more possible tuples has a table of all of them."""
_EXACT = 1 << 53
_HALF = np.uint64(32)
_ODD = np.uint64(1)


def index_of(values: Sequence[Value], kind: str) -> Encode:
    """Returns what finds values: 0 missing, 1 unknown, i + 2 the value at index i.

    Args:
        values: Those known.
        kind: Their column's type: string, int or bool.
    """
    if kind == "string":
        return _index_of_texts(values)
    return _index_of_numbers(values)


def target_mean(part: TargetMean, kind: str) -> Encode:
    """Returns what encodes values by the label's mean: shape (values, outputs)."""
    find = index_of(part.values, kind)
    table = np.array([part.missing, part.prior, *part.encoded], np.float64).astype(np.float32)
    if table.shape[1] == 1:
        table = table[:, 0]
    return lambda values: table.take(find(values), axis=0)


def bucket_of(buckets: int) -> Encode:
    """Returns what lays values into buckets: 0 missing, 2.. the bucket."""
    return lambda values: _bucket(hashes(values), buckets)


def cross_step(part: Cross, kinds: Sequence[str], index: int) -> Step:
    """Returns the step that looks up what values several columns have together.

    Args:
        part: The cross.
        kinds: Type of each of its columns: string, int or bool.
        index: Which of the categorical outputs it writes.
    """
    encoders, join = (
        ([hashes for _ in kinds], _joined_hashes(part.buckets))
        if part.buckets
        else _known_crosses(part, kinds)
    )

    def step(columns: Columns) -> Fill:
        takes = [
            row_encoder(encode, columns[name])
            for encode, name in zip(encoders, part.columns, strict=True)
        ]

        def fill(rows: slice, out: Features) -> None:
            out.categorical[:, index] = join([take(rows) for take in takes])

        return fill

    return step


def hashes(values: Any) -> NDArray[np.uint64]:
    """Returns a hash of each value, 0 for missing: of a text's UTF-8, of a number's 64 bits.

    The texts' is CRC-32, both go through the last step of SplitMix64. Lone surrogates, which JSON
    may hold, are written as UTF-8 would.
    """
    if isinstance(values, Sequence):
        sums = [None if text is None else text_sum(text) for text in values]
        gone = np.array([hashed is None for hashed in sums], np.bool_)
        whole = np.array([hashed or 0 for hashed in sums], np.uint64)
    else:
        gone = ~np.isfinite(values)
        # Zero is added so that a negative zero is zero.
        whole = (values + 0.0).view(np.uint64)
    hashed = finalised(whole) | _ODD
    hashed[gone] = 0
    return hashed


def text_sum(text: str) -> int:
    """Returns the CRC-32 of a text."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def buckets_of_sums(sums: Sequence[int], buckets: int) -> NDArray[np.int32]:
    """Returns the indices of texts' sums, 2 and above."""
    return _bucket(finalised(np.array(sums, np.uint64)) | _ODD, buckets)


def _index_of_texts(values: Sequence[Value]) -> Encode:
    indices: dict[Any, int] = {value: index for index, value in enumerate(values, FIRST_KNOWN)}
    indices[None] = MISSING
    find = indices.get

    def encode(texts: Sequence[str | None]) -> NDArray[np.int32]:
        return np.fromiter(map(find, texts, repeat(UNKNOWN)), np.int32, count=len(texts))

    return encode


def _index_of_numbers(values: Sequence[Value]) -> Encode:
    # Whole numbers that are the same as floats cannot be told apart: the first counts.
    indices: dict[float, int] = {}
    for index, value in enumerate(values, FIRST_KNOWN):
        indices.setdefault(float(value), index)
    find = indices.get
    find_many = _dense(indices) if _close(indices) else _sorted(indices)

    def encode(numbers: NDArray[np.float64]) -> NDArray[np.int32]:
        if len(numbers) > FEW:
            encoded = find_many(numbers)
            encoded[~np.isfinite(numbers)] = MISSING
            return encoded
        listed = numbers.tolist()
        return np.array(
            [find(value, UNKNOWN) if isfinite(value) else MISSING for value in listed], np.int32
        )

    return encode


def _close(indices: dict[float, int]) -> bool:
    """Says if numbers may be looked up by their offset from the least."""
    if not indices:
        return False
    low, high = min(indices), max(indices)
    whole = all(value.is_integer() for value in indices)
    return whole and low > -_EXACT and high < _EXACT and high - low < DENSE


def _dense(indices: dict[float, int]) -> Encode:
    low, span = min(indices), max(indices) - min(indices)
    outside = int(span) + 1
    table = np.full(outside + 1, UNKNOWN, np.int32)
    for value, index in indices.items():
        table[int(value - low)] = index

    def encode(numbers: NDArray[np.float64]) -> NDArray[np.int32]:
        shifted = numbers - low
        offsets = np.where((shifted >= 0) & (shifted <= span), shifted, outside).astype(np.intp)
        encoded = table.take(offsets)
        encoded[(offsets != shifted) & (offsets != outside)] = UNKNOWN
        return encoded

    return encode


def _sorted(indices: dict[float, int]) -> Encode:
    known = np.array(sorted(indices), np.float64)
    order = np.array([indices[value] for value in known.tolist()], np.int32)

    if not len(known):
        return lambda numbers: np.full(len(numbers), UNKNOWN, np.int32)
    return _bisected(known, order)


def _bisected(known: NDArray[Any], indices: NDArray[np.int32]) -> Encode:
    """Returns what finds numbers among ascending known ones, which have an index each."""

    def encode(numbers: NDArray[Any]) -> NDArray[np.int32]:
        positions = known.searchsorted(numbers)
        np.minimum(positions, len(known) - 1, out=positions)
        return np.where(known[positions] == numbers, indices[positions], np.int32(UNKNOWN))

    return encode


def _bucket(hashed: NDArray[np.uint64], buckets: int) -> NDArray[np.int32]:
    positions = ((hashed >> _HALF) * np.uint64(buckets)) >> _HALF
    indices = positions.astype(np.int32) + np.int32(FIRST_KNOWN)
    indices[hashed == 0] = MISSING
    return indices


def _joined_hashes(buckets: int) -> Encode:
    def join(hashed: Sequence[NDArray[np.uint64]]) -> NDArray[np.int32]:
        whole, *others = hashed
        gone = whole == 0
        for other in others:
            gone |= other == 0
            whole = finalised(whole * STEP + other) | _ODD
        whole[gone] = 0
        return _bucket(whole, buckets)

    return join


def _known_crosses(part: Cross, kinds: Sequence[str]) -> tuple[list[Encode], Encode]:
    """Returns what finds each column's values, and what finds the tuples of their indices.

    A tuple is looked up as one number, whose digits are the indices.
    """
    columns = [*zip(*part.values, strict=True)]
    each = [tuple(dict.fromkeys(column)) for column in columns]
    sizes = [FIRST_KNOWN + len(some) for some in each]
    encoders = [index_of(some, kind) for some, kind in zip(each, kinds, strict=True)]
    digits = [
        encode(column if kind == "string" else np.array(column, np.float64))
        for encode, column, kind in zip(encoders, columns, kinds, strict=True)
    ]
    known: dict[int, int] = {}
    for index, number in enumerate(_numbers(digits, sizes).tolist(), FIRST_KNOWN):
        known.setdefault(number, index)
    find = _of_tuples(known, prod(sizes))

    def join(encoded: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        joined = find(_numbers(encoded, sizes))
        for digit in encoded:
            joined[digit == MISSING] = MISSING
        return joined

    return encoders, join


def _of_tuples(known: Mapping[int, int], bound: int) -> Encode:
    """Returns what finds the indices of numbers from 0 up to a bound."""
    ordered = np.array(sorted(known), np.int64)
    order = np.array([known[number] for number in ordered.tolist()], np.int32)
    if bound <= MOST_CELLS:
        table = np.full(bound, UNKNOWN, np.int32)
        table[ordered] = order
        take: Encode = table.take
        return take
    return _bisected(ordered, order)


def _numbers(digits: Sequence[NDArray[np.int32]], sizes: Sequence[int]) -> NDArray[np.int64]:
    whole = digits[0].astype(np.int64)
    for digit, size in zip(digits[1:], sizes[1:], strict=True):
        whole = whole * size + digit
    return whole
