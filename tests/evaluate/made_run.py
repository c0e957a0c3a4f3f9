"""Everything that an evaluation reads, made by the components themselves from a small table."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from plimsoll.evaluate.model import EvaluateInputs
from plimsoll.formats.dataset import write_batches
from plimsoll.formats.statistics import write_statistics
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage.files import write_text
from plimsoll.train import config as training
from plimsoll.train.candidates.candidates import TrainRequest
from plimsoll.train.config import TrainConfig
from plimsoll.train.core import DEFAULT_REQUEST, Outputs, train_examples
from plimsoll.transform import config as transforming
from plimsoll.transform.core import transform_dataset

ROWS = {"train": 240, "eval": 80, "test": 120}
QUICK = training.parse(
    '{"model": "mlp", "epochs": 30, "trees": 20, "hidden": [64], "learning_rate": 0.005}'
)
START = np.datetime64("2024-01-01T00:00:00", "us")


def make(
    folder: Path,
    task: str = "binary",
    *,
    learnable: bool = True,
    plan: Path | None = None,
    config: TrainConfig = QUICK,
    asked: TrainRequest = DEFAULT_REQUEST,
    **problem,
) -> EvaluateInputs:
    """Writes dataset, transform, examples, model, schema and statistics below a folder."""
    random = np.random.default_rng(7)
    positive = "yes" if task == "binary" else ""
    settled = Problem(label="y", name="made", task=task, positive=positive, keys=["id"], **problem)
    lineage = {"sources": [], "rows_read": 440, "rows_without_label": 0, "library": "0"}
    tables = {split: _table(random, task, ROWS[split], learnable=learnable) for split in SPLITS}
    pieces = ((split, batch) for split in SPLITS for batch in tables[split].to_batches())
    schema = tables["train"].schema
    dataset = write_batches(folder / "dataset", schema, pieces, settled, [], lineage, plan)
    (folder / "schema").mkdir()
    transform_dataset(
        folder / "dataset",
        folder / "schema",
        folder / "transform",
        folder / "examples",
        transforming.parse("{}"),
    )
    write_text(folder / "schema" / "schema.pbtxt", "# made by hand\n")
    write_statistics(
        folder / "statistics",
        dict.fromkeys(SPLITS, b""),
        ROWS,
        dataset_id=dataset.id,
        anomalies={"checks": []},
    )
    outputs = Outputs(
        model=folder / "model", report=folder / "train.html", logs=folder / "train-logs"
    )
    train_examples(folder / "examples", outputs, config, asked)
    return at(folder)


def at(folder: Path) -> EvaluateInputs:
    """Returns the inputs below a folder."""
    names = ("dataset", "examples", "transform", "model", "schema", "statistics")
    return EvaluateInputs.at({name: str(folder / name) for name in names})


def _table(random: np.random.Generator, task: str, rows: int, *, learnable: bool) -> pa.Table:
    size = random.normal(size=rows)
    place = random.choice(["north", "south", "west"], rows, p=[0.5, 0.4, 0.1])
    score = 2 * size + (place == "south") + random.normal(0, 0.3, rows)
    if not learnable:
        score = random.normal(size=rows)
    label = {
        "binary": np.where(score > 0.3, "yes", "no"),
        "multiclass": np.array(["low", "mid", "top"])[np.digitize(score, [-0.8, 1.0])],
        "regression": 1000 + 50 * score,
    }[task]
    absent = random.random(rows) < 0.1
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "size": pa.array(size, mask=absent),
            "place": pa.array(place, mask=random.random(rows) < 0.05),
            "at": pa.array(START + random.integers(0, 10**13, rows).astype("timedelta64[us]")),
            "y": pa.array(label),
        }
    )
