"""Features that tell the label by themselves: a sign that they know what came after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SAMPLED_ROWS = 100_000
MOST_CLASSES = 20
FEWEST_PER_VALUE = 20
"""Rows that a text's value must have on average for its classes to say something."""

Floats: TypeAlias = NDArray[np.float64]


class LabelSample:
    """Evenly spaced rows of train: features and label."""

    def __init__(self, rows: int, label: str, features: Sequence[str]) -> None:
        self._step = max(-(-rows // SAMPLED_ROWS), 1)
        self._names = [label, *features]
        self._rows = 0
        self._parts: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows of train, in order."""
        first = -self._rows % self._step
        self._rows += batch.num_rows
        indices = pa.array(np.arange(first, batch.num_rows, self._step))
        table = pa.Table.from_batches([batch]).select(self._names)
        self._parts.append(table.take(indices))

    def strengths(self, task: str) -> dict[str, float]:
        """Returns how well each feature alone tells the label, 0.5 (not at all) to 1 (exactly).

        Areas under the ROC curve, of the class it tells best; for a regression 0.5 plus half of
        the absolute rank correlation. Rows without a value are left out.
        """
        if not self._parts:
            return {}
        table = pa.concat_tables(self._parts)
        return dict(_strengths(table, task))


def _strengths(table: pa.Table, task: str) -> Iterator[tuple[str, float]]:
    label, *features = table.column_names
    for name in features:
        both = table.select([label, name]).drop_null()
        if len(both) and pc.count_distinct(both.column(name)).as_py() > 1:
            yield name, _strength(both.column(name), both.column(label), task)


def _strength(column: pa.ChunkedArray, label: pa.ChunkedArray, task: str) -> float:
    if task == "regression":
        numbers, labels = _numbers(column), _numbers(label)
        if numbers is None or labels is None:
            return 0.5
        ranks, target = _ranks(numbers), _ranks(labels)
        if not ranks.std() or not target.std():
            return 0.5
        return 0.5 + abs(float(np.corrcoef(ranks, target)[0, 1])) / 2
    classes = pc.value_counts(label).field(0)
    counts = pc.value_counts(label).field(1).to_numpy()
    commonest = [classes[int(index)] for index in np.argsort(-counts, kind="stable")]
    areas = [0.5]
    # Of two classes each tells the other.
    for item in commonest[: 1 if len(commonest) == 2 else MOST_CLASSES]:
        positive = pc.equal(label, item).to_numpy().astype(bool)
        if 0 < positive.sum() < len(positive):
            areas.append(_area(column, positive))
    return max(areas)


def _area(column: pa.ChunkedArray, positive: NDArray[np.bool_]) -> float:
    numbers = _numbers(column)
    if numbers is None:
        numbers = _shares(column, positive)
        if numbers is None:
            return 0.5
    ranks = _ranks(numbers)
    count = int(positive.sum())
    other = len(positive) - count
    area = (float(ranks[positive].sum()) - count * (count + 1) / 2) / (count * other)
    return max(area, 1 - area)


def _numbers(column: pa.ChunkedArray) -> Floats | None:
    if pa.types.is_string(column.type):
        return None
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())


def _shares(column: pa.ChunkedArray, positive: NDArray[np.bool_]) -> Floats | None:
    """Returns each text's share of positive rows; None if texts are too many to say."""
    codes = column.combine_chunks().dictionary_encode()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.unify_dictionaries().combine_chunks()
    indices = codes.indices.to_numpy()
    values = len(codes.dictionary)
    if values * FEWEST_PER_VALUE > len(indices):
        return None
    rows = np.bincount(indices, minlength=values)
    hits = np.bincount(indices, weights=positive, minlength=values)
    shares: Floats = (hits / np.maximum(rows, 1))[indices]
    return shares


def _ranks(numbers: Floats) -> Floats:
    """Returns ranks from 1, the mean of them where numbers are equal."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = (ends - (counts - 1) / 2)[inverse]
    return means


@dataclass(frozen=True)
class LeakingFeature:
    """A feature that tells the label."""

    feature: str
    strength: float


def leaking_features(strengths: Mapping[str, float], least: float) -> tuple[LeakingFeature, ...]:
    """Returns the features that tell the label at least so well, the best first.

    Args:
        strengths: Feature -> how well it alone tells the label, 0.5 to 1.
        least: From which strength on, 0.5 to 1.
    """
    leaking = [LeakingFeature(name, value) for name, value in strengths.items() if value >= least]
    return tuple(sorted(leaking, key=lambda item: (-item.strength, item.feature)))
