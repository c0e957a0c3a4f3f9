"""What a step saw or left outside its own folder, so that a later run can tell if it still holds.

A component that reads or writes files outside its outputs puts witnesses of them into the
metadata of one of its output artifacts, under ``witnesses``. The local engine reuses such a step
only while every witness holds; a step with caching switched off and no witness always runs.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.artifacts.files import digest_file

METADATA_KEY = "witnesses"


def observe(pattern: str) -> dict[str, Any]:
    """Returns a witness of the files that a path, a folder or a glob pattern names now.

    Args:
        pattern: A file, a folder (all files below it), or a glob pattern.

    Returns:
        The absolute pattern, and size, modification time and SHA-256 of each file.
    """
    pattern = os.path.abspath(pattern)
    return {
        "pattern": pattern,
        "files": {str(path): _observed(path) for path in matching(pattern)},
    }


def holds(witness: Mapping[str, Any]) -> bool:
    """Says if the files that a witness names are still the same, by their content.

    Size and modification time stand for the content while both are unchanged; only where they
    are not is a file read again.
    """
    files = witness["files"]
    if [str(path) for path in matching(witness["pattern"])] != sorted(files):
        return False
    return all(_unchanged(Path(name), seen) for name, seen in files.items())


def matching(pattern: str) -> list[Path]:
    """Returns the files that a path, a folder or a glob pattern names, sorted.

    Hidden files below a folder are left out, as a shell would.
    """
    path = Path(pattern)
    if path.is_dir():
        below = (item for item in path.rglob("*") if not _hidden(item.relative_to(path)))
        return sorted((item for item in below if item.is_file()), key=str)
    if path.exists():
        return [path]
    return sorted((found for found in map(Path, glob.glob(pattern)) if found.is_file()), key=str)


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _observed(path: Path) -> dict[str, Any]:
    status = path.stat()
    # Text, because KFP carries metadata numbers as doubles and these need 63 bits.
    return {
        "bytes": str(status.st_size),
        "modified_ns": str(status.st_mtime_ns),
        "sha256": digest_file(path),
    }


def _unchanged(path: Path, seen: Mapping[str, str]) -> bool:
    status = path.stat()
    if str(status.st_size) != seen["bytes"]:
        return False
    return str(status.st_mtime_ns) == seen["modified_ns"] or digest_file(path) == seen["sha256"]
