"""Parts of the problem file: how rows are split, how good a model has to be, which features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError, nearest

SPLITS = ("train", "eval", "test")
WAYS = ("time", "hash", "stratified")


@dataclass(frozen=True, kw_only=True)
class Split:
    """How rows are divided into train, eval and test."""

    by: str = ""
    """``time``, ``hash`` or ``stratified``; empty: ``time`` if the problem names a time column,
    else ``hash``. Stratified: every split gets its share of each stratum; with ``keys``, all rows
    of a key go with the stratum of most of them, so that no key is in two splits."""
    eval_from: str = ""
    """Time split: the first moment (ISO 8601) of eval; empty: taken from ``fractions``."""
    test_from: str = ""
    """Time split: the first moment (ISO 8601) of test; empty: taken from ``fractions``."""
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, eval and test; each above 0, summing to 1."""
    stratify: tuple[str, ...] = ()
    """Stratified: the columns whose values make the strata, ranges of about as many rows for
    numbers of many values; empty: the label."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fractions", _fractions(self.fractions))
        for name in ("eval_from", "test_from"):
            object.__setattr__(self, name, _moment(name, getattr(self, name)))
        object.__setattr__(self, "stratify", names("split.stratify", self.stratify))
        if self.by not in ("", *WAYS):
            raise ConfigError(
                f"problem: split.by is {self.by!r}", cause=nearest(str(self.by), WAYS), choices=WAYS
            )
        if self.stratify and self.by != "stratified":
            raise ConfigError("problem: split.stratify belongs to split.by: stratified")
        if bool(self.eval_from) != bool(self.test_from):
            raise ConfigError(
                "problem: a time split needs both split.eval_from and split.test_from, or neither",
                cause=f"eval_from is {self.eval_from!r}, test_from is {self.test_from!r}",
            )
        if self.eval_from and self.by not in ("", "time"):
            raise ConfigError("problem: split.eval_from and test_from belong to split.by: time")
        if self.eval_from and not self.eval_from < self.test_from:
            raise ConfigError(
                "problem: split.eval_from must come before split.test_from",
                cause=f"eval_from {self.eval_from} is not before test_from {self.test_from}",
            )


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The values that a metric may take; a bound left out does not bind. Bounds are inclusive."""

    min: float | None = None
    """The least value allowed."""
    max: float | None = None
    """The greatest value allowed."""

    def __post_init__(self) -> None:
        for bound in (self.min, self.max):
            if bound is not None and not is_number(bound):
                raise ConfigError(f"problem: a threshold's bound is {bound!r}, not a number")
        if self.min is None and self.max is None:
            raise ConfigError(
                "problem: a threshold needs min, max or both",
                hint="for example: thresholds: {auc: {min: 0.7}}",
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(
                "problem: a threshold's min is above its max",
                cause=f"min {self.min} > max {self.max}",
            )


@dataclass(frozen=True, kw_only=True)
class Features:
    """The features of a Feast repository that rows are joined with, each as of the row's time."""

    repo: str
    """The repository: a folder, or its address (``gs://...``)."""
    service: str
    """The feature service, which says what is joined."""

    def __post_init__(self) -> None:
        if not self.repo or not self.service:
            raise ConfigError(
                "problem: features needs both a repo and a service",
                hint="for example: features: {repo: feature_repo, service: flights_late_v1}",
            )


def text(name: str, value: Any) -> str:
    """Returns a value as text; YAML may have taken it for a number or a bool."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(f"problem: {name} must be one name", cause=f"it is {value!r}")


def names(name: str, value: Any) -> tuple[str, ...]:
    """Returns a list of columns, of which one alone may stand without its brackets."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ConfigError(f"problem: {name} must be a list of columns", cause=f"it is {value!r}")
    found = tuple(text(name, item) for item in items)
    repeated = sorted({item for item in found if found.count(item) > 1})
    if repeated:
        raise ConfigError(f"problem: {name} names {repeated[0]!r} twice")
    return found


def _fractions(value: Any) -> tuple[float, float, float]:
    if isinstance(value, Mapping):
        __check_split_names(value)
        value = [value.get(split) for split in SPLITS]
    if (
        not isinstance(value, list | tuple)
        or len(value) != len(SPLITS)
        or not all(is_number(share) and share > 0 for share in value)
        or abs(sum(value) - 1) > 1e-9
    ):
        raise ConfigError(
            "problem: split.fractions must be three shares above 0 that sum to 1",
            cause=f"it is {value!r}",
            hint="for example: fractions: {train: 0.8, eval: 0.1, test: 0.1}",
        )
    return (float(value[0]), float(value[1]), float(value[2]))


def __check_split_names(value: Mapping[Any, Any]) -> None:
    for name in value:
        if name not in SPLITS:
            raise ConfigError(
                f"problem: split.fractions: there is no split {name!r}",
                cause=nearest(str(name), SPLITS),
                choices=SPLITS,
            )


def _moment(name: str, value: Any) -> str:
    """Normalises a date or a time (YAML gives either) to ISO 8601 text in UTC, without a zone."""
    import datetime

    if value in ("", None):
        return ""
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigError(
            f"problem: split.{name} is not a date or a time",
            cause=f"it is {value!r}",
            hint="write ISO 8601: 2013-10-01 or 2013-10-01T06:00:00",
        ) from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment.isoformat()


def is_number(value: Any) -> bool:
    """Says whether a value is a finite number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
