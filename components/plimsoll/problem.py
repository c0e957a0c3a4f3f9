"""The problem file: what is predicted, from what, and how good it has to be."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.artifacts.files import canonical_json
from plimsoll.errors import ConfigError, nearest

TASKS = ("binary", "multiclass", "regression")
SPLITS = ("train", "eval", "test")
WAYS = ("time", "hash", "stratified")
CLASS_METRICS = (
    "auc",
    "log_loss",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "calibration_error",
    "brier",
)
REGRESSION_METRICS = ("rmse", "mae", "r2")
METRICS = CLASS_METRICS + REGRESSION_METRICS


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
        object.__setattr__(self, "stratify", _names("split.stratify", self.stratify))
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
            if bound is not None and not _is_number(bound):
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


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is predicted, from what, and how good it has to be."""

    label: str
    """The column to predict."""
    name: str = ""
    """The model's name where it is pushed and served; empty: the data's and the label's names."""
    task: str = ""
    """``binary``, ``multiclass`` or ``regression``; empty: inferred from the label."""
    positive: str = ""
    """Binary: the label's value that counts as positive, as text; empty: inferred."""
    time: str = ""
    """The column that says when a row happened; used to split, never leaks forward."""
    keys: tuple[str, ...] = ()
    """Columns that say whom a row is about; split by hash, a key never stands in two splits."""
    split: Split = field(default_factory=Split)
    """How rows are divided."""
    drop: tuple[str, ...] = ()
    """Columns that are not features, for instance because they are not known in time."""
    private: tuple[str, ...] = ()
    """Columns that never leave the source: not in snapshots, statistics, reports or logs."""
    slices: tuple[str, ...] = ()
    """Columns whose values are evaluated apart."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    """Metric -> bounds on the test split; empty: no worse than a constant guess."""
    features: Features | None = None
    """What rows are joined with from a feature store."""

    def __post_init__(self) -> None:
        if not self.label:
            raise ConfigError(
                "the problem names no label",
                hint="say which column is predicted: --label COLUMN, or label: in problem.yaml",
            )
        if self.task and self.task not in TASKS:
            raise ConfigError(
                f"problem: task is {self.task!r}", cause=nearest(self.task, TASKS), choices=TASKS
            )
        for metric in self.thresholds:
            _check_metric(metric, self.task)
        for role in ("keys", "drop", "private", "slices"):
            if self.label in getattr(self, role):
                raise ConfigError(
                    f"problem: the label {self.label!r} cannot be among {role}",
                )
        if self.time == self.label:
            raise ConfigError("problem: the label cannot be the time column too")
        if self.features and not self.time:
            raise ConfigError(
                "problem: features need a time column",
                cause="each row gets the values that were known as of its own time",
                hint="say which column it is: time: COLUMN",
            )
        for column in self.private:
            if column in self.slices:
                raise ConfigError(
                    f"problem: {column!r} is private and so cannot be a slice",
                    cause="slices are shown in reports",
                )

    @property
    def not_features(self) -> frozenset[str]:
        """The columns, other than the label, that a model must not see."""
        return frozenset(self.drop) | frozenset(self.private) | frozenset(self.keys)

    def to_json(self) -> str:
        """Returns the problem as one line of JSON, the form in which it travels."""
        return canonical_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Returns the problem as plain JSON values, without empty fields."""
        return _without_empty(dataclasses.asdict(self))


def parse(text: str, *, source: str = "problem", label: str = "") -> Problem:
    """Reads a problem from YAML or JSON text.

    Args:
        text: The problem file's content; with a label given, it may be empty.
        source: What to call it in errors, for instance its path.
        label: The column to predict; replaces the one in the text.

    Raises:
        ConfigError: if it is not YAML, holds an unknown field, or a field does not hold.
    """
    values = _loaded(text, source)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{source} must be a mapping of fields", hint="for example: label: arrived_late"
        )
    return from_dict({**values, "label": label} if label else values)


