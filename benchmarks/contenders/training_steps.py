"""Samples a second of one network's training: ours, the bare step, a plain DataLoader loop.

Prints JSON. Arguments: a folder to work in, the rounds, and perhaps ``alone`` to time ours only
(under torchrun, say).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from plimsoll.artifacts.examples import Batch, Examples, Header, open_examples, write_examples
from plimsoll.artifacts.transform import CategoricalOutput
from plimsoll.problem import SPLITS, Problem
from plimsoll.train import devices, loop
from plimsoll.train.config import TrainConfig
from plimsoll.train.events import Stepped
from plimsoll.train.job import Job
from plimsoll.train.ranks import World
from plimsoll.train.shape import fresh_network, shape_for
from plimsoll.train.tensors import Rows, rows_on

ROWS = {"train": 65_536, "eval": 8_192, "test": 8_192}
ROWS_ON_GPU = {"train": 4_194_304, "eval": 65_536, "test": 8_192}
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
        epochs=EPOCHS, patience=EPOCHS + 1, batch_size=BATCH_ON_GPU if gpu else BATCH
    )
    if sys.argv[3:] == ["alone"]:
        rate = ours(folder, TrainConfig(**{**config.to_dict(), "threads": 1}))
        if rate:
            print(json.dumps({"ours": rate}), flush=True)
        return
    device = devices.settle(config, World())
    rows = rows_on(device, examples, "train")
    rates: dict[str, list[float]] = {"bare": [], "ours": [], "streamed": [], "loader": []}
    for _ in range(rounds):
        rates["bare"].append(bare(examples, config, rows, device))
        rates["ours"].append(ours(folder, config))
        rates["streamed"].append(
            ours(folder, TrainConfig(**{**config.to_dict(), "data": "streamed"}))
        )
        rates["loader"].append(loader(examples, config, rows, device))
    shares = {
        f"ours_of_{name}": [a / b for a, b in zip(rates["ours"], rates[name], strict=True)]
        for name in ("bare", "loader")
    }
    shares["streamed_of_bare"] = [
        a / b for a, b in zip(rates["streamed"], rates["bare"], strict=True)
    ]
    told: dict[str, Any] = {
        name: statistics.median(values) for name, values in {**rates, **shares}.items()
    }
    told |= {
        "place": devices.words_for(device, World()),
        "batch": config.batch_size,
        "rows": examples.rows["train"],
        "weights": weights_of(examples, config),
    }
    if gpu:
        # Two operations a weight and row forward, twice that backward.
        told["share_of_peak"] = 6 * told["weights"] * told["ours"] / PEAK_OF_H100
        told["memory"] = torch.cuda.max_memory_allocated()
    print(json.dumps(told))


class Rates:
    """Adds up what the loop says of its speed: without evaluating and saving."""

    def __init__(self, batch: int) -> None:
        self._batch, self._step = batch, 0
        self.steps, self.seconds = 0, 0.0

    def told(self, event: object) -> None:
        if not isinstance(event, Stepped):
            return
        steps, self._step = event.step - self._step, event.step
        # The first steps warm caches up, as they do in the others.
        if event.epoch > 1 and steps:
            self.steps += steps
            self.seconds += steps * self._batch / event.samples_a_second

    @property
    def rate(self) -> float:
        return self.steps * self._batch / self.seconds


def ours(folder: Path, config: TrainConfig) -> float:
    rates = Rates(config.batch_size)
    loop.run(Job(examples=folder / "examples", out=folder / "out", config=config), [rates])
    # Only the first process of several is told.
    return rates.rate if rates.steps else 0.0


def bare(examples: Examples, config: TrainConfig, rows: Rows, device: torch.device) -> float:
    """The same batch again and again: forward, backward, clip and a fused optimiser's step."""
    network = network_of(examples, config, device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    batch = rows.part(0, config.batch_size)
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
    return timed(step, steps, (EPOCHS - 1) * steps, device) * config.batch_size


def loader(examples: Examples, config: TrainConfig, rows: Rows, device: torch.device) -> float:
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

    steps = max(4, len(rows) // config.batch_size // 4)
    return timed(step, 2, steps, device) * config.batch_size


def timed(step: Any, before: int, steps: int, device: torch.device) -> float:
    for _ in range(before):
        step()
    wait(device)
    begun = time.perf_counter()
    for _ in range(steps):
        step()
    wait(device)
    return steps / (time.perf_counter() - begun)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def network_of(examples: Examples, config: TrainConfig, device: torch.device) -> nn.Module:
    return fresh_network(shape_for(examples, config), 0).to(device).train()


def weights_of(examples: Examples, config: TrainConfig) -> int:
    network = fresh_network(shape_for(examples, config), 0)
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
