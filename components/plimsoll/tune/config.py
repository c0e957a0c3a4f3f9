"""The knobs of tune."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "tune config"
SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "hyperband", "none")
METRIC = "eval_loss"
"""What a search makes small, as it is printed and kept."""
MARKS = 20
"""A training's way is marked so often, whatever its epochs: trials are compared at a mark."""
FIRST_TRIALS = 5
"""Trials that the median is not asked about: it would rest on too few."""


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """How long, and how, to search."""

    trials: int = 30
    """Trials of the whole search, those that were pruned or failed included; 0: no limit but
    ``seconds``."""
    seconds: float = 0.0
    """Seconds of the whole search, the starts before included; 0: no limit but ``trials``. A trial
    that runs at the end of them is stopped, unless none has been finished by then."""
    workers: int = 0
    """Trials at a time, each in a process with its share of the cores and the GPUs; 0: one a GPU,
    or one."""
    sampler: str = "tpe"
    """``tpe`` learns from the trials before (tree-structured Parzen estimators); ``random``."""
    pruner: str = "median"
    """``median`` stops a trial that is worse than half of those before it at the same point,
    ``hyperband`` spends more on fewer, ``none`` lets all end."""
    random_trials: int = 8
    """TPE: trials drawn at random before it learns."""
    seed: int = 0
    """Seed of the search. With one worker and no ``seconds`` the same seed finds the same."""

    def __post_init__(self) -> None:
        for name, least in (("trials", 0), ("workers", 0), ("random_trials", 1), ("seed", 0)):
            check_whole(NAME, name, getattr(self, name), least)
        for name, choices in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            value = getattr(self, name)
            if value not in choices:
                cause = nearest(str(value), choices)
                raise ConfigError(f"{NAME}: {name} is {value!r}", cause=cause, choices=choices)
        seconds: Any = self.seconds
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds < math.inf:
            raise ConfigError(
                f"{NAME}: seconds must be a number from 0 upwards", cause=f"it is {seconds!r}"
            )
        if not self.trials and not seconds:
            raise ConfigError(
                f"{NAME}: the search would never end",
                cause="trials and seconds are both 0",
                hint='set one: {"trials": 30} or {"seconds": 3600}',
            )


def parse(text: str) -> TuneConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(TuneConfig, text, NAME)


def rising_marks(warm_up: float) -> int:
    """Returns the marks up to which no trial is pruned.

    While the learning rate rises, a loss says little of where it will end.

    Args:
        warm_up: Share of the steps in which it rises.
    """
    return min(MARKS - 1, math.ceil(MARKS * warm_up) + 1)
