"""What a column's texts are meant as: dates, numbers among words for missing, or texts."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.ingest.types.columns import FLOAT, INT, TEXT, TIMESTAMP
from plimsoll.ingest.types.dates import DateFormat, DateFormatInference, timestamps

MISSING_MARKS = frozenset(
    (
        "?",
        "-",
        "--",
        ".",
        "none",
        "missing",
        "unknown",
        "nil",
        "<na>",
        "#value!",
        "#div/0!",
        "#ref!",
    )
)
"""Taken as missing where all other values of a column are numbers."""
NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WRITTEN_NUMBER = r"^[-+(]?\s?[$€£¥]?\s?\d[\d,.' ]*\s?[%$€£¥)]?$"
SHOWN = 3
NO_TEXT = pa.scalar(None, TEXT)


def _first_bytes(signs: bytes) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[list(signs)] = True
    return table


STARTS_NUMBER = _first_bytes(b"-.0123456789")
STARTS_WRITTEN = _first_bytes(b"-.0123456789+($\xc2\xe2 \t\n\r\f\v")


@dataclass(frozen=True)
class Conversion:
    """How a column's texts become values of a dataset."""

    type: pa.DataType
    date_format: DateFormat | None = None

    def convert(self, texts: pa.Array) -> pa.Array:
        """Returns the values that texts stand for."""
        if self.date_format is not None:
            return timestamps(texts, self.date_format)
        if self.type == TEXT:
            return texts
        numbers = pc.match_substring_regex(texts, NUMBER)
        return pc.if_else(numbers, texts, NO_TEXT).cast(self.type)


class TextInference:
    """Gathers, batch by batch, what the texts of one column could be meant as."""

    def __init__(self) -> None:
        self._dates = DateFormatInference()
        self._known = self._numbers = 0
        self._whole = True
        self._all_written = True
        self._words: dict[str, None] = {}
        self._not_numeric = False
        self.first_word: int | None = None
        """The index, among all rows, of the first text that is no number."""

    def add(self, texts: pa.Array, start: int) -> None:
        """Takes more texts.

        Args:
            texts: Strings.
            start: The index of the first one among all rows.
        """
        known = len(texts) - texts.null_count
        if not known:
            return
        self._known += known
        first = _starts(texts)
        written = len(first) == known and bool(STARTS_WRITTEN[first].all())
        self._all_written = self._all_written and written
        numeric = bool(STARTS_NUMBER[first].any())
        enough = self._not_numeric and len(self._words) >= SHOWN
        if enough and not numeric and self._dates.none_fits:
            return
        encoded = texts.dictionary_encode()
        words = encoded.dictionary
        self._dates.add(words)
        self._count(words, encoded.indices, start)

    def conversion(self, name: str, *, private: bool, where: str) -> tuple[Conversion, str]:
        """Returns what the texts are meant as, and a sentence where that is not plain.

        Args:
            name: The column's.
            private: Whether its values must not be told.
            where: The row of the first text that is no number, in words.
        """
        date_format = self._dates.date_format
        if date_format is not None:
            sentence = f"column {name}: read as dates of the form {date_format.name}"
            if self._dates.ambiguous:
                sentence += (
                    "; day and month could be the other way round: write 2013-12-31 to be sure"
                )
            return Conversion(TIMESTAMP, date_format), sentence
        words = self._known - self._numbers
        if self._numbers > self._known / 2:
            if not self._not_numeric:
                listed = "" if private else f" ({', '.join(sorted(self._words))})"
                sentence = f"column {name}: {words:,} words{listed} taken as missing"
                return Conversion(INT if self._whole else FLOAT), sentence
            shown = [repr(word) for word in self._words][:SHOWN]
            such = "" if private else f", such as {', '.join(shown)}"
            return Conversion(TEXT), (
                f"column {name}: text, because {words:,} values are no numbers{such}"
                f"; the first is at {where}"
            )
        if self._known and self._all_written:
            return Conversion(TEXT), (
                f"column {name}: text, though it looks like numbers such as 1,234 or 5 %"
            )
        return Conversion(TEXT), ""

    def _count(self, words: pa.Array, indices: pa.Array, start: int) -> None:
        is_number = pc.match_substring_regex(words, NUMBER).to_numpy(zero_copy_only=False)
        if self._all_written:
            self._all_written = bool(
                pc.all(pc.match_substring_regex(words, WRITTEN_NUMBER)).as_py()
            )
        there = indices.drop_null().to_numpy()
        counts = np.bincount(there, minlength=len(words))
        self._numbers += int(counts[is_number].sum())
        if not is_number.all():
            self._add_words(words, indices, is_number, start)
        if self._whole and not self._not_numeric:
            self._whole = _is_whole(words.filter(pa.array(is_number)))

    def _add_words(
        self, words: pa.Array, indices: pa.Array, is_number: NDArray[np.bool_], start: int
    ) -> None:
        others = words.filter(pa.array(~is_number))
        if self.first_word is None:
            earliest = int(np.flatnonzero(~is_number)[0])
            self.first_word = start + pc.index(indices, pa.scalar(earliest, indices.type)).as_py()
        if self._not_numeric and len(self._words) >= SHOWN:
            return
        lowered = pc.utf8_lower(others)
        missing = pc.is_in(lowered, value_set=pa.array(sorted(MISSING_MARKS), TEXT))
        self._not_numeric = self._not_numeric or not pc.all(missing).as_py()
        most = SHOWN if self._not_numeric else len(others)
        for word in others.slice(0, most).to_pylist():
            self._words[word] = None


def _is_whole(numbers: pa.Array) -> bool:
    try:
        numbers.cast(INT)
    except pa.ArrowInvalid:
        return False
    return True


def _starts(texts: pa.Array) -> NDArray[np.uint8]:
    """Returns the first byte of each text that has one."""
    _, offsets_buffer, data = texts.buffers()
    if data is None or not data.size:
        return np.zeros(0, dtype=np.uint8)
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    signs = np.frombuffer(data, dtype=np.uint8)
    return np.asarray(signs[offsets[:-1][offsets[1:] > offsets[:-1]]])
