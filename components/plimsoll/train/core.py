"""Trains what a config asks for, with boosting beside it, and writes the best model down."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.formats.examples import Examples, open_examples
from plimsoll.models.user_module import source_of
from plimsoll.storage.code_digest import code_digest
from plimsoll.storage.files import (
    digest_file,
    digest_json,
    digest_tree,
    files_below,
    folder_written_whole,
    write_json,
    write_text,
)
from plimsoll.storage.local_copy import local_copy
from plimsoll.storage.provenance import METADATA_KEY
from plimsoll.train import page as pictures
from plimsoll.train import report
from plimsoll.train.candidates import importance
from plimsoll.train.candidates.candidates import (
    Candidates,
    TrainedModel,
    TrainRequest,
    WorkFolders,
    resolved_config,
    train_candidates,
)
from plimsoll.train.config import TrainConfig
from plimsoll.train.launch import config as launchers
from plimsoll.train.launch.checkpoint_folder import locked_checkpoint_folder
from plimsoll.train.network import warm_start
from plimsoll.train.telemetry.console import say

FORMAT = "plimsoll.training/2"
CHECKPOINTS = "PLIMSOLL_CHECKPOINTS"
"""Where checkpoints lie if nothing is said: the local engine sets it."""
DEFAULT_REQUEST = TrainRequest()
VERSIONS = ("lightgbm", "numpy", "safetensors", "torch")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the outputs come to be."""

    model: Path
    """The model folder."""
    report: Path
    """The page."""
    logs: Path
    """A folder of progress and of TensorBoard's files, written while it runs."""


def train_examples(
    examples: Path,
    outputs: Outputs,
    config: TrainConfig,
    request: TrainRequest = DEFAULT_REQUEST,
) -> dict[str, Any]:
    """Trains on an examples artifact, and writes the model folder and the report.

    Args:
        examples: The examples artifact.
        outputs: Where the model, the report and the logs come to be.
        config: Which model, and how it is trained.
        request: The user's own network, the launcher, checkpoints, a model to start from.

    Returns:
        Metadata of the model artifact: ``notes``, and numbers to find it by.

    Raises:
        ArtifactError: if the examples are damaged.
        DataError: if a split is empty or cannot be learnt from.
        ConfigError: if the training diverges.
    """
    source = open_examples(examples)
    config = resolved_config(source, config, request)
    outputs.logs.mkdir(parents=True, exist_ok=True)
    outputs.model.parent.mkdir(parents=True, exist_ok=True)
    name = _fingerprint(source, config, request)
    with (
        tempfile.TemporaryDirectory(dir=outputs.model.parent, prefix=".train-") as scratch,
        locked_checkpoint_folder(request.checkpoints, name) as checkpoints,
    ):
        folders = WorkFolders(scratch=Path(scratch), logs=outputs.logs, checkpoints=checkpoints)
        trials = train_candidates(source, config, request, folders, say)
        best = trials.best(config.model)
        write_model(outputs.model, trials, best)
        importances = (
            importance.eval_importance(source, best.folder, config.seed)
            if config.importance
            else ()
        )
        summary = report.training_report(source, trials, best, importances)
        write_text(outputs.report, pictures.training_page(summary).html())
    return {
        "notes": notes(source, trials, best),
        "model": best.family,
        "parameters": best.parameters,
        "eval_loss": best.eval_loss,
        **({METADATA_KEY: [request.provenance]} if request.provenance else {}),
    }


@contextmanager
def open_request(
    module: str, launcher: str, launcher_config: str, checkpoints: str, start_from: str
) -> Iterator[TrainRequest]:
    """Yields the request that the component's inputs make; an empty text makes none.

    Raises:
        ConfigError: if there is no such launcher, its config does not hold, or the user's own
            network is not found.
    """
    launchers.check_launcher(launcher)
    kept_in = checkpoints or os.environ.get(CHECKPOINTS, "")
    request = TrainRequest(
        module=source_of(module) if module else "",
        launcher=launcher,
        launcher_config=launchers.parse(launcher_config),
        checkpoints=Path(kept_in) if kept_in else None,
    )
    if not start_from:
        yield request
        return
    with local_copy(start_from) as (folder, provenance):
        own = request.module or warm_start.user_module_source(folder)
        yield replace(request, module=own, start_from=folder, provenance=provenance)


def write_model(folder: Path, trials: Candidates, best: TrainedModel) -> None:
    """Writes the model folder, whole: the model's files, how it was trained, boosting's answers."""
    with folder_written_whole(folder) as aside:
        for path in files_below(best.folder):
            target = aside / path.relative_to(best.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (aside / "baseline").mkdir()
        for split, predictions in trials.boosting.predictions.items():
            np.save(aside / "baseline" / f"{split}.npy", predictions, allow_pickle=False)
        write_json(
            aside / "candidates.json", [_candidate_json(item, best) for item in trials.trained]
        )
        write_json(aside / "training.json", _training_json(trials, best))


def notes(source: Examples, trials: Candidates, best: TrainedModel) -> list[str]:
    """Says what was trained and how it compares, in short sentences."""
    name = "error" if source.task == "regression" else "log loss"
    unit = "trees" if best.family == "boosting" else "weights"
    lines = [f"{best.family}: {best.parameters:,} {unit}"]
    if best.history:
        ran, planned = len(best.history["epochs"]), best.history["planned_epochs"]
        ended = f"stopped early after {ran}" if ran < planned else f"of {ran}"
        lines[0] += f"; best epoch {best.history['best_epoch']}, {ended}"
    if best.blend_weights:
        lines[0] = f"blend: {report.blend_description(trials, best)}"
    named = zip(report.display_names(trials), trials.trained, strict=True)
    losses = ", ".join(f"{called} {item.eval_loss:.4g}" for called, item in named)
    lines.append(f"eval {name}: {losses}")
    if trials.left_out:
        lines.append(f"left out, the time budget was spent: {', '.join(trials.left_out)}")
    return lines


def _fingerprint(source: Examples, config: TrainConfig, request: TrainRequest) -> str:
    return digest_json(
        {
            "examples": digest_file(source.folder / "manifest.json"),
            "config": config.to_dict(),
            "module": request.module,
            "start_from": digest_tree(request.start_from) if request.start_from else "",
            "code": code_digest(("formats", "models", "storage", "train")),
        }
    )[:16]


def _training_json(trials: Candidates, best: TrainedModel) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": best.family,
        "config": best.config.to_dict(),
        "seed": best.config.seed,
        "best_epoch": best.history["best_epoch"] if best.history else None,
        "eval_loss": best.eval_loss,
        "baseline": {
            "kind": "LightGBM",
            "trees": trials.boosting.parameters,
            "eval_loss": trials.boosting.eval_loss,
        },
        "versions": {name: version(name) for name in VERSIONS},
    }


def _candidate_json(item: TrainedModel, best: TrainedModel) -> dict[str, Any]:
    return {
        "model": item.family,
        "config": item.config.to_dict(),
        "eval_loss": item.eval_loss,
        "parameters": item.parameters,
        "best_epoch": item.history["best_epoch"] if item.history else None,
        "shares": list(item.blend_weights),
        "chosen": item is best,
    }
