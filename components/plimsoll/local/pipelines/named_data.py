"""What a name of data means: a version in the store, a run's data set, or data to be read."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, UsageError
from plimsoll.formats import versions
from plimsoll.local.record import RECORD, find_run, runs_in

STORE = "datasets"
"""Below the folder of runs."""


@dataclass(frozen=True, kw_only=True)
class NamedData:
    """Data that a command reads."""

    path: str
    is_dataset: bool
    """Whether it is a dataset artifact, else something that ingest reads."""


def store_in(out: Path) -> Path:
    """Returns the folder where the runs of ``out`` keep versions of data sets."""
    return out / STORE


def dataset_named(text: str, out: Path) -> Path:
    """Returns the dataset artifact that a name means: an id, a part of one, a path, or a run.

    Raises:
        UsageError: if none or several fit.
    """
    try:
        return versions.find_version(text, store_in(out))
    except UsageError:
        if not _is_run(text, out):
            raise
    return dataset_of(find_run(text, out))


def data_named(text: str, out: Path) -> NamedData:
    """Returns what a name of data means: a data set, as above, or else what ingest reads.

    Raises:
        UsageError: if it is neither.
    """
    path = Path(text).expanduser()
    if _is_artifact(path):
        return NamedData(path=str(path), is_dataset=True)
    if (path / RECORD).is_file():
        return NamedData(path=str(dataset_of(find_run(f"{path}{os.sep}", out))), is_dataset=True)
    if path.exists() or _reads_as_data(text):
        return NamedData(path=text, is_dataset=False)
    return NamedData(path=str(dataset_named(text, out)), is_dataset=True)


def dataset_of(record: Mapping[str, Any]) -> Path:
    """Returns the data set that a run made.

    Raises:
        UsageError: if it made none, or it is there no more.
    """
    for step in record["steps"].values():
        artifact = step["artifacts"].get("dataset", {})
        if artifact.get("type") == "system.Dataset" and _is_artifact(Path(artifact["path"])):
            return Path(artifact["path"])
    raise UsageError(
        f"the run {record['id']} has no data set",
        cause=record["reason"] or "none of its steps has one among its outputs",
    )


def _is_artifact(path: Path) -> bool:
    try:
        versions.read_manifest(path)
    except (ArtifactError, OSError):
        return False
    return True


def _reads_as_data(text: str) -> bool:
    """Says if a text that names no file here can be nothing but a pattern, address or path."""
    return glob.has_magic(text) or any(sign in text for sign in (":", "{", os.sep, "."))


def _is_run(text: str, out: Path) -> bool:
    if os.sep in text:
        return (Path(text) / RECORD).is_file()
    # An id of a data set has no dash, and every run's has.
    return text == "last" or any("-" in text and text in run["id"] for run in runs_in(out))
