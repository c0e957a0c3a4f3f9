"""One trial: a training with some hyperparameters drawn, judged by its loss on eval.

Here, as a process of Katib's, it takes the hyperparameters as flags and prints what came of them::

    python -m plimsoll.tune.trial --examples FOLDER --set learning_rate=0.003 --set model=mlp
"""

import argparse
import dataclasses
import datetime
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import PlimsollError, UsageError
from plimsoll.formats.examples import Examples, open_examples
from plimsoll.models.user_module import source_of
from plimsoll.train import config as configs
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.telemetry.events import EpochFinished, Event, Started
from plimsoll.tune import space as spaces
from plimsoll.tune.config import METRIC, REPORTS

Reporter = Callable[[int, float], None]
"""Takes a step from 1 to ``REPORTS``, and the loss on eval there; raises to end the trial."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What a whole trial came to."""

    eval_loss: float
    """Log loss, or root mean squared error in the label's unit, of the eval split."""
    epochs: int
    """Passes over the training split; boosting: trees a class."""
    best: int
    """The epoch, or the tree, that was kept."""


@dataclass(kw_only=True)
class ProgressReporter:
    """Listens to a training, and reports its loss at ``REPORTS`` points of its way."""

    report: Reporter
    unit: float
    """Regression: standard deviation of the label in the training split; else 1."""
    regression: bool
    epochs: int = 0
    reported: int = 0

    def on_event(self, event: Event) -> None:
        """Takes an event; what ``report`` raises ends the training."""
        if isinstance(event, Started):
            self.epochs = event.epochs
        if not isinstance(event, EpochFinished) or not self.epochs:
            return
        due = REPORTS * event.number // self.epochs
        loss = event.eval_loss**0.5 * self.unit if self.regression else event.eval_loss
        for step in range(self.reported + 1, due + 1):
            self.report(step, loss)
        self.reported = max(self.reported, due)


def run(job: Job, report: Reporter) -> TrialResult:
    """Trains what a job says, and looks at eval; the test split is not read.

    Args:
        job: The training; its ``model`` is one family.
        report: Takes the loss on its way; boosting has none.

    Raises:
        PlimsollError: if it cannot be trained.
    """
    source = open_examples(job.examples)
    config = job.config.for_rows(source.rows["train"])
    if config.model == "boosting":
        return _train_boosting(source, config)
    return _train_network(source, dataclasses.replace(job, config=config), report)


def _train_boosting(source: Examples, config: TrainConfig) -> TrialResult:
    from plimsoll.train.candidates.boosting import fit_boosting

    fit = fit_boosting(source, config, ("eval",))
    loss = _loss(source, fit.predictions["eval"])
    return TrialResult(eval_loss=loss, epochs=fit.trees, best=fit.trees)


def _train_network(source: Examples, job: Job, report: Reporter) -> TrialResult:
    from plimsoll.models.model import open_model
    from plimsoll.train.loop import loop

    regression = source.task == "regression"
    unit = float(np.std(source.label("train"), dtype=np.float64)) or 1.0 if regression else 1.0
    history = loop.run(job, (ProgressReporter(report=report, unit=unit, regression=regression),))
    predictions = open_model(job.out).predict(source.batch("eval"))
    return TrialResult(
        eval_loss=_loss(source, predictions), epochs=len(history.epochs), best=int(history.best)
    )


def _loss(source: Examples, predictions: NDArray[np.float64]) -> float:
    from plimsoll.train.candidates.blending import loss_of

    loss = loss_of(source.task, source.label("eval"), predictions)
    if not np.isfinite(loss):
        raise PlimsollError("the loss on eval is not a number", cause=f"it is {loss}")
    return loss


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one trial from flags; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(argv)
    try:
        config = _config(options.config, options.set)
        with tempfile.TemporaryDirectory(prefix="trial-") as folder:
            job = Job(
                examples=_local(options.examples, Path(folder) / "examples"),
                out=Path(folder) / "model",
                config=config,
                module=source_of(options.module) if options.module else "",
            )
            result = run(job, lambda _, loss: _print(METRIC, loss))
    except PlimsollError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - a command's answer
        return error.exit_code
    _print("best_epoch", result.best)
    # The last line is the one that counts: the loss of the weights that were kept.
    _print(METRIC, result.eval_loss)
    return 0


def _config(text: str, settings: Sequence[str]) -> TrainConfig:
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes name=value, not {setting!r}", hint="--set learning_rate=0.003"
            )
        values[name] = spaces.value_of(name, value)
    return dataclasses.replace(configs.parse(text), **values)


def _local(examples: str, folder: Path) -> Path:
    if not examples.startswith("gs://"):
        return Path(examples)
    from plimsoll.storage.gcs import fetch_folder

    fetch_folder(examples, folder)
    return folder


def _print(name: str, value: float) -> None:
    # Katib orders what a trial reports by the time that stands before it.
    now = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    print(f"{now} {name}={json.dumps(value)}", flush=True)  # noqa: T201 - read by Katib


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m plimsoll.tune.trial",
        description="Trains one trial of a search, and prints its loss on eval.",
    )
    parser.add_argument("--examples", required=True, help="examples artifact: folder or gs://...")
    parser.add_argument("--config", default="{}", help="TrainConfig as JSON: what is not searched")
    parser.add_argument("--module", default="", help="package.module:function of your own network")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a knob that was drawn"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
