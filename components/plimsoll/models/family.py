"""What every model answers, whatever its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from plimsoll.models.network import ModelInputs


class Model(Protocol):
    """A model that was loaded, and answers from any thread."""

    @property
    def family(self) -> str:
        """``linear``, ``mlp``, ``tabm``, ``dcn``, ``module``, ``boosting`` or ``blend``."""

    @property
    def task(self) -> str:
        """``binary``, ``multiclass`` or ``regression``."""

    @property
    def outputs(self) -> int:
        """The classes, or 1 for regression."""

    @property
    def numeric(self) -> int:
        """Numeric columns that it reads."""

    @property
    def categories(self) -> tuple[int, ...]:
        """Indices that each categorical output takes, missing and unknown included."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns that each categorical output takes."""

    def predict(self, inputs: ModelInputs) -> NDArray[np.float64]:
        """Returns probabilities (rows, classes), or values (rows,) in the label's unit."""
