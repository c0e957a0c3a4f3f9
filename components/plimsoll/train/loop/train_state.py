"""What a training has come to, as a checkpoint holds it and goes on from it.

Random numbers and the order of rows are functions of the seed and the step, so the step is all
that has to be known of them.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from plimsoll.errors import ArtifactError
from plimsoll.models.network import NetworkConfig
from plimsoll.storage.files import digest_bytes, digest_file, digest_tree
from plimsoll.train.distributed.data_parallel import local_shard
from plimsoll.train.job import Job
from plimsoll.train.loop.checkpoints import Checkpoint
from plimsoll.train.loop.train_step import TrainStep
from plimsoll.train.telemetry.history import Epoch

CHANGEABLE = frozenset(
    {
        *("parallel", "devices", "threads", "data", "compile", "time_budget", "trees"),
        *("checkpoint_steps", "checkpoint_minutes", "checkpoints_kept", "importance"),
    }
)
"""Fields of the config that may change between a checkpoint and what goes on from it."""
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(kw_only=True)
class TrainState:
    """Where a training is."""

    step: int = 0
    """Steps taken since the very start."""
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    """Number of the best epoch past the warm-up; 0: none yet."""
    stale: int = 0
    """Epochs past the warm-up since the best one."""
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    """Weights of the best epoch: this process's part of each, and buffers."""


def identity(job: Job, network: NetworkConfig) -> dict[str, Any]:
    """Returns what a training is of: its data, its network, and the config that shapes it."""
    config = {k: v for k, v in job.config.to_dict().items() if k not in CHANGEABLE}
    return {
        "examples": digest_file(job.examples / "manifest.json"),
        "network": network.to_dict(),
        "module": digest_bytes(job.module.encode()) if job.module else "",
        "start_from": digest_tree(job.start_from) if job.start_from is not None else "",
        "config": config,
    }


def capture(state: TrainState, train_step: TrainStep) -> Checkpoint:
    """Returns a checkpoint; all processes have to call it together."""
    parts, weights = train_step.parts, train_step.parts.weights
    tensors: dict[str, torch.Tensor] = {}
    for (name, live), average in zip(weights.local.items(), parts.ema.values, strict=True):
        tensors[f"weights/{name}"] = weights.gathered(name, live)
        tensors[f"averaged/{name}"] = weights.gathered(name, average)
    for name, value in weights.buffers.items():
        tensors[f"weights/{name}"] = weights.gathered(name, value)
    for name, value in state.best_weights.items():
        tensors[f"best/{name}"] = weights.gathered(name, value)
    counts: dict[str, float] = {}
    for name, parameter in weights.parameters.items():
        adam = train_step.optimizer.state.get(parameter)
        if not adam:
            continue
        counts[name] = float(adam["step"])
        for moment in MOMENTS:
            tensors[f"{moment}/{name}"] = weights.gathered(name, local_shard(adam[moment]))
    values = {
        "step": state.step,
        "epochs": [dataclasses.asdict(epoch) for epoch in state.epochs],
        "best": state.best_epoch,
        "stale": state.stale,
        "losses": parts.world.all_gather(float(train_step.total)),
        "optimizer_steps": counts,
        "seed": parts.config.seed,
    }
    return Checkpoint(state=values, tensors=tensors)


def restore(checkpoint: Checkpoint, train_step: TrainStep, path: Path) -> TrainState:
    """Puts a checkpoint into the network and the optimiser, and returns where it was.

    The number of processes may be another than it was.

    Args:
        checkpoint: As ``capture`` returned it.
        train_step: Its weights, average and optimiser take the checkpoint's.
        path: Where it lies, for the error.

    Raises:
        ArtifactError: if it lacks something.
    """
    try:
        with torch.no_grad():
            return _restored(checkpoint, train_step)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"the checkpoint {path} does not hold together",
            cause=f"{type(error).__name__}: {error}",
        ) from error


def _restored(checkpoint: Checkpoint, train_step: TrainStep) -> TrainState:
    parts, tensors, values = train_step.parts, checkpoint.tensors, checkpoint.state
    weights = parts.weights
    for (name, live), average in zip(weights.local.items(), parts.ema.values, strict=True):
        live.copy_(weights.shard(name, tensors[f"weights/{name}"]))
        if average is not live:
            average.copy_(weights.shard(name, tensors[f"averaged/{name}"]))
    for name, value in weights.buffers.items():
        value.copy_(tensors[f"weights/{name}"])
    for name, count in values["optimizer_steps"].items():
        adam = {"step": torch.tensor(count, dtype=torch.float32, device=parts.device)}
        for moment in MOMENTS:
            shard = weights.shard(name, tensors[f"{moment}/{name}"])
            adam[moment] = weights.optimizer_state_like(name, shard)
        train_step.optimizer.state[weights.parameters[name]] = adam
    losses = values["losses"]
    if len(losses) != parts.world.size:
        losses = [sum(losses), *[0.0] * (parts.world.size - 1)]
    train_step.total.fill_(losses[parts.world.rank])
    best = {
        name.removeprefix("best/"): weights.shard(name.removeprefix("best/"), value)
        for name, value in tensors.items()
        if name.startswith("best/")
    }
    return TrainState(
        step=int(values["step"]),
        epochs=[Epoch(**epoch) for epoch in values["epochs"]],
        best_epoch=int(values["best"]),
        stale=int(values["stale"]),
        best_weights=best,
    )
