"""Which models ``auto`` tries, and in which order, by the number of rows.

Every candidate keeps what the config sets: only fields that are left at their defaults are chosen.
"""

import dataclasses
from typing import Any

from plimsoll.formats.examples import Examples
from plimsoll.train.config import TrainConfig

LARGE = 100_000
"""Training rows from which TabM is tried on a GPU only: on processors it would take minutes, for a
place in the blend."""
SMALL = 5_000
"""Training rows up to which a training takes seconds, so that more of them are tried."""


def auto_candidates(examples: Examples, config: TrainConfig) -> tuple[TrainConfig, ...]:
    """Returns what to train, what is likeliest to win in little time first."""
    rows = examples.rows["train"]
    if rows <= SMALL:
        tried = _of_few_rows()
    elif rows <= LARGE or _has_gpu():
        tried = (*_of_many_rows(), _TABM)
    else:
        tried = _of_many_rows()
    return tuple(_with_settings(config, settings) for settings in tried)


def _of_few_rows() -> tuple[dict[str, Any], ...]:
    plain = {"numbers": "plain", "learning_rate": 1e-3}
    return (
        {"model": "boosting"},
        {"model": "tabm", "members": 8, **plain},
        {"model": "linear", **plain},
        {"model": "boosting", "leaves": 7, "tree_columns": 0.5},
        {"model": "mlp", **plain},
    )


def _of_many_rows() -> tuple[dict[str, Any], ...]:
    return (
        {"model": "boosting"},
        {"model": "mlp", "numbers": "embedded"},
        {"model": "boosting", "leaves": 15, "leaf_rows": 200, "tree_columns": 0.5},
    )


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


_TABM = {
    "model": "tabm",
    "numbers": "embedded",
    "members": 8,
    "hidden": (128, 128),
    "dropout": 0.1,
}
_DEFAULT = TrainConfig()


def _with_settings(config: TrainConfig, settings: dict[str, Any]) -> TrainConfig:
    left_open = {
        name: value
        for name, value in settings.items()
        if name == "model" or getattr(config, name) == getattr(_DEFAULT, name)
    }
    return dataclasses.replace(config, **left_open)
