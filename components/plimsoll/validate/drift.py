"""Drift and skew: how far the columns of one data set lie from those of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BASELINE, SERVING, TRAIN = "baseline", "serving", "train"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One distance of one column between two data sets; kept also when it passes."""

    column: str
    split: str
    """What was compared: ``train``, ``eval`` or ``test``."""
    against: str
    """With what: ``baseline`` (drift since the last span), ``serving`` (skew between train and
    what is asked), or ``train`` (between the splits of one data set)."""
    distance: str
    """One of ``distances.DISTANCES``."""
    value: float
    """The distance; of a test, its p-value."""
    threshold: float
    """A distance above it is a finding; of a test, a p-value below it."""
    level: str
    """``pass``, ``warning`` or ``error``."""
    how: str
    """Where the threshold comes from, for people: ``from 20 chunks of the baseline``."""
    change: str = ""
    """What changed most, for people: ``mean 55.1 -> 78.4``."""

    def to_json(self) -> dict[str, Any]:
        """Returns the measurement as JSON values."""
        return dict(vars(self))
