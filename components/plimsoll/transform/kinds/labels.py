"""Fits the label: its classes, or its mean and spread."""

import math
from typing import Any

from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.models.predictions import class_text
from plimsoll.models.transform import Label
from plimsoll.problem import TASKS, Problem
from plimsoll.transform.kinds.label_stats import LabelStats


def fit_label(problem: Problem, kind: str, stats: LabelStats) -> Label:
    """Fits the label on the train split.

    Args:
        problem: The resolved problem.
        kind: The label column's type.
        stats: What was measured of the train split's label.

    Raises:
        ConfigError: if the problem's task is not settled.
        DataError: if a label is missing, or the label does not fit the task.
    """
    name = problem.label
    if not problem.task:
        raise ConfigError("the dataset's problem says no task", choices=TASKS)
    if not stats.rows or stats.missing:
        raise DataError(
            f"the label {name!r} is missing in the train split",
            cause=f"in {stats.missing} of {stats.rows} rows",
        )
    if problem.task == "regression":
        return _fit_value(name, kind, stats)
    if kind == "timestamp":
        raise DataError(f"the label {name!r} is a time, which cannot be classified")
    classes: list[Any] = sorted(stats.counts)
    if len(classes) < 2 or (problem.task == "binary" and len(classes) > 2):
        counted = f"{len(classes)} class{'es' if len(classes) > 1 else ''}"
        raise DataError(
            f"the label {name!r} has {counted} in the train split",
            cause=f"found {shortened([class_text(value) for value in classes])}",
            hint="a binary label needs two, a multiclass label at least two",
        )
    positive = None
    if problem.task == "binary":
        positive = _positive(problem, classes)
        classes.sort(key=lambda value: value == positive)
    return Label(name=name, type=kind, task=problem.task, classes=tuple(classes), positive=positive)


def _fit_value(name: str, kind: str, stats: LabelStats) -> Label:
    if kind not in ("int", "float"):
        raise DataError(
            f"the label {name!r} cannot be regressed on", cause=f"it holds values of type {kind}"
        )
    if not stats.finite:
        raise DataError(f"the label {name!r} has values that are not finite in the train split")
    if not math.isfinite(stats.std):
        raise DataError(
            f"the label {name!r} has values that are too large to be trained on",
            hint="write it in a larger unit, such as thousands",
        )
    return Label(name=name, type=kind, task="regression", mean=stats.mean, std=stats.std or 1.0)


def _positive(problem: Problem, classes: list[Any]) -> Any:
    if not problem.positive:
        return classes[-1]
    for value in classes:
        if problem.positive == class_text(value) or _same(problem.positive, value):
            return value
    raise DataError(
        f"the positive class {problem.positive!r} is not in the train split",
        cause=f"the label is {problem.label!r}",
        choices=[class_text(value) for value in classes],
    )


def _same(text: str, value: Any) -> bool:
    if isinstance(value, bool | str):
        return text.casefold() == class_text(value).casefold()
    try:
        return bool(float(text) == value)
    except ValueError:
        return False
