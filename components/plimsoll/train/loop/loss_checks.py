"""Losses that cannot go on: not a number, or without any progress."""

import math
from collections.abc import Sequence

from plimsoll.errors import ConfigError
from plimsoll.train.config import TrainConfig
from plimsoll.train.telemetry.history import Epoch

SAME = 1e-9
"""Losses that differ by less than this share of them are the same."""
NOTHING_LEFT = 1e-12
"""A loss below this has nothing left to learn."""


def check_finite(loss: float, *, split: str, epoch: int, step: int, config: TrainConfig) -> None:
    """Refuses to go on after a loss that is no number.

    Args:
        loss: Mean over the epoch so far.
        split: What it is of.
        epoch: From 1.
        step: Steps taken since the very start.
        config: Of it counts ``learning_rate``.

    Raises:
        ConfigError: if it is NaN or infinite.
    """
    if math.isfinite(loss):
        return
    if step == 1 and split == "train":
        raise ConfigError(
            f"training diverged: the {split} loss is {loss} in the first step",
            cause="no weight had been changed yet: it is the inputs' size, the network's first "
            "weights, or the precision",
            hint='see the largest inputs and first weights, or try: {"precision": "float32"}',
        )
    raise ConfigError(
        f"training diverged: the {split} loss is {loss} in epoch {epoch}",
        cause=f"learning_rate is {config.learning_rate:g}; it was seen after step {step}",
        hint=f'try a lower one: {{"learning_rate": {config.learning_rate / 10:g}}}',
    )


def check_moves(epochs: Sequence[Epoch], config: TrainConfig) -> None:
    """Refuses to go on where nothing is learnt at all.

    A loss that no longer falls is what stopping early is for. This is one that never moved: the
    same on eval, to the ninth digit, from the first epoch to past the patience.

    Raises:
        ConfigError: if so.
    """
    if len(epochs) <= max(config.patience, 2):
        return
    losses = [epoch.eval_loss for epoch in epochs]
    low, high = min(losses), max(losses)
    if high - low > SAME * abs(high) or abs(high) < NOTHING_LEFT:
        return
    raise ConfigError(
        f"training does not move: the eval loss is {high:g} in each of {len(losses)} epochs",
        cause=f"learning_rate is {config.learning_rate:g}, at most",
        hint=f'try a higher one: {{"learning_rate": {max(1e-3, config.learning_rate * 10):g}}}; '
        "or see whether the network's answers depend on its inputs",
    )
