"""The running average of the weights (Polyak averaging), which is what is evaluated and kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class WeightEma:
    """Follows weights.

    Args:
        weights: What is followed: this process's part of each parameter.
        decay: Share of the average that a step keeps, at least 0 and below 1; 0: no average.
    """

    def __init__(self, weights: list[torch.Tensor], decay: float) -> None:
        self._live = weights
        self._decay = decay
        self.values = [value.detach().clone() for value in weights] if decay else weights
        """The average of each weight; the weights themselves if none is taken."""

    def newest_share(self, steps: int) -> float:
        """Returns how much the newest weights count after so many steps.

        Early on the average follows closely, so that fresh weights do not linger in it.
        """
        return 1 - min(self._decay, steps / (steps + 10))

    @torch.no_grad()
    def update(self, share: float | torch.Tensor) -> None:
        """Moves towards the weights by a share of the way; a tensor is not waited for."""
        if not self._decay:
            return
        if isinstance(share, float):
            torch._foreach_lerp_(self.values, self._live, share)
            return
        ways = torch._foreach_sub(self._live, self.values)
        torch._foreach_mul_(ways, share)
        torch._foreach_add_(self.values, ways)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the average in the weights' place within the block."""
        if not self._decay:
            yield
            return
        with torch.no_grad():
            kept = [value.clone() for value in self._live]
            torch._foreach_copy_(self._live, self.values)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._live, kept)
