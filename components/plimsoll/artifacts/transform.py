"""The transform artifact: how raw columns become the numbers that a network reads.

A folder of ``transform.json``, which a person can read, and ``arrays.npz``, which holds the
quantile tables. It is fitted once, on the train split, and applied by training and serving alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.artifacts.files import (
    checked_manifest,
    digest_file,
    folder_written_whole,
    write_json,
)
from plimsoll.errors import ArtifactError

FORMAT = "plimsoll.transform/1"
MANIFEST = "transform.json"
ARRAYS = "arrays.npz"
MISSING = 0
"""Index of a missing value in every categorical output."""
UNKNOWN = 1
"""Index of a value that the vocabulary does not have, in every categorical output."""
FIRST_KNOWN = 2
"""Index of a vocabulary's first value."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TYPES = ("int", "float", "bool", "string", "timestamp")


@dataclass(frozen=True, kw_only=True)
class Number:
    """One numeric output: filled where missing, clipped, then scaled.

    ``standard`` gives (x - center) / spread; ``quantile`` goes by the table from knots to scores,
    straight between them; ``none`` leaves the number as it is.
    """

    output: str
    of: str = "value"
    """``value``, or ``elapsed_days`` for a timestamp: days since 1970."""
    fill: float
    """What stands for a missing or infinite value, in the column's own unit."""
    low: float
    """Lower values count as this."""
    high: float
    """Higher values count as this."""
    scale: str
    """``standard``, ``quantile`` or ``none``."""
    center: float = 0.0
    spread: float = 1.0
    knots: tuple[float, ...] = ()
    """Quantile: strictly rising values, at least two."""
    scores: tuple[float, ...] = ()
    """Quantile: the output at each knot."""

    def __post_init__(self) -> None:
        numbers = (self.fill, self.low, self.high, self.center, self.spread)
        rising = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        sound = (
            self.of in ("value", "elapsed_days")
            and self.scale in ("standard", "quantile", "none")
            and all(map(math.isfinite, (*numbers, *self.knots, *self.scores)))
            and self.low <= self.high
            and self.spread > 0
            and rising
            and len(self.knots) == len(self.scores)
            and (self.scale != "quantile" or self._by_table())
            and (self.scale == "quantile" or not self.knots)
        )
        if not sound:
            raise ArtifactError(f"the transform's numeric output {self.output!r} does not hold")

    def _by_table(self) -> bool:
        return (
            len(self.knots) >= 2
            and (self.low, self.high) == (self.knots[0], self.knots[-1])
            and (self.center, self.spread) == (0.0, 1.0)
        )


@dataclass(frozen=True, kw_only=True)
class Missing:
    """One numeric output: 1 where the column has no value, else 0."""

    output: str


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Two numeric outputs: sine and cosine of a timestamp's place in the day or in the year."""

    output: str
    """The outputs are this, followed by ``.sin`` and ``.cos``."""
    of: str
    """``time_of_day`` (to the minute) or ``day_of_year``."""

    def __post_init__(self) -> None:
        if self.of not in ("time_of_day", "day_of_year"):
            raise ArtifactError(f"the transform has no cycle {self.of!r}")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """One categorical output: the place of a value among those known, most frequent first."""

    output: str
    values: tuple[str | int, ...]
    """Value ``i`` has the index ``i + 2``; 0 is missing and 1 is unknown."""

    def __post_init__(self) -> None:
        if len(set(self.values)) != len(self.values):
            raise ArtifactError(f"the transform's vocabulary {self.output!r} has a value twice")


@dataclass(frozen=True, kw_only=True)
class Weekday:
    """One categorical output: a timestamp's day of the week, Monday first."""

    output: str


