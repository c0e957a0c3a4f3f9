"""The request of a search, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError
from plimsoll.models.user_module import source_of
from plimsoll.train import config as train_configs
from plimsoll.tune import config as configs
from plimsoll.tune import space as spaces
from plimsoll.tune.config import TuneConfig
from plimsoll.tune.search import FinishedTrial
from plimsoll.tune.space import Space


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """What is searched, and how."""

    space: Space
    config: TuneConfig
    module: str = ""
    """Source of the user's own network."""
    storage: str = ""
    """Folder in which the search is kept; empty: where the engine says, or nowhere."""

    @classmethod
    def read(
        cls, space: str, config: str, train_config: str, module: str, storage: str
    ) -> TuneRequest:
        """Reads what the component is given.

        Raises:
            ConfigError: if a part of it does not hold.
        """
        read = spaces.read(space, train_configs.parse(train_config))
        source = source_of(module) if module else ""
        request = cls(space=read, config=configs.parse(config), module=source, storage=storage)
        models = [
            parameter.choices for parameter in read.hyperparameters if parameter.name == "model"
        ] or [(read.base.model,)]
        if "module" in models[0] and not module:
            raise ConfigError("tune: the model is module, and no module is given")
        if "://" in storage:
            raise ConfigError(
                "tune: storage must be a folder",
                cause=f"it is {storage.partition('://')[0]}://...",
                hint="mount it, or leave it out: the engine has a place for it",
            )
        return request


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """What a search came to."""

    trials: tuple[FinishedTrial, ...]
    """By number."""
    chosen: FinishedTrial
    best: str
    """The chosen trial's TrainConfig, whole, as JSON."""
    importances: dict[str, float]
    """Hyperparameter -> its share in how far the losses lie apart; empty: too few trials to say."""
    resumed: int
    """Trials that had ended before this start."""
    task: str

    def counts(self) -> dict[str, int]:
        """Returns how many trials came to which end."""
        states = [item.state for item in self.trials]
        return {name: states.count(name) for name in ("complete", "pruned", "failed")}

    def notes(self) -> list[str]:
        """Says what was found, in short sentences."""
        counts = self.counts()
        also = ", ".join(f"{counts[name]} {name}" for name in ("pruned", "failed") if counts[name])
        loss = "RMSE" if self.task == "regression" else "log loss"
        notes = [
            f"{len(self.trials)} trials" + (f" ({also})" if also else ""),
            f"best eval {loss} {self.chosen.eval_loss:.4g}, trial {self.chosen.number}",
        ]
        if self.importances:
            first = max(self.importances, key=lambda name: self.importances[name])
            notes.append(f"{first} mattered most")
        return notes

    def metadata(self) -> dict[str, Any]:
        """Returns the study artifact's metadata: ``notes``, and numbers to find it by."""
        return {
            "notes": self.notes(),
            "trials": len(self.trials),
            **self.counts(),
            "eval_loss": self.chosen.eval_loss,
        }
