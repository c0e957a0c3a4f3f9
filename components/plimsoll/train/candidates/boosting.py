"""Gradient boosting on the examples: a model of its own, and what a network is measured against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.formats.examples import Examples
from plimsoll.models import boosting, trees
from plimsoll.train.config import TrainConfig
from plimsoll.train.data.trainable import check_trainable

MOST_NATIVE = 1024
"""Indices that a categorical output may take and still be split as sets of them, not as numbers."""
MOST_FREQUENT = 64
"""Indices of an output of several that get a column of 0 and 1."""
MOST_TREES = 3000
"""Trees of all classes together, so that a hundred classes do not take an hour."""
STALE_TREES = 50
"""Trees without a lower eval loss after which to stop."""
ROWS_A_LEAF = 20
ROWS_A_SET = 100
"""Rows of a category below which it is not split off by a set."""
FASTEST, SLOWEST, PATH = 0.3, 0.05, 5.0
"""The learning rate is so that all trees together go this far, between these bounds."""
_OBJECTIVES = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "rmse"),
}


@dataclass(frozen=True, kw_only=True)
class BoostingFit:
    """Gradient boosting that was fitted."""

    model: boosting.BoostingModel
    trees: int
    """Trees a class that are kept."""
    planned: int
    """Trees a class that were allowed."""
    losses: Mapping[str, tuple[float, ...]]
    """``train`` and ``eval`` -> loss after each tree, those that are not kept included: log loss,
    or root mean squared error in the label's unit."""
    predictions: Mapping[str, NDArray[np.float64]]
    """Split -> probabilities (rows, classes), or values (rows,) for regression."""


def fit_boosting(examples: Examples, config: TrainConfig, splits: tuple[str, ...]) -> BoostingFit:
    """Fits LightGBM, stops early on eval, and answers splits as the saved trees do.

    The same examples and config give the same trees, on any number of threads.

    Args:
        examples: The transformed rows.
        config: Of it count ``trees``, ``tree_rate``, ``leaves``, ``leaf_rows``, ``tree_columns``,
            ``class_weights``, ``seed``.
        splits: What to answer.

    Raises:
        DataError: if the train split cannot be learnt from, or the eval split has no rows.
        EnvironmentBuildError: if LightGBM is not there.
    """
    from plimsoll.train.distributed.devices import usable_processors

    check_trainable(examples)
    if not examples.rows["eval"]:
        raise DataError(
            "the eval split has no rows", hint="split otherwise: see split: in problem.yaml"
        )
    threads = config.threads or usable_processors()
    a_round = len(examples.classes) if examples.task == "multiclass" else 1
    planned = max(1, min(config.trees, MOST_TREES // a_round))
    inputs = _columns(examples, planned)
    booster, losses = _fitted(examples, config, inputs, threads)
    text = trees.without_parameters(booster.model_to_string(num_iteration=booster.best_iteration))
    kept = _columns(examples, booster.best_iteration)
    model = boosting.BoostingModel(kept, text, threads=threads)
    return BoostingFit(
        model=model,
        trees=kept.trees,
        planned=planned,
        losses=losses,
        predictions={split: model.predict(examples.batch(split)) for split in splits},
    )


def _fitted(
    examples: Examples, config: TrainConfig, inputs: boosting.BoostingConfig, threads: int
) -> tuple[Any, dict[str, tuple[float, ...]]]:
    library = boosting.lightgbm()
    parameters = _parameters(examples, config, inputs, threads)
    train = library.Dataset(
        inputs.matrix(examples.batch("train")),
        _label(examples, "train"),
        weight=_weights(examples, config, "train"),
        categorical_feature=_native(inputs),
        params=parameters,
    )
    held_out = train.create_valid(
        inputs.matrix(examples.batch("eval")),
        _label(examples, "eval"),
        weight=_weights(examples, config, "eval"),
    )
    losses_by_metric: dict[str, dict[str, list[float]]] = {}
    booster = library.train(
        parameters,
        train,
        inputs.trees,
        valid_sets=[train, held_out],
        valid_names=["train", "eval"],
        callbacks=[
            library.record_evaluation(losses_by_metric),
            library.early_stopping(STALE_TREES, verbose=False),
        ],
    )
    metric = _OBJECTIVES[examples.task][1]
    return booster, {split: tuple(values[metric]) for split, values in losses_by_metric.items()}


def _parameters(
    examples: Examples, config: TrainConfig, inputs: boosting.BoostingConfig, threads: int
) -> dict[str, Any]:
    objective, metric = _OBJECTIVES[examples.task]
    # The usual rows a leaf would leave a small table without a single split.
    share = max(1, examples.rows["train"] // ROWS_A_LEAF)
    return {
        "objective": objective,
        "metric": metric,
        "learning_rate": config.tree_rate or min(FASTEST, max(SLOWEST, PATH / inputs.trees)),
        "num_leaves": config.leaves,
        "min_data_in_leaf": min(config.leaf_rows, share),
        "feature_fraction": config.tree_columns,
        "min_data_per_group": min(ROWS_A_SET, share),
        "seed": config.seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({"num_class": inputs.outputs} if examples.task == "multiclass" else {}),
    }


def _columns(examples: Examples, count: int) -> boosting.BoostingConfig:
    outputs = examples.categorical_outputs
    starts = np.cumsum([0, *(item.width for item in outputs)])
    categorical = examples.categorical("train")
    return boosting.BoostingConfig(
        task=examples.task,
        outputs=1 if examples.task == "regression" else len(examples.classes),
        numeric=len(examples.numeric_names),
        categories=tuple(item.size for item in outputs),
        widths=tuple(item.width for item in outputs),
        frequent=tuple(
            _frequent(categorical[:, start : start + item.width], item.size)
            if item.width > 1
            else ()
            for start, item in zip(starts[:-1], outputs, strict=True)
        ),
        trees=count,
    )


def _frequent(indices: NDArray[np.int32], size: int) -> tuple[int, ...]:
    """Returns the most frequent indices that are not 0, in order; at least one."""
    counts = np.bincount(indices.ravel(), minlength=size)
    counts[0] = 0
    by_count = np.argsort(-counts, kind="stable")[:MOST_FREQUENT]
    frequent = [int(index) for index in by_count if counts[index]]
    return tuple(sorted(frequent)) or (1,)


def _native(inputs: boosting.BoostingConfig) -> list[int]:
    columns, column = [], inputs.numeric
    for size, width, frequent in zip(
        inputs.categories, inputs.widths, inputs.frequent, strict=True
    ):
        if width == 1 and size <= MOST_NATIVE:
            columns.append(column)
        column += 1 if width == 1 else len(frequent)
    return columns


def _label(examples: Examples, split: str) -> NDArray[np.float64]:
    return np.asarray(examples.label(split)).astype(np.float64)


def _weights(examples: Examples, config: TrainConfig, split: str) -> NDArray[np.float64] | None:
    if config.class_weights == "none" or examples.task == "regression":
        return None
    counts = np.bincount(examples.label("train"), minlength=len(examples.classes))
    weights = counts.sum() / (len(counts) * np.maximum(1, counts))
    return np.asarray(weights[np.asarray(examples.label(split))])
