"""Searches the knobs of a training on examples, and writes down what was found."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll import __version__
from plimsoll.artifacts.code import code_digest
from plimsoll.artifacts.examples import MANIFEST, Examples, open_examples
from plimsoll.artifacts.files import (
    canonical_json,
    digest_file,
    digest_json,
    folder_written_whole,
    write_json,
    write_text,
)
from plimsoll.artifacts.user_module import source_of
from plimsoll.errors import ConfigError, StepError
from plimsoll.train import config as train_configs
from plimsoll.tune import config as configs
from plimsoll.tune import space as spaces
from plimsoll.tune.config import TuneConfig
from plimsoll.tune.search import Finished, Search
from plimsoll.tune.space import Space

FORMAT = "plimsoll.study/1"
CHECKPOINTS = "PLIMSOLL_CHECKPOINTS"
FOLDER_PREFIX = "tune-"
MOST_REASONS = 3


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a search is asked for."""

    space: Space
    config: TuneConfig
    module: str = ""
    """Source of the user's own network."""
    storage: str = ""
    """Folder in which the search is kept; empty: where the engine says, or nowhere."""

    @classmethod
    def read(cls, space: str, config: str, train_config: str, module: str, storage: str) -> Asked:
        """Reads what the component is given.

        Raises:
            ConfigError: if a part of it does not hold.
        """
        read = spaces.read(space, train_configs.parse(train_config))
        source = source_of(module) if module else ""
        asked = cls(space=read, config=configs.parse(config), module=source, storage=storage)
        models = [knob.choices for knob in read.knobs if knob.name == "model"] or [
            (read.base.model,)
        ]
        if "module" in models[0] and not module:
            raise ConfigError("tune: the model is module, and no module is given")
        if "://" in storage:
            raise ConfigError(
                "tune: storage must be a folder",
                cause=f"it is {storage.partition('://')[0]}://...",
                hint="mount it, or leave it out: the engine has a place for it",
            )
        return asked


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search came to."""

    trials: tuple[Finished, ...]
    """By number."""
    chosen: Finished
    best: str
    """The chosen trial's TrainConfig, whole, as JSON."""
    importances: dict[str, float]
    """Knob -> its share in how far the losses lie apart; empty: too few trials to say."""
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


def tune_examples(examples: str, study: str, report: str, asked: Asked) -> Found:
    """Searches on an examples artifact, and writes the study and the report.

    Args:
        examples: The examples artifact; of its splits train and eval are read.
        study: Where the study's folder comes to be.
        report: Where the page comes to be.
        asked: What is searched, and how.

    Raises:
        ArtifactError: if the examples are damaged.
        StepError: if no trial was whole, or another process goes on with the same search.
    """
    from plimsoll.tune import pictures

    source = open_examples(Path(examples))
    with _folder(source, asked) as folder:
        found = _searched(source, folder, asked)
    _write_study(Path(study), found, asked)
    write_text(Path(report), pictures.page(source, found, asked).html())
    return found


def fingerprint(source: Examples, asked: Asked) -> str:
    """Returns the digest of all that a trial's loss depends on, the budget left out.

    A search with a larger budget is the same search: it goes on.
    """
    config = asked.config
    return digest_json(
        {
            "format": FORMAT,
            "examples": digest_file(source.folder / MANIFEST),
            "space": asked.space.to_dict(),
            "base": asked.space.base.to_dict(),
            "search": [config.sampler, config.pruner, config.random_trials, config.seed],
            "module": asked.module,
            # What is kept for a restart is of this code; what someone keeps, of this version.
            "code": __version__ if asked.storage else code_digest(("artifacts", "train")),
        }
    )


@contextmanager
def _folder(source: Examples, asked: Asked) -> Iterator[Path]:
    """Yields the search's folder; a search that is done leaves nothing where none was asked for."""
    root = asked.storage or os.environ.get(CHECKPOINTS, "")
    if not root:
        with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as place:
            yield Path(place)
        return
    folder = Path(root) / f"{FOLDER_PREFIX}{fingerprint(source, asked)[:16]}"
    yield folder
    if not asked.storage:
        shutil.rmtree(folder)


def _searched(source: Examples, folder: Path, asked: Asked) -> Found:
    from plimsoll.tune.journal import JOURNAL, held
    from plimsoll.tune.running import Running

    with held(folder):
        search = Search(folder, asked.space, asked.config)
        Running(search=search, source=source, folder=folder, asked=asked).run()
        trials, chosen = search.finished(), search.best()
        if chosen is None:
            # Nothing was found that were worth keeping, and the next start may do better.
            (folder / JOURNAL).unlink()
            raise _none_whole(trials)
        return Found(
            trials=tuple(trials),
            chosen=chosen,
            best=canonical_json(asked.space.config(chosen.values).to_dict()),
            importances=search.importances(),
            resumed=search.resumed,
            task=source.task,
        )


def _none_whole(trials: list[Finished]) -> StepError:
    reasons = list(dict.fromkeys(item.why for item in trials if item.why))
    return StepError(
        f"none of {len(trials)} trials came to its end",
        cause="\n".join(reasons[:MOST_REASONS]) or "all were pruned",
        hint="train once with train_config as it is: train says the same, sooner",
    )


def _write_study(folder: Path, found: Found, asked: Asked) -> None:
    lines = [json.dumps(item.to_dict(), sort_keys=True) for item in found.trials]
    with folder_written_whole(folder) as aside:
        write_text(aside / "trials.jsonl", "".join(f"{line}\n" for line in lines))
        write_json(aside / "best.json", json.loads(found.best))
        write_json(
            aside / "study.json",
            {
                "format": FORMAT,
                "space": asked.space.to_dict(),
                "config": dataclasses.asdict(asked.config),
                "train_config": asked.space.base.to_dict(),
                "best": found.chosen.to_dict(),
                "counts": found.counts(),
                "importances": found.importances,
            },
        )