def read(path: Path) -> Problem:
    """Reads a problem file.

    Raises:
        ConfigError: if it cannot be read or does not hold together.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the problem file {path} cannot be read", cause=str(error)) from error
    return parse(text, source=str(path))


def from_dict(values: Mapping[str, Any]) -> Problem:
    """Makes a problem from plain values, as YAML or JSON gives them.

    Raises:
        ConfigError: if a field is unknown, has the wrong type, or the label is missing.
    """
    _check_fields("problem", values, Problem)
    settled = {key: value for key, value in values.items() if value is not None}
    for name in ("label", "name", "task", "positive", "time"):
        if name in settled:
            settled[name] = _text(name, settled[name])
    for name in ("keys", "drop", "private", "slices"):
        if name in settled:
            settled[name] = _names(name, settled[name])
    if "features" in settled:
        settled["features"] = _features(settled["features"])
    if "split" in settled:
        split = _mapping("split", settled["split"])
        _check_fields("problem: split", split, Split)
        settled["split"] = Split(**split)
    if "thresholds" in settled:
        settled["thresholds"] = {
            metric: _threshold(metric, bounds)
            for metric, bounds in _mapping("thresholds", settled["thresholds"]).items()
        }
    settled.setdefault("label", "")
    return Problem(**settled)


def _features(value: Any) -> Features:
    values = _mapping("features", value)
    _check_fields("problem: features", values, Features)
    texts = {name: _text(f"features.{name}", item) for name, item in values.items()}
    return Features(**{"repo": "", "service": "", **texts})


def _loaded(text: str, source: str) -> Any:
    import yaml

    # JSON is not quite a part of YAML: 1e-09 is text there, and so are surrogate pairs.
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        # A ValueError is a date that there is not, such as 2013-02-30.
        raise ConfigError(f"{source} is not YAML", cause=str(error)) from error


def _threshold(metric: Any, bounds: Any) -> Threshold:
    values = _mapping(f"thresholds.{metric}", bounds)
    _check_fields(f"problem: thresholds.{metric}", values, Threshold)
    return Threshold(**{bound: _number(value) for bound, value in values.items()})


def _number(value: Any) -> Any:
    """Returns a number that YAML took for text, as it does 1e-3; all else as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _check_fields(where: str, values: Mapping[Any, Any], kind: type) -> None:
    known = tuple(item.name for item in dataclasses.fields(kind))
    for name in values:
        if name not in known:
            raise ConfigError(
                f"{where}: there is no field {name!r}",
                cause=nearest(str(name), known),
                choices=known,
            )


def _check_metric(metric: str, task: str) -> None:
    known: tuple[str, ...] = {"": METRICS, "regression": REGRESSION_METRICS}.get(
        task, CLASS_METRICS
    )
    if metric not in known:
        raise ConfigError(
            f"problem: there is no metric {metric!r}" + (f" for {task}" if task else ""),
            cause=nearest(metric, known),
            choices=known,
        )


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"problem: {name} must be a mapping", cause=f"it is {value!r}")
    return dict(value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(f"problem: {name} must be one name", cause=f"it is {value!r}")


def _names(name: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ConfigError(f"problem: {name} must be a list of columns", cause=f"it is {value!r}")
    names = tuple(_text(name, item) for item in items)
    repeated = sorted({item for item in names if names.count(item) > 1})
    if repeated:
        raise ConfigError(f"problem: {name} names {repeated[0]!r} twice")
    return names


def _fractions(value: Any) -> tuple[float, float, float]:
    if isinstance(value, Mapping):
        _check_split_names(value)
        value = [value.get(split) for split in SPLITS]
    if (
        not isinstance(value, list | tuple)
        or len(value) != len(SPLITS)
        or not all(_is_number(share) and share > 0 for share in value)
        or abs(sum(value) - 1) > 1e-9
    ):
        raise ConfigError(
            "problem: split.fractions must be three shares above 0 that sum to 1",
            cause=f"it is {value!r}",
            hint="for example: fractions: {train: 0.8, eval: 0.1, test: 0.1}",
        )
    return (float(value[0]), float(value[1]), float(value[2]))


def _check_split_names(value: Mapping[Any, Any]) -> None:
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, item in value.items():
        if isinstance(item, dict):
            item = _without_empty(item)
        elif isinstance(item, tuple):
            item = list(item)
        if item not in ("", None, [], {}):
            kept[name] = item
    return kept
