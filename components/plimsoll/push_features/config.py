"""The knobs of push_features."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.configs import check_whole, from_json

NAME = "push_features config"


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """How rows are checked and written."""

    future_seconds: int = 300
    """How far after now an event timestamp may lie, for clocks that differ; later is refused: a
    value from the future would be served until then, and no true one could replace it."""
    batch_rows: int = 20_000
    """Rows that are encoded and written at a time."""
    lock_seconds: int = 30
    """How long to wait for a registry, or a source's file, that another process holds."""

    def __post_init__(self) -> None:
        check_whole(NAME, "future_seconds", self.future_seconds, 0)
        check_whole(NAME, "batch_rows", self.batch_rows, 1)
        check_whole(NAME, "lock_seconds", self.lock_seconds, 0)

    @classmethod
    def from_json(cls, text: str) -> PushConfig:
        """Reads the config from a pipeline's parameter.

        Raises:
            ConfigError: if it is not a JSON object of these fields.
        """
        return from_json(cls, text, NAME)
