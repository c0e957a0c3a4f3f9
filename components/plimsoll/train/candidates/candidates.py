"""Trains the candidate models, one after the other, and finds the best on eval."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.examples import Examples
from plimsoll.models.blend import FAMILY as BLEND
from plimsoll.models.blend import Member, blended, save_blend
from plimsoll.models.boosting import save_boosting
from plimsoll.models.model import NetworkModel
from plimsoll.storage.files import read_json
from plimsoll.train.candidates.auto import auto_candidates
from plimsoll.train.candidates.blending import blend_weights, loss_of
from plimsoll.train.candidates.boosting import fit_boosting
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.train.launch.launcher import launch
from plimsoll.train.network import warm_start

HELD_OUT_SPLITS = ("eval", "test")
BOOSTING = "boosting"
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What a training is given besides its config."""

    module: str = ""
    """Source of the user's own network, or where to import it from."""
    launcher: str = "local"
    """Who runs the processes: ``local`` or ``trainjob``."""
    launcher_config: LauncherConfig = field(default_factory=LauncherConfig)
    """Settings of the launcher."""
    checkpoints: Path | None = None
    """A folder that outlives this step; None: no checkpoints are taken."""
    start_from: Path | None = None
    """A pushed model to go on from."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """The record of where that model was read."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that was trained."""

    family: str
    """``tabm``, ``boosting``, ``blend`` and so on."""
    config: TrainConfig
    """Nothing left open; of a blend: what was requested."""
    folder: Path
    """Its files."""
    predictions: Mapping[str, NDArray[np.float64]]
    """Split -> probabilities (rows, classes), or values (rows,)."""
    eval_loss: float
    """Log loss, or root mean squared error in the label's unit."""
    parameters: int
    """Weights that were learnt; trees a class, for boosting."""
    history: Mapping[str, Any] | None = None
    """A network's: ``epochs``, ``best_epoch``, ``planned_epochs``."""
    blend_weights: tuple[float, ...] = ()
    """A blend's: what each of the models before it weighs."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """All that was tried."""

    trained: tuple[TrainedModel, ...]
    """In the order in which they were trained; boosting is always the first."""
    left_out: tuple[str, ...] = ()
    """Families that the time budget did not allow."""

    @property
    def boosting(self) -> TrainedModel:
        """What the others are compared with."""
        return self.trained[0]

    def best(self, model: str) -> TrainedModel:
        """Returns the model of a family; ``auto``: the blend, or the best on eval alone."""
        wanted = BLEND if model == AUTO else model
        fitting = [item for item in self.trained if item.family == wanted] or list(self.trained)
        return min(fitting, key=lambda item: item.eval_loss)


@dataclass(frozen=True, kw_only=True)
class WorkFolders:
    """Where a training may write."""

    scratch: Path
    """Of the models' files."""
    logs: Path
    """Of progress: here, or below it where several models are tried."""
    checkpoints: Path | None
    """Of checkpoints; None: none are taken."""

    def for_candidate(self, name: str, *, alone: bool) -> WorkFolders:
        """Returns where one of the trainings may write."""
        return WorkFolders(
            scratch=self.scratch / name,
            logs=self.logs if alone else self.logs / name,
            checkpoints=self.checkpoints / name if self.checkpoints else None,
        )


def resolved_config(source: Examples, config: TrainConfig, request: TrainRequest) -> TrainConfig:
    """Returns a config whose model is the one that a network of one's own, or to go on from, means.

    Raises:
        DataError: if the examples are not those of the model to go on from.
        ConfigError: if the config asks for another network than that.
    """
    if request.module and config.model == AUTO:
        config = replace(config, model="module")
    if request.start_from:
        warm_start.check_columns(source, request.start_from)
        config = warm_start.config_from_model(config, request.start_from)
    return config


