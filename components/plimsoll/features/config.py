"""The knobs of features."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "features config"
EVERY_FEATURE = "*"
LEVELS = ("off", "warn", "fail")
BYTES = re.compile(r"\d+(\.\d+)?\s*[KMGT]i?B", re.IGNORECASE)
RAISED_BY_DEFAULT = 0.995


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig:
    """How rows are joined with features, and where the lines are."""

    min_coverage: Mapping[str, float] = field(default_factory=dict)
    """Feature (``*``: every feature that is not named) -> the least share of a split's rows that
    must have a value; below it the step fails. Empty: coverage is told, and stops nothing."""
    coverage_drift: float = 0.1
    """By how much a feature's coverage in eval or test may differ from train's before it is told
    of, as a share of rows."""
    telling: str = "warn"
    """What a feature that tells the label by itself does: ``off``, ``warn`` or ``fail``."""
    telling_from: float = RAISED_BY_DEFAULT
    """From which area under the ROC curve (regression: rank correlation) on train, 0.5 to 1, a
    feature counts as telling the label."""
    stale_registry: str = "fail"
    """What a registry that is not as the repository defines does: ``off``, ``warn`` or
    ``fail``. The online side works from the registry, so it would serve something else."""
    filter_by_created_timestamp: bool = False
    """Whether values that were written only after the row's time are left out, where a source
    says when each was. Without it they are used, and counted in the report."""
    batch_rows: int = 65_536
    """Rows that are joined, cast and written at a time."""
    memory_limit: str = ""
    """What DuckDB may hold before it uses the disk: ``4GB``; empty: DuckDB decides."""
    yaml: str = "feature_store.yaml"
    """Name of the configuration in the repository's folder."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "min_coverage", _shares("min_coverage", self.min_coverage))
        check_whole(NAME, "batch_rows", self.batch_rows, 1)
        _check_share("coverage_drift", self.coverage_drift, 0.0)
        _check_share("telling_from", self.telling_from, 0.5)
        for name in ("telling", "stale_registry"):
            if getattr(self, name) not in LEVELS:
                raise ConfigError(
                    f"{NAME}: {name} is {getattr(self, name)!r}",
                    cause=nearest(str(getattr(self, name)), LEVELS),
                    choices=LEVELS,
                )
        if not isinstance(self.filter_by_created_timestamp, bool):
            raise ConfigError(
                f"{NAME}: filter_by_created_timestamp must be true or false",
                cause=f"it is {self.filter_by_created_timestamp!r}",
            )
        if not _is_text(self.yaml) or not self.yaml or "/" in self.yaml:
            raise ConfigError(
                f"{NAME}: yaml must be the name of a file", cause=f"it is {self.yaml!r}"
            )
        limit = self.memory_limit
        if not _is_text(limit) or (limit and not BYTES.fullmatch(limit)):
            raise ConfigError(
                f"{NAME}: memory_limit must be a size",
                cause=f"it is {limit!r}",
                hint='for example: "4GB"',
            )

    def least_coverage(self, feature: str) -> float:
        """Returns the least share of rows that must have a value of a feature."""
        return self.min_coverage.get(feature, self.min_coverage.get(EVERY_FEATURE, 0.0))


def parse(text: str) -> FeaturesConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(FeaturesConfig, text, NAME)


def _shares(name: str, value: Any) -> dict[str, float]:
    # One number is meant for every feature.
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = {EVERY_FEATURE: value}
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{NAME}: {name} must map features to shares",
            cause=f"it is {value!r}",
            hint='for example: {"*": 0.5, "temp": 0.95}',
        )
    for feature, share in value.items():
        _check_share(f"{name} of {feature!r}", share, 0.0)
    return {str(feature): float(share) for feature, share in value.items()}


def _check_share(name: str, value: Any, least: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not least <= value <= 1:
        raise ConfigError(f"{NAME}: {name} must be from {least:g} to 1", cause=f"it is {value!r}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
