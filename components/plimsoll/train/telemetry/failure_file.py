"""What ended a training, as its processes leave it among the logs for who started them."""

import contextlib
from pathlib import Path
from typing import Any

from plimsoll import errors
from plimsoll.errors import ArtifactError, PlimsollError
from plimsoll.storage.files import read_json, write_json

ERROR_FILE = "error.json"
ALERTED_FILE = "alerted.json"
"""There once a webhook was alerted, so that who waits for the training does not do so again."""


def clear(folder: Path) -> None:
    """Removes what an earlier training left."""
    for name in (ERROR_FILE, ALERTED_FILE):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (folder / name).unlink()


def write_error(folder: Path, error: PlimsollError) -> None:
    """Leaves the error that ended a process."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__)]
    write_json(
        folder / ERROR_FILE,
        {
            "kind": kinds[0],
            "headline": error.headline,
            "cause": error.cause,
            "choices": list(error.choices),
            "hint": error.hint,
        },
    )


def write_alerted(folder: Path, reason: str) -> None:
    """Records that a webhook was alerted."""
    write_json(folder / ALERTED_FILE, {"reason": reason})


def was_alerted(folder: Path) -> bool:
    """Returns whether a webhook was alerted."""
    return (folder / ALERTED_FILE).is_file()


def read_error(folder: Path) -> PlimsollError | None:
    """Returns the error that a training left in a folder, of its own kind, or None."""
    try:
        values = read_json(folder / ERROR_FILE)
    except ArtifactError:
        # The process was killed before, or while, it wrote.
        return None
    if not isinstance(values, dict) or not values.get("headline"):
        return None
    return _kind(values)(
        str(values["headline"]),
        cause=str(values.get("cause") or ""),
        choices=tuple(str(item) for item in values.get("choices") or ()),
        hint=str(values.get("hint") or ""),
    )


def _kind(values: dict[str, Any]) -> type[PlimsollError]:
    kind = getattr(errors, str(values.get("kind")), None)
    if isinstance(kind, type) and issubclass(kind, PlimsollError):
        return kind
    return errors.StepError
