"""The problem file: what is predicted, from what, and how good it has to be."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.problem_parts import SPLITS, WAYS, Features, Split, Threshold, names, text
from plimsoll.storage.files import canonical_json

__all__ = [
    "METRICS",
    "SPLITS",
    "TASKS",
    "WAYS",
    "Features",
    "Problem",
    "Split",
    "Threshold",
    "from_dict",
    "parse",
    "read",
]

TASKS = ("binary", "multiclass", "regression")
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
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Column -> how the transform treats it: a kind, or ``{kind: ..., ...}`` with its settings;
    a column not named is looked at."""
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
            settled[name] = text(name, settled[name])
    for name in ("keys", "drop", "private", "slices"):
        if name in settled:
            settled[name] = names(name, settled[name])
    if "columns" in settled:
        settled["columns"] = _mapping("columns", settled["columns"])
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
    texts = {name: text(f"features.{name}", item) for name, item in values.items()}
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
