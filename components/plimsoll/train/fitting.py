"""The former loop; it goes when nothing calls it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from plimsoll.artifacts.network import Network
from plimsoll.errors import ConfigError
from plimsoll.train.config import TrainConfig
from plimsoll.train.history import Epoch, History
from plimsoll.train.tensors import Rows

ROWS_AT_ONCE = 16384
LONGEST_STEP = 1.0
"""Gradients longer than this are shortened to it."""


def fit(
    module: Network, train: Rows, held_out: Rows, config: TrainConfig, say: Callable[[str], None]
) -> History:
    """Trains a network in place, and leaves it with the weights that were best on eval.

    Args:
        module: The network, on the device of the rows.
        train: What to learn from.
        held_out: What decides when to stop.
        config: The knobs, none left open.
        say: Takes a line after each epoch.

    Raises:
        ConfigError: if the loss stops being a number.
    """
    loss_of = _loss_of(module, reduction="mean")
    steps = math.ceil(len(train) / config.batch_size)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _Schedule(total=steps * config.epochs, warm_up=config.warm_up)
    )
    averaged = copy.deepcopy(module)
    batches = torch.Generator().manual_seed(config.seed)
    epochs: list[Epoch] = []
    best, stale, weights = 0, 0, averaged.state_dict()
    while len(epochs) < config.epochs and stale < config.patience:
        started = time.monotonic()
        order = torch.randperm(len(train), generator=batches).to(train.target.device)
        total = torch.zeros((), device=train.target.device)
        module.train()
        for places in order.split(config.batch_size):
            batch = train.at(places)
            loss = loss_of(module(batch.numeric, batch.categorical), batch.target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), LONGEST_STEP)
            optimizer.step()
            schedule.step()
            _follow(averaged, module, config.averaging, schedule.last_epoch)
            total += loss.detach() * len(places)
        epoch = Epoch(
            number=len(epochs) + 1,
            train_loss=float(total) / len(train),
            eval_loss=mean_loss(averaged, held_out),
            learning_rate=float(schedule.get_last_lr()[0]),
        )
        _check_loss(epoch, config)
        epochs.append(epoch)
        # Weights that still warm up may be lucky in their mean, but order rows badly.
        settled = schedule.last_epoch >= config.warm_up * steps * config.epochs
        if settled and (not best or epoch.eval_loss < epochs[best - 1].eval_loss):
            best, stale, weights = epoch.number, 0, copy.deepcopy(averaged.state_dict())
        elif settled:
            stale += 1
        say(_line(epoch, config, best, time.monotonic() - started))
    module.load_state_dict(weights)
    module.eval()
    return History(epochs=tuple(epochs), best=best, planned=config.epochs)


def mean_loss(module: Network, rows: Rows) -> float:
    """Returns the mean loss over rows, in evaluation mode and in bounded memory."""
    loss_of = _loss_of(module, reduction="sum")
    total = torch.zeros((), dtype=torch.float64, device=rows.target.device)
    module.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows.part(start, start + ROWS_AT_ONCE)
            total += loss_of(module(part.numeric, part.categorical), part.target)
    return float(total) / len(rows)


def _loss_of(module: Network, *, reduction: str) -> nn.Module:
    if module.config.task == "regression":
        return nn.MSELoss(reduction=reduction)
    return nn.CrossEntropyLoss(reduction=reduction)


@dataclass(frozen=True, kw_only=True)
class _Schedule:
    """The learning rate's share of its highest: a straight rise, then half a cosine to 0."""

    total: int
    warm_up: float

    def __call__(self, step: int) -> float:
        rising = self.warm_up * self.total
        if step < rising:
            return (step + 1) / (rising + 1)
        done = (step - rising) / max(1.0, self.total - rising)
        return (1 + math.cos(math.pi * min(1.0, done))) / 2


@torch.no_grad()
def _follow(averaged: Network, module: Network, decay: float, step: int) -> None:
    # Early on the average follows closely, so that fresh weights do not linger in it.
    share = 1 - min(decay, step / (step + 10))
    torch._foreach_lerp_(list(averaged.parameters()), list(module.parameters()), share)


def _check_loss(epoch: Epoch, config: TrainConfig) -> None:
    for split, loss in (("train", epoch.train_loss), ("eval", epoch.eval_loss)):
        if not math.isfinite(loss):
            raise ConfigError(
                f"training diverged: the {split} loss is {loss} in epoch {epoch.number}",
                cause=f"learning_rate is {config.learning_rate:g}",
                hint=f'try a lower one: {{"learning_rate": {config.learning_rate / 10:g}}}',
            )


def _line(epoch: Epoch, config: TrainConfig, best: int, seconds: float) -> str:
    mark = " best" if best == epoch.number else ""
    return (
        f"epoch {epoch.number}/{config.epochs} train loss {epoch.train_loss:.5f} "
        f"eval loss {epoch.eval_loss:.5f} ({seconds:.1f} s){mark}"
    )
