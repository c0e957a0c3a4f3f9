"""Texts that are dates in one of the common formats become timestamps."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import ARROW_TYPES

TIMESTAMP = ARROW_TYPES["timestamp"]
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = (
    r"(?:(?:[ T]|, ?)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<p>[AaPp])\.?[Mm]\.?)?)? ?(?P<z>Z|UTC|[+-]\d{2}(?::?\d{2})?)?$"
)
FEW = 64
"""Texts that are tried first: most formats fail on one of them."""
_MONTH = (
    r"(?P<b>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))\.?"
)


@dataclass(frozen=True)
class DateFormat:
    """One way to write a date, with or without a time behind it."""

    name: str
    """As ``strftime`` would have it."""
    date: str
    """A regular expression with the groups y, m or b (a month's name), and d."""

    @property
    def pattern(self) -> str:
        """The regular expression of the whole text."""
        return "^" + self.date + _CLOCK


DATE_FORMATS = (
    DateFormat("%Y-%m-%d", r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    DateFormat("%Y/%m/%d", r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})"),
    DateFormat("%Y.%m.%d", r"(?P<y>\d{4})\.(?P<m>\d{1,2})\.(?P<d>\d{1,2})"),
    DateFormat("%m/%d/%Y", r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})"),
    DateFormat("%d/%m/%Y", r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})"),
    DateFormat("%m-%d-%Y", r"(?P<m>\d{1,2})-(?P<d>\d{1,2})-(?P<y>\d{4})"),
    DateFormat("%d-%m-%Y", r"(?P<d>\d{1,2})-(?P<m>\d{1,2})-(?P<y>\d{4})"),
    DateFormat("%d.%m.%Y", r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
    DateFormat("%d %b %Y", r"(?P<d>\d{1,2})[ -]" + _MONTH + r"[ -](?P<y>\d{4})"),
    DateFormat("%b %d, %Y", _MONTH + r" (?P<d>\d{1,2}),? (?P<y>\d{4})"),
)
_LOOKS_DATED = re.compile(
    r"\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[ -][A-Za-z]{3}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})"
)


class DateFormatInference:
    """Gathers, batch by batch, which formats all texts of a column fit.

    Where both month first and day first fit every text, month first is taken.
    """

    def __init__(self) -> None:
        self._fitting = list(DATE_FORMATS)
        self._zoned: dict[DateFormat, bool] = {}
        self._differing: set[tuple[DateFormat, DateFormat]] = set()
        self._any_text = False

    @property
    def none_fits(self) -> bool:
        """Whether a text came that fits no format that all others fit."""
        return not self._fitting

    @property
    def date_format(self) -> DateFormat | None:
        """The format that all texts fit, if there was one at least."""
        return self._fitting[0] if self._fitting and self._any_text else None

    @property
    def ambiguous(self) -> bool:
        """Whether day and month could as well be the other way round."""
        return any((self._fitting[0], other) in self._differing for other in self._fitting[1:])

    def add(self, words: pa.Array) -> None:
        """Takes more texts; none of them missing."""
        if not len(words) or self.none_fits:
            return
        self._any_text = True
        if not _LOOKS_DATED.match(words[0].as_py()):
            self._fitting = []
            return
        self._keep_fitting(words.slice(0, FEW))
        read = self._keep_fitting(words)
        first = self._fitting[:1]
        for other in self._fitting[1:]:
            if not read[first[0]].equals(read[other]):
                self._differing.add((first[0], other))

    def _keep_fitting(self, words: pa.Array) -> dict[DateFormat, pa.Array]:
        read = {}
        for date_format in self._fitting:
            values, zoned = _parsed(words, date_format)
            if not values.null_count and self._zoned.setdefault(date_format, zoned) == zoned:
                read[date_format] = values
        self._fitting = list(read)
        return read


def timestamps(texts: pa.Array, date_format: DateFormat) -> pa.Array:
    """Returns the timestamps that texts spell, null where one does not; many may be equal."""
    encoded = texts.dictionary_encode()
    return _parsed(encoded.dictionary, date_format)[0].take(encoded.indices)