Part = Number | Missing | Cycle | Vocabulary | Weekday
_PARTS: Mapping[str, type[Part]] = {
    "number": Number,
    "missing": Missing,
    "cycle": Cycle,
    "vocabulary": Vocabulary,
    "weekday": Weekday,
}


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """A feature column of the dataset and all that is made of it."""

    name: str
    type: str
    """int, float, bool, string or timestamp."""
    kind: str
    """``numeric``, ``categorical``, ``both``, ``timestamp`` or ``dropped``."""
    why: str
    """Why it is treated so, for a person."""
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ArtifactError(
                f"the transform's column {self.name!r} has the unknown type {self.type!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Label:
    """What is predicted."""

    name: str
    type: str
    """int, float, bool or string."""
    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    classes: tuple[Any, ...] = ()
    """The label's values in the order of the model's columns; binary: the positive one last."""
    positive: Any = None
    """Binary: the value that counts as positive."""
    mean: float = 0.0
    """Regression: the mean over the train split, in the label's own unit."""
    std: float = 1.0
    """Regression: the standard deviation over the train split; 1 if it is 0."""


@dataclass(frozen=True)
class CategoricalOutput:
    """A categorical output: its name, its indices, and how many of them a row has."""

    name: str
    size: int
    """How many indices there are, missing and unknown among them."""
    width: int = 1
    """How many columns of the array it takes: a row's indices, 0 in those left over."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Transform:
    """A whole transform. Two are the same only if they are one object: see ``to_dict``."""

    columns: tuple[SourceColumn, ...]
    """Every feature column of the dataset, those that were dropped among them."""
    label: Label
    ignored: tuple[str, ...] = ()
    """Columns of the dataset that are no features; a request may hold them, to no effect."""

    def __post_init__(self) -> None:
        names = [name for _, part in self.parts() for name in output_names(part)]
        sources = [column.name for column in self.columns]
        for found in (names, sources):
            if len(set(found)) != len(found):
                raise ArtifactError("the transform names a column or an output twice")

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric outputs, in order."""
        return tuple(
            name
            for _, part in self.parts()
            if isinstance(part, Number | Missing | Cycle)
            for name in output_names(part)
        )

    @property
    def categorical(self) -> tuple[CategoricalOutput, ...]:
        """Names and sizes of the categorical outputs, in order."""
        return tuple(
            CategoricalOutput(part.output, _size(part))
            for _, part in self.parts()
            if isinstance(part, Vocabulary | Weekday)
        )

    @property
    def inputs(self) -> tuple[SourceColumn, ...]:
        """The columns that a request must give: those that something is made of."""
        return tuple(column for column in self.columns if column.parts)

    def parts(self) -> Iterator[tuple[SourceColumn, Part]]:
        """Yields each part with its column, in the order of the outputs."""
        for column in self.columns:
            for part in column.parts:
                yield column, part

    def to_dict(self) -> dict[str, Any]:
        """Returns the transform as JSON values, quantile tables included."""
        return {
            "format": FORMAT,
            "columns": [_column_json(column) for column in self.columns],
            "numeric": list(self.numeric),
            "categorical": [dict(vars(item)) for item in self.categorical],
            "label": {**vars(self.label), "classes": list(self.label.classes)},
            "ignored": list(self.ignored),
        }


def output_names(part: Part) -> tuple[str, ...]:
    """Returns the names of the outputs that a part makes, in order."""
    if isinstance(part, Cycle):
        return (f"{part.output}.sin", f"{part.output}.cos")
    return (part.output,)


def write_transform(folder: Path, transform: Transform) -> None:
    """Writes the artifact, whole; equal transforms give equal bytes."""
    manifest = transform.to_dict()
    arrays: dict[str, Any] = {}
    for column in manifest["columns"]:
        for part in column["parts"]:
            if part["part"] == "number":
                _move_table(part, arrays)
    with folder_written_whole(Path(folder)) as aside:
        # numpy dates every member 1980, so that these bytes say nothing of when they were made.
        with (aside / ARRAYS).open("wb") as stream:
            np.savez(stream, **arrays)
        manifest["arrays_sha256"] = digest_file(aside / ARRAYS)
        write_json(aside / MANIFEST, manifest)


def read_transform(folder: Path) -> Transform:
    """Reads the artifact.

    Raises:
        ArtifactError: if it is missing, damaged, or of another format version.
    """
    folder = Path(folder)
    manifest = checked_manifest(folder, MANIFEST, FORMAT)
    try:
        arrays = _read_arrays(folder / ARRAYS, manifest["arrays_sha256"])
        transform = Transform(
            columns=tuple(_column(item, arrays) for item in manifest["columns"]),
            label=Label(**{**manifest["label"], "classes": tuple(manifest["label"]["classes"])}),
            ignored=tuple(manifest["ignored"]),
        )
        stated = manifest["numeric"], manifest["categorical"]
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ArtifactError(
            f"the transform {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
            hint="make it again; its files must not be edited",
        ) from error
    found = transform.to_dict()
    if stated != (found["numeric"], found["categorical"]):
        raise ArtifactError(f"the transform {folder} names other outputs than it makes")
    return transform


def _size(part: Vocabulary | Weekday) -> int:
    known = WEEKDAYS if isinstance(part, Weekday) else part.values
    return FIRST_KNOWN + len(known)


def _column_json(column: SourceColumn) -> dict[str, Any]:
    return {**vars(column), "parts": [_part_json(part) for part in column.parts]}


def _part_json(part: Part) -> dict[str, Any]:
    kind = next(name for name, made in _PARTS.items() if type(part) is made)
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(part).items()
    }
    return {"part": kind, **values}


def _move_table(part: dict[str, Any], arrays: dict[str, Any]) -> None:
    knots, scores = part.pop("knots"), part.pop("scores")
    if knots:
        part["table"] = f"table_{len(arrays):04d}"
        arrays[part["table"]] = np.array([knots, scores], np.float64)


def _column(item: Mapping[str, Any], arrays: Mapping[str, Any]) -> SourceColumn:
    return SourceColumn(**{**item, "parts": tuple(_part(part, arrays) for part in item["parts"])})


def _part(item: Mapping[str, Any], arrays: Mapping[str, Any]) -> Part:
    values = dict(item)
    made = _PARTS[values.pop("part")]
    if "table" in values:
        values["knots"], values["scores"] = map(tuple, arrays[values.pop("table")].tolist())
    if "values" in values:
        values["values"] = tuple(values["values"])
    return made(**values)


def _read_arrays(path: Path, digest: str) -> dict[str, Any]:
    if digest_file(path) != digest:
        raise ValueError(f"{path.name} is not the file that was written")
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
