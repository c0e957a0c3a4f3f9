"""Fits a transform on the train split, in one pass over its rows and in bounded memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.formats.dataset import Dataset
from plimsoll.models.transform import Label, SourceColumn, Transform
from plimsoll.models.transform_parts import Cross, Part, output_names
from plimsoll.statistics.runners import measure_split
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit.accumulator import ColumnPlan, FitPlan
from plimsoll.transform.fit.column_stats import TrainStats
from plimsoll.transform.fit.columns import FittedColumn, Task, fit_column, frequent_values
from plimsoll.transform.fit.requests import FitRequest, request_of
from plimsoll.transform.kinds.labels import fit_label
from plimsoll.transform.treatments import Crossing

AnyPart = TypeVar("AnyPart", Part, Cross)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was fitted."""

    transform: Transform
    folds: int = 0
    """Folds in which rows of train are encoded by the label; 0: they are not."""
    tables: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Output of a target encoding -> what it is for the train rows of each fold: see
    ``apply_out_of_fold``."""
    measured: TrainStats | None = None
    """What it was fitted on; None: it was fitted elsewhere."""


def fit_all(dataset: Dataset, config: TransformConfig, declared: frozenset[str]) -> Fit:
    """Fits a transform on a dataset's train split, with what only that split's own rows need.

    Eval and test are never looked at.

    Args:
        dataset: The dataset.
        config: How columns are treated.
        declared: Int columns that the schema declares categorical.

    Raises:
        ConfigError: if the config names a column that is no feature, or a kind that its type
            cannot be.
        DataError: if no column is left to learn from, or the label cannot be learnt.
        StepError: if a process that shares the work fails or is killed.
    """
    request = request_of(dataset, config, declared)
    stats = measure_split(
        dataset,
        plan_of(request).measurement(),
        processes=config.processes,
        beam_runner=config.beam_runner,
        beam_options=config.beam_options,
    )
    return fit_measured(request, stats)


def plan_of(request: FitRequest) -> FitPlan:
    """Settles what is measured of the train split."""
    dataset, problem = request.dataset, request.dataset.problem
    return FitPlan(
        rows=dataset.rows("train"),
        columns=tuple(
            _column_plan(request, column.name, column.type) for column in dataset.feature_columns()
        ),
        label=problem.label,
        regression=problem.task == "regression",
        crosses=tuple(cross.columns for cross in request.config.crosses),
        keys=problem.keys if request.folds else (),
        sample_rows=request.config.rank_rows,
    )


def fit_measured(request: FitRequest, stats: TrainStats) -> Fit:
    """Fits a transform on what was measured.

    Raises:
        ConfigError: if a column is to be clipped to a single value.
        DataError: if no column is left to learn from, or the label cannot be learnt.
    """
    dataset = request.dataset
    label_type = dataset.type_of(dataset.problem.label)
    label = fit_label(dataset.problem, label_type, stats.label)
    fitted = _fit_columns(request, stats, label)
    pairs = zip(request.config.crosses, stats.crosses, strict=True)
    fitted_crosses = [
        _cross(request.config, crossing, counts, stats.rows) for crossing, counts in pairs
    ]
    kept = [cross for cross in fitted_crosses if cross is not None]
    if not kept and not any(item.column.parts for item in fitted):
        raise DataError(
            "no column is left to learn from",
            cause="\n".join(f"{item.column.name}: {item.column.why}" for item in fitted[:12])
            or "every column is the label, a key, private or dropped",
        )
    names = {item.column.name for item in fitted}
    columns, crosses = _with_free_names([item.column for item in fitted], kept)
    return Fit(
        transform=Transform(
            columns=columns,
            crosses=crosses,
            label=label,
            ignored=tuple(name for name in dataset.column_names() if name not in names),
        ),
        folds=request.folds,
        tables=_tables(columns, fitted, request.folds),
        measured=stats,
    )


def _fit_columns(request: FitRequest, stats: TrainStats, label: Label) -> list[FittedColumn]:
    sample = stats.sample if stats.sample is not None else pa.table({})
    return [
        fit_column(
            Task(
                name=column.name,
                type=column.type,
                treatment=request.treatment(column.name),
                config=request.config,
                declared=column.name in request.declared,
                by_time=request.by_time,
                label=label,
                sample=sample[column.name] if column.name in sample.column_names else None,
            ),
            stats.columns[column.name],
        )
        for column in request.dataset.feature_columns()
    ]


def _column_plan(request: FitRequest, name: str, type_: str) -> ColumnPlan:
    treatment = request.treatment(name)
    kind = treatment.kind
    if kind == "drop":
        return ColumnPlan(name=name, type="dropped")
    if type_ == "timestamp":
        elapsed = "elapsed_days" in treatment.parts if treatment.parts else not request.by_time
        return ColumnPlan(name=name, type=type_, elapsed=elapsed)
    if kind == "target":
        return ColumnPlan(name=name, type=type_, folds=treatment.folds)
    separator = treatment.separator if kind == "multi" else ""
    named = kind in ("categorical", "multi", "hash", "text", "both")
    chosen = kind == "" and (type_ == "string" or (type_ == "int" and name in request.declared))
    category = named or chosen
    number = type_ != "string" and (not category or kind == "both")
    return ColumnPlan(name=name, type=type_, number=number, category=category, separator=separator)


def _cross(
    config: TransformConfig,
    crossing: Crossing,
    counts: Mapping[tuple[Any, ...], int] | None,
    rows: int,
) -> Cross | None:
    buckets = crossing.buckets or (config.vocabulary_size if counts is None else 0)
    if buckets or counts is None:
        return Cross(output=crossing.name, columns=crossing.columns, buckets=buckets)
    least = crossing.min_count or config.least_count(rows)
    kept = frequent_values(counts, least, crossing.size or config.vocabulary_size)
    if not kept:
        return None
    return Cross(output=crossing.name, columns=crossing.columns, values=kept)


def _with_free_names(
    columns: Iterable[SourceColumn], crosses: Iterable[Cross]
) -> tuple[tuple[SourceColumn, ...], tuple[Cross, ...]]:
    """Renames derived outputs that would bear the name of a column or of another output."""
    columns = tuple(columns)
    taken = {column.name for column in columns}
    renamed = []
    for column in columns:
        parts = tuple(_free(part, column.name, taken) for part in column.parts)
        renamed.append(replace(column, parts=parts))
    return tuple(renamed), tuple(_free(cross, "", taken) for cross in crosses)


def _free(part: AnyPart, own: str, taken: set[str]) -> AnyPart:
    """Returns a part whose outputs bear no name that is taken but their own column's."""
    while not taken.isdisjoint(set(output_names(part)) - {own}):
        part = replace(part, output=f"{part.output}_")
    taken.update(output_names(part))
    return part


def _tables(
    columns: Iterable[SourceColumn], fitted: Iterable[FittedColumn], folds: int
) -> dict[str, NDArray[np.float64]]:
    # A number's remainder by a multiple of the folds has the same remainder by the folds.
    return {
        column.parts[0].output: item.folds[np.arange(folds) % len(item.folds)]
        for column, item in zip(columns, fitted, strict=True)
        if item.folds is not None
    }
