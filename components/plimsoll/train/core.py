"""Trains a network on examples, fits the boosting beside it, and writes both down."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from plimsoll.artifacts import network
from plimsoll.artifacts.examples import Examples, open_examples
from plimsoll.artifacts.files import folder_written_whole, write_json, write_text
from plimsoll.train import loop, pictures
from plimsoll.train.baseline import Baseline, boost
from plimsoll.train.config import TrainConfig
from plimsoll.train.shape import fresh_network, shape_for
from plimsoll.train.tensors import rows_on

FORMAT = "plimsoll.training/1"
ANSWERED = ("eval", "test")
CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of a training."""

    module: network.Network
    """With the weights that were best on eval, on the processor."""
    history: loop.History
    baseline: Baseline
    config: TrainConfig
    """As it was used: nothing left open."""
    eval_loss: Mapping[str, float]
    """``network`` and ``boosting`` -> log loss, or root mean squared error in the label's unit."""
    place: str
    """What it was trained on, in words."""


class _Inputs(NamedTuple):
    numeric: NDArray[np.float32]
    categorical: NDArray[np.int32]


def train_examples(
    examples: Path, model: Path, report: Path, config: TrainConfig
) -> dict[str, Any]:
    """Trains on an examples artifact, and writes the model folder and the report.

    Args:
        examples: The examples artifact.
        model: Where the model folder comes to be.
        report: Where the page comes to be.
        config: The knobs.

    Returns:
        Metadata of the model artifact: ``notes``, and numbers to find it by.

    Raises:
        ArtifactError: if the examples are damaged.
        DataError: if a split is empty or cannot be learnt from.
        ConfigError: if the training diverges.
    """
    source = open_examples(examples)
    trained = fit(source, config)
    write_model(model, trained)
    write_text(report, pictures.page(source, trained).html())
    history = trained.history
    return {
        "notes": notes(trained),
        "parameters": sum(value.numel() for value in trained.module.parameters()),
        "best_epoch": history.best,
        "eval_loss": history.epochs[history.best - 1].eval_loss,
    }


def fit(source: Examples, config: TrainConfig) -> Trained:
    """Trains the network and the boosting, and says how it goes on standard output."""
    config = config.for_rows(source.rows["train"])
    shape = shape_for(source, config)
    device = settle(config)
    place = "GPU" if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    started = time.monotonic()
    baseline = boost(source, trees=config.trees, seed=config.seed, splits=ANSWERED)
    say(f"gradient boosting: {baseline.trees} trees ({time.monotonic() - started:.1f} s)")
    module = fresh_network(shape, config.seed).to(device)
    unit = {"mean": shape.network.target_mean, "std": shape.network.target_std}
    train = rows_on(device, source, "train", **unit)
    held_out = rows_on(device, source, "eval", **unit)
    say(f"network: {len(train):,} rows, {config.batch_size:,} a step, on {place}")
    history = loop.fit(module, train, held_out, config, say)
    module = module.cpu()
    inputs = _Inputs(source.numeric("eval"), source.categorical("eval"))
    answers = {
        "network": network.predict(module, shape.network, inputs),
        "boosting": baseline.predictions["eval"],
    }
    return Trained(
        module=module,
        history=history,
        baseline=baseline,
        config=config,
        eval_loss={
            name: loss(source.task, source.label("eval"), answer)
            for name, answer in answers.items()
        },
        place=place,
    )


def settle(config: TrainConfig) -> torch.device:
    """Makes torch deterministic, gives it its threads, and returns the device to train on."""
    # CUDA's matrix library is deterministic only with a workspace of a fixed size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(config.threads or usable_processors())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def usable_processors() -> int:
    """Returns how many processors this process may use: its affinity and its container's limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = CGROUP_LIMIT.read_text("utf-8").split()
        allowed = min(allowed or 1, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return allowed or 1


def loss(task: str, label: NDArray[Any], answer: NDArray[np.float64]) -> float:
    """Returns the log loss of probabilities, or the root mean squared error of values."""
    if task == "regression":
        return float(np.sqrt(np.mean((label.astype(np.float64) - answer) ** 2)))
    given = np.take_along_axis(answer, np.asarray(label)[:, None], axis=1)
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, 1)).mean())


def write_model(folder: Path, trained: Trained) -> None:
    """Writes the model folder, whole: weights, network, history, training, baseline answers."""
    history = trained.history
    with folder_written_whole(folder) as aside:
        network.save_network(aside, trained.module)
        (aside / "baseline").mkdir()
        for split, answers in trained.baseline.predictions.items():
            np.save(aside / "baseline" / f"{split}.npy", answers, allow_pickle=False)
        write_json(
            aside / "history.json",
            {
                "epochs": [dataclasses.asdict(epoch) for epoch in history.epochs],
                "best_epoch": history.best,
                "planned_epochs": history.planned,
            },
        )
        write_json(
            aside / "training.json",
            {
                "format": FORMAT,
                "config": trained.config.to_dict(),
                "seed": trained.config.seed,
                "best_epoch": history.best,
                "place": trained.place,
                "baseline": {"kind": "HistGradientBoosting", "trees": trained.baseline.trees},
                "eval_loss": dict(trained.eval_loss),
                "versions": {
                    name: version(name)
                    for name in ("numpy", "safetensors", "scikit-learn", "torch")
                },
            },
        )


def notes(trained: Trained) -> list[str]:
    """Says what was trained and how it compares, in short sentences."""
    history, ours = trained.history, trained.eval_loss["network"]
    name = "error" if trained.module.config.task == "regression" else "log loss"
    ran = len(history.epochs)
    ended = f"stopped early after {ran}" if ran < history.planned else f"of {ran}"
    count = sum(value.numel() for value in trained.module.parameters())
    return [
        f"best epoch {history.best}, {ended}; {count:,} weights, on {trained.place}",
        f"eval {name} {ours:.4g}; gradient boosting {trained.eval_loss['boosting']:.4g}",
    ]


def say(line: str) -> None:
    """Prints a line of progress at once."""
    print(line, flush=True)  # noqa: T201 - the step's log is its standard output
