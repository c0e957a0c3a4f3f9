"""Finds out if a column of texts holds sentences rather than names."""

import re
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

LOOKED_AT = 2000
"""Texts of the sample that are read, at most."""
REPEATED = 0.5
"""Share of the words that must occur in other texts too: else they tell of one row alone."""
_WORD = re.compile(r"\b[^\W\d_]+\b")
"""Letters alone: those between the digits of an identifier are no word."""


@dataclass(frozen=True)
class Sentences:
    """What texts are like."""

    words: float
    """How many words of letters they have on average."""
    longest: int
    """How many different words the longest has, at least 1."""


def sentences_of(sample: pa.ChunkedArray | None, least: int) -> Sentences | None:
    """Returns what a sample of texts is like, or None if they are no sentences.

    Args:
        sample: Some of the column's values; None: none were kept.
        least: How many words a text must have on average; 0: nothing is a sentence.
    """
    if sample is None or not least:
        return None
    texts = [text for text in sample.slice(0, LOOKED_AT).to_pylist() if text]
    words = [_WORD.findall(text.casefold()) for text in texts]
    count = sum(map(len, words))
    if not texts or count / len(texts) < least:
        return None
    different = [set(some) for some in words]
    in_texts = Counter(word for some in different for word in some)
    occurring = sum(in_texts.values())
    repeated = sum(times for times in in_texts.values() if times > 1)
    if repeated < REPEATED * occurring:
        return None
    return Sentences(count / len(texts), max(map(len, different)))
