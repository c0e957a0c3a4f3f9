"""The search itself: draws trials, hears how they go, and keeps what came of them."""

from __future__ import annotations

import hashlib
import math
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from plimsoll.train.config import TrainConfig
from plimsoll.tune.config import FIRST_TRIALS, MARKS, TuneConfig, rising_marks
from plimsoll.tune.journal import open_journal, open_study
from plimsoll.tune.space import Knob, Space, value_of
from plimsoll.tune.workers import Outcome

SPENT = "seconds"
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_STATES = {name: state for state, name in STATES.items()}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A trial to be run."""

    number: int
    """From 0."""
    values: Mapping[str, Any]
    """Knob -> what was drawn."""
    config: TrainConfig
    trial: optuna.Trial


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A trial that has ended."""

    number: int
    state: str
    """``complete``, ``pruned`` or ``failed``."""
    values: Mapping[str, Any]
    """Knob -> what was drawn."""
    eval_loss: float | None
    """Complete: of the weights that were kept; pruned: where it was stopped."""
    losses: Mapping[int, float]
    """Mark on the way, from 1 -> loss on eval."""
    epochs: int
    best: int
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the trial as JSON values."""
        return {
            "number": self.number,
            "state": self.state,
            "eval_loss": self.eval_loss,
            "values": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.values.items()
            },
            "epochs": self.epochs,
            "best_epoch": self.best,
            "why": self.why,
        }


class Search:
    """A search that is kept in a folder; all its methods may be called from several threads.

    Args:
        folder: Where it is kept, held by this process.
        space: What is searched.
        config: How.
    """

    def __init__(self, folder: Path, space: Space, config: TuneConfig) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._config = config
        self._lock = threading.RLock()
        self._began = time.monotonic()
        self._journal = open_journal(folder)
        pruner = _pruner(space, config)
        self.study = open_study(folder, self._journal, _sampler(config, 0), pruner)
        self._before = float(self.study.user_attrs.get(SPENT, 0.0))
        trials = self.study.get_trials(deepcopy=False)
        self._broken = [item for item in trials if item.state == TrialState.RUNNING]
        self.resumed = len([item for item in trials if item.state.is_finished()])
        if not trials and (first := _base_values(space)):
            self.study.enqueue_trial(first)

    def next(self) -> Drawn | None:
        """Draws a trial, or takes up one that a kill broke off; None: the budget is spent."""
        with self._lock:
            if self._broken:
                broken = self._broken.pop(0)
                self.study.sampler = _sampler(self._config, broken.number)
                return self._drawn(optuna.Trial(self.study, broken._trial_id))
            begun = [
                item
                for item in self.study.get_trials(deepcopy=False)
                if item.state != TrialState.WAITING
            ]
            if self.stopped() or 0 < self._config.trials <= len(begun):
                return None
            # Seeded for each trial: a search that was killed goes on as if it had not been.
            self.study.sampler = _sampler(self._config, len(begun))
            with self._journal.together():
                return self._drawn(self.study.ask())

    def report(self, drawn: Drawn, mark: int, loss: float) -> bool:
        """Takes a trial's loss on its way; says if it is worth going on with."""
        with self._lock:
            if mark not in self._losses(drawn):
                drawn.trial.report(loss, mark)
            return not drawn.trial.should_prune()

    def finish(self, drawn: Drawn, outcome: Outcome) -> Finished:
        """Keeps what came of a trial."""
        with self._lock:
            with self._journal.together():
                for name in ("epochs", "best", "why"):
                    drawn.trial.set_user_attr(name, getattr(outcome, name))
                state = _STATES[outcome.state]
                self.study.tell(drawn.trial, outcome.eval_loss, state=state)
                self.study.set_user_attr(SPENT, self._spent())
            return next(item for item in self.finished() if item.number == drawn.number)

    def known(self, drawn: Drawn) -> Outcome | None:
        """Returns what came of a trial that was whole and had the very same values, if any."""
        with self._lock:
            for item in self.finished():
                if item.state == "complete" and dict(item.values) == dict(drawn.values):
                    said = f"the same as trial {item.number}"
                    return Outcome(
                        state="complete",
                        eval_loss=item.eval_loss,
                        epochs=item.epochs,
                        best=item.best,
                        why=said,
                    )
        return None

    def stopped(self) -> str:
        """Says why no trial may go on, once one was whole and the seconds are spent."""
        seconds = self._config.seconds
        if not seconds or self._spent() < seconds:
            return ""
        with self._lock:
            whole = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return f"stopped: the {seconds:g} seconds of the search were spent" if whole else ""

    def finished(self) -> list[Finished]:
        """Returns the trials that have ended, by number."""
        with self._lock:
            trials = self.study.get_trials(deepcopy=False, states=tuple(STATES))
        return [_finished(item) for item in trials]

    def best(self) -> Finished | None:
        """Returns the whole trial with the lowest loss, the first of equals; None: none is."""
        whole = [item for item in self.finished() if item.state == "complete"]
        return min(whole, key=lambda item: (item.eval_loss, item.number), default=None)

    def importances(self) -> dict[str, float]:
        """Returns each knob's share in how far the losses lie apart, the greatest first."""
        whole = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({item.value for item in whole}) < FIRST_TRIALS:
            return {}
        with warnings.catch_warnings():
            # Few trials of a model say little of its own knobs: so does the report.
            warnings.simplefilter("ignore")
            found = optuna.importance.get_param_importances(self.study)
        return {name: float(share) for name, share in found.items() if math.isfinite(share)}

    def _spent(self) -> float:
        return self._before + time.monotonic() - self._began

    def _losses(self, drawn: Drawn) -> Mapping[int, float]:
        trials = self.study.get_trials(deepcopy=False)
        told: Mapping[int, float] = trials[drawn.number].intermediate_values
        return told

    def _drawn(self, trial: optuna.Trial) -> Drawn:
        values: dict[str, Any] = {}
        for knob in self._space.applying(values):
            values[knob.name] = _draw(trial, knob)
        return Drawn(
            number=trial.number, values=values, config=self._space.config(values), trial=trial
        )


