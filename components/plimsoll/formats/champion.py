"""The pointer to the pushed version that serves: ``champion.json`` beside the versions."""

import re
from pathlib import Path

from plimsoll.errors import ArtifactError
from plimsoll.storage.files import read_json

CHAMPION = "champion.json"
SAFE_VERSION = re.compile(r"[0-9a-f]{16}")


def champion_in(folder: Path) -> Path | None:
    """Returns the folder of the version that a pushed model's folder points to.

    Args:
        folder: Any folder; without ``champion.json`` it points nowhere.

    Raises:
        ArtifactError: if the pointer does not lead to a version.
    """
    if not (folder / CHAMPION).is_file():
        return None
    pointer = read_json(folder / CHAMPION)
    version = pointer.get("version") if isinstance(pointer, dict) else None
    if not isinstance(version, str) or not SAFE_VERSION.fullmatch(version):
        raise ArtifactError(
            f"{folder / CHAMPION} names no version",
            cause=f"version is {version!r}, not 16 hexadecimal digits",
            hint="push again, or name the version's folder",
        )
    if not (folder / version).is_dir():
        raise ArtifactError(
            f"{folder} has a champion that is not there",
            cause=f"{CHAMPION} names {version}",
            hint="push again",
        )
    return folder / version
