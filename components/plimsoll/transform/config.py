"""The knobs of transform."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest
from plimsoll.transform.treatments import (
    MOST_QUANTILES,
    Crossing,
    Treatment,
    crossing,
    treatment,
)

NAME = "transform config"
NOISE = "noise"


@dataclass(frozen=True, kw_only=True)
class TransformConfig:
    """How columns become numbers. Every default is meant to do for a first run."""

    min_count: int = 0
    """Times a category must occur in train to be known; 0: by the rows, from 2 up to 20."""
    vocabulary_size: int = 10_000
    """Most categories of a column that are known; the most frequent stay."""
    int_categories_up_to: int = 32
    """An int column of 3 to so many distinct values is categorical too; 0: none is."""
    quantiles: int = 200
    """Intervals of a quantile table, 2 to 10,000."""
    heavy_tail: float = 2.0
    """A number goes by quantiles if its 0.5% or 99.5% point lies further from the median than so
    many times the distance from its 10% to its 90% point, or any value ten times as far."""
    clip: float = 8.0
    """A standardised number is clipped at so many standard deviations from the mean."""
    sentence_words: int = 4
    """A text that hardly repeats and has so many words of letters on average is read as n-grams of
    words; 0: never, such a text is left out."""
    columns: Mapping[str, Treatment] = field(default_factory=dict)
    """Column -> how to treat it: a kind, or ``{"kind": ..., ...}`` with its settings, see
    ``Treatment``; it goes before the problem file's, and a column not named is looked at."""
    crosses: tuple[Crossing, ...] = ()
    """Columns whose values are taken together: ``[["origin", "carrier"]]``, or ``{"columns":
    [...], "buckets": 1000}``."""
    prune: int | str = 0
    """How many of the columns that tell most of the label stay; ``noise``: those that tell more
    than chance does; 0: all. A column that the config or the problem names always stays."""
    rank_rows: int = 16_384
    """Rows of train, chosen by number, on which columns are ranked; 0: they are not."""
    start_from: str = ""
    """Folder of a pushed package or of a transform, which is taken as it is; nothing is fitted."""
    processes: int = 0
    """Processes that fit and apply side by side; 0: as many as pay off."""
    beam_runner: str = ""
    """Apache Beam's runner that fits instead, such as ``DataflowRunner``; empty: no Beam."""
    beam_options: tuple[str, ...] = ()
    """The runner's options as on a command line: ``--project=...``."""

    def __post_init__(self) -> None:
        for name, least in (
            ("min_count", 0), ("vocabulary_size", 1), ("int_categories_up_to", 0),
            ("quantiles", 2), ("sentence_words", 0), ("rank_rows", 0), ("processes", 0),
        ):  # fmt: skip
            check_whole(NAME, name, getattr(self, name), least)
        if self.quantiles > MOST_QUANTILES:
            raise ConfigError(
                f"{NAME}: quantiles must be at most {MOST_QUANTILES}",
                cause=f"it is {self.quantiles}",
            )
        _check_above("heavy_tail", self.heavy_tail, 0)
        _check_above("clip", self.clip, 1)
        object.__setattr__(self, "columns", treatments(NAME, self.columns))
        object.__setattr__(self, "crosses", _crosses(self.crosses))
        self._check_pruning()
        self._check_beam()

    def _check_pruning(self) -> None:
        if isinstance(self.prune, str):
            if self.prune != NOISE:
                raise ConfigError(
                    f"{NAME}: prune must be a whole number or {NOISE!r}",
                    cause=nearest(self.prune, [NOISE]) or f"it is {self.prune!r}",
                )
        else:
            check_whole(NAME, "prune", self.prune, 0)
        if self.prune and not self.rank_rows:
            raise ConfigError(
                f"{NAME}: prune without rank_rows", cause="no rows to rank the columns on"
            )

    def _check_beam(self) -> None:
        for name in ("beam_runner", "start_from"):
            if not isinstance(value := getattr(self, name), str):
                raise ConfigError(f"{NAME}: {name} must be a name", cause=f"it is {value!r}")
        options: Any = self.beam_options
        if isinstance(options, str) or not all(isinstance(item, str) for item in options):
            raise ConfigError(
                f"{NAME}: beam_options must be a list of texts", cause=f"it is {options!r}"
            )
        object.__setattr__(self, "beam_options", tuple(options))
        if options and not self.beam_runner:
            raise ConfigError(
                f"{NAME}: beam_options without a beam_runner",
                hint="name the runner: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner",
            )

    def least_count(self, rows: int) -> int:
        """Returns how often a category must occur among so many rows to be known."""
        return self.min_count or min(20, max(2, rows // 10_000))


def parse(text: str, start_from: str = "") -> TransformConfig:
    """Reads a config from JSON text; empty text is the default.

    Args:
        text: A JSON object of the fields.
        start_from: The field of this name, where the text leaves it out.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    config = from_json(TransformConfig, text, NAME)
    return replace(config, start_from=config.start_from or start_from)


def treatments(where: str, columns: Any) -> dict[str, Treatment]:
    """Reads how columns are treated.

    Args:
        where: Who says so, for errors: ``transform config`` or ``problem``.
        columns: Column -> a kind, or a mapping of ``kind`` and its settings.

    Raises:
        ConfigError: if it is no mapping, or a kind or a setting does not hold.
    """
    if not isinstance(columns, Mapping):
        raise ConfigError(
            f"{where}: columns must map columns to kinds",
            cause=f"it is {columns!r}",
            hint='for example: {"columns": {"month": "categorical"}}',
        )
    return {str(column): treatment(where, column, value) for column, value in columns.items()}


def _crosses(value: Any) -> tuple[Crossing, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(
            f"{NAME}: crosses must be a list of lists of columns",
            cause=f"it is {value!r}",
            hint='for example: {"crosses": [["origin", "carrier"]]}',
        )
    crosses = tuple(crossing(NAME, item) for item in value)
    if len({frozenset(cross.columns) for cross in crosses}) != len(crosses):
        raise ConfigError(f"{NAME}: the same columns are crossed twice")
    return crosses


def _check_above(name: str, value: Any, bound: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= bound:
        raise ConfigError(
            f"transform config: {name} must be a number above {bound}", cause=f"it is {value!r}"
        )
