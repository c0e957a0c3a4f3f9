"""Trains on a data set one way and prints the losses and scores on eval and test as JSON.

Arguments: the data set, or the folder of an examples artifact; the seed; the way, ``auto`` or
``tuned``; its settings as JSON: of ``auto`` a TrainConfig, of ``tuned`` ``trials`` and ``seconds``
at most of the search, ``threads``, or ``parameters`` that an earlier search found.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import quality_data
from numpy.typing import NDArray
from sklearn import metrics

from plimsoll.formats.examples import Examples, open_examples
from plimsoll.train.candidates.blending import loss_of
from plimsoll.train.candidates.candidates import TrainRequest, WorkFolders, train_candidates
from plimsoll.train.config import TrainConfig

SPLITS = ("eval", "test")
MOST_TREES = 3000
STALE_TREES = 50

Answers = Mapping[str, NDArray[np.float64]]


def main(data: str, seed: int, way: str, settings: dict[str, Any]) -> None:
    """Trains and prints what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(data)
        if data in quality_data.TABLES:
            source = Path(folder) / "examples"
            quality_data.write(data, seed, source)
        begun = time.perf_counter()
        examples = open_examples(source)
        if way == "auto":
            told = by_auto(examples, TrainConfig(model="auto", seed=seed, **settings), Path(folder))
        else:
            told = by_search(examples, seed, **settings)
        seconds = time.perf_counter() - begun
    print(json.dumps({"rows": examples.rows["train"], "seconds": seconds, **told}))


def by_auto(examples: Examples, config: TrainConfig, folder: Path) -> dict[str, Any]:
    """Trains as the component does; tells of each model, and of the one that is best on eval."""
    places = WorkFolders(scratch=folder / "models", logs=folder / "logs", checkpoints=None)
    trials = train_candidates(
        examples, config, TrainRequest(), places, lambda line: print(line, file=sys.stderr)
    )
    best = trials.best("auto")
    tried = [{"model": item.family, **told(examples, item.predictions)} for item in trials.trained]
    return {
        "chosen": best.family,
        "shares": best.blend_weights,
        "left_out": trials.left_out,
        "tried": tried,
        **told(examples, best.predictions),
    }


def by_search(
    examples: Examples,
    seed: int,
    *,
    trials: int = 30,
    seconds: float = 300.0,
    threads: int = 0,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Searches LightGBM's parameters by Optuna's TPE on eval; tells of the best."""
    import optuna

    from plimsoll.models.boosting import lightgbm

    library = lightgbm()
    matrices = {split: _matrix(examples, split) for split in ("train", *SPLITS)}
    label = {split: np.asarray(examples.label(split)) for split in ("train", *SPLITS)}
    best: dict[str, Any] = {"loss": np.inf}

    def tried(chosen: dict[str, Any]) -> float:
        numeric = len(examples.numeric_names)
        rows = library.Dataset(
            matrices["train"],
            label["train"],
            categorical_feature=list(range(numeric, matrices["train"].shape[1])),
            params=chosen,
        )
        fitted = library.train(
            {**chosen, **_objective(examples), "seed": seed, "num_threads": threads},
            rows,
            MOST_TREES if examples.task != "multiclass" else MOST_TREES // 5,
            valid_sets=[rows.create_valid(matrices["eval"], label["eval"])],
            callbacks=[library.early_stopping(STALE_TREES, verbose=False)],
        )
        answers = {
            split: _answer(examples.task, fitted.predict(matrices[split])) for split in SPLITS
        }
        loss = loss_of(examples.task, label["eval"], answers["eval"])
        if loss < best["loss"]:
            best.update(loss=loss, answers=answers, parameters=chosen, trees=fitted.best_iteration)
        return loss

    done = 1
    if parameters is None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        study.enqueue_trial(_DEFAULTS)
        study.optimize(lambda trial: tried(_drawn(trial)), n_trials=trials, timeout=seconds)
        done = len(study.trials)
    else:
        tried(parameters)
    return {
        "trials": done,
        "trees": best["trees"],
        "parameters": best["parameters"],
        **told(examples, best["answers"]),
    }


_DEFAULTS = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "lambda_l1": 1e-3,
    "lambda_l2": 1e-3,
    "cat_smooth": 10.0,
}


def _drawn(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 3, 300, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l1": trial.suggest_float("lambda_l1", 1e-3, 10.0, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 100.0, log=True),
    }


def _objective(examples: Examples) -> dict[str, Any]:
    told: dict[str, dict[str, Any]] = {
        "binary": {"objective": "binary", "metric": "binary_logloss"},
        "multiclass": {
            "objective": "multiclass",
            "metric": "multi_logloss",
            "num_class": len(examples.classes),
        },
        "regression": {"objective": "regression", "metric": "rmse"},
    }
    return {**told[examples.task], "bagging_freq": 1, "verbosity": -1}


def told(examples: Examples, answers: Answers) -> dict[str, float]:
    """Returns loss and score of each split: AUC, accuracy, or R squared."""
    found = {}
    for split, answer in answers.items():
        label = np.asarray(examples.label(split))
        found[f"{split}_loss"] = loss_of(examples.task, label, answer)
        if examples.task == "regression":
            score = metrics.r2_score(label, answer)
        elif examples.task == "binary":
            score = metrics.roc_auc_score(label, answer[:, 1])
        else:
            score = metrics.accuracy_score(label, answer.argmax(axis=1))
        found[f"{split}_score"] = float(score)
    return found


def _answer(task: str, answer: Any) -> NDArray[np.float64]:
    array = np.asarray(answer, np.float64)
    return np.stack([1 - array, array], axis=1) if task == "binary" else array


def _matrix(examples: Examples, split: str) -> NDArray[np.float32]:
    parts = [examples.numeric(split), examples.categorical(split).astype(np.float32)]
    return np.concatenate(parts, axis=1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
