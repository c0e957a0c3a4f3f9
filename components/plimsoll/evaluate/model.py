"""What an evaluation takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.evaluate import gate
from plimsoll.evaluate.metrics import Floats
from plimsoll.evaluate.slices import Slice
from plimsoll.formats.dataset import Dataset
from plimsoll.formats.examples import Examples
from plimsoll.models.transform import Transform

BySplit = dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs:
    """Where the artifacts lie."""

    dataset: Path
    examples: Path
    transform: Path
    model: Path
    schema: Path
    statistics: Path

    @classmethod
    def at(cls, paths: Mapping[str, str]) -> EvaluateInputs:
        """Returns the inputs at some paths."""
        return cls(**{name: Path(path) for name, path in paths.items()})


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All that was measured of a model."""

    family: str
    """``linear``, ``mlp``, ``tabm``, ``dcn``, ``module``, ``boosting`` or ``blend``."""
    code: Mapping[str, str]
    """File of the package that holds code -> SHA-256; of a network of one's own."""
    dataset: Dataset
    examples: Examples
    transform: Transform
    predictions: Mapping[str, Floats]
    """Split -> what the model answers."""
    metrics: BySplit
    """Split -> metric -> value, of the model; NaN where it cannot be computed."""
    baseline: BySplit
    """The same of gradient boosting, for eval and test."""
    baseline_predictions: Mapping[str, Floats]
    """Split -> what gradient boosting answers."""
    slices: tuple[Slice, ...]
    """Parts of the test split."""
    verdicts: tuple[gate.Verdict, ...]
    """One a bound."""
    inferred: bool
    """Whether the thresholds are those of a problem that names none."""


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """What the component hands on."""

    blessed: bool
    reason: str
    metrics: dict[str, float]
    """``split/metric`` -> value."""
    baseline: dict[str, float]
    """The same of the baseline."""
    about: dict[str, Any]
    """Metadata of the package: name, version, notes."""
