"""The examples artifact: transformed rows, ready to train on, as plain ``.npy`` arrays.

A folder of ``manifest.json`` and ``{split}/{numeric,categorical,label}.npy``.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from plimsoll import problem as problems
from plimsoll.errors import ArtifactError, DataError, nearest
from plimsoll.models.transform import CategoricalOutput
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    folder_written_whole,
    write_json,
)

FORMAT = "plimsoll.examples/2"
MANIFEST = "manifest.json"
ARRAYS = ("numeric", "categorical", "label")


class Batch(NamedTuple):
    """Some transformed rows."""

    numeric: NDArray[np.float32]
    """Shape (rows, numeric outputs)."""
    categorical: NDArray[np.int32]
    """Shape (rows, widths of the categorical outputs together)."""
    label: NDArray[Any]
    """Shape (rows,): class index (int64), or value (float32)."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the arrays mean."""

    dataset_id: str
    """The dataset that the examples were made from."""
    problem: Problem
    """The resolved problem."""
    numeric_names: tuple[str, ...]
    """The numeric columns, in order."""
    categorical_outputs: tuple[CategoricalOutput, ...]
    """The categorical columns, in order, each with how many indices it may take."""
    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    classes: tuple[Any, ...] = ()
    """The label's values by index; binary: the positive one last; regression: empty."""
    positive: Any = None
    """Binary: the positive value."""


@dataclass(frozen=True, kw_only=True)
class Examples(Header):
    """An examples artifact that was opened, its files checked. Arrays are mapped, not read."""

    folder: Path
    rows: Mapping[str, int]
    """Split -> number of rows."""

    def numeric(self, split: str) -> NDArray[np.float32]:
        """Returns float32, shape (rows, numeric columns)."""
        return self._array(split, "numeric")

    def categorical(self, split: str) -> NDArray[np.int32]:
        """Returns int32, shape (rows, categorical columns): 0 missing, 1 unknown, 2.. known.

        An output of width n has n columns: a row's indices, in any order, then 0.
        """
        return self._array(split, "categorical")

    def label(self, split: str) -> NDArray[Any]:
        """Returns shape (rows,): int64 class indices, or float32 values for regression."""
        return self._array(split, "label")

    def batch(self, split: str) -> Batch:
        """Returns all rows of a split, mapped."""
        return Batch(self.numeric(split), self.categorical(split), self.label(split))

    def _array(self, split: str, name: str) -> NDArray[Any]:
        if split not in self.rows:
            raise DataError(
                f"there is no split {split!r} in the examples",
                cause=nearest(split, self.rows),
                choices=tuple(self.rows),
            )
        path = self.folder / split / f"{name}.npy"
        shape, dtype = _shape(self, self.rows[split], name)
        try:
            # An array without elements cannot be mapped.
            array = np.load(path, allow_pickle=False, mmap_mode="r" if math.prod(shape) else None)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} cannot be read", cause=str(error)) from error
        if array.shape != shape or array.dtype != dtype:
            raise ArtifactError(
                f"{path} does not fit {MANIFEST}",
                cause=f"it is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}",
            )
        return array


def write_examples(
    folder: Path,
    header: Header,
    rows: Mapping[str, int],
    batches: Mapping[str, Iterable[Batch]],
) -> None:
    """Writes the artifact, whole, holding one batch at a time.

    Args:
        folder: Where it comes to be; replaced if it exists.
        header: What the arrays mean.
        rows: Split -> how many rows its batches have together.
        batches: Split -> its rows, in order.

    Raises:
        ArtifactError: if batches have other shapes than the header and ``rows`` say.
    """

    def fill(aside: Path) -> dict[str, int]:
        written = dict.fromkeys(SPLITS, 0)
        for split in SPLITS:
            for batch in batches[split]:
                write_range(aside, header, split, written[split], batch)
                written[split] += len(batch.label)
        return written

    write_ranges(folder, header, rows, fill)


def write_ranges(
    folder: Path,
    header: Header,
    rows: Mapping[str, int],
    fill: Callable[[Path], Mapping[str, int]],
) -> None:
    """Writes the artifact, whole, from ranges of rows that come in any order.

    Args:
        folder: Where it comes to be; replaced if it exists.
        header: What the arrays mean.
        rows: Split -> how many rows it has.
        fill: Called with the folder in which the artifact is made; writes each row of each
            split once by ``write_range``, in as many processes as it likes, and returns how many
            rows of each split it wrote.

    Raises:
        ArtifactError: if it did not write every row.
    """
    with folder_written_whole(Path(folder)) as aside:
        for split in SPLITS:
            (aside / split).mkdir()
            for name in ARRAYS:
                shape, dtype = _shape(header, rows[split], name)
                with _array_path(aside, split, name).open("wb") as stream:
                    _write_header(stream, shape, dtype)
                    stream.truncate(stream.tell() + math.prod(shape) * np.dtype(dtype).itemsize)
        written = fill(aside)
        for split in SPLITS:
            _check_written(split, written.get(split, 0), rows[split])
        _write_manifest(aside, header, rows)