def _draw(trial: optuna.Trial, knob: Knob) -> Any:
    if knob.choices:
        return _choice(knob, trial.suggest_categorical(knob.name, knob.texts()))
    if knob.whole:
        low, high, step = int(knob.low), int(knob.high), int(knob.step) or 1
        return trial.suggest_int(knob.name, low, high, step=step, log=knob.log)
    return trial.suggest_float(knob.name, knob.low, knob.high, step=knob.step or None, log=knob.log)


def _choice(knob: Knob, text: Any) -> Any:
    return knob.choices[knob.texts().index(str(text))]


def _finished(item: FrozenTrial) -> Finished:
    told = item.user_attrs
    values = {
        name: value_of(name, value) if isinstance(value, str) else value
        for name, value in item.params.items()
    }
    return Finished(
        number=item.number,
        state=STATES[item.state],
        values={n: tuple(v) if isinstance(v, list) else v for n, v in values.items()},
        eval_loss=item.value,
        losses=dict(item.intermediate_values),
        epochs=int(told.get("epochs", 0)),
        best=int(told.get("best", 0)),
        why=str(told.get("why", "")),
    )


def _base_values(space: Space) -> dict[str, Any]:
    """Returns what the base config says of each knob, as it is drawn; empty if it lies outside."""
    found: dict[str, Any] = {}
    for knob in space.knobs:
        value = getattr(space.base, knob.name)
        if knob.choices:
            inside = value in knob.choices
        else:
            off = (value - knob.low) % knob.step if knob.step else 0
            inside = knob.low <= value <= knob.high and min(off, knob.step - off) < 1e-9
        if not inside:
            return {}
        found[knob.name] = knob.texts()[knob.choices.index(value)] if knob.choices else value
    return found


def _sampler(config: TuneConfig, number: int) -> optuna.samplers.BaseSampler:
    text = f"{config.seed}/{number}".encode()
    seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # Knobs that depend on the model are learnt in groups; that may change, says Optuna.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=config.random_trials,
            multivariate=True,
            group=True,
            # Trials that run beside this one count as bad, so that it is drawn elsewhere.
            constant_liar=config.workers != 1,
        )


def _pruner(space: Space, config: TuneConfig) -> optuna.pruners.BasePruner:
    rising = rising_marks(space.base.warm_up)
    if config.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=rising)
    if config.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=rising, max_resource=MARKS)
    return optuna.pruners.NopPruner()
