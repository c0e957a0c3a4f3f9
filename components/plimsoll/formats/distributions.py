"""What a column's values look like, small enough to keep: the reference of every later drift.

``distributions.json`` in a statistics artifact holds one ``Distribution`` a column and split. It
holds no rows: of a number, points of its cumulative distribution; of a text, counts of its most
frequent values, and hashes of a few others, by which two data sets of many values are compared
on the same ones.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError
from plimsoll.storage.files import canonical_json

FORMAT = "plimsoll.distributions/1"

NUMERIC, CATEGORICAL = "numeric", "categorical"
MOST_POINTS = 256
"""Up to so many different numbers are kept one by one; past it, points of equal mass."""
MOST_COUNTS = 1000
"""Up to so many different texts are all kept by name."""
MOST_HASHES = 512
"""Of more, so many are kept by hash: those of the smallest hashes, whatever their counts."""
HASHES = 1 << 32
"""A hash is a whole number below this."""
LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far consecutive chunks of a split lie from the whole of it, by one distance."""

    mean: float
    """Mean distance of a chunk."""
    std: float
    """Its standard deviation over the chunks."""
    most: float = 0.0
    """The greatest of them."""
    chance_mean: float = 0.0
    """The same for chunks of the same rows in random order: what chance alone does."""
    chance_std: float = 0.0
    decay: float = 0.0
    """How the mean, beyond chance, falls with the rows of a chunk: as their power ``-decay``. 0 of
    a trend, 0.5 of changes that last less than a chunk (1 of squared distances)."""


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
    """Of a number: points of its cumulative distribution, ascending, each once."""
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


def name_of(text: str) -> str:
    """Returns what a text is kept as: itself, or of a long one its beginning and its checksum."""
    if len(text) <= LONGEST_NAME:
        return text
    data = text.encode("utf-8", "surrogatepass")
    return f"{text[: LONGEST_NAME - 20]}... {zlib.crc32(data):08x}{zlib.adler32(data):08x}"


def hashes_of(names: Sequence[str]) -> NDArray[np.uint32]:
    """Returns a hash of each name, spread evenly below ``HASHES``; the same on any machine."""
    codes = np.array([zlib.crc32(name.encode("utf-8", "surrogatepass")) for name in names], "u4")
    # A checksum alone keeps the pattern of names that are counted up; mixed (MurmurHash3), not.
    codes ^= codes >> np.uint32(16)
    codes *= np.uint32(0x85EBCA6B)
    codes ^= codes >> np.uint32(13)
    codes *= np.uint32(0xC2B2AE35)
    codes ^= codes >> np.uint32(16)
    return codes


def to_text(splits: Mapping[str, Mapping[str, Distribution]]) -> str:
    """Returns the text of ``distributions.json``, always the same for the same distributions.

    Args:
        splits: Split -> column -> its distribution.
    """
    plain = {
        split: {name: _plain(one) for name, one in columns.items()}
        for split, columns in splits.items()
    }
    return canonical_json({"format": FORMAT, "splits": plain}) + "\n"


def from_json(value: Any, source: str) -> dict[str, dict[str, Distribution]]:
    """Returns the distributions by split and column.

    Args:
        value: What ``distributions.json`` holds.
        source: What to call it in errors.

    Raises:
        ArtifactError: if they do not hold together.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ArtifactError(
            f"{source} holds no distributions of the format {FORMAT}",
            hint="make the statistics again with this version of plimsoll",
        )
    try:
        return {
            str(split): {str(name): _made(one) for name, one in columns.items()}
            for split, columns in value["splits"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            f"{source} does not hold together", cause=f"{type(error).__name__}: {error}"
        ) from error


_DEFAULTS = {item.name: item.default for item in fields(Distribution)}


def _plain(one: Distribution) -> dict[str, Any]:
    values = asdict(one)
    return {
        name: value
        for name, value in values.items()
        if value != _DEFAULTS[name] and not (name == "calibration" and not value)
    }


def _made(values: Mapping[str, Any]) -> Distribution:
    settled = dict(values)
    for name in ("points", "below", "at_most"):
        settled[name] = tuple(settled.get(name, ()))
    for name in ("counts", "hashes"):
        settled[name] = tuple((key, int(count)) for key, count in settled.get(name, ()))
    settled["calibration"] = {
        distance: Calibration(**numbers)
        for distance, numbers in settled.get("calibration", {}).items()
    }
    one = Distribution(**settled)
    _check(one)
    return one


def _check(one: Distribution) -> None:
    if one.kind not in (NUMERIC, CATEGORICAL):
        raise ValueError(f"the kind {one.kind!r} is not known")
    if not 0 <= one.values <= max(one.rows, 0):
        raise ValueError(f"{one.values} values of {one.rows} rows")
    if len({len(one.points), len(one.below), len(one.at_most)}) > 1:
        raise ValueError("points and counts differ in number")
    if one.kind == NUMERIC and one.values and not one.points:
        raise ValueError("values without points")
    if any(one.points[i] >= one.points[i + 1] for i in range(len(one.points) - 1)):
        raise ValueError("points are not ascending")
