"""Samples a second of one network's training: ours, the bare step, a plain DataLoader loop.

Prints JSON. Arguments: a folder to work in, the rounds, and perhaps ``alone`` to time ours only
(under torchrun, say).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from plimsoll.formats.examples import Batch, Examples, Header, open_examples, write_examples
from plimsoll.models.transform import CategoricalOutput
from plimsoll.problem import SPLITS, Problem
from plimsoll.train.config import TrainConfig
from plimsoll.train.data.tensors import TensorBatch, TensorSplit
from plimsoll.train.distributed import devices
from plimsoll.train.distributed.process_group import World
from plimsoll.train.job import Job
from plimsoll.train.loop import loop
from plimsoll.train.network.spec import initial_network, network_spec_for
from plimsoll.train.telemetry.events import EpochFinished

ROWS = {"train": 65_536, "eval": 512, "test": 512}
ROWS_ON_GPU = {"train": 4_194_304, "eval": 512, "test": 512}
"""Rows of eval are few: steps are timed, with all that goes on between them."""
NUMBERS, CATEGORIES, SIZE = 18, 8, 50
EPOCHS = 3
BATCH = 2_048
BATCH_ON_GPU = 16_384
PEAK_OF_H100 = 989e12
"""Dense bfloat16 operations a second of an H100 or H200 (SXM), by NVIDIA's data sheet."""


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    gpu = torch.cuda.is_available()
    examples = examples_in(folder / "examples", ROWS_ON_GPU if gpu else ROWS)
    config = TrainConfig(
        model="mlp",
        epochs=EPOCHS,
        patience=EPOCHS + 1,
        batch_size=BATCH_ON_GPU if gpu else BATCH,
    )
    if sys.argv[3:] == ["alone"]:
        took_alone = ours(folder, TrainConfig(**{**config.to_dict(), "threads": 1}))
        if took_alone.seconds:
            print(json.dumps({"ours": 1 / took_alone.seconds}), flush=True)
        return
    device = devices.select_device(World())
    torch.set_num_threads(devices.threads_for(config, World(), weights_of(examples, config)))
    rows = TensorSplit(examples=examples, name="train", device=device).read()
    streamed = TrainConfig(**{**config.to_dict(), "data": "streamed"})
    took: dict[str, list[Took]] = {"bare": [], "ours": [], "streamed": [], "loader": []}
    for _ in range(rounds):
        took["bare"].append(bare(examples, config, rows, device))
        took["ours"].append(ours(folder, config))
        took["streamed"].append(ours(folder, streamed))
        took["loader"].append(loader(examples, config, rows, device))
    told: dict[str, Any] = {
        name: statistics.median(1 / one.seconds for one in each) for name, each in took.items()
    }
    for name, other in (("ours", "bare"), ("streamed", "bare"), ("ours", "loader")):
        pairs = list(zip(took[name], took[other], strict=True))
        told[f"{name}_of_{other}"] = statistics.median(b.seconds / a.seconds for a, b in pairs)
        told[f"{name}_of_{other}_busy"] = statistics.median(b.busy / a.busy for a, b in pairs)
    told |= {
        "place": devices.describe_device(device, World()),
        "batch": config.batch_size,
        "rows": examples.rows["train"],
        "weights": weights_of(examples, config),
    }
    if gpu:
        # Two operations a weight and row forward, twice that backward.
        told["share_of_peak"] = 6 * told["weights"] * told["ours"] / PEAK_OF_H100
        told["memory"] = torch.cuda.max_memory_allocated()
    print(json.dumps(told))


@dataclass(frozen=True)
class Took:
    """Seconds a row, on the clock and of the processor."""

    seconds: float
    busy: float


