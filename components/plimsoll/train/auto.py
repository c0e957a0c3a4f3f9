"""Which models ``auto`` tries, and in which order, by the number of rows and columns.

Every candidate keeps what the config sets: only fields that are left at their defaults are chosen.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from plimsoll.artifacts.examples import Examples
from plimsoll.train.config import TrainConfig

SMALL = 5_000
"""Training rows up to which a training takes seconds, so that more of them are tried."""
WIDE = 200
"""Columns from which a network's bins are fewer, so that a step does not take many times longer."""


def candidates(examples: Examples, config: TrainConfig) -> tuple[TrainConfig, ...]:
    """Returns what to train, what is likeliest to win in little time first.

    Args:
        examples: The transformed rows.
        config: The knobs, with ``model`` ``auto``.
    """
    rows, columns = examples.rows["train"], len(examples.numeric_names)
    tried = _of_few_rows(columns) if rows <= SMALL else _of_many_rows()
    return tuple(_chosen(config, settings) for settings in tried)


def _of_few_rows(columns: int) -> tuple[dict[str, Any], ...]:
    plain = {"numbers": "plain", "hidden": (256, 256), "dropout": 0.2, "members": 8}
    return (
        {"model": "boosting"},
        {"model": "tabm", **plain},
        {"model": "linear", "numbers": "plain"},
        {"model": "mlp", **plain},
        {"model": "boosting", "leaves": 7},
        *(
            ({"model": "tabm", "hidden": (256, 256), "dropout": 0.2, "members": 8},)
            if columns < WIDE
            else ()
        ),
    )


def _of_many_rows() -> tuple[dict[str, Any], ...]:
    return (
        {"model": "boosting"},
        {"model": "tabm", "hidden": (256, 256), "dropout": 0.2, "members": 8},
        {"model": "mlp"},
    )


_DEFAULT = TrainConfig()


def _chosen(config: TrainConfig, settings: dict[str, Any]) -> TrainConfig:
    left_open = {
        name: value
        for name, value in settings.items()
        if name == "model" or getattr(config, name) == getattr(_DEFAULT, name)
    }
    return dataclasses.replace(config, **left_open)
