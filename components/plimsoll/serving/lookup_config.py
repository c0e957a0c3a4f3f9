"""The options of a look-up."""

from dataclasses import dataclass
from typing import Annotated

from plimsoll.configuration.fields import AboveZero, Number, OneOf
from plimsoll.configuration.validation import validated

REFUSE = "refuse"
IMPUTE = "impute"
FALLBACKS = (REFUSE, IMPUTE)


@validated("lookup config")
@dataclass(frozen=True, kw_only=True)
class LookupConfig:
    """What a look-up puts up with."""

    timeout_ms: AboveZero = 50.0
    """Milliseconds for a request's whole look-up; above 0. A request of more than 500 keys has as
    much for each 500 of them, and keeps no other from the store if it takes longer."""
    fallback: Annotated[str, OneOf(FALLBACKS)] = REFUSE
    """What becomes of a request that the store does not answer: ``refuse``, or ``impute``, which
    takes all features that were to be looked up as missing."""
    pause_ms: Annotated[float, Number(ge=0)] = 250.0
    """Milliseconds after a failure in which the store is not asked; at least 0."""