class Clock:
    """Times the epochs after the first, which warms caches up, as the others are warmed up."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def on_event(self, event: object) -> None:
        if isinstance(event, EpochFinished):
            self.marks.append((time.perf_counter(), time.process_time()))

    def took(self, rows: int) -> Took:
        (begun, begun_busy), (ended, ended_busy) = self.marks[0], self.marks[-1]
        rows *= len(self.marks) - 1
        return Took((ended - begun) / rows, (ended_busy - begun_busy) / rows)


def ours(folder: Path, config: TrainConfig) -> Took:
    clock = Clock()
    loop.run(Job(examples=folder / "examples", out=folder / "out", config=config), [clock])
    # Only the first process of several is told.
    rows = open_examples(folder / "examples").rows["train"]
    return clock.took(rows) if clock.marks else Took(0.0, 0.0)


def bare(examples: Examples, config: TrainConfig, rows: TensorBatch, device: torch.device) -> Took:
    """The same batch again and again: forward, backward, clip and a fused optimiser's step."""
    network = network_of(examples, config, device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    batch = rows.slice(0, config.batch_size)
    loss_of = nn.CrossEntropyLoss()
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

    def step() -> None:
        with autocast:
            answers = network(batch.numeric, batch.categorical)
        loss = loss_of(answers.float(), batch.target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    steps = len(rows) // config.batch_size
    return timed(step, 3, (EPOCHS - 1) * steps, device, config.batch_size)


def loader(
    examples: Examples, config: TrainConfig, rows: TensorBatch, device: torch.device
) -> Took:
    """What is usually written: a DataLoader of rows, batches moved to the device, the loss read."""
    network = network_of(examples, config, device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    data = TensorDataset(rows.numeric.cpu(), rows.categorical.cpu(), rows.target.cpu())
    batches = iter(DataLoader(data, batch_size=config.batch_size, shuffle=True))
    loss_of = nn.CrossEntropyLoss()
    total = 0.0

    def step() -> None:
        nonlocal batches, total
        found = next(batches, None)
        if found is None:
            batches = iter(DataLoader(data, batch_size=config.batch_size, shuffle=True))
            found = next(batches)
        numeric, categorical, target = (part.to(device) for part in found)
        optimizer.zero_grad()
        loss = loss_of(network(numeric, categorical), target)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        total += loss.item()

    steps = min(32, (EPOCHS - 1) * len(rows) // config.batch_size)
    return timed(step, 3, steps, device, config.batch_size)


def timed(
    step: Callable[[], None], before: int, steps: int, device: torch.device, batch_size: int
) -> Took:
    for _ in range(before):
        step()
    wait(device)
    begun, begun_busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    wait(device)
    rows = steps * batch_size
    return Took((time.perf_counter() - begun) / rows, (time.process_time() - begun_busy) / rows)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def network_of(examples: Examples, config: TrainConfig, device: torch.device) -> nn.Module:
    return initial_network(network_spec_for(examples, config), 0).to(device).train()


def weights_of(examples: Examples, config: TrainConfig) -> int:
    network = initial_network(network_spec_for(examples, config), 0)
    return sum(value.numel() for value in network.parameters())


def examples_in(folder: Path, sizes: dict[str, int]) -> Examples:
    """Makes rows, as wide as the flights after their transform."""
    if folder.exists():
        return open_examples(folder)
    random = np.random.default_rng(0)
    header = Header(
        dataset_id="0" * 64,
        problem=Problem(label="y", task="binary"),
        numeric_names=tuple(f"number{place}" for place in range(NUMBERS)),
        categorical_outputs=tuple(
            CategoricalOutput(f"category{place}", SIZE) for place in range(CATEGORIES)
        ),
        task="binary",
        classes=("no", "yes"),
        positive="yes",
    )
    write_examples(folder, header, sizes, {name: [batch(random, sizes[name])] for name in SPLITS})
    return open_examples(folder)


def batch(random: np.random.Generator, rows: int) -> Batch:
    numeric = random.normal(size=(rows, NUMBERS)).astype(np.float32)
    categorical = random.integers(0, SIZE, (rows, CATEGORIES)).astype(np.int32)
    score = numeric[:, 0] + numeric[:, 1] * numeric[:, 2] + (categorical[:, 0] > SIZE / 2)
    return Batch(numeric, categorical, (score + random.normal(size=rows) > 0.5).astype(np.int64))


if __name__ == "__main__":
    main()
