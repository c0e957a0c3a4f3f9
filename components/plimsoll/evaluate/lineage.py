"""What a model was made from: data, code, locks and parameters."""

import os
from pathlib import Path
from typing import Any

from plimsoll import __version__
from plimsoll.formats.dataset import Dataset
from plimsoll.formats.feature_plan import FeaturePlan
from plimsoll.storage.code_digest import code_digest
from plimsoll.storage.files import digest_tree, read_json

LOCK_VARIABLE = "PLIMSOLL_LOCK_SHA256"
_MAKERS = (
    "formats",
    "models",
    "storage",
    "statistics",
    "ingest",
    "validate",
    "transform",
    "train",
    "evaluate",
)


def lineage(
    dataset: Dataset, transform: Path, model: Path, plan: FeaturePlan | None = None
) -> dict[str, Any]:
    """Returns the lineage of a model: no time of day and no path of this machine in it."""
    training = read_json(model / "training.json")
    return {
        "dataset_id": dataset.id,
        "dataset": dict(dataset.lineage),
        "transform": digest_tree(transform),
        "training": training,
        "library": {"version": __version__, "code": code_digest(_MAKERS)},
        **({"features": _features(plan)} if plan else {}),
        "locks": {"train": os.environ.get(LOCK_VARIABLE, "")},
    }


def _features(plan: FeaturePlan) -> dict[str, str]:
    return {
        "project": plan.project,
        "service": plan.service,
        "registry_sha256": plan.registry_sha256,
    }
