"""Examples of any shape: no numbers, no categories, constants, lists, a thousand classes."""

from pathlib import Path

import numpy as np

from plimsoll.formats.examples import Batch, Examples, Header, open_examples, write_examples
from plimsoll.models.transform import CategoricalOutput
from plimsoll.problem import SPLITS, Problem

SHAPES = {
    "numbers alone": {"numeric": 3, "outputs": ()},
    "categories alone": {"numeric": 0, "outputs": ((5, 1), (9, 1))},
    "one number": {"numeric": 1, "outputs": ()},
    "one category": {"numeric": 0, "outputs": ((4, 1),)},
    "one list": {"numeric": 0, "outputs": ((12, 4),)},
    "lists beside categories": {"numeric": 2, "outputs": ((12, 4), (5, 1), (30, 3), (7, 1))},
    "constants": {"numeric": 2, "outputs": ((3, 1),), "constant": True},
    "a thousand classes": {"numeric": 2, "outputs": ((5, 1),), "classes": 1000},
    "values": {"numeric": 2, "outputs": ((5, 1), (12, 4)), "classes": 0},
}


def write(
    folder: Path,
    *,
    numeric: int,
    outputs: tuple[tuple[int, int], ...],
    classes: int = 2,
    constant: bool = False,
    rows: int = 300,
) -> Examples:
    """Writes examples of a shape and opens them; the label hangs on all columns.

    Args:
        folder: Where they come to be.
        numeric: Numeric columns.
        outputs: Size and width of each categorical output.
        classes: Of the label; 0: it is a value.
        constant: Whether every column has one value.
        rows: Of the train split.
    """
    random = np.random.default_rng(0)
    sizes = {"train": rows, "eval": rows // 3, "test": rows // 3}
    task = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    header = Header(
        dataset_id="0" * 64,
        problem=Problem(label="y", task=task),
        numeric_names=tuple(f"n{place}" for place in range(numeric)),
        categorical_outputs=tuple(
            CategoricalOutput(f"c{place}", size, width)
            for place, (size, width) in enumerate(outputs)
        ),
        task=task,
        classes=tuple(range(classes)),
        positive=1 if task == "binary" else None,
    )
    batches = {split: [_batch(random, header, sizes[split], constant=constant)] for split in SPLITS}
    write_examples(folder, header, sizes, batches)
    return open_examples(folder)


def _batch(random: np.random.Generator, header: Header, rows: int, *, constant: bool) -> Batch:
    numeric = random.normal(size=(rows, len(header.numeric_names))).astype(np.float32)
    parts = [np.zeros((rows, 0), np.int32)]
    for item in header.categorical_outputs:
        own = random.integers(1 if item.width > 1 else 0, item.size, (rows, item.width))
        # As many as a row has, then 0; of the first row none at all.
        count = random.integers(0, item.width + 1, (rows, 1))
        count[0] = 0
        many = np.arange(item.width) < count
        parts.append(np.where(many | (item.width == 1), own, 0).astype(np.int32))
    categorical = np.concatenate(parts, axis=1)
    if constant:
        numeric[:], categorical[:] = 1, 2
    score = numeric.sum(axis=1) + (categorical == 3).sum(axis=1) + random.normal(0, 0.2, rows)
    if header.task == "regression":
        return Batch(numeric, categorical, (100 + 7 * score).astype(np.float32))
    label = (np.argsort(np.argsort(score)) * len(header.classes) // rows).astype(np.int64)
    return Batch(numeric, categorical, label)
