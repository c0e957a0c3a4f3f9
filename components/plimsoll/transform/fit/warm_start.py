"""Takes a transform that was fitted before, for a model that goes on from one of its models."""

from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, DataError, nearest
from plimsoll.formats.champion import CHAMPION, champion_in
from plimsoll.formats.dataset import Dataset
from plimsoll.models.transform import MANIFEST, Label, Transform, read_transform
from plimsoll.storage.local_copy import REMOTE, local_copy

BELOW = "transform"
"""Where a package has its transform."""


def taken(start_from: str, dataset: Dataset) -> tuple[Transform, dict[str, Any]]:
    """Reads the transform that is taken as it is, and checks that the dataset fits it.

    Args:
        start_from: A folder or a ``gs://`` prefix: a package, the folder of a pushed model with
            ``champion.json``, or a transform.
        dataset: What it is to transform.

    Returns:
        The transform, and its provenance, by which a later run can tell if it is still the same.

    Raises:
        ArtifactError: if there is no transform, or it is damaged.
        DataError: if the dataset lacks a column, has it with another type, or is of another task.
    """
    if not start_from.startswith(REMOTE):
        # Before all files of a folder are looked at, which may be a whole disk's.
        _transform_in(Path(start_from), start_from)
    with local_copy(start_from) as (folder, record):
        transform = read_transform(_transform_in(folder, start_from))
    _check_columns(transform, dataset, start_from)
    _check_label(transform.label, dataset, start_from)
    return transform, record


def _transform_in(folder: Path, start_from: str) -> Path:
    folder = champion_in(folder) or folder
    for path in (folder, folder / BELOW):
        if (path / MANIFEST).is_file():
            return path
    raise ArtifactError(
        f"there is no transform in {start_from}",
        cause=f"it has neither {MANIFEST}, nor {BELOW}/{MANIFEST}, nor {CHAMPION}"
        if folder.is_dir()
        else "there is no such folder",
        hint="start_from: the folder of a pushed model, a package, or the transform of a run",
    )


def _check_columns(transform: Transform, dataset: Dataset, start_from: str) -> None:
    types = {column.name: column.type for column in dataset.feature_columns()}
    odd = []
    for column in transform.inputs:
        if column.name not in types:
            odd.append(_absent(column.name, dataset, types))
        elif types[column.name] != column.type:
            odd.append(f"{column.name} is {types[column.name]}, was {column.type}")
    if odd:
        raise DataError(
            f"the dataset does not fit the transform of {start_from}",
            cause="\n".join(odd),
            hint="give the same columns, or leave start_from out to fit anew",
        )


def _absent(name: str, dataset: Dataset, types: dict[str, str]) -> str:
    if name in dataset.column_names():
        return f"{name} is no feature here"
    return f"{name} is missing; {nearest(name, types)}".rstrip("; ")


def _check_label(label: Label, dataset: Dataset, start_from: str) -> None:
    problem = dataset.problem
    pairs = {
        "label": (problem.label, label.name),
        "task": (problem.task, label.task),
        "label's type": (dataset.type_of(problem.label), label.type),
    }
    for what, (here, there) in pairs.items():
        if here != there:
            raise DataError(
                f"the transform of {start_from} is for another {what}",
                cause=f"here it is {here!r}, there {there!r}",
                hint="leave start_from out to fit anew",
            )
