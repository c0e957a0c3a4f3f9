"""The loss that is learnt from, and the one that is compared on eval."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from plimsoll.errors import ConfigError
from plimsoll.formats.examples import Examples
from plimsoll.train.config import TrainConfig

ROWS_AT_ONCE = 1 << 20


class Loss:
    """Cross-entropy of classes, or the squared error of standardised values.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        weights: float32, shape (classes,): what a row of each class counts; None: 1.
    """

    def __init__(self, task: str, weights: torch.Tensor | None = None) -> None:
        self._regression = task == "regression"
        self._weights = weights

    def training_loss(
        self, answers: torch.Tensor, target: torch.Tensor, real: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns the sum over rows of the mean over members of each member's loss.

        Args:
            answers: Shape (rows, outputs), or (rows, members, outputs).
            target: As ``Rows.target``.
            real: float32, shape (rows,): 0 where a row only fills up; None: all count.
        """
        answers = answers.float()
        members = answers.shape[1] if answers.dim() == 3 else 1
        if self._regression:
            wanted = target.unsqueeze(1) if answers.dim() == 3 else target
            each = (answers - wanted).square().flatten(1).sum(1)
        else:
            wanted = target.repeat_interleave(members) if members > 1 else target
            flat = answers.reshape(-1, answers.shape[-1])
            if real is None:
                total = functional.cross_entropy(flat, wanted, self._weights, reduction="sum")
                return total / members
            each = functional.cross_entropy(flat, wanted, self._weights, reduction="none")
            each = each.view(-1, members).sum(1)
        return (each if real is None else each * real).sum() / members

    def eval_loss(self, answers: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Returns what is compared: of an ensemble the loss of what it answers as a whole.

        Returns:
            float64, shape (2,): the sum over rows, and what the rows count together.
        """
        answers = answers.double()
        if self._regression:
            values = answers.mean(dim=1) if answers.dim() == 3 else answers
            return _pair((values - target).square().sum(), target.new_tensor(len(target)))
        log_chances = answers.log_softmax(-1)
        if answers.dim() == 3:
            log_chances = log_chances.logsumexp(1) - math.log(answers.shape[1])
        each = -log_chances.gather(1, target[:, None])[:, 0]
        if self._weights is None:
            return _pair(each.sum(), each.new_tensor(len(target)))
        counts = self._weights.double()[target]
        return _pair((each * counts).sum(), counts.sum())


def _pair(total: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    return torch.stack([total.double(), count.double()])


def loss_for(examples: Examples, config: TrainConfig, device: torch.device) -> Loss:
    """Returns the loss of a training.

    Raises:
        ConfigError: if classes shall be weighed and there are none.
    """
    if config.class_weights == "none":
        return Loss(examples.task)
    if examples.task == "regression":
        raise ConfigError(
            "train config: class_weights is 'balanced', and regression has no classes",
            hint='leave it out, or: {"class_weights": "none"}',
        )
    classes = len(examples.classes)
    counts = np.zeros(classes, np.int64)
    label = examples.label("train")
    for start in range(0, len(label), ROWS_AT_ONCE):
        part = np.asarray(label[start : start + ROWS_AT_ONCE])
        counts += np.bincount(part[(part >= 0) & (part < classes)], minlength=classes)
    # The mean over the rows is 1, so that the learning rate means what it does without.
    weights = len(label) / (max(1, int((counts > 0).sum())) * np.maximum(counts, 1))
    return Loss(examples.task, torch.tensor(weights, dtype=torch.float32, device=device))
