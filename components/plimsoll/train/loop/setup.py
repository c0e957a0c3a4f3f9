"""Puts a training together: its rows, its network, what takes its steps."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from plimsoll.formats.examples import Examples, open_examples
from plimsoll.models.network import Network
from plimsoll.train.data.batches import Held, Source, is_resident, source_for
from plimsoll.train.data.tensors import Split
from plimsoll.train.distributed.devices import captures, compiles, threads_for
from plimsoll.train.distributed.process_group import World
from plimsoll.train.distributed.sharding import Weights, shared
from plimsoll.train.job import Job
from plimsoll.train.loop.cuda_graph import CapturedSteps
from plimsoll.train.loop.ema import Averaged
from plimsoll.train.loop.losses import loss_for
from plimsoll.train.loop.schedules import Schedule
from plimsoll.train.loop.steps import Parts, Steps
from plimsoll.train.network import warm_start as start
from plimsoll.train.network.shape import Shape, fresh_network, shape_for


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that a training works with."""

    job: Job
    """Its config has nothing left open."""
    examples: Examples
    shape: Shape
    source: Source
    held_out: Held
    steps: Steps
    learnt: int
    """Numbers that are learnt."""

    @property
    def steps_an_epoch(self) -> int:
        """Steps that see every row of the training split once."""
        return -(-self.examples.rows["train"] // self.job.config.batch_size)

    def network(self) -> Network:
        """Returns a network of its own, on the processor and whole, to put weights into."""
        return fresh_network(self.shape, self.job.config.seed)


def setting_for(job: Job, world: World, device: torch.device) -> Setting:
    """Opens the examples, builds the network and puts both where they are worked with.

    Raises:
        ArtifactError: if the examples, or the weights to start from, are damaged.
        DataError: if a split is empty or cannot be learnt from.
        ConfigError: if the config does not fit the data or the device.
    """
    examples = open_examples(job.examples)
    config = job.config.for_rows(examples.rows["train"])
    job = dataclasses.replace(job, config=config)
    shape = shape_for(examples, config, job.module)
    if job.start_from is not None:
        shape = start.shape_from(job.start_from, shape)
    unit: dict[str, Any] = {
        "mean": shape.network.target_mean,
        "std": shape.network.target_std,
        "examples": examples,
        "device": device,
    }
    train, held_out = Split(name="train", **unit), Split(name="eval", **unit)
    resident = is_resident(train, held_out, config, world)
    loss = loss_for(examples, config, device)
    network = fresh_network(shape, config.seed)
    if job.start_from is not None:
        start.load_weights(network, job.start_from)
    network = network.to(device)
    learnt = sum(value.numel() for value in network.parameters())
    torch.set_num_threads(threads_for(config, world, learnt))
    model: torch.nn.Module = shared(network, config, world, device)
    if compiles(config):
        model = torch.compile(model)
    weights = Weights(network)
    cut_steps = -(-len(train) // config.batch_size)
    schedule = Schedule(
        total=cut_steps * config.epochs, warm_up=config.warm_up, highest=config.learning_rate
    )
    parts = Parts(
        model=model,
        weights=weights,
        averaged=Averaged(list(weights.local.values()), config.averaging),
        loss=loss,
        schedule=schedule,
        config=config,
        world=world,
        device=device,
    )
    return Setting(
        job=job,
        examples=examples,
        shape=shape,
        source=source_for(train, config, world, resident=resident),
        held_out=Held(held_out, world, resident=resident),
        steps=(CapturedSteps if captures(config, device, world) else Steps)(parts),
        learnt=learnt,
    )
