"""Applies a transform with numpy alone: the same code for training and for serving.

A row gives the same bytes alone as in any batch: every step is exact or is done element by
element in IEEE arithmetic, and sines come from tables, since numpy's own may differ by position.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import DataError, RequestError, nearest
from plimsoll.formats.columns import Column, Columns, DictionaryColumn
from plimsoll.models.transform import Label, SourceColumn, Transform
from plimsoll.models.transform_parts import (
    Bins,
    Calendar,
    CategoricalPart,
    Cross,
    Cycle,
    Hashed,
    Missing,
    Ngrams,
    Number,
    Part,
    TargetMean,
    Tokens,
    Vocabulary,
    output_names,
    width,
)
from plimsoll.transform.apply.lookups import bucket_of, cross_step, index_of, target_mean
from plimsoll.transform.apply.numbers import PlacedPart, numbers_step, rows_at_once
from plimsoll.transform.apply.request_columns import (
    check_lists,
    check_rows,
    columns_from_lists,
    columns_from_rows,
    wrong_value,
)
from plimsoll.transform.apply.steps import Encode, Features, Step, absent, encoded_step, row_encoder
from plimsoll.transform.apply.texts import ngrams, tokens
from plimsoll.transform.apply.times import TimesPart, times_step

__all__ = [
    "Columns",
    "DictionaryColumn",
    "Features",
    "apply",
    "apply_out_of_fold",
    "check_lists",
    "check_rows",
    "columns_from_lists",
    "columns_from_rows",
    "encode_labels",
    "wrong_value",
]


def apply(transform: Transform, columns: Columns) -> Features:
    """Transforms rows.

    Args:
        transform: The fitted transform.
        columns: The raw columns, at least ``transform.inputs``, all of one length.

    Raises:
        RequestError: if an input column is missing.
        DataError: if the columns' lengths differ.
    """
    plan = _plan(transform)
    values = _checked(plan, columns)
    rows = len(next(iter((values or columns).values()), ()))
    features = Features(
        np.empty((rows, plan.numeric), np.float32), np.empty((rows, plan.categorical), np.int32)
    )
    fills = [step(values) for step in plan.steps]
    for start in range(0, rows, plan.rows_at_once):
        some = slice(start, start + plan.rows_at_once)
        out = Features(features.numeric[some], features.categorical[some])
        for fill in fills:
            fill(some, out)
    return features


def apply_out_of_fold(
    transform: Transform,
    columns: Columns,
    folds: NDArray[np.intp],
    tables: Mapping[str, NDArray[np.float64]],
) -> Features:
    """Transforms rows of the train split, each encoded by means that its own label is not in.

    Args:
        transform: The fitted transform.
        columns: As for ``apply``.
        folds: Each row's fold, counted from 0.
        tables: Output of a ``TargetMean`` -> its encodings in rows of other folds, shape (folds,
            2 + values, outputs): of a missing value, of one that is not known, and of each of
            the part's values, in order.

    Raises:
        RequestError: if an input column is missing.
        DataError: if the columns' lengths differ.
    """
    features = apply(transform, columns)
    index = 0
    for (source, *_), part in transform.parts():
        if isinstance(part, TargetMean) and part.output in tables:
            find = row_encoder(index_of(part.values, source.type), columns[source.name])
            indices = find(slice(None))
            encoded = tables[part.output][folds, indices]
            features.numeric[:, index : index + encoded.shape[1]] = encoded
        if not isinstance(part, CategoricalPart):
            index += len(output_names(part))
    return features


def encode_labels(transform: Transform, values: NDArray[Any]) -> NDArray[Any]:
    """Turns label values into what is trained on.

    Args:
        transform: The fitted transform.
        values: The label column, as in ``Columns``.

    Returns:
        int64 indices into ``transform.label.classes``, or float32 for regression.

    Raises:
        DataError: if a value is missing, or is a class that the train split does not have.
    """
    label = transform.label
    if label.task == "regression":
        return _label_values(label, np.asarray(values))
    if isinstance(values, DictionaryColumn):
        listed = [*values.values, None]
        indices = _class_indices(label, np.array(listed, object)).take(values.codes, mode="wrap")
    else:
        indices = _class_indices(label, values)
    if len(indices) and indices.min() < 0:
        row = int(indices.argmin())
        value = (
            listed[values.codes[row]]
            if isinstance(values, DictionaryColumn)
            else values[row : row + 1].tolist()[0]
        )
        raise DataError(
            f"the label {label.name!r} has a value that the train split does not have",
            cause=f"{value!r} is not among its {len(label.classes)} classes",
            choices=[str(value) for value in label.classes],
            hint="split otherwise, or leave out the rows of such rare classes",
        )
    return indices


def _class_indices(label: Label, values: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the index of each value among the classes, -1 for none."""
    if values.dtype == object:
        indices = {value: index for index, value in enumerate(label.classes)}
        return np.array([indices.get(value, -1) for value in values.tolist()], np.int64)
    classes = np.array(label.classes, np.float64)
    order = classes.argsort(kind="stable")
    where = classes.searchsorted(values, sorter=order)
    nearest_class = order[np.minimum(where, len(classes) - 1)]
    return np.where(classes[nearest_class] == values, nearest_class, -1)


