"""Mean and spread of numbers as they pass."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Moments:
    """The first two moments of some numbers."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared differences from the mean."""

    @property
    def std(self) -> float:
        """The standard deviation, of the numbers as they are; 0 of none."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0

    def merge(self, later: Moments) -> None:
        """Adds those of other numbers: Chan, Golub and LeVeque, "Updating formulae", 1979."""
        if not self.count:
            self.count, self.mean, self.squares = later.count, later.mean, later.squares
        elif later.count:
            apart = later.mean - self.mean
            share = later.count / (self.count + later.count)
            self.mean += apart * share
            self.squares += later.squares + apart * apart * share * self.count
            self.count += later.count
