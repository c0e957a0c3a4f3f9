"""What a column's values look like, small enough to keep: the reference of every later drift.

``distributions.json`` in a statistics artifact holds one ``Distribution`` a column and split. It
holds no rows: of a number, points of its cumulative distribution; of a text, counts of its most
frequent values, and hashes of a few others, by which two data sets of many values are compared
on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NUMERIC, CATEGORICAL = "numeric", "categorical"
MOST_POINTS = 256
"""Up to so many different numbers are kept one by one; past it, points of equal mass."""
MOST_COUNTS = 1000
"""Up to so many different texts are all kept by name."""
MOST_HASHES = 512
"""Of more, so many are kept by hash: those of the smallest hashes, whatever their counts."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far consecutive chunks of a split lie from the whole of it, by one distance."""

    mean: float
    """Mean distance of a chunk."""
    std: float
    """Its standard deviation over the chunks."""
    chance_mean: float = 0.0
    """The same for chunks of the same rows in random order: what chance alone does."""
    chance_std: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The values of one column in one split."""

    kind: str
    """``numeric`` (whole numbers, numbers, times in microseconds since 1970) or
    ``categorical``."""
    type: str
    """The column's type in the data set: int, float, bool, string or timestamp."""
    rows: int
    """Rows of the split."""
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    """Rows with an infinity of either sign; they and NaN are in nothing below."""
    low: float | None = None
    """The least finite number in the split."""
    high: float | None = None
    """The greatest."""
    values: int = 0
    """Values that the rest is made of: all of the split, or those of a uniform sample."""
    mean: float = 0.0
    std: float = 0.0
    """Of a number: the standard deviation, divided by the number of values."""
    points: tuple[float, ...] = ()
    """Of a number: places of its cumulative distribution, ascending, each once."""
    below: tuple[int, ...] = ()
    """The values below each point."""
    at_most: tuple[int, ...] = ()
    """The values at or below each point; between two points values are taken as spread evenly."""
    counts: tuple[tuple[str, int], ...] = ()
    """Of a text: the most frequent values with their counts, most frequent first."""
    rest: int = 0
    """Of a text: how many values are not among ``counts``."""
    distinct: int = 0
    """Different values."""
    hashes: tuple[tuple[int, int], ...] = ()
    """Where ``rest`` is not 0: hash and count of the values of the smallest hashes, ascending."""
    chunks: int = 0
    """Chunks that the split's sample was cut into, in the order of its rows; 0: too few rows."""
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    """By name of the distance."""

    @property
    def missing(self) -> int:
        """The rows without a value that a model could use."""
        return self.nulls + self.nan + self.infinite

    @property
    def missing_share(self) -> float:
        """The share of rows without a usable value, 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def cumulative(self) -> tuple[float, ...]:
        """Of a number: the share of values at or below each point."""
        return tuple(count / self.values for count in self.at_most)
