"""What ended a training, as its processes leave it in ``error.json`` for who started them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from plimsoll import errors
from plimsoll.artifacts.files import read_json
from plimsoll.errors import ArtifactError, PlimsollError

ERROR_FILE = "error.json"


def clear(folder: Path) -> None:
    """Removes what an earlier training left."""
    with contextlib.suppress(FileNotFoundError):
        (folder / ERROR_FILE).unlink()


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
    named = (getattr(errors, str(values.get(key)), None) for key in ("kind", "type", "class"))
    for kind in named:
        if isinstance(kind, type) and issubclass(kind, PlimsollError):
            return kind
    return errors.StepError
