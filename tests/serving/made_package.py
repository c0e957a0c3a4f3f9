"""A small, whole package with a column of every type: random weights, real files."""

from pathlib import Path

import numpy as np

from plimsoll.formats.examples import Batch, Header, open_examples, write_examples
from plimsoll.formats.package import Contents, Package, open_package, write_package
from plimsoll.models.boosting import save_boosting
from plimsoll.models.transform import (
    Label,
    SourceColumn,
    Transform,
    read_transform,
    write_transform,
)
from plimsoll.models.transform_parts import Calendar, Missing, Number, Vocabulary
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage.files import write_json, write_text
from plimsoll.train.candidates.boosting import fit_boosting
from plimsoll.train.config import TrainConfig

CLASSES = {
    "binary": (False, True),
    "multiclass": ("early", "late", "on time"),
    "regression": (),
}
INSTANCES = [
    {"distance": 1400.0, "hour": 6, "carrier": "UA", "weekend": False, "at": "2013-10-01T06:00:00"},
    {"distance": 214.5, "hour": 23, "carrier": "B6", "weekend": True, "at": "2013-10-05 23:15"},
    {"distance": None, "hour": None, "carrier": None, "weekend": None, "at": None},
    {"distance": 733.0, "hour": 12, "carrier": "ZZ", "weekend": False, "at": "2013-12-24"},
]


def transform_of(task: str) -> Transform:
    """Returns a transform from one column of every type."""
    number = {"fill": 500.0, "low": 0.0, "high": 5000.0, "scale": "standard", "center": 700.0}
    columns = (
        SourceColumn(
            name="distance",
            type="float",
            kind="numeric",
            why="a number",
            parts=(
                Number(output="distance", spread=300.0, **number),
                Missing(output="distance.missing"),
            ),
        ),
        SourceColumn(
            name="hour",
            type="int",
            kind="categorical",
            why="few values",
            parts=(Vocabulary(output="hour", values=tuple(range(24))),),
        ),
        SourceColumn(
            name="carrier",
            type="string",
            kind="categorical",
            why="text",
            parts=(Vocabulary(output="carrier", values=("UA", "B6", "DL")),),
        ),
        SourceColumn(
            name="weekend",
            type="bool",
            kind="categorical",
            why="yes or no",
            parts=(Vocabulary(output="weekend", values=(0, 1)),),
        ),
        SourceColumn(
            name="at",
            type="timestamp",
            kind="timestamp",
            why="a time",
            parts=(Calendar(output="at.weekday", of="day_of_week"),),
        ),
    )
    classes = CLASSES[task]
    label = Label(
        name="arrival",
        type="float" if task == "regression" else "string",
        task=task,
        classes=classes,
        positive=True if task == "binary" else None,
    )
    return Transform(columns=columns, label=label, ignored=("tailnum",))


def make_package(
    folder: Path,
    *,
    task: str = "binary",
    name: str = "arrived_late",
    seed: int = 0,
    features: Path | None = None,
    keys: tuple[str, ...] = (),
    boosting: bool = False,
) -> Package:
    """Writes a package below ``folder`` whose answers are its own model's.

    With a feature plan, requests may give the text columns ``keys`` too. The model is a network,
    or gradient boosting.
    """
    parts = folder / f"{name}-{task}-{seed}{'-boosting' * boosting}-parts"
    for part in ("model", "schema", "statistics"):
        (parts / part).mkdir(parents=True, exist_ok=True)
    transform = transform_of(task)
    write_transform(parts / "transform", transform)
    if boosting:
        _save_boosting(parts, transform)
    else:
        _save_network(parts / "model", transform, seed)
    write_text(parts / "schema" / "schema.pbtxt", "# no features\n")
    write_json(parts / "statistics" / "anomalies.json", {})
    contents = {
        "name": name,
        "task": task,
        "classes": CLASSES[task],
        "positive": True if task == "binary" else None,
        "inputs": (
            *({"name": item.name, "type": item.type} for item in transform.inputs),
            *({"name": key, "type": "string"} for key in keys),
        ),
        "features": features,
        "problem": {"label": "arrival"},
        "model": parts / "model",
        "transform": parts / "transform",
        "schema": parts / "schema",
        "statistics": parts / "statistics",
        "metrics": {"eval": {"auc": 0.7}},
        "lineage": {"dataset_id": "d" * 64},
        "model_card": "# A model\n",
    }
    draft = write_package(folder / "draft", Contents(**contents, instances=[], answers=[]))
    # Late, for it sets torch's threads.
    from plimsoll.serving.model.predictor import Predictor

    instances = [{**row, **dict.fromkeys(keys, "N1")} for row in INSTANCES]
    answers = Predictor(draft).predict_rows(instances)
    whole = folder / f"{name}-{task}-{seed}{'-boosting' * boosting}"
    return write_package(whole, Contents(**contents, instances=instances, answers=answers))


def _save_network(folder: Path, transform: Transform, seed: int) -> None:
    import torch

    from plimsoll.models import network

    torch.manual_seed(seed)
    task = transform.label.task
    sizes = tuple(item.size for item in transform.categorical)
    config = network.NetworkConfig(
        task=task,
        outputs=max(1, len(CLASSES[task])),
        numeric=len(transform.numeric),
        categories=sizes,
        embeddings=(4,) * len(sizes),
        hidden=(16,),
        target_mean=12.0 if task == "regression" else 0.0,
        target_std=30.0 if task == "regression" else 1.0,
    )
    network.save_network(folder, network.Network(config))


def _save_boosting(parts: Path, transform: Transform) -> None:
    random = np.random.default_rng(0)
    label = transform.label
    header = Header(
        dataset_id="0" * 64,
        problem=Problem(label=label.name, task=label.task),
        numeric_names=tuple(transform.numeric),
        categorical_outputs=tuple(transform.categorical),
        task=label.task,
        classes=tuple(label.classes),
        positive=label.positive,
    )
    numeric = random.normal(size=(200, len(transform.numeric))).astype(np.float32)
    columns = [random.integers(0, item.size, 200) for item in transform.categorical]
    places = (numeric[:, 0] > 0).astype(np.int64) + (columns[0] > 9)
    values = places.astype(np.float32) if label.task == "regression" else places
    given = np.minimum(values, max(1, len(label.classes) - 1))
    batch = Batch(numeric, np.stack(columns, axis=1).astype(np.int32), given)
    rows = dict.fromkeys(SPLITS, 200)
    write_examples(parts / "examples", header, rows, {split: [batch] for split in SPLITS})
    config = TrainConfig(model="boosting", trees=5, threads=1)
    fit = fit_boosting(open_examples(parts / "examples"), config, ())
    save_boosting(parts / "model", fit.model)


__all__ = ["INSTANCES", "make_package", "open_package", "read_transform"]
