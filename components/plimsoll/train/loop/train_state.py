"""What a training has come to, as a checkpoint holds it and goes on from it.

Random numbers and the order of rows are functions of the seed and the step, so the step is all
that has to be known of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from plimsoll.errors import ArtifactError
from plimsoll.models.network import NetworkConfig
from plimsoll.storage.files import digest_bytes, digest_file, digest_tree
from plimsoll.train.distributed.data_parallel import local_part
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
"""Knobs that may change between a checkpoint and what goes on from it."""
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(kw_only=True)
class TrainState:
    """Where a training is."""

    step: int = 0
    """Steps taken since the very start."""
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    """Number of the best epoch past the warm-up; 0: none yet."""
    stale: int = 0
    """Epochs past the warm-up since the best one."""
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    """Weights of the best epoch: this process's part of each, and buffers."""


def identity(job: Job, network: NetworkConfig) -> dict[str, Any]:
    """Returns what a training is of: its data, its network, and the knobs that shape it."""
    config = {k: v for k, v in job.config.to_dict().items() if k not in CHANGEABLE}
    return {
        "examples": digest_file(job.examples / "manifest.json"),
        "network": network.to_dict(),
        "module": digest_bytes(job.module.encode()) if job.module else "",
        "start_from": digest_tree(job.start_from) if job.start_from is not None else "",
        "config": config,
    }


def capture(progress: TrainState, steps: TrainStep) -> Checkpoint:
    """Returns a checkpoint; all processes have to call it together."""
    parts = steps.parts
    weights, averaged = parts.weights, parts.ema
    tensors: dict[str, torch.Tensor] = {}
    names = list(weights.parameters)
    for (name, live), mean in zip(weights.local.items(), averaged.values, strict=True):
        tensors[f"weights/{name}"] = weights.whole(name, live)
        tensors[f"averaged/{name}"] = weights.whole(name, mean)
    for name, value in weights.buffers.items():
        tensors[f"weights/{name}"] = weights.whole(name, value)
    for name, value in progress.best_weights.items():
        tensors[f"best/{name}"] = weights.whole(name, value)
    counts: dict[str, float] = {}
    for name in names:
        state = steps.optimizer.state.get(weights.parameters[name])
        if not state:
            continue
        counts[name] = float(state["step"])
        for moment in MOMENTS:
            tensors[f"{moment}/{name}"] = weights.whole(name, local_part(state[moment]))
    state = {
        "step": progress.step,
        "epochs": [dataclasses.asdict(epoch) for epoch in progress.epochs],
        "best": progress.best,
        "stale": progress.stale,
        "losses": parts.world.each(float(steps.total)),
        "optimizer_steps": counts,
        "seed": parts.config.seed,
    }
    return Checkpoint(state=state, tensors=tensors)


def restore(checkpoint: Checkpoint, steps: TrainStep, path: Path) -> TrainState:
    """Puts a checkpoint into the network and the optimiser, and returns where it was.

    The number of processes may be another than it was.

    Raises:
        ArtifactError: if it lacks something.
    """
    try:
        with torch.no_grad():
            return _restored(checkpoint, steps)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"the checkpoint {path} does not hold together",
            cause=f"{type(error).__name__}: {error}",
        ) from error


def _restored(checkpoint: Checkpoint, steps: TrainStep) -> TrainState:
    parts, tensors, state = steps.parts, checkpoint.tensors, checkpoint.state
    weights = parts.weights
    for (name, live), mean in zip(weights.local.items(), parts.ema.values, strict=True):
        live.copy_(weights.part(name, tensors[f"weights/{name}"]))
        if mean is not live:
            mean.copy_(weights.part(name, tensors[f"averaged/{name}"]))
    for name, value in weights.buffers.items():
        value.copy_(tensors[f"weights/{name}"])
    for name, count in state["optimizer_steps"].items():
        parameter = weights.parameters[name]
        kept: dict[str, torch.Tensor] = {
            moment: weights.optimizer_state_like(
                name, weights.part(name, tensors[f"{moment}/{name}"])
            )
            for moment in MOMENTS
        }
        step = torch.tensor(count, dtype=torch.float32, device=parts.device)
        steps.optimizer.state[parameter] = {"step": step, **kept}
    losses = state["losses"]
    if len(losses) != parts.world.size:
        losses = [sum(losses), *[0.0] * (parts.world.size - 1)]
    steps.total.fill_(losses[parts.world.rank])
    best = {
        name.removeprefix("best/"): weights.part(name.removeprefix("best/"), value)
        for name, value in tensors.items()
        if name.startswith("best/")
    }
    return TrainState(
        step=int(state["step"]),
        epochs=[Epoch(**epoch) for epoch in state["epochs"]],
        best=int(state["best"]),
        stale=int(state["stale"]),
        best_weights=best,
    )
