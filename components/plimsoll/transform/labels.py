"""Fits the label: its classes, or its mean and spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.artifacts.predictions import class_text
from plimsoll.artifacts.rows import column_from_arrow
from plimsoll.artifacts.transform import Label
from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.problem import TASKS, Problem


def fit_label(problem: Problem, kind: str, column: pa.ChunkedArray) -> Label:
    """Fits the label on the train split.

    Args:
        problem: The resolved problem.
        kind: The label column's type.
        column: The label column of the train split.

    Raises:
        ConfigError: if the problem's task is not settled.
        DataError: if a label is missing, or the label does not fit the task.
    """
    name = problem.label
    if not problem.task:
        raise ConfigError("the dataset's problem says no task", choices=TASKS)
    if not len(column) or column.null_count:
        raise DataError(
            f"the label {name!r} is missing in the train split",
            cause=f"in {column.null_count} of {len(column)} rows",
        )
    if problem.task == "regression":
        return _fit_value(name, kind, column)
    if kind == "timestamp":
        raise DataError(f"the label {name!r} is a time, which cannot be classified")
    classes: list[Any] = sorted(pc.unique(column).to_pylist())
    if len(classes) < 2 or (problem.task == "binary" and len(classes) > 2):
        found = f"{len(classes)} class{'es' if len(classes) > 1 else ''}"
        raise DataError(
            f"the label {name!r} has {found} in the train split",
            cause=f"found {shortened([class_text(value) for value in classes])}",
            hint="a binary label needs two, a multiclass label at least two",
        )
    positive = None
    if problem.task == "binary":
        positive = _positive(problem, classes)
        classes.sort(key=lambda value: value == positive)
    return Label(name=name, type=kind, task=problem.task, classes=tuple(classes), positive=positive)


def _fit_value(name: str, kind: str, column: pa.ChunkedArray) -> Label:
    if kind not in ("int", "float"):
        raise DataError(
            f"the label {name!r} cannot be regressed on", cause=f"it holds values of type {kind}"
        )
    values = column_from_arrow(column)
    if not np.isfinite(values).all():
        raise DataError(f"the label {name!r} has values that are not finite in the train split")
    # Scaled first, so that squares of large values stay finite.
    largest = float(np.abs(values).max()) or 1.0
    scaled = values / largest
    mean, std = float(scaled.mean()) * largest, float(scaled.std()) * largest
    return Label(name=name, type=kind, task="regression", mean=mean, std=std or 1.0)


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
