"""The options of materialize."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from plimsoll.configuration.fields import Count, Number, Positive
from plimsoll.configuration.validation import from_json, validated


@validated("materialize config")
@dataclass(frozen=True, kw_only=True)
class MaterializeConfig:
    """How rows are pulled and written."""

    batch_rows: Positive = 20_000
    """Rows that are encoded and written at a time."""
    memory_mb: Annotated[int, Number(ge=64)] = 2_000
    """Memory that finding the latest rows may take; past it they go to the disk."""
    overlap_seconds: Count = 0
    """By how much a run that goes on from the last one reaches back, for rows that come late and
    whose source does not say when they were created."""
    lock_seconds: Count = 30
    """How long to wait for a registry that another process holds."""
    future_seconds: Count = 300
    """How far after now ``until`` may lie: rows that come later with an earlier event timestamp
    would never be written."""


parse = partial(from_json, MaterializeConfig)
"""Reads a config from JSON text; empty text is the default."""
