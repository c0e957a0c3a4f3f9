"""The examples as tensors that stay on one device for the whole training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from plimsoll.artifacts.examples import Examples
from plimsoll.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A split, resident on a device."""

    numeric: torch.Tensor
    """float32, shape (rows, numeric columns)."""
    categorical: torch.Tensor
    """int32, shape (rows, categorical columns)."""
    target: torch.Tensor
    """int64 class index, shape (rows,); regression: float32, standardised, shape (rows, 1)."""

    def __len__(self) -> int:
        return len(self.target)

    def at(self, places: torch.Tensor) -> Rows:
        """Returns the rows at some places, in their order."""
        return Rows(
            numeric=self.numeric[places],
            categorical=self.categorical[places],
            target=self.target[places],
        )

    def part(self, start: int, stop: int) -> Rows:
        """Returns the rows from ``start`` up to ``stop``, without copying."""
        return Rows(
            numeric=self.numeric[start:stop],
            categorical=self.categorical[start:stop],
            target=self.target[start:stop],
        )


def rows_on(
    device: torch.device, examples: Examples, split: str, *, mean: float = 0.0, std: float = 1.0
) -> Rows:
    """Loads a split onto a device.

    Args:
        device: Where the tensors shall lie.
        examples: The examples artifact.
        split: ``train``, ``eval`` or ``test``.
        mean: Regression: taken from the label.
        std: Regression: divides the label after that.

    Raises:
        DataError: if the split is empty or holds numbers that are not finite.
    """
    numeric = np.array(examples.numeric(split))
    label = np.array(examples.label(split))
    if not len(label):
        raise DataError(
            f"the {split} split has no rows", hint="split otherwise: see split: in problem.yaml"
        )
    _check_finite(examples, split, numeric, label)
    if examples.task == "regression":
        label = ((label.astype(np.float64) - mean) / std).astype(np.float32)[:, None]
    return Rows(
        numeric=torch.from_numpy(numeric).to(device),
        categorical=torch.from_numpy(np.array(examples.categorical(split))).to(device),
        target=torch.from_numpy(label).to(device),
    )


def _check_finite(
    examples: Examples,
    split: str,
    numeric: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    label: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    finite = np.isfinite(numeric).all(axis=0)
    odd = [name for name, good in zip(examples.numeric_names, finite, strict=True) if not good]
    if not np.isfinite(label).all():
        odd.append(examples.problem.label)
    if odd:
        raise DataError(
            f"the {split} examples hold numbers that are not finite",
            cause=f"in {', '.join(odd[:8])}",
            hint="make the examples again with transform, which fills missing numbers",
        )
