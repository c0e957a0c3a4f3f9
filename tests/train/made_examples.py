"""Small examples that can be learnt: a number, another with noise, and a category."""

from pathlib import Path

import numpy as np

from plimsoll.formats.examples import Batch, Examples, Header, open_examples, write_examples
from plimsoll.models.transform import CategoricalOutput
from plimsoll.problem import SPLITS, Problem

CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def write(folder: Path, task: str = "binary", rows: int = 240, seed: int = 0) -> Examples:
    """Writes examples of a task and opens them."""
    random = np.random.default_rng(seed)
    sizes = {"train": rows, "eval": max(8, rows // 4), "test": max(8, rows // 4)}
    header = Header(
        dataset_id="0" * 64,
        problem=Problem(label="y", task=task),
        numeric_names=("signal", "noise"),
        categorical_outputs=(CategoricalOutput("place", 4),),
        task=task,
        classes=CLASSES[task],
        positive="yes" if task == "binary" else None,
    )
    batches = {split: [_batch(random, task, sizes[split])] for split in SPLITS}
    write_examples(folder, header, sizes, batches)
    return open_examples(folder)


def _batch(random: np.random.Generator, task: str, rows: int) -> Batch:
    numeric = random.normal(size=(rows, 2)).astype(np.float32)
    categorical = random.integers(0, 4, (rows, 1)).astype(np.int32)
    score = 2 * numeric[:, 0] + (categorical[:, 0] == 3) + random.normal(0, 0.3, rows)
    if task == "regression":
        return Batch(numeric, categorical, (1000 + 50 * score).astype(np.float32))
    edges = [0.3] if task == "binary" else [-0.8, 1.0]
    label = np.digitize(score, edges).astype(np.int64)
    # Every class in every split, whatever the draw.
    label[: len(edges) + 1] = range(len(edges) + 1)
    return Batch(numeric, categorical, label)
