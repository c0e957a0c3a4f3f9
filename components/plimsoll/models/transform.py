"""The transform artifact: how raw columns become the numbers that a network reads.

A folder of ``transform.json``, which a person can read, and ``arrays.npz``, which holds the
tables of quantiles and of target encodings. It is fitted once, on the train split, and applied by
training and serving alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.errors import ArtifactError, nearest
from plimsoll.models.transform_parts import (
    PARTS,
    TYPES_OF_PART,
    Bins,
    CategoricalPart,
    Cross,
    Number,
    NumericPart,
    Part,
    indices,
    output_names,
    width,
)
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    folder_written_whole,
    write_json,
)

FORMAT = "plimsoll.transform/2"
MANIFEST = "transform.json"
ARRAYS = "arrays.npz"
TYPES = ("int", "float", "bool", "string", "timestamp")


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """A feature column of the dataset and all that is made of it."""

    name: str
    type: str
    """int, float, bool, string or timestamp."""
    kind: str
    """What it is treated as, such as ``numeric`` or ``categorical``; ``dropped``: left out."""
    why: str
    """Why it is treated so, for a person."""
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ArtifactError(
                f"the transform's column {self.name!r} has the unknown type {self.type!r}"
            )
        for part in self.parts:
            if self.type not in TYPES_OF_PART[type(part)] or isinstance(part, Cross):
                raise ArtifactError(
                    f"the transform cannot make {type(part).__name__} {part.output!r} "
                    f"of the column {self.name!r}",
                    cause=f"it holds values of type {self.type}",
                )
            timed = isinstance(part, Number | Bins) and part.of == "elapsed_days"
            if isinstance(part, Number | Bins) and timed != (self.type == "timestamp"):
                raise ArtifactError(
                    f"the transform's output {part.output!r} cannot be of {part.of}",
                    cause=f"{self.name!r} holds values of type {self.type}",
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
    crosses: tuple[Cross, ...] = ()
    """What is made of several columns; their outputs come behind all others."""
    label: Label
    ignored: tuple[str, ...] = ()
    """Columns of the dataset that are no features; a request may hold them, to no effect."""

    def __post_init__(self) -> None:
        names = [name for _, part in self.parts() for name in output_names(part)]
        sources = [column.name for column in self.columns]
        for group in (names, sources):
            if len(set(group)) != len(group):
                raise ArtifactError("the transform names a column or an output twice")
        types = {column.name: column.type for column in self.columns}
        for cross in self.crosses:
            for name in cross.columns:
                if types.get(name) not in TYPES_OF_PART[Cross]:
                    raise ArtifactError(
                        f"the transform cannot cross the column {name!r}",
                        cause=f"it is of type {types[name]}"
                        if name in types
                        else nearest(name, types),
                    )

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric outputs, in order."""
        return tuple(
            name
            for _, part in self.parts()
            if isinstance(part, NumericPart)
            for name in output_names(part)
        )

    @property
    def categorical(self) -> tuple[CategoricalOutput, ...]:
        """Names, sizes and widths of the categorical outputs, in order."""
        return tuple(
            CategoricalOutput(part.output, indices(part), width(part))
            for _, part in self.parts()
            if isinstance(part, CategoricalPart)
        )

    @property
    def inputs(self) -> tuple[SourceColumn, ...]:
        """The columns that a request must give: those that something is made of."""
        crossed = {name for cross in self.crosses for name in cross.columns}
        return tuple(column for column in self.columns if column.parts or column.name in crossed)

    def parts(self) -> Iterator[tuple[tuple[SourceColumn, ...], Part]]:
        """Yields each part with the columns that it is made of, in the order of the outputs."""
        for column in self.columns:
            for part in column.parts:
                yield (column,), part
        named = {column.name: column for column in self.columns}
        for cross in self.crosses:
            yield tuple(named[name] for name in cross.columns if name in named), cross

    def to_dict(self) -> dict[str, Any]:
        """Returns the transform as JSON values, tables included."""
        return {
            "format": FORMAT,
            "columns": [
                {**vars(column), "parts": [_part_json(part) for part in column.parts]}
                for column in self.columns
            ],
            "crosses": [_part_json(cross) for cross in self.crosses],
            "numeric": list(self.numeric),
            "categorical": [dict(vars(item)) for item in self.categorical],
            "label": {**vars(self.label), "classes": list(self.label.classes)},
            "ignored": list(self.ignored),
        }


def write_transform(folder: Path, transform: Transform) -> None:
    """Writes the artifact, whole; equal transforms give equal bytes."""
    manifest = transform.to_dict()
    arrays: dict[str, Any] = {}
    for column in manifest["columns"]:
        for part in column["parts"]:
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
            columns=tuple(
                SourceColumn(
                    **{**item, "parts": tuple(_part(part, arrays) for part in item["parts"])}
                )
                for item in manifest["columns"]
            ),
            crosses=tuple(_cross(item) for item in manifest["crosses"]),
            label=Label(**{**manifest["label"], "classes": tuple(manifest["label"]["classes"])}),
            ignored=tuple(manifest["ignored"]),
        )
        stated = manifest["numeric"], manifest["categorical"]
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ArtifactError(
            f"the transform {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
            hint="make it again; its files must not be edited",
        ) from error
    remade = transform.to_dict()
    if stated != (remade["numeric"], remade["categorical"]):
        raise ArtifactError(f"the transform {folder} names other outputs than it makes")
    return transform


def _part_json(part: Part) -> dict[str, Any]:
    kind = next(name for name, part_type in PARTS.items() if type(part) is part_type)
    return {"part": kind, **{name: _as_lists(value) for name, value in vars(part).items()}}


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


_TABLES: Mapping[str, tuple[str, ...]] = {
    "number": ("knots", "scores"),
    "target_mean": ("encoded",),
}
"""Fields of parts that stand in the arrays, one table for all of a part's."""


def _move_table(part: dict[str, Any], arrays: dict[str, Any]) -> None:
    fields = _TABLES.get(part["part"], ())
    values = [part.pop(name) for name in fields]
    if values and values[0]:
        part["table"] = f"table_{len(arrays):04d}"
        arrays[part["table"]] = np.array(values, np.float64)


def _cross(item: Mapping[str, Any]) -> Cross:
    part = _part(item, {})
    if not isinstance(part, Cross):
        raise TypeError(f"{part.output!r} is not a cross")
    return part


def _part(item: Mapping[str, Any], arrays: Mapping[str, Any]) -> Part:
    values = dict(item)
    kind = values.pop("part")
    fields = _TABLES.get(kind, ())
    table = arrays[values.pop("table")].tolist() if "table" in values else [()] * len(fields)
    values.update(zip(fields, table, strict=True))
    part_type: Callable[..., Part] = PARTS[kind]
    return part_type(**{name: _as_tuples(value) for name, value in values.items()})


def _read_arrays(path: Path, digest: str) -> dict[str, Any]:
    if digest_file(path) != digest:
        raise ValueError(f"{path.name} is not the file that was written")
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
