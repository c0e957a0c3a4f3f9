"""The parts of a transform: each makes one or more of the outputs from a raw column.

An index 0 of a categorical output always means missing, 1 unknown, and 2 is the first known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from plimsoll.errors import ArtifactError

MISSING = 0
"""Index of a missing value in every categorical output."""
UNKNOWN = 1
"""Index of a value that the vocabulary does not have, in every categorical output."""
FIRST_KNOWN = 2
"""Index of the first value that is known, or of the first bucket."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SCALES = ("standard", "robust", "quantile", "log", "none")
SOURCES = ("value", "elapsed_days")
CYCLES = ("time_of_day", "day_of_year")
CALENDARS: Mapping[str, int] = {"day_of_week": 7, "month": 12, "hour": 24, "day_of_month": 31}
"""What a calendar says -> how many values it has."""
LARGEST = 3.4e38
"""Just below the largest number of single precision."""
MOST_BUCKETS = 1 << 30
MOST_INDICES = 1024
"""Most indices of one row in one output."""

Value = str | int
"""A raw value that is looked up: text, or a whole number (of an int or bool column)."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One numeric output: filled where missing, clipped, then scaled.

    ``standard`` and ``robust`` give (x - center) / spread; ``log`` gives (y - center) / spread of
    y = sign(x) ln(1 + |x| / unit); ``quantile`` goes by the table from knots to scores, straight
    between them; ``none`` leaves the number as it is.
    """

    output: str
    of: str = "value"
    """``value``, or ``elapsed_days`` for a timestamp: days since 1970."""
    fill: float
    """What stands for a missing or infinite value, in the column's own unit."""
    low: float
    """Lower values count as this, in the column's own unit."""
    high: float
    """Higher values count as this, in the column's own unit."""
    scale: str
    """``standard``, ``robust``, ``quantile``, ``log`` or ``none``."""
    center: float = 0.0
    spread: float = 1.0
    unit: float = 1.0
    """Log: values well below it stay as they are, those well above it go by their logarithm."""
    knots: tuple[float, ...] = ()
    """Quantile: strictly rising values, at least two."""
    scores: tuple[float, ...] = ()
    """Quantile: the output at each knot."""

    def __post_init__(self) -> None:
        numbers = (self.fill, self.low, self.high, self.center, self.spread, self.unit)
        sound = (
            self.of in SOURCES
            and self.scale in SCALES
            and all(map(math.isfinite, (*numbers, *self.scores)))
            and self.low <= self.high
            and self.spread > 0
            and self.unit > 0
            and (self.scale == "log" or self.unit == 1.0)
            and _rising(self.knots)
            and len(self.knots) == len(self.scores)
            and (self._by_table() if self.scale == "quantile" else not self.knots)
            and (self.scale != "none" or self._unscaled())
            and self._fits()
        )
        if not sound:
            raise ArtifactError(f"the transform's numeric output {self.output!r} does not hold")

    def _by_table(self) -> bool:
        return (
            len(self.knots) >= 2
            and (self.low, self.high) == (self.knots[0], self.knots[-1])
            and self._unscaled()
        )

    def _fits(self) -> bool:
        """Finds out if no output is too large for single precision."""
        largest = max(abs(self.low), abs(self.high))
        if self.scale == "log":
            ends = (
                [math.log1p(largest / self.unit)] if largest / self.unit < math.inf else [math.inf]
            )
        elif self.scale == "quantile":
            ends = [*self.scores]
        else:
            ends = [self.low - self.center, self.high - self.center]
        return all(abs(end / self.spread) <= LARGEST for end in ends)

    def _unscaled(self) -> bool:
        return (self.center, self.spread) == (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Bins:
    """A numeric output for each bin: 0 below it, 1 above it, and the share of it in between."""

    output: str
    """The outputs are this, followed by ``.0``, ``.1`` and so on."""
    of: str = "value"
    """``value``, or ``elapsed_days`` for a timestamp."""
    fill: float
    """What stands for a missing or infinite value, in the column's own unit."""
    edges: tuple[float, ...]
    """Strictly rising, at least two: one more than there are bins."""

    def __post_init__(self) -> None:
        sound = (
            self.of in SOURCES
            and math.isfinite(self.fill)
            and len(self.edges) >= 2
            and _rising(self.edges)
            and math.isfinite(self.edges[-1] - self.edges[0])
        )
        if not sound:
            raise ArtifactError(f"the transform's bins {self.output!r} do not hold")


@dataclass(frozen=True, kw_only=True)
class Missing:
    """One numeric output: 1 where the column has no value, else 0."""

    output: str


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Two numeric outputs: sine and cosine of a timestamp's position in the day or in the year."""

    output: str
    """The outputs are this, followed by ``.sin`` and ``.cos``."""
    of: str
    """``time_of_day`` (to the minute) or ``day_of_year``."""

    def __post_init__(self) -> None:
        if self.of not in CYCLES:
            raise ArtifactError(f"the transform has no cycle {self.of!r}", choices=CYCLES)


@dataclass(frozen=True, kw_only=True)
class TargetMean:
    """What the label is on average where the column has a value: one output, or one a class."""

    output: str
    """Its output, or with classes the outputs are this, followed by ``.`` and the class."""
    classes: tuple[str, ...] = ()
    """The classes as text, each with an output; none: one output."""
    values: tuple[Value, ...]
    """The values that are known."""
    encoded: tuple[tuple[float, ...], ...]
    """The outputs of each value, as the network is to read them."""
    prior: tuple[float, ...]
    """The outputs of a value that is not known."""
    missing: tuple[float, ...]
    """The outputs where there is no value."""

    def __post_init__(self) -> None:
        rows = (*self.encoded, self.prior, self.missing)
        sound = (
            _distinct(self.values)
            and _distinct(self.classes)
            and len(self.values) == len(self.encoded)
            and {len(row) for row in rows} == {max(1, len(self.classes))}
            and all(abs(number) <= LARGEST for row in rows for number in row)
        )
        if not sound:
            raise ArtifactError(f"the transform's target encoding {self.output!r} does not hold")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """One categorical output: the index of a value among those known, most frequent first."""

    output: str
    values: tuple[Value, ...]
    """Value ``i`` has the index ``i + 2``; 0 is missing and 1 is unknown."""

    def __post_init__(self) -> None:
        if not _distinct(self.values):
            raise ArtifactError(f"the transform's vocabulary {self.output!r} has a value twice")


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """One categorical output: a timestamp's day of the week (Monday first), month or the like."""

    output: str
    of: str
    """``day_of_week``, ``month``, ``hour`` or ``day_of_month``."""

    def __post_init__(self) -> None:
        if self.of not in CALENDARS:
            raise ArtifactError(
                f"the transform has no calendar {self.of!r}", choices=tuple(CALENDARS)
            )


@dataclass(frozen=True, kw_only=True)
class Hashed:
    """One categorical output: a bucket that a value falls into, known or not."""

    output: str
    buckets: int

    def __post_init__(self) -> None:
        _check_buckets(self.output, self.buckets)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A categorical output of several indices: the distinct texts that a text lists."""

    output: str
    separator: str
    """What stands between the texts, such as ``|``; spaces around a text do not count."""
    values: tuple[str, ...]
    """Text ``i`` has the index ``i + 2``; 1 is a text that is not known."""
    most: int
    """How many indices a row has at most; the first texts stay."""

    def __post_init__(self) -> None:
        if not (self.separator and _distinct(self.values) and 1 <= self.most <= MOST_INDICES):
            raise ArtifactError(f"the transform's list of texts {self.output!r} does not hold")


@dataclass(frozen=True, kw_only=True)
class Ngrams:
    """A categorical output of several indices: the buckets of a text's runs of words or letters.

    Upper and lower case are the same. Words are runs of letters, digits and underscores; letters
    are taken with one space between words, one before the first and one behind the last. No more
    than the first 65,536 characters count.
    """

    output: str
    of: str
    """``words`` or ``characters``."""
    sizes: tuple[int, ...]
    """How many words or characters a run has, such as 1 and 2."""
    buckets: int
    most: int
    """How many indices a row has at most; the first runs stay."""

    def __post_init__(self) -> None:
        sound = (
            self.of in ("words", "characters")
            and self.sizes
            and _distinct(self.sizes)
            and all(1 <= size <= 32 for size in self.sizes)
            and 1 <= self.most <= MOST_INDICES
        )
        if not sound:
            raise ArtifactError(f"the transform's n-grams {self.output!r} do not hold")
        _check_buckets(self.output, self.buckets)


@dataclass(frozen=True, kw_only=True)
class Cross:
    """One categorical output: values that several columns have together.

    It is missing if one of the columns is. It has either ``values`` or ``buckets``.
    """

    output: str
    columns: tuple[str, ...]
    """The columns, at least two, of type string, int or bool."""
    values: tuple[tuple[Value, ...], ...] = ()
    """Those known, a value of each column; the one at ``i`` has the index ``i + 2``."""
    buckets: int = 0
    """Into how many buckets they are hashed instead."""

    def __post_init__(self) -> None:
        sound = (
            len(self.columns) >= 2
            and _distinct(self.columns)
            and _distinct(self.values)
            and all(len(value) == len(self.columns) for value in self.values)
            and not (self.values and self.buckets)
            and math.prod(2 + len(set(some)) for some in zip(*self.values, strict=True)) < 1 << 62
        )
        if not sound:
            raise ArtifactError(f"the transform's cross {self.output!r} does not hold")
        if not self.values:
            _check_buckets(self.output, self.buckets)


NumericPart = Number | Bins | Missing | Cycle | TargetMean
CategoricalPart = Vocabulary | Calendar | Hashed | Tokens | Ngrams | Cross
Part = NumericPart | CategoricalPart
PARTS: Mapping[str, type[Part]] = {
    "number": Number,
    "bins": Bins,
    "missing": Missing,
    "cycle": Cycle,
    "target_mean": TargetMean,
    "vocabulary": Vocabulary,
    "calendar": Calendar,
    "hashed": Hashed,
    "tokens": Tokens,
    "ngrams": Ngrams,
    "cross": Cross,
}
"""The name of each part in ``transform.json``."""
TYPES_OF_PART: Mapping[type[Part], tuple[str, ...]] = {
    Number: ("int", "float", "bool", "timestamp"),
    Bins: ("int", "float", "timestamp"),
    Missing: ("int", "float", "bool", "string", "timestamp"),
    Cycle: ("timestamp",),
    TargetMean: ("int", "bool", "string"),
    Vocabulary: ("int", "bool", "string"),
    Calendar: ("timestamp",),
    Hashed: ("int", "bool", "string"),
    Tokens: ("string",),
    Ngrams: ("string",),
    Cross: ("int", "bool", "string"),
}
"""The types of the columns that a part can be made of."""


def output_names(part: Part) -> tuple[str, ...]:
    """Returns the names of the outputs that a part makes, in order."""
    if isinstance(part, Cycle):
        return (f"{part.output}.sin", f"{part.output}.cos")
    if isinstance(part, Bins):
        return tuple(f"{part.output}.{index}" for index in range(len(part.edges) - 1))
    if isinstance(part, TargetMean) and part.classes:
        return tuple(f"{part.output}.{name}" for name in part.classes)
    return (part.output,)


def indices(part: CategoricalPart) -> int:
    """Returns how many indices a categorical part has, missing and unknown among them."""
    if isinstance(part, Calendar):
        return FIRST_KNOWN + CALENDARS[part.of]
    if isinstance(part, Hashed | Ngrams):
        return FIRST_KNOWN + part.buckets
    if isinstance(part, Cross) and part.buckets:
        return FIRST_KNOWN + part.buckets
    return FIRST_KNOWN + len(part.values)


def width(part: CategoricalPart) -> int:
    """Returns how many indices a row has at most."""
    return part.most if isinstance(part, Tokens | Ngrams) else 1


def _rising(numbers: Sequence[float]) -> bool:
    """Finds out if numbers are finite, rise strictly, and so that each step is finite too."""
    steps = (after - before for before, after in pairwise(numbers))
    return all(map(math.isfinite, numbers)) and all(0 < step < math.inf for step in steps)


def _distinct(values: Sequence[Any]) -> bool:
    return len(set(values)) == len(values)


def _check_buckets(output: str, buckets: int) -> None:
    if not 1 <= buckets <= MOST_BUCKETS:
        raise ArtifactError(
            f"the transform's output {output!r} has {buckets} buckets",
            cause=f"it must have 1 to {MOST_BUCKETS}",
        )
