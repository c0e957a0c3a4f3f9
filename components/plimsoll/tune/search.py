"""The search itself: samples trials, takes their losses, and keeps their outcomes."""

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
from plimsoll.tune.config import FIRST_TRIALS, REPORTS, TuneConfig, warm_up_reports
from plimsoll.tune.journal import open_journal, open_study
from plimsoll.tune.space import Hyperparameter, Space, value_of
from plimsoll.tune.workers import Outcome

SPENT = "seconds"
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_STATES = {name: state for state, name in STATES.items()}


@dataclass(frozen=True, kw_only=True)
class SampledTrial:
    """A trial to be run."""

    number: int
    """From 0."""
    values: Mapping[str, Any]
    """Hyperparameter -> its value."""
    config: TrainConfig
    trial: optuna.Trial


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial that has ended."""

    number: int
    state: str
    """``complete``, ``pruned`` or ``failed``."""
    values: Mapping[str, Any]
    """Hyperparameter -> its value."""
    eval_loss: float | None
    """Complete: of the weights that were kept; pruned: where it was stopped."""
    losses: Mapping[int, float]
    """Report on the way, from 1 -> loss on eval."""
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
    """A search that is kept in a folder, which this process holds.

    All its methods may be called from several threads.
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

    def next(self) -> SampledTrial | None:
        """Draws a trial, or takes up one that a kill broke off; None: the budget is spent."""
        with self._lock:
            if self._broken:
                broken = self._broken.pop(0)
                self.study.sampler = _sampler(self._config, broken.number)
                return self._sample(optuna.Trial(self.study, broken._trial_id))
            begun = [
                item
                for item in self.study.get_trials(deepcopy=False)
                if item.state != TrialState.WAITING
            ]
            if self.stop_reason() or 0 < self._config.trials <= len(begun):
                return None
            # Seeded for each trial: a search that was killed goes on as if it had not been.
            self.study.sampler = _sampler(self._config, len(begun))
            with self._journal.together():
                return self._sample(self.study.ask())

    def report(self, sampled: SampledTrial, step: int, loss: float) -> bool:
        """Takes a trial's loss on its way; says if it is worth going on with."""
        with self._lock:
            if step not in self._losses(sampled):
                sampled.trial.report(loss, step)
            return not sampled.trial.should_prune()

    def finish(self, sampled: SampledTrial, outcome: Outcome) -> FinishedTrial:
        """Keeps what came of a trial."""
        with self._lock:
            with self._journal.together():
                for name in ("epochs", "best", "why"):
                    sampled.trial.set_user_attr(name, getattr(outcome, name))
                state = _STATES[outcome.state]
                self.study.tell(sampled.trial, outcome.eval_loss, state=state)
                self.study.set_user_attr(SPENT, self._spent())
            return next(item for item in self.finished() if item.number == sampled.number)

    def duplicate_outcome(self, sampled: SampledTrial) -> Outcome | None:
        """Returns what came of a trial that was whole and had the very same values, if any."""
        with self._lock:
            for item in self.finished():
                if item.state == "complete" and dict(item.values) == dict(sampled.values):
                    reason = f"the same as trial {item.number}"
                    return Outcome(
                        state="complete",
                        eval_loss=item.eval_loss,
                        epochs=item.epochs,
                        best=item.best,
                        why=reason,
                    )
        return None

    def stop_reason(self) -> str:
        """Says why no trial may go on, once one was whole and the seconds are spent."""
        seconds = self._config.seconds
        if not seconds or self._spent() < seconds:
            return ""
        with self._lock:
            whole = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return f"stopped: the {seconds:g} seconds of the search were spent" if whole else ""

    def finished(self) -> list[FinishedTrial]:
        """Returns the trials that have ended, by number."""
        with self._lock:
            trials = self.study.get_trials(deepcopy=False, states=tuple(STATES))
        return [_finished_trial(item) for item in trials]

    def best(self) -> FinishedTrial | None:
        """Returns the whole trial with the lowest loss, the first of equals; None: none is."""
        whole = [item for item in self.finished() if item.state == "complete"]
        return min(whole, key=lambda item: (item.eval_loss, item.number), default=None)

    def importances(self) -> dict[str, float]:
        """Returns each hyperparameter's share in the spread of the losses, the greatest first."""
        whole = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({item.value for item in whole}) < FIRST_TRIALS:
            return {}
        with warnings.catch_warnings():
            # Few trials of a model say little of its own hyperparameters: so does the report.
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(self.study)
        return {name: float(share) for name, share in shares.items() if math.isfinite(share)}

    def _spent(self) -> float:
        return self._before + time.monotonic() - self._began

    def _losses(self, sampled: SampledTrial) -> Mapping[int, float]:
        trials = self.study.get_trials(deepcopy=False)
        losses: Mapping[int, float] = trials[sampled.number].intermediate_values
        return losses

    def _sample(self, trial: optuna.Trial) -> SampledTrial:
        values: dict[str, Any] = {}
        for parameter in self._space.applying(values):
            values[parameter.name] = _suggest(trial, parameter)
        return SampledTrial(
            number=trial.number, values=values, config=self._space.config(values), trial=trial
        )


def _suggest(trial: optuna.Trial, parameter: Hyperparameter) -> Any:
    if parameter.choices:
        text = trial.suggest_categorical(parameter.name, parameter.texts())
        return parameter.choices[parameter.texts().index(str(text))]
    if parameter.whole:
        low, high, step = int(parameter.low), int(parameter.high), int(parameter.step) or 1
        return trial.suggest_int(parameter.name, low, high, step=step, log=parameter.log)
    return trial.suggest_float(
        parameter.name,
        parameter.low,
        parameter.high,
        step=parameter.step or None,
        log=parameter.log,
    )


def _finished_trial(item: FrozenTrial) -> FinishedTrial:
    attributes = item.user_attrs
    values = {
        name: value_of(name, value) if isinstance(value, str) else value
        for name, value in item.params.items()
    }
    return FinishedTrial(
        number=item.number,
        state=STATES[item.state],
        values={n: tuple(v) if isinstance(v, list) else v for n, v in values.items()},
        eval_loss=item.value,
        losses=dict(item.intermediate_values),
        epochs=int(attributes.get("epochs", 0)),
        best=int(attributes.get("best", 0)),
        why=str(attributes.get("why", "")),
    )


def _base_values(space: Space) -> dict[str, Any]:
    """Returns what the base config says of each hyperparameter; empty if it lies outside."""
    values: dict[str, Any] = {}
    for parameter in space.hyperparameters:
        value = getattr(space.base, parameter.name)
        if parameter.choices:
            inside = value in parameter.choices
        else:
            off = (value - parameter.low) % parameter.step if parameter.step else 0
            inside = (
                parameter.low <= value <= parameter.high and min(off, parameter.step - off) < 1e-9
            )
        if not inside:
            return {}
        values[parameter.name] = (
            parameter.texts()[parameter.choices.index(value)] if parameter.choices else value
        )
    return values


def _sampler(config: TuneConfig, number: int) -> optuna.samplers.BaseSampler:
    text = f"{config.seed}/{number}".encode()
    seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # What depends on the model is learnt in groups; that may change, says Optuna.
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
    rising = warm_up_reports(space.base.warm_up)
    if config.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=rising)
    if config.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=rising, max_resource=REPORTS)
    return optuna.pruners.NopPruner()
