"""What a data set's columns hold, in one pass and bounded memory, without TFDV's long start."""

from __future__ import annotations

import datetime
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import Dataset
from plimsoll.problem import SPLITS
from plimsoll.statistics.accumulator import accumulate
from plimsoll.statistics.divergence import jensen_shannon
from plimsoll.statistics.sampling import Sampler
from plimsoll.statistics.tally import Tally
from plimsoll.timestamps import EPOCH
from plimsoll.validate.statistics.arrays import text_of

Floats: TypeAlias = NDArray[np.float64]

BATCH_CELLS = 1 << 22
"""Rows times columns of a batch, at most."""
TEXT_CELLS = 1 << 21
"""Different texts that are counted one by one, over all columns together."""
HASHES = 1 << 32
"""How many hashes of texts there are."""
LONGEST = 100
"""Letters of a text that are kept; the checksum of the whole stands for the rest."""
TOP = 5
BINS = 25
"""Numbers are compared between this many quantiles of the one data set and of the other."""


class Texts:
    """Counts texts: each one at first; once there are too many, the leaders and a sample.

    The sample is of values, not of rows: those whose hash is below a bound, the same ones in
    every data set, with all their rows. Two columns of many values are compared on these.

    Args:
        most: Different texts to count one by one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.counts: Counter[str] = Counter()
        """By text; once ``sampled``, of those that led then."""
        self.light: Counter[str] = Counter()
        """Of the others, those of a hash below ``bound``."""
        self.bound = HASHES
        self.total = 0

    @property
    def sampled(self) -> bool:
        """Whether not every text is counted."""
        return self.bound < HASHES

    @property
    def distinct(self) -> int:
        """How many different texts there are; an estimate once ``sampled``."""
        return len(self.counts) + round(len(self.light) * HASHES / self.bound)

    def add(self, array: pa.Array) -> None:
        """Adds a batch of texts."""
        counted = pc.value_counts(array.drop_null())
        texts = [_short(text) for text in counted.field("values").to_pylist()]
        for text, rows in zip(texts, counted.field("counts").to_pylist(), strict=True):
            self.total += rows
            if not self.sampled or text in self.counts:
                self.counts[text] += rows
            elif _hash(text) < self.bound:
                self.light[text] += rows
        if not self.sampled and len(self.counts) > self._most:
            leaders = dict(self.counts.most_common(self._most // 10))
            self.light = Counter({t: n for t, n in self.counts.items() if t not in leaders})
            self.counts = Counter(leaders)
            self._halve()
        while len(self.light) > self._most:
            self._halve()

    def _halve(self) -> None:
        self.bound //= 2
        self.light = Counter({t: n for t, n in self.light.items() if _hash(t) < self.bound})

    def rows_of(self, text: str) -> int | None:
        """Returns the rows of a text, or None if it was not counted."""
        if text in self.counts or not self.sampled:
            return self.counts.get(text, 0)
        return self.light.get(text, 0) if _hash(text) < self.bound else None

    def contingency_table(self, other: Texts) -> tuple[Floats, Floats]:
        """Returns the rows of this column and another in the same cells."""
        if not self.sampled and not other.sampled:
            names = sorted(self.counts.keys() | other.counts.keys())
            return _floats([self.counts.get(name, 0) for name in names]), _floats(
                [other.counts.get(name, 0) for name in names]
            )
        leaders = {
            name: rows
            for name in sorted(self.counts.keys() | other.counts.keys())
            if None not in (rows := (self.rows_of(name), other.rows_of(name)))
        }
        bound = min(self.bound, other.bound)
        among = sorted(
            name
            for name in {*self.counts, *self.light, *other.counts, *other.light}
            if name not in leaders and _hash(name) < bound
        )
        sides = []
        for index, side in enumerate((self, other)):
            known = _floats([rows[index] or 0 for rows in leaders.values()])
            few = _floats([side.rows_of(name) or 0 for name in among])
            left = side.total - known.sum()
            # What was sampled stands for all that was not counted by name.
            few = few * (left / few.sum()) if few.sum() else few
            sides.append(np.concatenate([known, few, [left - few.sum()]]))
        return sides[0], sides[1]


@dataclass(kw_only=True)
class Profile:
    """One column over all splits."""

    name: str
    type: str
    rows: int = 0
    tally: Tally = field(default_factory=Tally)
    texts: Texts | None = None
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared differences from the mean."""
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    """A uniform sample of the finite numbers; of timestamps, in microseconds since 1970."""

    def add(self, array: pa.Array) -> None:
        """Adds a batch of the column."""
        self.rows += len(array)
        self.tally.add(array)
        if self.texts is not None:
            self.texts.add(array if array.type == pa.string() else array.cast(pa.string()))
            return
        values = finite_numbers(array)
        if not len(values):
            return
        before = self.values - len(values)
        mean = float(values.mean())
        gap = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum())
        self.squares += gap**2 * before * len(values) / self.values
        self.mean += gap * len(values) / self.values

    @property
    def values(self) -> int:
        """Rows with a usable value."""
        return self.rows - self.tally.missing

    def summary(self) -> dict[str, Any]:
        """Returns the column in JSON values that a person can read; empty ones are left out."""
        values: dict[str, Any] = {
            "rows": self.rows,
            "missing": self.tally.missing / self.rows if self.rows else 0.0,
        }
        if self.texts is not None:
            top = sorted(self.texts.counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
            values["top"] = [[text, rows / max(self.values, 1)] for text, rows in top]
            values["distinct"], values["sampled"] = self.texts.distinct, self.texts.sampled
        elif self.values:
            timed = self.type == "timestamp"
            median = float(np.median(self.numbers)) if len(self.numbers) else self.mean
            values["mean"] = _timestamp(self.mean) if timed else self.mean
            values["median"] = _timestamp(median) if timed else median
            values["sd"] = float(np.sqrt(self.squares / self.values)) / (1e6 if timed else 1.0)
            values["low"] = text_of(self.tally.low) if timed else self.tally.low
            values["high"] = text_of(self.tally.high) if timed else self.tally.high
        return values


class ProfilesAccumulator:
    """Profiles the columns of rows: see ``plimsoll.statistics.accumulator``.

    Args:
        columns: Column -> type.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        most = max(TEXT_CELLS // max(len(columns), 1), 1000)
        self._profiles = {
            name: Profile(
                name=name, type=kind, texts=Texts(most) if kind in ("string", "bool") else None
            )
            for name, kind in columns.items()
        }
        self._numbers = [name for name, item in self._profiles.items() if item.texts is None]
        self._sampler = Sampler(len(columns))

    def add(self, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first``."""
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            self._profiles[name].add(array)
        if self._numbers:
            arrays = [batch.column(name) for name in self._numbers]
            self._sampler.add(pa.RecordBatch.from_arrays(arrays, names=self._numbers), first)

    def finish(self) -> dict[str, Profile]:
        """Returns each column's profile."""
        sample = self._sampler.kept()[0]
        for name in sample.column_names:
            self._profiles[name].numbers = finite_numbers(sample.column(name).combine_chunks())
        return self._profiles


def profiles_of(dataset: Dataset) -> dict[str, Profile]:
    """Returns each column's profile, in one pass over all splits in their order."""
    columns = {column.name: column.type for column in dataset.columns}
    rows = batch_rows(len(columns))
    batches = (batch for split in SPLITS for batch in dataset.batches(split, batch_rows=rows))
    return accumulate(ProfilesAccumulator(columns), batches)


def batch_rows(columns: int) -> int:
    """Returns how many rows of so many columns are read at a time."""
    return max(min(BATCH_CELLS // max(columns, 1), 1 << 16), 256)


def distance(first: Profile, second: Profile) -> float:
    """Returns Jensen and Shannon's divergence in base 2, 0 to 1, missing being a value too.

    Numbers are compared by samples, in cells between quantiles of the two; texts by all their
    counts.
    """
    if first.texts is not None and second.texts is not None:
        counts, others = first.texts.contingency_table(second.texts)
    else:
        counts, others = _binned(first.numbers, second.numbers)
    shares = [
        np.append(some * (one.values / max(some.sum(), 1.0)), one.tally.missing) / max(one.rows, 1)
        for some, one in ((counts, first), (others, second))
    ]
    return jensen_shannon(shares[0], shares[1])


def finite_numbers(array: pa.Array) -> Floats:
    """Returns the finite numbers of an array; of timestamps, microseconds since 1970."""
    array = array.drop_null()
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return values[np.isfinite(values)]


def _binned(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    if not len(first) or not len(second):
        return np.array([len(first)], np.float64), np.array([len(second)], np.float64)
    shares = np.linspace(0, 1, BINS + 1)[1:]
    ends = np.unique(
        np.concatenate([np.quantile(one, shares, method="lower") for one in (first, second)])
    )
    both = [
        np.bincount(np.searchsorted(ends, one, side="left"), minlength=len(ends) + 1)
        for one in (first, second)
    ]
    return both[0].astype(np.float64), both[1].astype(np.float64)


def _floats(values: list[int]) -> Floats:
    return np.array(values, dtype=np.float64)


def _hash(text: str) -> int:
    """Returns a number below ``HASHES``, the same on every machine."""
    return zlib.crc32(text.encode()) * 0x9E3779B1 % HASHES


def _short(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… {zlib.crc32(text.encode()):08x}"


def _timestamp(microseconds: float) -> str:
    timestamp = EPOCH + datetime.timedelta(microseconds=round(microseconds))
    return timestamp.isoformat(sep=" ", timespec="seconds")
