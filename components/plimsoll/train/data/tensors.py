"""The examples as tensors on a device, checked as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from plimsoll.errors import DataError
from plimsoll.formats.examples import Examples

SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class TensorBatch:
    """Some rows on a device."""

    numeric: torch.Tensor
    """float32, shape (rows, numeric columns)."""
    categorical: torch.Tensor
    """int32, shape (rows, categorical columns)."""
    target: torch.Tensor
    """int64 class index, shape (rows,); regression: float32, standardised, shape (rows, 1)."""

    def __len__(self) -> int:
        return len(self.target)

    def select(self, indices: torch.Tensor) -> TensorBatch:
        """Returns the rows at some indices, int64 of shape (rows,), in their order."""
        return TensorBatch(
            numeric=self.numeric.index_select(0, indices),
            categorical=self.categorical.index_select(0, indices),
            target=self.target.index_select(0, indices),
        )

    def slice(self, start: int, stop: int) -> TensorBatch:
        """Returns the rows from ``start`` up to ``stop``, without copying."""
        return TensorBatch(
            numeric=self.numeric[start:stop],
            categorical=self.categorical[start:stop],
            target=self.target[start:stop],
        )

    def padded(self, least: int) -> TensorBatch:
        """Returns at least so many rows; those that are added hold zeros."""
        lacking = least - len(self)
        if lacking <= 0:
            return self
        below = (0, 0, 0, lacking)
        return TensorBatch(
            numeric=functional.pad(self.numeric, below),
            categorical=functional.pad(self.categorical, below),
            target=functional.pad(self.target, below if self.target.dim() > 1 else (0, lacking)),
        )


def concatenated(parts: list[TensorBatch]) -> TensorBatch:
    """Returns the rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return TensorBatch(
        numeric=torch.cat([part.numeric for part in parts]),
        categorical=torch.cat([part.categorical for part in parts]),
        target=torch.cat([part.target for part in parts]),
    )


@dataclass(frozen=True, kw_only=True)
class TensorSplit:
    """A split on disk, read in parts as tensors."""

    examples: Examples
    name: str
    """``train``, ``eval`` or ``test``."""
    device: torch.device
    mean: float = 0.0
    """Regression: taken from the label."""
    std: float = 1.0
    """Regression: divides the label after that."""

    def __post_init__(self) -> None:
        if not len(self):
            raise DataError(
                f"the {self.name} split has no rows",
                hint="split otherwise: see split: in problem.yaml",
            )

    def __len__(self) -> int:
        return self.examples.rows[self.name]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row as it is on disk."""
        widths = sum(item.width for item in self.examples.categorical_outputs)
        label = self.examples.label(self.name).dtype.itemsize
        return 4 * (len(self.examples.numeric_names) + widths) + int(label)

    def read(self, start: int = 0, stop: int | None = None) -> TensorBatch:
        """Returns the rows from ``start`` up to ``stop``, copied from disk.

        Raises:
            DataError: if they hold numbers that are not finite, or labels outside the classes.
        """
        part = slice(start, stop)
        return self._rows(*(np.array(array[part]) for array in self._arrays()))

    def read_at(self, indices: NDArray[np.int64]) -> TensorBatch:
        """Returns the rows at some indices in their order, read from disk in ascending order.

        Raises:
            DataError: if they hold numbers that are not finite, or labels outside the classes.
        """
        order = np.argsort(indices)
        ascending = indices[order]
        arrays = []
        # Opened anew and let go again, so that what was mapped does not pile up.
        for array in self._arrays():
            part = np.empty((len(indices), *array.shape[1:]), array.dtype)
            part[order] = array[ascending]
            arrays.append(part)
        return self._rows(*arrays)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        source = self.examples
        return source.numeric(self.name), source.categorical(self.name), source.label(self.name)

    def _rows(
        self, numeric: NDArray[Any], categorical: NDArray[Any], label: NDArray[Any]
    ) -> TensorBatch:
        _check_finite(self.examples, self.name, numeric, label)
        if self.examples.task == "regression":
            label = ((label.astype(np.float64) - self.mean) / self.std).astype(np.float32)[:, None]
        else:
            _check_classes(self.examples, self.name, label)
        return TensorBatch(
            numeric=torch.from_numpy(numeric).to(self.device),
            categorical=torch.from_numpy(categorical).to(self.device),
            target=torch.from_numpy(label).to(self.device),
        )


def _check_finite(
    examples: Examples, split: str, numeric: NDArray[Any], label: NDArray[Any]
) -> None:
    # A sum is not finite if a term is not, and is several times quicker than a look at each;
    # where it overflows, each is looked at.
    if np.isfinite(numeric.sum(dtype=np.float64)) and np.isfinite(label.sum(dtype=np.float64)):
        return
    finite = np.isfinite(numeric).all(axis=0)
    names = [name for name, good in zip(examples.numeric_names, finite, strict=True) if not good]
    if not np.isfinite(label).all():
        names.append(examples.problem.label)
    if names:
        raise DataError(
            f"the {split} examples hold numbers that are not finite",
            cause=f"in {', '.join(names[:SHOWN])}",
            hint="make the examples again with transform, which fills missing numbers",
        )


def _check_classes(examples: Examples, split: str, label: NDArray[Any]) -> None:
    classes = len(examples.classes)
    if not len(label) or (label.min() >= 0 and label.max() < classes):
        return
    outside = label[(label < 0) | (label >= classes)]
    indices = ", ".join(map(str, np.unique(outside)[:SHOWN]))
    raise DataError(
        f"the {split} examples hold labels outside of the declared classes",
        cause=f"{len(outside)} rows, of index {indices}; {examples.problem.label!r} has "
        f"{classes} classes: 0 to {classes - 1}",
        hint="make the examples again with transform, which knows every class",
    )
