"""Gradient boosting on the same examples: what a network has to be worth its trouble against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.examples import Examples

MOST_CATEGORIES = 255
MOST_TREES = 3000
"""Trees of all classes together, so that a hundred classes do not take an hour."""
ROWS_A_LEAF = 20


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the boosting was, and what it answers."""

    trees: int
    """Trees a class."""
    predictions: dict[str, NDArray[np.float64]]
    """Split -> probabilities (rows, classes), or values (rows,) for regression."""


def boost(examples: Examples, *, trees: int, seed: int, splits: tuple[str, ...]) -> Baseline:
    """Fits scikit-learn's histogram gradient boosting and answers splits.

    Categories are split as such up to 255 of them, as plain numbers past that.

    Args:
        examples: The transformed rows.
        trees: Trees a class; fewer if there are very many classes.
        seed: Seed of the fit.
        splits: What to answer.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    label = np.array(examples.label("train"))
    outputs = len(examples.classes) if examples.task == "multiclass" else 1
    trees = max(1, min(trees, MOST_TREES // outputs))
    numeric = len(examples.numeric_names)
    knobs: dict[str, Any] = {
        "max_iter": trees,
        "early_stopping": False,
        "random_state": seed,
        # The usual twenty rows a leaf would leave a small table without a single split.
        "min_samples_leaf": min(ROWS_A_LEAF, max(1, len(label) // ROWS_A_LEAF)),
        "categorical_features": [
            numeric + place
            for place, item in enumerate(examples.categorical_outputs)
            if item.size <= MOST_CATEGORIES
        ],
    }
    columns = _columns(examples, "train")
    if examples.task == "regression":
        model = HistGradientBoostingRegressor(**knobs).fit(columns, label.astype(np.float64))
        answers = {split: model.predict(_columns(examples, split)) for split in splits}
        return Baseline(trees=trees, predictions=answers)
    model = HistGradientBoostingClassifier(**knobs).fit(columns, label)
    answers = {}
    for split in splits:
        # A class that the training split lacks has no column in what is answered.
        answers[split] = np.zeros((examples.rows[split], len(examples.classes)))
        answers[split][:, model.classes_] = model.predict_proba(_columns(examples, split))
    return Baseline(trees=trees, predictions=answers)


def _columns(examples: Examples, split: str) -> NDArray[np.float32]:
    parts = [examples.numeric(split), examples.categorical(split).astype(np.float32)]
    return np.concatenate(parts, axis=1)
