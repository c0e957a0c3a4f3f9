"""What models are worth together: the weights of a blend, chosen on the eval split."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.models.blend import blended

ROUNDS = 20
"""Draws of the greedy choice: a weight is a number of them."""
SMALLEST = 0.05
"""A member that would weigh less is left out: it costs more at serving than it brings."""
EVAL_ROWS = 200
"""The weights that eval chose and equal ones count the same if eval has so many rows: with fewer,
what is best there is best by luck."""
WORSE = 3.0
"""Standard errors by which a model may be behind the best on eval to have a share by that rule."""
WORTH = 1e-3
"""Share of the eval loss that a blend has to take off to be served instead of one model."""


def loss_of(task: str, label: NDArray[Any], prediction: NDArray[np.float64]) -> float:
    """Returns the log loss of probabilities, or the root mean squared error of values.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        label: Shape (rows,): class indices, or values.
        prediction: Shape (rows, classes), or (rows,).
    """
    mean = float(_losses(task, label, prediction).mean())
    return math.sqrt(mean) if task == "regression" else mean


def blend_weights(
    task: str, label: NDArray[Any], predictions: Sequence[NDArray[np.float64]]
) -> tuple[float, ...]:
    """Chooses what each model weighs: with few rows about the same, with many what is best.

    What is best is found greedily. From the best model on, each round adds the model, drawn again
    or anew, with which the mean is best (Caruana et al., "Ensemble Selection from Libraries of
    Models", 2004). A few hundred rows cannot tell models apart, so these weights are drawn towards
    equal ones of all models that are not clearly worse.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        label: Shape (rows,).
        predictions: Of each model, shape (rows, classes) or (rows,).

    Returns:
        One weight a model, each 0 or at least ``SMALLEST``, together 1; 1 of one model alone if
        a blend is not worth its trouble.
    """
    chosen = np.array(_greedy(task, label, predictions))
    plausible = _not_clearly_worse(task, label, predictions)
    weights = (len(label) * chosen + EVAL_ROWS * plausible / plausible.sum()) / (
        len(label) + EVAL_ROWS
    )
    kept = np.where((weights >= SMALLEST) | (chosen > 0), weights, 0.0)
    return tuple((kept / kept.sum()).tolist())


def _not_clearly_worse(
    task: str, label: NDArray[Any], predictions: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    losses = np.array([_losses(task, label, prediction) for prediction in predictions])
    behind = losses - losses[int(np.argmin(losses.mean(axis=1)))]
    error = behind.std(axis=1) / np.sqrt(max(1, len(label)))
    return np.asarray(behind.mean(axis=1) <= WORSE * error, np.float64)


def _losses(task: str, label: NDArray[Any], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    if task == "regression":
        return np.asarray((np.asarray(label, np.float64) - prediction) ** 2)
    likelihood = np.take_along_axis(prediction, np.asarray(label)[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(likelihood, np.finfo(np.float64).eps, 1)))


def _greedy(
    task: str, label: NDArray[Any], predictions: Sequence[NDArray[np.float64]]
) -> tuple[float, ...]:
    alone = [loss_of(task, label, prediction) for prediction in predictions]
    best = int(np.argmin(alone))
    single = tuple(float(index == best) for index in range(len(predictions)))
    used = list(range(len(predictions)))
    while len(used) > 1:
        shares = _greedy_shares(task, label, [predictions[index] for index in used])
        kept = [index for index, share in zip(used, shares, strict=True) if share >= SMALLEST]
        if len(kept) == len(used):
            weights = dict(zip(used, shares, strict=True))
            loss = loss_of(task, label, blended([predictions[index] for index in used], shares))
            if loss > alone[best] * (1 - WORTH):
                return single
            return tuple(weights.get(index, 0.0) for index in range(len(predictions)))
        used = kept
    return single


def _greedy_shares(
    task: str, label: NDArray[Any], predictions: Sequence[NDArray[np.float64]]
) -> tuple[float, ...]:
    draws = [0] * len(predictions)
    total = np.zeros_like(predictions[0])
    for drawn in range(1, ROUNDS + 1):
        losses = [loss_of(task, label, (total + answer) / drawn) for answer in predictions]
        index = int(np.argmin(losses))
        draws[index] += 1
        total = total + predictions[index]
    return tuple(draw / ROUNDS for draw in draws)
