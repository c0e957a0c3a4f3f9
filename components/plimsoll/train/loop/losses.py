"""The loss that is trained on, and the one that is compared on eval."""

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
        self, outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns the sum over rows of the mean over members of each member's loss.

        Args:
            outputs: Logits or standardised values, shape (rows, outputs), or (rows, members,
                outputs) of an ensemble.
            target: As ``TensorBatch.target``.
            weight: float32, shape (rows,): 0 where a row only fills up; None: all count.
        """
        outputs = outputs.float()
        members = outputs.shape[1] if outputs.dim() == 3 else 1
        if self._regression:
            expected = target.unsqueeze(1) if outputs.dim() == 3 else target
            losses = (outputs - expected).square().flatten(1).sum(1)
        else:
            expected = target.repeat_interleave(members) if members > 1 else target
            flat = outputs.reshape(-1, outputs.shape[-1])
            if weight is None:
                total = functional.cross_entropy(flat, expected, self._weights, reduction="sum")
                return total / members
            losses = functional.cross_entropy(flat, expected, self._weights, reduction="none")
            losses = losses.view(-1, members).sum(1)
        return (losses if weight is None else losses * weight).sum() / members

    def eval_sums(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Returns what is compared: of an ensemble the loss of what it answers as a whole.

        Args:
            outputs: As of ``training_loss``.
            target: As ``TensorBatch.target``.

        Returns:
            float64, shape (2,): the sum over rows, and what the rows count together.
        """
        outputs = outputs.double()
        if self._regression:
            values = outputs.mean(dim=1) if outputs.dim() == 3 else outputs
            return _pair((values - target).square().sum(), target.new_tensor(len(target)))
        log_probabilities = outputs.log_softmax(-1)
        if outputs.dim() == 3:
            log_probabilities = log_probabilities.logsumexp(1) - math.log(outputs.shape[1])
        losses = -log_probabilities.gather(1, target[:, None])[:, 0]
        if self._weights is None:
            return _pair(losses.sum(), losses.new_tensor(len(target)))
        counts = self._weights.double()[target]
        return _pair((losses * counts).sum(), counts.sum())


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
