"""The options of tune."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from plimsoll.configuration.fields import Count, Number, OneOf, Positive
from plimsoll.configuration.validation import from_json, validated
from plimsoll.errors import ConfigError

SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "hyperband", "none")
METRIC = "eval_loss"
"""What a search makes small, as it is printed and kept."""
REPORTS = 20
"""A trial reports its loss so often, whatever its epochs: trials are compared at a report."""
FIRST_TRIALS = 5
"""Trials that the median is not asked about: it would rest on too few."""


@validated("tune config")
@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """How long, and how, to search."""

    trials: Count = 30
    """Trials of the whole search, those that were pruned or failed included; 0: no limit but
    ``seconds``."""
    seconds: Annotated[float, Number(ge=0)] = 0.0
    """Seconds of the whole search, the starts before included; 0: no limit but ``trials``. A trial
    that runs at the end of them is stopped, unless none has been finished by then."""
    workers: Count = 0
    """Trials at a time, each in a process with its share of the cores and the GPUs; 0: one a GPU,
    or one."""
    sampler: Annotated[str, OneOf(SAMPLERS)] = "tpe"
    """``tpe`` learns from the trials before (tree-structured Parzen estimators); ``random``."""
    pruner: Annotated[str, OneOf(PRUNERS)] = "median"
    """``median`` stops a trial that is worse than half of those before it at the same point,
    ``hyperband`` spends more on fewer, ``none`` lets all end."""
    random_trials: Positive = 8
    """TPE: trials drawn at random before it learns."""
    seed: Count = 0
    """Seed of the search. With one worker and no ``seconds`` the same seed finds the same."""

    def __post_init__(self) -> None:
        if not self.trials and not self.seconds:
            raise ConfigError(
                "tune config: the search would never end",
                cause="trials and seconds are both 0",
                hint='set one: {"trials": 30} or {"seconds": 3600}',
            )


parse = partial(from_json, TuneConfig)
"""Reads a config from JSON text; empty text is the default."""


def warm_up_reports(warm_up: float) -> int:
    """Returns the reports up to which no trial is pruned.

    While the learning rate rises, a loss says little of where it will end.

    Args:
        warm_up: Share of the steps in which it rises.
    """
    return min(REPORTS - 1, math.ceil(REPORTS * warm_up) + 1)