def misfits(texts: pa.Array, date_format: DateFormat) -> NDArray[np.bool_]:
    """Returns which texts do not fit a format; missing ones fit.

    Returns:
        One boolean a row.
    """
    wrong = pc.and_(pc.is_valid(texts), pc.is_null(_parsed(texts, date_format)[0]))
    return np.asarray(wrong.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _parsed(texts: pa.Array, date_format: DateFormat) -> tuple[pa.Array, bool]:
    """Returns the timestamps, null where a text is none, and whether all texts name a zone."""
    fields = pc.extract_regex(texts, date_format.pattern)
    zoned = _texts(fields, "z") != ""
    if zoned.any() and not zoned[np.asarray(fields.is_valid())].all():
        return pa.nulls(len(texts), TIMESTAMP), True
    year, day = _numbers(fields, "y"), _numbers(fields, "d")
    month = _month_numbers(fields) if "(?P<b>" in date_format.date else _numbers(fields, "m")
    microseconds, in_clock = _clock(fields)
    valid = np.asarray(fields.is_valid()) & in_clock & (year > 0) & (month > 0) & (month <= 12)
    months = (np.where(valid, year, 1970) - 1970) * 12 + np.where(valid, month, 1) - 1
    starts = months.astype("datetime64[M]")
    lengths = ((starts + 1).astype("datetime64[D]") - starts.astype("datetime64[D]")).astype(int)
    valid &= (day > 0) & (day <= lengths)
    days = starts.astype("datetime64[D]") + (np.where(valid, day, 1) - 1)
    values = days.astype("datetime64[us]") + microseconds.astype("timedelta64[us]")
    return pa.array(values, TIMESTAMP, mask=~valid), bool(zoned.any())


def _clock(fields: pa.StructArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Returns the microseconds since midnight UTC, and whether there is such a time."""
    hour, minute, second = (_numbers(fields, part) for part in "HMS")
    half = _texts(fields, "p")
    valid = (hour < 24) & (minute < 60) & (second < 60)
    valid &= (half == "") | ((hour >= 1) & (hour <= 12))
    afternoon = (half == "p") | (half == "P")
    hour = np.where(half == "", hour, hour % 12 + 12 * afternoon)
    fraction = pc.utf8_rpad(pc.utf8_slice_codeunits(_field(fields, "f"), 0, 6), 6, "0")
    micro = fraction.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.int64)
    total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
    return total - _offsets(fields), valid


def _offsets(fields: pa.StructArray) -> NDArray[np.int64]:
    """Returns the microseconds that the zone is ahead of UTC."""
    zones = _field(fields, "z").dictionary_encode()
    ahead = []
    for zone in zones.dictionary.to_pylist():
        digits = re.sub(r"\D", "", zone).ljust(4, "0")
        minutes = int(digits[:2]) * 60 + int(digits[2:4])
        ahead.append((-minutes if zone.startswith("-") else minutes) * 60_000_000)
    return np.asarray([*ahead, 0], dtype=np.int64)[zones.indices.to_numpy(zero_copy_only=False)]


def _month_numbers(fields: pa.StructArray) -> NDArray[np.int64]:
    starts = pc.utf8_lower(pc.utf8_slice_codeunits(_field(fields, "b"), 0, 3))
    numbers = pc.index_in(starts, value_set=pa.array(MONTHS)).fill_null(-1)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64) + 1


def _numbers(fields: pa.StructArray, name: str) -> NDArray[np.int64]:
    texts = pc.if_else(pc.equal(_field(fields, name), ""), "0", _field(fields, name))
    return np.asarray(texts.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _texts(fields: pa.StructArray, name: str) -> NDArray[np.object_]:
    return np.asarray(_field(fields, name).to_numpy(zero_copy_only=False), dtype=object)


def _field(fields: pa.StructArray, name: str) -> pa.Array:
    """Returns a group's texts, empty where the text or the group did not match."""
    index = fields.type.get_field_index(name)
    return fields.flatten()[index].fill_null("")
