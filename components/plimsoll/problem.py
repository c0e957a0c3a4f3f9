"""The problem file: what is predicted, from what, and how good it has to be."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from plimsoll.configuration.fields import FieldError, Holds, Listed, Number, OneOf, Reads, Says
from plimsoll.configuration.validation import read_as, validated
from plimsoll.errors import ConfigError, nearest
from plimsoll.storage.files import canonical_json

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


def _text(value: Any) -> Any:
    """Returns a value as text; YAML may have taken it for a number or a bool."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _named_once(columns: tuple[str, ...]) -> bool:
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise FieldError(f"names {repeated[0]!r} twice")
    return True


def _shares(value: Any) -> Any:
    """Reads shares by the names of the splits."""
    if not isinstance(value, Mapping):
        return value
    for name in value:
        if name not in SPLITS:
            near = nearest(str(name), SPLITS)
            raise FieldError(f"has no split {name!r}", cause=near, choices=SPLITS)
    return [value.get(split) for split in SPLITS]


def _timestamp(value: Any) -> str:
    """Normalises a date or a time (YAML gives either) to ISO 8601 text in UTC, without a zone."""
    import datetime

    if value in ("", None):
        return ""
    timestamp = datetime.datetime.fromisoformat(str(value))
    if timestamp.tzinfo is not None:
        timestamp = timestamp.astimezone(datetime.UTC).replace(tzinfo=None)
    return timestamp.isoformat()


def _number(value: Any) -> Any:
    """Returns a number that YAML took for text, as it does 1e-3; all else as it is."""
    return float(value) if isinstance(value, str) else value


Name = Annotated[
    str, Reads(_text, also=({"type": "number"}, {"type": "boolean"})), Says("one name")
]
Columns = Annotated[
    tuple[Name, ...], Listed(one=True), Holds(_named_once), Says("a list of columns")
]
Timestamp = Annotated[
    str,
    Reads(_timestamp),
    Says("a date or a time", hint="write ISO 8601: 2013-10-01 or 2013-10-01T06:00:00"),
]
Fractions = Annotated[
    tuple[float, float, float],
    Listed(),
    Holds(lambda shares: min(shares) > 0 and abs(sum(shares) - 1) <= 1e-9),
    Reads(
        _shares,
        also=(
            {
                "type": "object",
                "properties": {split: {"type": "number"} for split in SPLITS},
                "additionalProperties": False,
                "required": [*SPLITS],
            },
        ),
    ),
    Says(
        "three shares above 0 that sum to 1",
        hint="for example: fractions: {train: 0.8, eval: 0.1, test: 0.1}",
    ),
]
Bound = Annotated[float | None, Number(), Reads(_number), Says("a number")]


@validated("problem")
@dataclass(frozen=True, kw_only=True)
class Split:
    """How rows are divided into train, eval and test."""

    by: Annotated[str, OneOf(WAYS, empty=True)] = ""
    """``time``, ``hash`` or ``stratified``; empty: ``time`` if the problem names a time column,
    else ``hash``. Stratified: every split gets its share of each stratum; with ``keys``, all rows
    of a key go with the stratum of most of them, so that no key is in two splits."""
    eval_from: Timestamp = ""
    """Time split: the first timestamp (ISO 8601) of eval; empty: taken from ``fractions``."""
    test_from: Timestamp = ""
    """Time split: the first timestamp (ISO 8601) of test; empty: taken from ``fractions``."""
    fractions: Fractions = (0.8, 0.1, 0.1)
    """Shares of train, eval and test; each above 0, summing to 1."""
    stratify: Columns = ()
    """Stratified: the columns whose values make the strata, ranges of about as many rows for
    numbers of many values; empty: the label."""

    def __post_init__(self) -> None:
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


@validated("problem")
@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The values that a metric may take; a bound left out does not bind. Bounds are inclusive."""

    min: Bound = None
    """The least value allowed."""
    max: Bound = None
    """The greatest value allowed."""

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise FieldError(
                "needs min, max or both",
                hint="for example: thresholds: {auc: {min: 0.7}}",
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise FieldError(
                "has a min above its max",
                cause=f"min {self.min} > max {self.max}",
            )


@validated("problem")
@dataclass(frozen=True, kw_only=True)
class Features:
    """The features of a Feast repository that rows are joined with, each as of the row's time."""

    repo: Name
    """The repository: a folder, or its address (``gs://...``)."""
    service: Name
    """The feature service, which says what is joined."""

    def __post_init__(self) -> None:
        if not self.repo or not self.service:
            raise ConfigError(
                "problem: features needs both a repo and a service",
                hint="for example: features: {repo: feature_repo, service: flights_late_v1}",
            )


Metric = Annotated[str, OneOf(METRICS, what="metric")]
Served = Annotated[
    Features,
    Says(
        "a mapping",
        hint="for example: features: {repo: feature_repo, service: flights_late_v1}",
    ),
]


@validated("problem")
@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is predicted, from what, and how good it has to be."""

    label: Name
    """The column to predict."""
    name: Name = ""
    """The model's name where it is pushed and served; empty: the data's and the label's names."""
    task: Annotated[str, OneOf(TASKS, empty=True)] = ""
    """``binary``, ``multiclass`` or ``regression``; empty: inferred from the label."""
    positive: Name = ""
    """Binary: the label's value that counts as positive, as text; empty: inferred."""
    time: Name = ""
    """The column that says when a row happened; used to split, never leaks forward."""
    keys: Columns = ()
    """Columns that say whom a row is about; split by hash, a key never stands in two splits."""
    split: Split = field(default_factory=Split)
    """How rows are divided."""
    drop: Columns = ()
    """Columns that are not features, for instance because they are not known in time."""
    private: Columns = ()
    """Columns that never leave the source: not in snapshots, statistics, reports or logs."""
    slices: Columns = ()
    """Columns whose values are evaluated apart."""
    thresholds: Mapping[Metric, Threshold] = field(default_factory=dict)
    """Metric -> bounds on the test split; empty: no worse than a constant guess."""
    columns: Mapping[Name, Any] = field(default_factory=dict)
    """Column -> how the transform treats it: a kind, or ``{kind: ..., ...}`` with its settings;
    a column not named is looked at."""
    features: Served | None = None
    """What rows are joined with from a feature store."""

    def __post_init__(self) -> None:
        if not self.label:
            raise ConfigError(
                "the problem names no label",
                hint="say which column is predicted: --label COLUMN, or label: in problem.yaml",
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


def from_dict(values: Mapping[Any, Any]) -> Problem:
    """Makes a problem from plain values, as YAML or JSON gives them.

    Raises:
        ConfigError: if a field is unknown, has the wrong type, or the label is missing.
    """
    given = {key: value for key, value in values.items() if value is not None}
    problem: Problem = read_as(Problem, {"label": "", **given}, "problem")
    return problem


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