def train_candidates(
    source: Examples,
    config: TrainConfig,
    request: TrainRequest,
    folders: WorkFolders,
    say: Callable[[str], None],
) -> Candidates:
    """Trains boosting and the models that a config asks for, and blends them for ``auto``.

    The config is one that ``resolved_config`` returned.

    Raises:
        DataError: if a split is empty or cannot be learnt from.
        ConfigError: if a training diverges, or the config does not fit the data.
    """
    started = time.monotonic()
    baseline = replace(config, model=BOOSTING)
    trained = [_train_boosting(source, baseline, folders.scratch / "baseline", say)]
    configs = auto_candidates(source, config) if config.model == AUTO else (config,)
    planned = [item for item in configs if item != baseline]
    left_out = []
    for number, item in enumerate(planned):
        spent = time.monotonic() - started
        if number and config.time_budget and spent > config.time_budget:
            left_out.append(item.model)
            say(f"{item.model}: left out, the time budget is spent ({spent:.0f} s)")
            continue
        own = folders.for_candidate(f"{number}-{item.model}", alone=len(planned) == 1)
        if item.model == BOOSTING:
            trained.append(_train_boosting(source, item, own.scratch, say))
        else:
            trained.append(_train_network(source, item, request, own))
    if config.model == AUTO:
        trained += _blend_of(source, config, trained, folders.scratch / BLEND)
    return Candidates(trained=tuple(trained), left_out=tuple(left_out))


def _train_network(
    source: Examples, config: TrainConfig, request: TrainRequest, folders: WorkFolders
) -> TrainedModel:
    job = Job(
        examples=source.folder,
        out=folders.scratch,
        config=config.for_rows(source.rows["train"]),
        logs=folders.logs,
        checkpoints=folders.checkpoints,
        start_from=request.start_from,
        module=request.module if config.model == "module" else "",
    )
    launch(job, request.launcher, request.launcher_config)
    model = NetworkModel(job.out)
    predictions = {split: model.predict(source.batch(split)) for split in HELD_OUT_SPLITS}
    return TrainedModel(
        family=config.model,
        config=job.config,
        folder=job.out,
        predictions=predictions,
        eval_loss=loss_of(source.task, source.label("eval"), predictions["eval"]),
        parameters=sum(value.numel() for value in model.network.parameters()),
        history=read_json(job.out / "history.json"),
    )


def _train_boosting(
    source: Examples, config: TrainConfig, folder: Path, say: Callable[[str], None]
) -> TrainedModel:
    started = time.monotonic()
    config = config.for_rows(source.rows["train"])
    fit = fit_boosting(source, config, HELD_OUT_SPLITS)
    folder.mkdir(parents=True)
    save_boosting(folder, fit.model)
    say(f"boosting: {fit.trees} trees ({time.monotonic() - started:.1f} s)")
    return TrainedModel(
        family=BOOSTING,
        config=config,
        folder=folder,
        predictions=fit.predictions,
        eval_loss=loss_of(source.task, source.label("eval"), fit.predictions["eval"]),
        parameters=fit.trees,
    )


def _blend_of(
    source: Examples, config: TrainConfig, trained: Sequence[TrainedModel], folder: Path
) -> list[TrainedModel]:
    """Returns the blend of what was trained, or nothing if one model is as good alone."""
    label = source.label("eval")
    shares = blend_weights(source.task, label, [item.predictions["eval"] for item in trained])
    members = [(item, share) for item, share in zip(trained, shares, strict=True) if share]
    if len(members) < 2:
        return []
    save_blend(folder, [Member(folder=item.folder, weight=share) for item, share in members])
    weights = [share for _, share in members]
    predictions = {
        split: blended([item.predictions[split] for item, _ in members], weights)
        for split in HELD_OUT_SPLITS
    }
    return [
        TrainedModel(
            family=BLEND,
            config=config,
            folder=folder,
            predictions=predictions,
            eval_loss=loss_of(source.task, label, predictions["eval"]),
            parameters=sum(item.parameters for item, _ in members),
            blend_weights=shares,
        )
    ]
