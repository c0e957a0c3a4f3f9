"""The knobs of transform."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "transform config"
KINDS = ("numeric", "standard", "quantile", "categorical", "both", "drop")
KINDS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "int": KINDS,
    "float": ("numeric", "standard", "quantile", "drop"),
    "bool": ("numeric", "categorical", "drop"),
    "string": ("categorical", "drop"),
    "timestamp": ("drop",),
}
"""Column type -> the kinds that it may be forced to."""


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
    """Intervals of a quantile table, at least 2."""
    heavy_tail: float = 2.0
    """A number goes by quantiles if its 0.5% or 99.5% point lies further from the median than so
    many times the distance from its 10% to its 90% point, or any value ten times as far."""
    clip: float = 8.0
    """A standardised number is clipped at so many standard deviations from the mean."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column -> the kind to treat it as: ``numeric`` (scale chosen), ``standard``, ``quantile``,
    ``categorical``, ``both`` or ``drop``; a column not named is looked at."""

    def __post_init__(self) -> None:
        check_whole(NAME, "min_count", self.min_count, 0)
        check_whole(NAME, "vocabulary_size", self.vocabulary_size, 1)
        check_whole(NAME, "int_categories_up_to", self.int_categories_up_to, 0)
        check_whole(NAME, "quantiles", self.quantiles, 2)
        _check_above("heavy_tail", self.heavy_tail, 0)
        _check_above("clip", self.clip, 1)
        if not isinstance(self.columns, Mapping):
            raise ConfigError(
                "transform config: columns must map columns to kinds",
                cause=f"it is {self.columns!r}",
                hint='for example: {"columns": {"month": "categorical"}}',
            )
        for column, kind in self.columns.items():
            if kind not in KINDS:
                raise ConfigError(
                    f"transform config: the column {column!r} has the unknown kind {kind!r}",
                    cause=nearest(str(kind), KINDS),
                    choices=KINDS,
                )

    def least_count(self, rows: int) -> int:
        """Returns how often a category must occur among so many rows to be known."""
        return self.min_count or min(20, max(2, rows // 10_000))


def parse(text: str) -> TransformConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(TransformConfig, text, NAME)


def _check_above(name: str, value: Any, bound: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= bound:
        raise ConfigError(
            f"transform config: {name} must be a number above {bound}", cause=f"it is {value!r}"
        )
