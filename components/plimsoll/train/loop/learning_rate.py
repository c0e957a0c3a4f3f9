"""The learning rate over a training, as a function of the step."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LearningRateSchedule:
    """A straight rise to the highest learning rate, then half a cosine to 0."""

    total: int
    """Steps of the whole training."""
    warm_up: float
    """Share of the steps in which it rises."""
    highest: float

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, from 0."""
        rising = self.warm_up * self.total
        if step < rising:
            return self.highest * ((step + 1) / (rising + 1))
        done = (step - rising) / max(1.0, self.total - rising)
        return self.highest * ((1 + math.cos(math.pi * min(1.0, done))) / 2)

    def warmed_up(self, step: int) -> bool:
        """Returns whether the rise is over after so many steps."""
        return step >= self.warm_up * self.total
