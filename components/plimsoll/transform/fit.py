"""Fits a transform on the train split, some columns in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.artifacts.dataset import Column, Dataset
from plimsoll.artifacts.rows import column_from_arrow
from plimsoll.artifacts.transform import (
    Missing,
    Number,
    Part,
    SourceColumn,
    Transform,
    Vocabulary,
    output_names,
)
from plimsoll.errors import ConfigError, DataError, nearest
from plimsoll.transform.config import KINDS_OF_TYPE, TransformConfig
from plimsoll.transform.labels import fit_label
from plimsoll.transform.numbers import fit_number
from plimsoll.transform.times import fit_times

MISSING_SUFFIX = ".missing"
CATEGORY_SUFFIX = ".category"
VALUES_AT_ONCE = 1 << 22
"""How many values are read together: fewer reads where columns are many, not rows."""


def fit(dataset: Dataset, config: TransformConfig, declared: frozenset[str]) -> Transform:
    """Fits a transform on a dataset's train split; eval and test are never looked at.

    Args:
        dataset: The dataset.
        config: The knobs.
        declared: Int columns that the schema declares categorical.

    Raises:
        ConfigError: if the config names a column that is no feature, or a kind that its type
            cannot be.
        DataError: if no column is left to learn from, or the label cannot be learnt.
    """
    _check_columns(dataset, config)
    problem = dataset.problem
    labels = dataset.read("train", [problem.label]).column(0)
    label = fit_label(problem, dataset.type_of(problem.label), labels)
    by_time = problem.split.by == "time" or (not problem.split.by and bool(problem.time))
    columns = []
    for column, values in _train_columns(dataset):
        task = _Task(
            name=column.name,
            type=column.type,
            config=config,
            declared=column.name in declared,
            by_time=by_time,
        )
        columns.append(_fit_column(task, values))
    if not any(column.parts for column in columns):
        raise DataError(
            "no column is left to learn from",
            cause="\n".join(f"{column.name}: {column.why}" for column in columns[:12])
            or "every column is the label, a key, private or dropped",
        )
    features = {column.name for column in columns}
    ignored = tuple(name for name in dataset.column_names() if name not in features)
    return Transform(columns=_told_apart(columns), label=label, ignored=ignored)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One column to fit."""

    name: str
    type: str
    config: TransformConfig
    declared: bool
    by_time: bool

    @property
    def kind(self) -> str:
        """The kind it is forced to, or an empty string."""
        return self.config.columns.get(self.name, "")

    def made(self, kind: str, why: str, *parts: Part) -> SourceColumn:
        return SourceColumn(name=self.name, type=self.type, kind=kind, why=why, parts=parts)

    def dropped(self, why: str) -> SourceColumn:
        return self.made("dropped", why)


