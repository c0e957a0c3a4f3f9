"""What is requested of each column, checked against the dataset before a row is read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.configuration.validation import read_as
from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.dataset import Dataset
from plimsoll.transform.config import NAME, TransformConfig
from plimsoll.transform.treatments import (
    CROSSED_TYPES,
    DEFAULT_TREATMENT,
    KINDS_OF_TYPE,
    Columns,
    Treatment,
)


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What is to be fitted."""

    dataset: Dataset
    config: TransformConfig
    treatments: Mapping[str, Treatment]
    """By column: the config's, else the problem's."""
    declared: frozenset[str]
    """Int columns that the schema declares categorical."""

    @property
    def by_time(self) -> bool:
        """Whether eval and test come after train."""
        problem = self.dataset.problem
        return problem.split.by == "time" or (not problem.split.by and bool(problem.time))

    @property
    def folds(self) -> int:
        """A multiple of the folds of all columns that are encoded by the label; 0: none is."""
        folds = [item.folds for item in self.treatments.values() if item.kind == "target"]
        return math.lcm(*folds) if folds else 0

    def treatment(self, column: str) -> Treatment:
        """Returns what is requested of a column."""
        return self.treatments.get(column, DEFAULT_TREATMENT)


def request_of(dataset: Dataset, config: TransformConfig, declared: frozenset[str]) -> FitRequest:
    """Checks what the config and the problem say of columns.

    Args:
        dataset: The dataset.
        config: The settings.
        declared: Int columns that the schema declares categorical.

    Raises:
        ConfigError: if a column is no feature, or cannot be treated as is said.
    """
    types = {column.name: column.type for column in dataset.feature_columns()}
    requested = {
        "problem": read_as(Columns, dataset.problem.columns, "problem", ("columns",)),
        NAME: dict(config.columns),
    }
    for where, by_column in requested.items():
        for name, treatment in by_column.items():
            _check_feature(where, name, types, dataset)
            _check_kind(where, name, treatment.kind, types[name])
    for cross in config.crosses:
        for name in cross.columns:
            _check_feature(f"{NAME}: crosses", name, types, dataset)
            _check_crossed(name, types[name])
    return FitRequest(
        dataset=dataset,
        config=config,
        treatments={**requested["problem"], **requested[NAME]},
        declared=declared,
    )


def _check_feature(where: str, name: str, types: Mapping[str, str], dataset: Dataset) -> None:
    if name in types:
        return
    if name not in dataset.column_names():
        raise ConfigError(
            f"{where}: there is no column {name!r}",
            cause=nearest(name, types),
            choices=tuple(types),
        )
    is_label = name == dataset.problem.label
    raise ConfigError(
        f"{where}: {name!r} is not a feature",
        cause="it is the label" if is_label else "the problem leaves it out, or ingest did",
        choices=tuple(types),
        hint=""
        if is_label
        else "take it out of drop: in the problem file; what ingest left out is kept "
        "where the problem file says under columns: how to treat it",
    )


def _check_kind(where: str, name: str, kind: str, type_: str) -> None:
    allowed = KINDS_OF_TYPE[type_]
    if kind not in allowed:
        raise ConfigError(
            f"{where}: the column {name!r} cannot be {kind!r}",
            cause=f"it holds values of type {type_}",
            choices=allowed,
        )


def _check_crossed(name: str, type_: str) -> None:
    if type_ not in CROSSED_TYPES:
        raise ConfigError(
            f"{NAME}: the column {name!r} cannot be crossed",
            cause=f"it holds values of type {type_}",
            choices=CROSSED_TYPES,
        )