def write_range(folder: Path, header: Header, split: str, first: int, batch: Batch) -> None:
    """Writes rows that follow each other to where they belong; see ``write_ranges``.

    Args:
        folder: The folder in which the artifact is made.
        header: What the arrays mean.
        split: The rows' split.
        first: The number of the first row in it.
        batch: The rows.

    Raises:
        ArtifactError: if they have other shapes than the header says.
    """
    for name in ARRAYS:
        array = _checked(header, name, batch)
        with _array_path(folder, split, name).open("r+b") as stream:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            stream.seek(first * math.prod(array.shape[1:]) * array.itemsize, os.SEEK_CUR)
            stream.write(np.ascontiguousarray(array).data)


def open_examples(folder: Path) -> Examples:
    """Opens an examples artifact and checks the SHA-256 of its files.

    Raises:
        ArtifactError: if it is missing, damaged, or of another format version.
    """
    folder = Path(folder)
    manifest = checked_manifest(folder, MANIFEST, FORMAT)
    try:
        examples = Examples(
            folder=folder,
            dataset_id=str(manifest["dataset_id"]),
            problem=problems.from_dict(manifest["problem"]),
            numeric_names=tuple(manifest["numeric"]),
            categorical_outputs=tuple(
                CategoricalOutput(str(item["name"]), int(item["size"]), int(item["width"]))
                for item in manifest["categorical"]
            ),
            task=str(manifest["task"]),
            classes=tuple(manifest["classes"]),
            positive=manifest["positive"],
            rows={split: int(manifest["splits"][split]) for split in SPLITS},
        )
        for split in SPLITS:
            for name in ARRAYS:
                _check(folder, f"{split}/{name}.npy", manifest["files"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"the manifest of the examples {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
        ) from error
    return examples


def _check(folder: Path, name: str, digests: Mapping[str, str]) -> None:
    path = folder / name
    if not path.is_file():
        raise ArtifactError(f"the examples {folder} lack {name}")
    if digest_file(path) != digests[name]:
        raise ArtifactError(
            f"{name} of the examples {folder} is damaged",
            cause="its SHA-256 is not the one in the manifest",
            hint="make the examples again; their files must not be edited",
        )


def _shape(header: Header, rows: int, name: str) -> tuple[tuple[int, ...], DTypeLike]:
    if name == "numeric":
        return (rows, len(header.numeric_names)), np.float32
    if name == "categorical":
        return (rows, sum(item.width for item in header.categorical_outputs)), np.int32
    return (rows,), np.float32 if header.task == "regression" else np.int64


def _array_path(folder: Path, split: str, name: str) -> Path:
    return folder / split / f"{name}.npy"


def _check_written(split: str, written: int, rows: int) -> None:
    if written != rows:
        raise ArtifactError(
            f"examples of {split} are not whole",
            cause=f"{written} rows were given, {rows} announced",
        )


def _write_manifest(folder: Path, header: Header, rows: Mapping[str, int]) -> None:
    names = [f"{split}/{name}.npy" for split in SPLITS for name in ARRAYS]
    write_json(
        folder / MANIFEST,
        {
            "format": FORMAT,
            "dataset_id": header.dataset_id,
            "problem": header.problem.to_dict(),
            "numeric": list(header.numeric_names),
            "categorical": [vars(item) for item in header.categorical_outputs],
            "task": header.task,
            "classes": list(header.classes),
            "positive": header.positive,
            "splits": {split: rows[split] for split in SPLITS},
            "files": {name: digest_file(folder / name) for name in names},
        },
    )


def _write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(
        stream, {"descr": descr, "fortran_order": False, "shape": shape}
    )


def _checked(header: Header, name: str, batch: Batch) -> NDArray[Any]:
    array: NDArray[Any] = getattr(batch, name)
    shape, dtype = _shape(header, len(batch.label), name)
    if array.shape != shape or array.dtype != dtype:
        raise ArtifactError(
            f"a batch of {name} examples does not fit",
            cause=f"it is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}",
        )
    return array
