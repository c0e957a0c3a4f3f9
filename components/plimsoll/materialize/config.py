"""The knobs of materialize."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.configs import check_whole, from_json

NAME = "materialize config"


@dataclass(frozen=True, kw_only=True)
class MaterializeConfig:
    """How rows are pulled and written."""

    batch_rows: int = 20_000
    """Rows that are encoded and written at a time."""
    memory_mb: int = 2_000
    """Memory that finding the latest rows may take; past it they go to the disk."""
    overlap_seconds: int = 0
    """By how much a run that goes on from the last one reaches back, for rows that come late and
    whose source does not say when they were created."""
    lock_seconds: int = 30
    """How long to wait for a registry that another process holds."""
    future_seconds: int = 300
    """How far after now ``until`` may lie: rows that come later with an earlier event timestamp
    would never be written."""

    def __post_init__(self) -> None:
        check_whole(NAME, "batch_rows", self.batch_rows, 1)
        check_whole(NAME, "memory_mb", self.memory_mb, 64)
        for field in ("overlap_seconds", "lock_seconds", "future_seconds"):
            check_whole(NAME, field, getattr(self, field), 0)

    @classmethod
    def from_json(cls, text: str) -> MaterializeConfig:
        """Reads the config from a pipeline's parameter.

        Raises:
            ConfigError: if it is not a JSON object of these fields.
        """
        return from_json(cls, text, NAME)
