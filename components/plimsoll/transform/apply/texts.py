"""Makes several indices of a text: the texts that it lists, or its runs of words or letters."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from plimsoll.models.transform_parts import (
    FIRST_KNOWN,
    MISSING,
    UNKNOWN,
    Ngrams,
    Tokens,
)
from plimsoll.transform.apply.lookups import buckets_of_sums, text_sum
from plimsoll.transform.apply.steps import Encode

LONGEST_TEXT = 1 << 16
"""No more characters of a text are made into n-grams."""
_WORD = re.compile(r"\w+")


def split_texts(text: str, separator: str) -> list[str]:
    """Returns the distinct texts that a text lists, in order, without those that are empty."""
    pieces = (piece.strip() for piece in text.split(separator))
    return list(dict.fromkeys(piece for piece in pieces if piece))


def tokens(part: Tokens) -> Encode:
    """Returns what makes the indices of the texts that a text lists, shape (texts, most)."""
    indices = {text: index for index, text in enumerate(part.values, FIRST_KNOWN)}

    def indices_of(text: str) -> list[int]:
        known = (indices.get(piece, UNKNOWN) for piece in split_texts(text, part.separator))
        return list(islice(dict.fromkeys(known), part.most))

    def encode(texts: Sequence[str | None]) -> NDArray[np.int32]:
        listed = [[] if text is None else indices_of(text) for text in texts]
        return _laid_out(listed, np.array([*chain(*listed)], np.int32), part.most)

    return encode


def ngrams(part: Ngrams) -> Encode:
    """Returns what makes the buckets of a text's n-grams, shape (texts, most)."""
    runs = _runs_of_words if part.of == "words" else _runs_of_characters

    def runs_of(text: str) -> list[str]:
        distinct: dict[str, None] = {}
        for run in runs(text[:LONGEST_TEXT].casefold(), part.sizes):
            distinct[run] = None
            if len(distinct) == part.most:
                break
        return list(distinct)

    def encode(texts: Sequence[str | None]) -> NDArray[np.int32]:
        listed = [[] if text is None else runs_of(text) for text in texts]
        sums = [text_sum(run) for run in chain(*listed)]
        return _laid_out(listed, buckets_of_sums(sums, part.buckets), part.most)

    return encode


def _runs_of_words(text: str, sizes: Sequence[int]) -> Iterator[str]:
    words = _WORD.findall(text)
    for start in range(len(words)):
        for size in sizes:
            if start + size <= len(words):
                yield " ".join(words[start : start + size])


def _runs_of_characters(text: str, sizes: Sequence[int]) -> Iterator[str]:
    spaced = f" {' '.join(text.split())} "
    for start in range(len(spaced)):
        for size in sizes:
            run = spaced[start : start + size]
            if len(run) == size and not run.isspace():
                yield run


def _laid_out(
    listed: Sequence[Sequence[object]], indices: NDArray[np.int32], most: int
) -> NDArray[np.int32]:
    """Puts indices, a text's behind another's, into a row a text, and 0 behind them."""
    table = np.full((len(listed), most), MISSING, np.int32)
    counts = np.array([len(some) for some in listed], np.intp)
    table[np.arange(most) < counts[:, None]] = indices
    return table