def _train_columns(dataset: Dataset) -> Iterator[tuple[Column, pa.ChunkedArray]]:
    columns = dataset.feature_columns()
    at_once = max(1, VALUES_AT_ONCE // max(1, dataset.rows("train")))
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        table = dataset.read("train", [column.name for column in some])
        yield from zip(some, table.columns, strict=True)


def _check_columns(dataset: Dataset, config: TransformConfig) -> None:
    types = {column.name: column.type for column in dataset.feature_columns()}
    for name, kind in config.columns.items():
        if name not in types:
            known = name in dataset.column_names()
            raise ConfigError(
                f"transform config: {name!r} is not a feature"
                if known
                else f"transform config: there is no column {name!r}",
                cause="it is the label, or the problem leaves it out"
                if known
                else nearest(name, types),
                choices=tuple(types),
            )
        allowed = KINDS_OF_TYPE[types[name]]
        if kind not in allowed:
            raise ConfigError(
                f"transform config: the column {name!r} cannot be {kind!r}",
                cause=f"it holds values of type {types[name]}",
                choices=allowed,
            )


def _fit_column(task: _Task, column: pa.ChunkedArray) -> SourceColumn:
    if task.kind == "drop":
        return task.dropped("as configured")
    if column.null_count == len(column):
        return task.dropped("it has no value in the train split")
    if task.type == "string":
        return _fit_text(task, column)
    values = column_from_arrow(column)
    if task.type == "timestamp":
        parts, why = fit_times(task.name, values, task.config, by_time=task.by_time)
        parts = _with_missing(task, parts, bool(np.isnat(values).any()))
        return task.made("timestamp" if parts else "dropped", why, *parts)
    return _fit_values(task, values)


def _told_apart(columns: Iterable[SourceColumn]) -> tuple[SourceColumn, ...]:
    """Renames derived outputs that would bear the name of a column or of another output."""
    columns = tuple(columns)
    taken = {column.name for column in columns}
    renamed = []
    for column in columns:
        parts = []
        for part in column.parts:
            while part.output != column.name and not taken.isdisjoint(output_names(part)):
                part = replace(part, output=f"{part.output}_")
            taken.update(output_names(part))
            parts.append(part)
        renamed.append(replace(column, parts=tuple(parts)))
    return tuple(renamed)


def _fit_text(task: _Task, column: pa.ChunkedArray) -> SourceColumn:
    counted = pc.value_counts(column.drop_null())
    counts = dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
    if len(counts) == 1 and not column.null_count:
        return task.dropped(f"it is always {_short(next(iter(counts)))} in the train split")
    part, why = _vocabulary(task.name, counts, task.config, len(column))
    return task.made("categorical", why, part) if part else task.dropped(why)


def _fit_values(task: _Task, values: NDArray[np.float64]) -> SourceColumn:
    finite = values[np.isfinite(values)]
    missing = len(finite) < len(values)
    # Zero is added so that a negative zero is not a value of its own.
    distinct, times = np.unique(finite + 0.0, return_counts=True)
    if not len(distinct):
        return task.dropped("it has no finite value in the train split")
    if len(distinct) == 1:
        why = f"it is always {distinct[0]:g} in the train split"
        if not missing:
            return task.dropped(why)
        return task.made("numeric", f"{why}, or missing", *_with_missing(task, (), True))
    counts = dict(zip(map(int, distinct.tolist()), times.tolist(), strict=True))
    if task.kind == "categorical" or (task.declared and task.kind == ""):
        part, why = _vocabulary(task.name, counts, task.config, len(values))
        cause = "as configured" if task.kind else "the schema declares it categorical"
        return task.made("categorical", f"{cause}; {why}", part) if part else task.dropped(why)
    number, why = _number(task, finite)
    parts = _with_missing(task, (number,), missing)
    if task.type == "int" and _also_categorical(task, len(distinct)):
        part, also = _vocabulary(task.name + CATEGORY_SUFFIX, counts, task.config, len(values))
        if part:
            return task.made("both", f"{why}; categorical too: {also}", *parts, part)
    return task.made("numeric", why, *parts)


def _also_categorical(task: _Task, distinct: int) -> bool:
    # Two values are already told apart by the number.
    few = 2 < distinct <= task.config.int_categories_up_to
    return task.kind == "both" or (task.kind == "" and few)


def _number(task: _Task, finite: NDArray[np.float64]) -> tuple[Part, str]:
    if task.type == "bool":
        fill = float(2 * finite.sum() > len(finite))
        part = Number(output=task.name, fill=fill, low=0.0, high=1.0, scale="none")
        return part, "true is 1, false is 0"
    scale = task.kind if task.kind in ("standard", "quantile") else "numeric"
    fitted = fit_number(task.name, finite, task.config, scale=scale, of="value")
    return fitted.part, f"{fitted.part.scale}: {fitted.why}"


def _with_missing(task: _Task, parts: tuple[Part, ...], missing: bool) -> tuple[Part, ...]:
    return (*parts, Missing(output=task.name + MISSING_SUFFIX)) if missing else parts


def _vocabulary(
    output: str, counts: dict[Any, int], config: TransformConfig, rows: int
) -> tuple[Vocabulary | None, str]:
    least = config.least_count(rows)
    frequent = [value for value, count in counts.items() if count >= least]
    if not frequent:
        return None, f"none of its {len(counts)} values occurs {least} times in the train split"
    kept = sorted(frequent, key=lambda value: (-counts[value], value))[: config.vocabulary_size]
    if len(kept) == len(counts):
        return Vocabulary(output=output, values=tuple(kept)), f"{len(kept)} values"
    # Rounded down: what is left out must not read as all.
    share = 1000 * sum(counts[value] for value in kept) // sum(counts.values()) / 10
    why = f"{len(kept)} of {len(counts)} values, {share}% of the rows that have one"
    why += f"; a value must occur {least} times"
    return Vocabulary(output=output, values=tuple(kept)), why


def _short(value: str) -> str:
    return repr(value) if len(value) <= 40 else repr(value[:37] + "...")
