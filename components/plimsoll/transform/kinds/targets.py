"""Fits target encodings: what the label is on average where a column has a value.

A value's rows are joined by ``smoothing`` rows of the label's mean (Micci-Barreca, "A
preprocessing scheme for high-cardinality categorical attributes", 2001). A row of train is told
what the rows of the other folds say, so that its own label is not in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.models.predictions import class_text
from plimsoll.models.transform import Label
from plimsoll.models.transform_parts import TargetMean
from plimsoll.transform.kinds.target_stats import ROWS, SUM, TargetStats
from plimsoll.transform.treatments import Treatment

NO_SPREAD = 1e-9
"""Encodings that lie closer together, as a share of the label's size, differ by rounding alone."""
Cells: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FittedTarget:
    """A target encoding, and how many values it knows."""

    whole: TargetMean
    """Fitted on all of train: for eval, test and serving."""
    folds: Cells
    """Fitted on all folds but the one of that index, for the train rows of that one: shape
    (folds, 2 + values, outputs), of a missing value, of one that is not known, of each value."""
    distinct: int


@dataclass(frozen=True)
class _Sums:
    """What was added up, by value, fold and output."""

    values: list[Any]
    rows: Cells
    """Shape (values + 1, folds); the last is the missing value's."""
    labels: Cells
    """Shape (values + 1, folds, outputs): of each class the rows, or the labels' sum."""


def fit_target(
    output: str, stats: TargetStats, label: Label, treatment: Treatment, most: int
) -> FittedTarget:
    """Fits a target encoding.

    Args:
        output: Its name.
        stats: The labels, added up by value and fold.
        label: The fitted label.
        treatment: Smoothing, the least rows and the most values.
        most: Values that are known, where the treatment does not say.
    """
    sums = _sums(stats, label)
    distinct = len(sums.values)
    sums = _kept(sums, treatment.min_count or 1, treatment.size or most)
    rows, labels = sums.rows.sum(axis=1), sums.labels.sum(axis=1)
    encoded, prior = _encoded(rows, labels, treatment.smoothing)
    spread = _spread(rows, encoded, prior)
    squares = np.zeros_like(prior)
    tables = []
    for fold in range(stats.folds):
        others = np.arange(stats.folds) != fold
        table, mean = _encoded(
            sums.rows[:, others].sum(axis=1), sums.labels[:, others].sum(axis=1),
            treatment.smoothing,
        )  # fmt: skip
        tables.append(_table(table, mean, len(sums.values)))
        squares += np.square(_spread(sums.rows[:, fold], table, prior)) * sums.rows[:, fold].sum()
    # In units in which the rows of train have a spread of at most 1. Where the label hardly goes
    # by the values, what the other folds tell of a row varies more than what all of them do.
    spread = np.maximum(spread, np.sqrt(squares / rows.sum()))
    spread[~(spread > NO_SPREAD * (np.abs(prior) + label.std))] = 1.0
    multiclass = label.task == "multiclass"
    missing, unknown, *values = _tuples((_table(encoded, prior, len(sums.values)) - prior) / spread)
    whole = TargetMean(
        output=output,
        classes=tuple(map(class_text, label.classes)) if multiclass else (),
        values=tuple(sums.values),
        encoded=tuple(values),
        prior=unknown,
        missing=missing,
    )
    folds = (np.array(tables) - prior) / spread
    return FittedTarget(whole=whole, folds=folds, distinct=distinct)


def _spread(rows: Cells, encoded: Cells, prior: Cells) -> Cells:
    """Returns how far rows' encodings lie from the label's mean, shape (outputs,)."""
    squares = rows[:, None] * np.square(encoded - prior)
    return np.asarray(np.sqrt(squares.sum(axis=0) / max(float(rows.sum()), 1.0)))


def _table(encoded: Cells, prior: Cells, values: int) -> Cells:
    """Returns encodings of a missing value, of one that is not known, and of each value."""
    return np.concatenate([encoded[values : values + 1], prior[None], encoded[:values]])


def _tuples(rows: Cells) -> list[tuple[float, ...]]:
    return [tuple(row) for row in rows.tolist()]


def _sums(stats: TargetStats, label: Label) -> _Sums:
    names = [ROWS] if label.task == "regression" else list(label.classes)
    known = {value for name in names for value in stats.sums.get(name, ())} - {None}
    values = [*sorted(known), None]
    cells = {name: _cells(stats.sums.get(name, {}), values, stats.folds) for name in [*names, SUM]}
    if label.task == "regression":
        return _Sums(values[:-1], cells[ROWS], cells[SUM][:, :, None])
    outputs = label.classes if label.task == "multiclass" else (label.positive,)
    rows = np.sum([cells[name] for name in names], axis=0)
    return _Sums(values[:-1], rows, np.stack([cells[name] for name in outputs], axis=2))


def _cells(sums: Mapping[Any, Cells], values: list[Any], folds: int) -> Cells:
    nothing = np.zeros(folds)
    return np.array([sums.get(value, nothing) for value in values])


def _kept(sums: _Sums, least: int, most: int) -> _Sums:
    rows = sums.rows[:-1].sum(axis=1)
    order = sorted(range(len(rows)), key=lambda index: (-rows[index], sums.values[index]))
    chosen = [index for index in order if rows[index] >= least][:most]
    left = sorted(set(range(len(rows))) - set(chosen))
    # Values that are not known still count for the mean of all, as rows without a value do.
    together = [*chosen, len(rows)]
    rows_kept, labels_kept = sums.rows[together], sums.labels[together]
    rest_rows = sums.rows[left].sum(axis=0, keepdims=True)
    rest_labels = sums.labels[left].sum(axis=0, keepdims=True)
    return _Sums(
        [sums.values[index] for index in chosen],
        np.concatenate([rows_kept, rest_rows]),
        np.concatenate([labels_kept, rest_labels]),
    )


def _encoded(rows: Cells, labels: Cells, smoothing: float) -> tuple[Cells, Cells]:
    """Returns each value's encoding, shape (values, outputs), and the mean of all."""
    prior = labels.sum(axis=0) / max(float(rows.sum()), 1.0)
    weight = (rows + smoothing)[:, None]
    encoded = np.where(weight > 0, labels + smoothing * prior, prior)
    encoded = encoded / np.where(weight > 0, weight, 1.0)
    # What has no row is as likely as all.
    encoded[rows == 0] = prior
    return encoded, prior
