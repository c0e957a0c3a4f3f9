"""What a look-up can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plimsoll.errors import ConfigError, nearest

REFUSE = "refuse"
IMPUTE = "impute"
FALLBACKS = (REFUSE, IMPUTE)


@dataclass(frozen=True, kw_only=True)
class LookupConfig:
    """What a look-up puts up with."""

    timeout_ms: float = 50.0
    """Milliseconds for a request's whole look-up; above 0. A request of more than 500 keys has as
    much for each 500 of them, and keeps no other from the store if it takes longer."""
    fallback: str = REFUSE
    """What becomes of a request that the store does not answer: ``refuse``, or ``impute``, which
    takes all features that were to be looked up as missing."""
    pause_ms: float = 250.0
    """Milliseconds after a failure in which the store is not asked; at least 0."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.timeout_ms) and self.timeout_ms > 0):
            raise ConfigError(f"the features' time-out of {self.timeout_ms:g} ms is not above 0")
        if not (math.isfinite(self.pause_ms) and self.pause_ms >= 0):
            raise ConfigError(f"the features' pause of {self.pause_ms:g} ms is not 0 or above")
        if self.fallback not in FALLBACKS:
            raise ConfigError(
                f"there is no fallback {self.fallback!r} for features",
                cause=nearest(str(self.fallback), FALLBACKS),
                choices=FALLBACKS,
            )
