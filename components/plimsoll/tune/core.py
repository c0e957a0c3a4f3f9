"""Searches the hyperparameters of a training on examples, and writes down the study."""

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll import __version__
from plimsoll.errors import StepError
from plimsoll.formats.examples import MANIFEST, Examples, open_examples
from plimsoll.storage.code_digest import code_digest
from plimsoll.storage.files import (
    canonical_json,
    digest_file,
    digest_json,
    folder_written_whole,
    write_json,
    write_text,
)
from plimsoll.tune.model import TuneRequest, TuneResult
from plimsoll.tune.search import FinishedTrial, Search

FORMAT = "plimsoll.study/1"
CHECKPOINTS = "PLIMSOLL_CHECKPOINTS"
FOLDER_PREFIX = "tune-"
MOST_REASONS = 3


def tune_examples(examples: str, study: str, report: str, request: TuneRequest) -> TuneResult:
    """Searches on an examples artifact, and writes the study and the report.

    Args:
        examples: The examples artifact; of its splits train and eval are read.
        study: Where the study's folder comes to be.
        report: Where the page comes to be.
        request: What is searched, and how.

    Raises:
        ArtifactError: if the examples are damaged.
        StepError: if no trial was whole, or another process goes on with the same search.
    """
    from plimsoll.tune import report as pictures

    source = open_examples(Path(examples))
    with _folder(source, request) as folder:
        result = _search(source, folder, request)
    _write_study(Path(study), result, request)
    write_text(Path(report), pictures.page(source, result, request).html())
    return result


def fingerprint(source: Examples, request: TuneRequest) -> str:
    """Returns the digest of all that a trial's loss depends on, the budget left out.

    A search with a larger budget is the same search: it goes on.
    """
    config = request.config
    return digest_json(
        {
            "format": FORMAT,
            "examples": digest_file(source.folder / MANIFEST),
            "space": request.space.to_dict(),
            "base": request.space.base.to_dict(),
            "search": [config.sampler, config.pruner, config.random_trials, config.seed],
            "module": request.module,
            # What is kept for a restart is of this code; what someone keeps, of this version.
            "code": __version__
            if request.storage
            else code_digest(("formats", "models", "storage", "train")),
        }
    )


@contextmanager
def _folder(source: Examples, request: TuneRequest) -> Iterator[Path]:
    """Yields the search's folder; one that is done leaves nothing where no storage is given."""
    root = request.storage or os.environ.get(CHECKPOINTS, "")
    if not root:
        with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as scratch:
            yield Path(scratch)
        return
    folder = Path(root) / f"{FOLDER_PREFIX}{fingerprint(source, request)[:16]}"
    yield folder
    if not request.storage:
        shutil.rmtree(folder)


def _search(source: Examples, folder: Path, request: TuneRequest) -> TuneResult:
    from plimsoll.tune.journal import JOURNAL, held
    from plimsoll.tune.trial_runner import TrialRunner

    with held(folder):
        search = Search(folder, request.space, request.config)
        TrialRunner(search=search, source=source, folder=folder, request=request).run()
        trials, chosen = search.finished(), search.best()
        if chosen is None:
            # There is nothing worth keeping, and the next start may do better.
            (folder / JOURNAL).unlink()
            raise _no_complete_trial(trials)
        return TuneResult(
            trials=tuple(trials),
            chosen=chosen,
            best=canonical_json(request.space.config(chosen.values).to_dict()),
            importances=search.importances(),
            resumed=search.resumed,
            task=source.task,
        )


def _no_complete_trial(trials: list[FinishedTrial]) -> StepError:
    reasons = list(dict.fromkeys(item.why for item in trials if item.why))
    return StepError(
        f"none of {len(trials)} trials came to its end",
        cause="\n".join(reasons[:MOST_REASONS]) or "all were pruned",
        hint="train once with train_config as it is: train says the same, sooner",
    )


def _write_study(folder: Path, result: TuneResult, request: TuneRequest) -> None:
    lines = [json.dumps(item.to_dict(), sort_keys=True) for item in result.trials]
    with folder_written_whole(folder) as aside:
        write_text(aside / "trials.jsonl", "".join(f"{line}\n" for line in lines))
        write_json(aside / "best.json", json.loads(result.best))
        write_json(
            aside / "study.json",
            {
                "format": FORMAT,
                "space": request.space.to_dict(),
                "config": dataclasses.asdict(request.config),
                "train_config": request.space.base.to_dict(),
                "best": result.chosen.to_dict(),
                "counts": result.counts(),
                "importances": result.importances,
            },
        )
