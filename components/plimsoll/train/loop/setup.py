"""Puts a training together: its batches, its network, its loss, its optimiser step."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from plimsoll.formats.examples import Examples, open_examples
from plimsoll.models.network import Network
from plimsoll.train.data.batches import BatchSource, EvalBatches, batch_source_for, is_resident
from plimsoll.train.data.tensors import TensorSplit
from plimsoll.train.distributed.data_parallel import ShardedWeights, parallelized
from plimsoll.train.distributed.devices import threads_for, uses_compile, uses_cuda_graph
from plimsoll.train.distributed.process_group import World
from plimsoll.train.job import Job
from plimsoll.train.loop.cuda_graph import CudaGraphTrainStep
from plimsoll.train.loop.ema import WeightEma
from plimsoll.train.loop.learning_rate import LearningRateSchedule
from plimsoll.train.loop.losses import loss_for
from plimsoll.train.loop.train_step import StepParts, TrainStep
from plimsoll.train.network import warm_start
from plimsoll.train.network.spec import NetworkSpec, initial_network, network_spec_for


@dataclass(frozen=True, kw_only=True)
class TrainingSetup:
    """All that a training works with."""

    job: Job
    """Its config has nothing left open."""
    examples: Examples
    spec: NetworkSpec
    batches: BatchSource
    """Of the train split."""
    eval_batches: EvalBatches
    train_step: TrainStep
    parameters: int
    """Numbers that are learnt."""

    @property
    def steps_an_epoch(self) -> int:
        """Steps that see every row of the training split once."""
        return -(-self.examples.rows["train"] // self.job.config.batch_size)

    def network(self) -> Network:
        """Returns a network of its own, on the processor and whole, to put weights into."""
        return initial_network(self.spec, self.job.config.seed)


def set_up_training(job: Job, world: World, device: torch.device) -> TrainingSetup:
    """Opens the examples, builds the network and puts both where they are worked with.

    Raises:
        ArtifactError: if the examples, or the weights to start from, are damaged.
        DataError: if a split is empty or cannot be learnt from.
        ConfigError: if the config does not fit the data or the device.
    """
    examples = open_examples(job.examples)
    config = job.config.for_rows(examples.rows["train"])
    job = dataclasses.replace(job, config=config)
    spec = network_spec_for(examples, config, job.module)
    if job.start_from is not None:
        spec = warm_start.spec_from_model(job.start_from, spec)
    unit: dict[str, Any] = {
        "mean": spec.network.target_mean,
        "std": spec.network.target_std,
        "examples": examples,
        "device": device,
    }
    train, held_out = TensorSplit(name="train", **unit), TensorSplit(name="eval", **unit)
    resident = is_resident(train, held_out, config, world)
    loss = loss_for(examples, config, device)
    network = initial_network(spec, config.seed)
    if job.start_from is not None:
        warm_start.load_weights(network, job.start_from)
    network = network.to(device)
    parameters = sum(value.numel() for value in network.parameters())
    torch.set_num_threads(threads_for(config, world, parameters))
    model: torch.nn.Module = parallelized(network, config, world, device)
    if uses_compile(config):
        model = torch.compile(model)
    weights = ShardedWeights(network)
    steps_an_epoch = -(-len(train) // config.batch_size)
    parts = StepParts(
        model=model,
        weights=weights,
        ema=WeightEma(list(weights.local.values()), config.averaging),
        loss=loss,
        schedule=LearningRateSchedule(
            total=steps_an_epoch * config.epochs,
            warm_up=config.warm_up,
            highest=config.learning_rate,
        ),
        config=config,
        world=world,
        device=device,
    )
    step_type = CudaGraphTrainStep if uses_cuda_graph(config, device, world) else TrainStep
    return TrainingSetup(
        job=job,
        examples=examples,
        spec=spec,
        batches=batch_source_for(train, config, world, resident=resident),
        eval_batches=EvalBatches(held_out, world, resident=resident),
        train_step=step_type(parts),
        parameters=parameters,
    )
