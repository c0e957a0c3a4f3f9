"""What a step saw or left outside its own folder, so that a later run can tell if it still holds.

A component that reads or writes files outside its outputs puts records of them into the
metadata of one of its output artifacts, under ``witnesses``. The local engine reuses such a step
only while all of them hold. A step with caching switched off that has no such records always
runs; an empty list says that it looked at nothing outside.
"""

import glob
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from plimsoll.errors import PlimsollError
from plimsoll.storage.files import digest_file

METADATA_KEY = "witnesses"


def observe(pattern: str) -> dict[str, Any]:
    """Returns a record of the files that a path, a folder or a glob pattern names now.

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


def observe_some(pattern: str, chosen: Collection[str]) -> dict[str, Any]:
    """Returns a record of some of the files that a glob pattern names, and that no other comes.

    Args:
        pattern: A glob pattern; files in the folders that it names count as its own.
        chosen: The absolute paths of the files whose content matters.
    """
    pattern = os.path.abspath(pattern)
    names = [str(path) for path in matching(pattern, folders=True)]
    return {
        "pattern": pattern,
        "files": {name: _observed(Path(name)) for name in names if name in chosen},
        "others": [name for name in names if name not in chosen],
    }


def is_unchanged(record: Mapping[str, Any]) -> bool:
    """Says if what was recorded is still the same.

    Of files, size and modification time stand for the content while both are unchanged; only
    where they are not is a file read again. Of objects in a bucket the generations are listed
    again. What cannot be asked here, such as a database or a bucket without its client or its
    permission, does not hold.
    """
    if "objects" in record:
        return _objects_unchanged(record)
    if "files" not in record:
        return False
    files, others = record["files"], record.get("others")
    paths = [str(path) for path in matching(record["pattern"], folders=others is not None)]
    if paths != sorted([*files, *(others or ())]):
        return False
    return all(_unchanged(Path(name), file_record) for name, file_record in files.items())


def matching(pattern: str, *, folders: bool = False) -> list[Path]:
    """Returns the files that a path, a folder or a glob pattern names, sorted.

    Hidden files below a folder are left out, as a shell would.

    Args:
        pattern: A file, a folder (all files below it), or a glob pattern.
        folders: Whether the files below folders that a glob pattern takes count too.
    """
    path = Path(pattern)
    if path.is_dir():
        return _below(path)
    if path.exists():
        # A pipe or a device has no end to read to.
        return [path] if path.is_file() else []
    paths = [Path(name) for name in glob.glob(pattern)]
    files = [item for item in paths if item.is_file()]
    if folders:
        files += [file for item in paths if item.is_dir() for file in _below(item)]
    return sorted(set(files), key=str)


def _below(folder: Path) -> list[Path]:
    below = (
        item
        for item in folder.rglob("*")
        if not any(part.startswith(".") for part in item.relative_to(folder).parts)
    )
    return sorted((item for item in below if item.is_file()), key=str)


def _objects_unchanged(record: Mapping[str, Any]) -> bool:
    try:
        from plimsoll.storage.gcs_listing import generations

        return generations(str(record["uri"]), folders=bool(record["folders"])) == dict(
            record["objects"]
        )
    except (ImportError, PlimsollError):
        return False


def _observed(path: Path) -> dict[str, Any]:
    status = path.stat()
    # Text, because KFP carries metadata numbers as doubles and these need 63 bits.
    return {
        "bytes": str(status.st_size),
        "modified_ns": str(status.st_mtime_ns),
        "sha256": digest_file(path),
    }


def _unchanged(path: Path, record: Mapping[str, str]) -> bool:
    status = path.stat()
    if str(status.st_size) != record["bytes"]:
        return False
    return str(status.st_mtime_ns) == record["modified_ns"] or digest_file(path) == record["sha256"]
