"""The options of push_features."""

from dataclasses import dataclass
from functools import partial

from plimsoll.configuration.fields import Count, Positive
from plimsoll.configuration.validation import from_json, validated


@validated("push_features config")
@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """How rows are checked and written."""

    future_seconds: Count = 300
    """How far after now an event timestamp may lie, for clocks that differ; later is refused: a
    value from the future would be served until then, and no true one could replace it."""
    batch_rows: Positive = 20_000
    """Rows that are encoded and written at a time."""
    lock_seconds: Count = 30
    """How long to wait for a registry, or a source's file, that another process holds."""


parse = partial(from_json, PushConfig)
"""Reads a config from JSON text; empty text is the default."""
