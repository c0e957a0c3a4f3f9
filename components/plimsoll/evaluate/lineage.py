"""What a model was made from: data, code, locks and parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from plimsoll import __version__
from plimsoll.artifacts.dataset import Dataset
from plimsoll.artifacts.files import digest_file, digest_json, digest_tree, files_below, read_json

LOCK_VARIABLE = "PLIMSOLL_LOCK_SHA256"
_PACKAGE = Path(__file__).resolve().parents[1]
_MAKERS = ("artifacts", "ingest", "validate", "transform", "train", "evaluate")


def lineage(dataset: Dataset, transform: Path, model: Path) -> dict[str, Any]:
    """Returns the lineage of a model: no time of day and no path of this machine in it.

    Args:
        dataset: The dataset.
        transform: The transform's folder.
        model: The model's folder.
    """
    training = read_json(model / "training.json")
    return {
        "dataset_id": dataset.id,
        "dataset": dict(dataset.lineage),
        "transform": digest_tree(transform),
        "training": training,
        "library": {"version": __version__, "code": code_digest()},
        "locks": {"train": os.environ.get(LOCK_VARIABLE, "")},
    }


def code_digest() -> str:
    """Returns the SHA-256 of the library's code that makes models."""
    return digest_json(
        {
            f"{name}/{path.relative_to(_PACKAGE / name).as_posix()}": digest_file(path)
            for name in _MAKERS
            for path in files_below(_PACKAGE / name)
            if path.suffix == ".py"
        }
    )