def _label_values(label: Label, values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        encoded = values.astype(np.float32)
    if not np.isfinite(encoded).all():
        worst = values[~np.isfinite(encoded)][0]
        raise DataError(
            f"the label {label.name!r} has a value that cannot be trained on",
            cause=f"{worst} is missing or too large for single precision",
            hint="fill it in, or write the label in a larger unit, such as thousands",
        )
    return encoded


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A transform laid out for speed: what is done, step by step, and for how many rows."""

    inputs: tuple[tuple[str, str], ...]
    """Name and type of each column that is read."""
    numeric: int
    categorical: int
    rows_at_once: int
    steps: tuple[Step, ...]


@lru_cache(maxsize=16)
def _plan(transform: Transform) -> _Plan:
    placed, numeric, categorical = _placed(transform)
    numbers = [
        PlacedPart(column.name, column.type == "timestamp", part, index)
        for (column, *_), part, index in placed
        if isinstance(part, Number | Bins)
    ]
    counted = {item.column for item in numbers if not item.timed}
    missing: list[tuple[str, int]] = []
    times: dict[str, list[tuple[TimesPart, int]]] = {}
    steps: list[Step] = []
    for columns, part, index in placed:
        column = columns[0]
        if isinstance(part, Missing) and column.name in counted:
            missing.append((column.name, index))
        elif column.type == "timestamp" and isinstance(part, Missing | Cycle | Calendar):
            times.setdefault(column.name, []).append((part, index))
        elif isinstance(part, Cross):
            steps.append(cross_step(part, [column.type for column in columns], index))
        elif not isinstance(part, Number | Bins):
            steps.append(_encoded(column, part, index))
    steps += [times_step(name, parts) for name, parts in times.items()]
    if numbers:
        steps.append(numbers_step(numbers, missing))
    return _Plan(
        inputs=tuple((column.name, column.type) for column in transform.inputs),
        numeric=numeric,
        categorical=categorical,
        rows_at_once=rows_at_once(numbers),
        steps=tuple(steps),
    )


def _placed(
    transform: Transform,
) -> tuple[list[tuple[tuple[SourceColumn, ...], Part, int]], int, int]:
    """Returns each part with its columns and where its outputs begin; and how many there are."""
    placed: list[tuple[tuple[SourceColumn, ...], Part, int]] = []
    numeric = categorical = 0
    for columns, part in transform.parts():
        if isinstance(part, CategoricalPart):
            placed.append((columns, part, categorical))
            categorical += width(part)
        else:
            placed.append((columns, part, numeric))
            numeric += len(output_names(part))
    return placed, numeric, categorical


def _encoded(column: SourceColumn, part: Part, index: int) -> Step:
    """Returns the step of a part that is made of a column value by value."""
    numeric = isinstance(part, Missing | TargetMean)
    count = width(part) if isinstance(part, CategoricalPart) else len(output_names(part))
    encode = _encoder(column.type, part)
    return encoded_step(column.name, encode, slice(index, index + count), numeric=numeric)


def _encoder(kind: str, part: Part) -> Encode:
    if isinstance(part, Vocabulary):
        return index_of(part.values, kind)
    if isinstance(part, TargetMean):
        return target_mean(part, kind)
    if isinstance(part, Hashed):
        return bucket_of(part.buckets)
    if isinstance(part, Tokens):
        return tokens(part)
    if isinstance(part, Ngrams):
        return ngrams(part)
    return absent


def _checked(plan: _Plan, columns: Columns) -> dict[str, Column]:
    checked: dict[str, Column] = {}
    for name, kind in plan.inputs:
        if name not in columns:
            raise RequestError(f"the column {name!r} is missing", cause=nearest(name, columns))
        values = columns[name]
        if kind == "timestamp":
            values = np.ascontiguousarray(values, "datetime64[us]")
        checked[name] = values
    lengths = {len(values) for values in checked.values()}
    if len(lengths) > 1:
        raise DataError(
            "the columns are of different lengths",
            cause=", ".join(f"{name}: {len(values)}" for name, values in checked.items()),
        )
    return checked
