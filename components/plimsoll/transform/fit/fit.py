"""Fits a transform on the train split, in one pass over its rows and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.formats.dataset import Dataset
from plimsoll.models.transform import Cross, Part, SourceColumn, Transform, output_names
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit.column_stats import Measured
from plimsoll.transform.fit.columns import Fitted, Task, fit_column
from plimsoll.transform.fit.measure import ColumnPlan, Plan, measured
from plimsoll.transform.fit.requests import Asked, asked_of
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
    measured: Measured | None = None
    """What it was fitted on; None: it was fitted elsewhere."""


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
    return fit_all(dataset, config, declared).transform


def fit_all(dataset: Dataset, config: TransformConfig, declared: frozenset[str]) -> Fit:
    """Fits as ``fit`` does, and what only the train split's own rows need.

    Raises:
        ConfigError: as ``fit``.
        DataError: as ``fit``.
        StepError: if a process that shares the work fails or is killed.
    """
    asked = asked_of(dataset, config, declared)
    plan = plan_of(asked)
    if config.beam_runner:
        from plimsoll.transform.fit.beam import measured_by_beam

        found = measured_by_beam(dataset, plan, config.beam_runner, config.beam_options)
    else:
        found = measured(dataset, plan, config.processes)
    return fit_measured(asked, found)


def plan_of(asked: Asked) -> Plan:
    """Settles what is measured of the train split."""
    problem = asked.problem
    return Plan(
        rows=asked.rows,
        columns=tuple(_column_plan(asked, column.name, column.type) for column in asked.columns),
        label=problem.label,
        regression=problem.task == "regression",
        crosses=tuple(cross.columns for cross in asked.config.crosses),
        keys=problem.keys if asked.folds else (),
        sample_rows=asked.config.rank_rows,
    )


def fit_measured(asked: Asked, seen: Measured) -> Fit:
    """Fits a transform on what was measured.

    Raises:
        ConfigError: if a column is to be clipped to a single value.
        DataError: if no column is left to learn from, or the label cannot be learnt.
    """
    label = fit_label(asked.problem, asked.label_type, seen.label)
    sample = seen.sample if seen.sample is not None else pa.table({})
    fitted = [
        fit_column(
            Task(
                name=column.name,
                type=column.type,
                treatment=asked.treatment(column.name),
                config=asked.config,
                declared=column.name in asked.declared,
                by_time=asked.by_time,
                label=label,
                sample=sample[column.name] if column.name in sample.column_names else None,
            ),
            seen.columns[column.name],
        )
        for column in asked.columns
    ]
    crosses = [
        _cross(asked.config, cross, seen, place) for place, cross in enumerate(asked.config.crosses)
    ]
    found = [cross for cross in crosses if cross is not None]
    if not found and not any(item.column.parts for item in fitted):
        raise DataError(
            "no column is left to learn from",
            cause="\n".join(f"{item.column.name}: {item.column.why}" for item in fitted[:12])
            or "every column is the label, a key, private or dropped",
        )
    columns, crosses_told = _told_apart([item.column for item in fitted], found)
    transform = Transform(columns=columns, crosses=crosses_told, label=label, ignored=asked.ignored)
    return Fit(
        transform=transform,
        folds=asked.folds,
        tables=_tables(columns, fitted, asked.folds),
        measured=seen,
    )


def _column_plan(asked: Asked, name: str, type_: str) -> ColumnPlan:
    treatment = asked.treatment(name)
    kind = treatment.kind
    if kind == "drop":
        return ColumnPlan(name=name, type="dropped")
    if type_ == "timestamp":
        elapsed = "elapsed_days" in treatment.parts if treatment.parts else not asked.by_time
        return ColumnPlan(name=name, type=type_, elapsed=elapsed)
    if kind == "target":
        return ColumnPlan(name=name, type=type_, folds=treatment.folds)
    separator = treatment.separator if kind == "multi" else ""
    named = kind in ("categorical", "multi", "hash", "text", "both")
    chosen = kind == "" and (type_ == "string" or (type_ == "int" and name in asked.declared))
    category = named or chosen
    number = type_ != "string" and (not category or kind == "both")
    return ColumnPlan(name=name, type=type_, number=number, category=category, separator=separator)


def _cross(config: TransformConfig, asked: Crossing, seen: Measured, place: int) -> Cross | None:
    counts = seen.crosses[place]
    buckets = asked.buckets or (config.vocabulary_size if counts is None else 0)
    if buckets or counts is None:
        return Cross(output=asked.name, columns=asked.columns, buckets=buckets)
    least = asked.min_count or config.least_count(seen.rows)
    frequent = [value for value, count in counts.items() if count >= least]
    kept = sorted(frequent, key=lambda value: (-counts[value], value))
    kept = kept[: asked.size or config.vocabulary_size]
    if not kept:
        return None
    return Cross(output=asked.name, columns=asked.columns, values=tuple(kept))


def _told_apart(
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
    columns: Iterable[SourceColumn], fitted: Iterable[Fitted], folds: int
) -> dict[str, NDArray[np.float64]]:
    # A number's remainder by a multiple of the folds has the same remainder by the folds.
    return {
        column.parts[0].output: item.folds[np.arange(folds) % len(item.folds)]
        for column, item in zip(columns, fitted, strict=True)
        if item.folds is not None
    }
