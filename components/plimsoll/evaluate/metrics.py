"""Metrics of answers against labels, by their usual definitions."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.models.predictions import predicted_classes

CALIBRATION_BINS = 15
_SMALLEST = float(np.finfo(np.float64).eps)

Floats: TypeAlias = NDArray[np.float64]


def measure(
    task: str, classes: Sequence[Any], positive: Any, label: NDArray[Any], predictions: Floats
) -> dict[str, float]:
    """Returns every metric of a task; one that cannot be computed is NaN.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        classes: The label's values in the order of the answers' columns.
        positive: Binary: the positive value.
        label: Class indices, or values; shape (rows,).
        predictions: Probabilities (rows, classes), or values (rows,).
    """
    if not len(label):
        return {}
    if task == "regression":
        return _of_values(np.asarray(label, np.float64), predictions)
    predicted = predicted_classes(task, classes, positive, predictions)
    if task == "binary":
        index = list(classes).index(positive)
        return _of_two_classes(
            np.equal(label, index), predictions[:, index], np.equal(predicted, index)
        )
    return _of_classes(np.asarray(label), predictions, predicted)


def roc_auc(truth: NDArray[np.bool_], score: Floats) -> float:
    """Returns the area under the ROC curve; NaN if only one class is there."""
    from sklearn.metrics import roc_auc_score

    if truth.all() or not truth.any():
        return math.nan
    return float(roc_auc_score(truth, score))


def calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    """Returns the expected calibration error, from 0 (calibrated) to 1.

    The mean gap between confidence and share correct over bins of equal width, weighted by rows
    (Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015).
    """
    return float(
        sum(
            rows / len(correct) * abs(mean - share)
            for mean, share, rows in calibration_bins(confidence, correct)
        )
    )


def calibration_bins(
    confidence: Floats, correct: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """Returns mean confidence, share correct and rows of each bin that holds rows."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        (float(confidence[inside].mean()), float(correct[inside].mean()), int(inside.sum()))
        for inside in (np.equal(bins, index) for index in range(CALIBRATION_BINS))
        if inside.any()
    ]


def _of_two_classes(
    truth: NDArray[np.bool_], probability: Floats, predicted: NDArray[np.bool_]
) -> dict[str, float]:
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="binary", zero_division=0.0
    )
    likelihood = np.where(truth, probability, 1 - probability)
    return {
        "auc": roc_auc(truth, probability),
        "log_loss": _log_loss(likelihood),
        "accuracy": float(np.equal(truth, predicted).mean()),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "calibration_error": calibration_error(probability, truth),
        "brier": float(((probability - truth) ** 2).mean()),
    }


def _of_classes(
    label: NDArray[Any], probabilities: Floats, predicted: NDArray[np.int64]
) -> dict[str, float]:
    from sklearn.metrics import precision_recall_fscore_support

    present = np.unique(label)
    precision, recall, f1, _ = precision_recall_fscore_support(
        label, predicted, average="macro", labels=present, zero_division=0.0
    )
    rows = np.arange(len(label))
    truth = np.zeros_like(probabilities)
    truth[rows, label] = 1
    areas = [roc_auc(np.equal(label, index), probabilities[:, index]) for index in present]
    return {
        "auc": float(np.mean(areas)),
        "log_loss": _log_loss(probabilities[rows, label]),
        "accuracy": float(np.equal(label, predicted).mean()),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "calibration_error": calibration_error(
            probabilities.max(axis=1), np.equal(label, predicted)
        ),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
    }


def _of_values(label: Floats, predictions: Floats) -> dict[str, float]:
    error = predictions - label
    spread = float(((label - label.mean()) ** 2).sum())
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1 - float((error**2).sum()) / spread if spread > 0 else math.nan,
    }


def _log_loss(likelihood: Floats) -> float:
    return float(-np.log(np.clip(likelihood, _SMALLEST, 1)).mean())
