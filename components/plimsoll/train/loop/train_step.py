"""One step of learning: forward, backward, clip, AdamW, and the average that follows."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from plimsoll.train.config import TrainConfig
from plimsoll.train.data.sampler import derived_seed
from plimsoll.train.data.tensors import TensorBatch
from plimsoll.train.distributed.data_parallel import ShardedWeights
from plimsoll.train.distributed.devices import uses_bfloat16
from plimsoll.train.distributed.process_group import World
from plimsoll.train.loop.ema import WeightEma
from plimsoll.train.loop.learning_rate import LearningRateSchedule
from plimsoll.train.loop.losses import Loss

FEWEST_ROWS = 2
"""Layers that look at a batch's statistics need two rows; those that only fill up count 0."""


@dataclass(frozen=True, kw_only=True)
class StepParts:
    """What a step is made of."""

    model: nn.Module
    """What is called: the network, or what wraps it."""
    weights: ShardedWeights
    ema: WeightEma
    loss: Loss
    schedule: LearningRateSchedule
    config: TrainConfig
    world: World
    device: torch.device


class TrainStep:
    """Takes steps. What random layers draw depends on the seed, the step and the process alone."""

    def __init__(self, parts: StepParts) -> None:
        self.parts = parts
        self.total = torch.zeros((), dtype=torch.float64, device=parts.device)
        """Sum of the losses of this epoch's rows in this process; reading it waits for a GPU."""
        self.parameters = list(parts.weights.parameters.values())
        self.optimizer = self._optimizer()
        self._in_16_bits = uses_bfloat16(parts.config, parts.device)
        self._generator = (
            torch.cuda.default_generators[parts.device.index]
            if parts.device.type == "cuda"
            else torch.default_generator
        )

    def run(self, batch: TensorBatch, *, rows: int, step: int) -> None:
        """Learns from a batch.

        Args:
            batch: This process's rows; there may be none.
            rows: Rows of the batch in all processes together.
            step: From 0, since the very start.
        """
        self.seed(step)
        self.optimizer.param_groups[0]["lr"] = self.parts.schedule.rate(step)
        loss = self.backward(batch, rows)
        self._clip()
        self.optimizer.step()
        self.parts.ema.update(self.parts.ema.newest_share(step + 1))
        self.total += loss

    def backward(self, batch: TensorBatch, rows: int) -> torch.Tensor:
        """Sets the gradients of a batch, and returns the sum of its rows' losses."""
        real, batch = len(batch), batch.padded(FEWEST_ROWS)
        with self.autocast():
            outputs = self.parts.model(batch.numeric, batch.categorical)
        target = batch.target
        if real < len(batch):
            outputs, target = outputs[:real], target[:real]
        loss = self.parts.loss.training_loss(outputs, target)
        self.optimizer.zero_grad()
        # The processes' gradients are averaged: so their sum is over the rows of all.
        (loss * (self.parts.world.size / rows)).backward()
        return loss.detach()

    def seed(self, step: int) -> None:
        """Sets torch's generator for a step, from 0."""
        parts = self.parts
        self._generator.manual_seed(derived_seed(parts.config.seed, "step", step, parts.world.rank))

    def autocast(self) -> AbstractContextManager[object]:
        """Returns the context in which matrix products are computed in 16 bits, if they are."""
        if not self._in_16_bits:
            return nullcontext()
        cast: AbstractContextManager[object] = torch.autocast(
            self.parts.device.type, dtype=torch.bfloat16
        )
        return cast

    def _clip(self) -> None:
        if self.parts.config.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.parts.config.clip)

    def _optimizer(self, **options: Any) -> torch.optim.AdamW:
        config = self.parts.config
        options = {"lr": config.learning_rate, "weight_decay": config.weight_decay, **options}
        return torch.optim.AdamW(self.parameters, fused=True, **options)
