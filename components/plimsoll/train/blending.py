"""What models are worth together: the weights of a blend, chosen on the eval split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.blend import blended

ROUNDS = 20
"""Draws of the greedy choice: a weight is a number of them."""
SMALLEST = 0.1
"""A member that would weigh less is left out: it costs more at serving than it brings."""
WORTH = 1e-3
"""Share of the eval loss that a blend has to take off to be served instead of one model."""


def loss_of(task: str, label: NDArray[Any], answer: NDArray[np.float64]) -> float:
    """Returns the log loss of probabilities, or the root mean squared error of values.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        label: Shape (rows,): class indices, or values.
        answer: Shape (rows, classes), or (rows,).
    """
    if task == "regression":
        return float(np.sqrt(np.mean((np.asarray(label, np.float64) - answer) ** 2)))
    given = np.take_along_axis(answer, np.asarray(label)[:, None], axis=1)
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, 1)).mean())


def weights_for(
    task: str, label: NDArray[Any], answers: Sequence[NDArray[np.float64]]
) -> tuple[float, ...]:
    """Chooses what each model's answer weighs, greedily, with the lowest loss on these rows.

    From the best model on, each round adds the model, drawn again or anew, with which the mean
    is best (Caruana et al., "Ensemble Selection from Libraries of Models", 2004); few rounds
    keep the choice from fitting the eval split's noise.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        label: Shape (rows,).
        answers: Of each model, shape (rows, classes) or (rows,).

    Returns:
        One weight a model, each 0 or at least ``SMALLEST``, together 1; 1 of one model alone if
        a blend is not worth its trouble.
    """
    alone = [loss_of(task, label, answer) for answer in answers]
    best = int(np.argmin(alone))
    single = tuple(float(place == best) for place in range(len(answers)))
    used = list(range(len(answers)))
    while len(used) > 1:
        shares = _drawn(task, label, [answers[place] for place in used])
        kept = [place for place, share in zip(used, shares, strict=True) if share >= SMALLEST]
        if len(kept) == len(used):
            weights = dict(zip(used, shares, strict=True))
            loss = loss_of(task, label, blended([answers[place] for place in used], shares))
            if loss > alone[best] * (1 - WORTH):
                return single
            return tuple(weights.get(place, 0.0) for place in range(len(answers)))
        used = kept
    return single


def _drawn(
    task: str, label: NDArray[Any], answers: Sequence[NDArray[np.float64]]
) -> tuple[float, ...]:
    draws = [0] * len(answers)
    total = np.zeros_like(answers[0])
    for drawn in range(1, ROUNDS + 1):
        losses = [loss_of(task, label, (total + answer) / drawn) for answer in answers]
        place = int(np.argmin(losses))
        draws[place] += 1
        total = total + answers[place]
    return tuple(draw / ROUNDS for draw in draws)
