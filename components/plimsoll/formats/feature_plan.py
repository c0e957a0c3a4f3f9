"""The feature plan: which features a dataset was joined with, and how a server looks them up.

A folder of ``plan.json`` and the Python files of on-demand features. It travels in the dataset
and in the model package, so that a server needs neither the feature store's library nor its
registry: stores, keys, types and ages are all said here.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from plimsoll.errors import ArtifactError, shortened
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    folder_written_whole,
    write_json,
)

FORMAT = "plimsoll.feature_plan/1"
MANIFEST = "plan.json"
COLUMN_TYPES: Mapping[str, str] = {
    "INT32": "int",
    "INT64": "int",
    "FLOAT": "float",
    "DOUBLE": "float",
    "BOOL": "bool",
    "STRING": "string",
    "UNIX_TIMESTAMP": "timestamp",
}
"""The store's value type -> the dataset's column type that keeps it."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One part of the entity key that a feature view is looked up by."""

    column: str
    """The dataset's and the request's column; empty: the view has no entity, the key is fixed."""
    join_key: str
    """The name that the store serializes into the key."""
    type: str
    """Value type of the key: one of ``COLUMN_TYPES``."""

    def __post_init__(self) -> None:
        _check_type(self.type, f"the key {self.join_key!r}")

    @property
    def column_type(self) -> str:
        """The dataset's type of the column."""
        return COLUMN_TYPES[self.type]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One value that is looked up or computed."""

    name: str
    """Its name in the view, as the store keeps it."""
    column: str
    """The dataset's column that it becomes."""
    type: str
    """The declared value type: one of ``COLUMN_TYPES``."""

    def __post_init__(self) -> None:
        _check_type(self.type, f"the feature {self.name!r}")

    @property
    def column_type(self) -> str:
        """The dataset's type of the column."""
        return COLUMN_TYPES[self.type]


@dataclass(frozen=True, kw_only=True)
class View:
    """A feature view: features that share an entity key and an event timestamp."""

    name: str
    """As the online store keeps it."""
    keys: tuple[Key, ...]
    """The parts of the entity key, at least one."""
    features: tuple[Feature, ...]
    """What is taken from the view."""
    ttl_us: int = 0
    """A value counts for this many microseconds from its event timestamp on; 0: for ever."""

    def __post_init__(self) -> None:
        if not self.keys or not self.features or self.ttl_us < 0:
            raise ArtifactError(f"the feature plan's view {self.name!r} does not hold")


@dataclass(frozen=True, kw_only=True)
class OnDemand:
    """Features computed from a request's values, and from other features, when they are needed."""

    name: str
    """The on-demand view."""
    file: str
    """The Python file below the plan's folder; it imports the standard library alone."""
    function: str
    """Its function: column -> values of a batch in, feature -> values out."""
    inputs: tuple[str, ...]
    """The columns that it is given."""
    features: tuple[Feature, ...]
    """What it returns."""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.file)
        if len(path.parts) != 1 or path.suffix != ".py" or not self.function.isidentifier():
            raise ArtifactError(f"the feature plan's on-demand view {self.name!r} does not hold")


@dataclass(frozen=True, kw_only=True)
class FeaturePlan:
    """All that is needed to give a row the features of one feature service."""

    project: str
    """The store's project."""
    service: str
    """The feature service."""
    registry_sha256: str
    """What the service, its views and their sources said when the plan was made."""
    key_version: int
    """How entity keys are serialized: Feast's ``entity_key_serialization_version``."""
    time: str
    """The dataset's column that says as of when features are wanted."""
    views: tuple[View, ...]
    on_demand: tuple[OnDemand, ...] = ()

    def __post_init__(self) -> None:
        columns = [feature.column for feature in self.features()]
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            raise ArtifactError(f"the feature plan makes {shortened(repeated)} twice")

    def features(self) -> Iterator[Feature]:
        """Yields every feature, view by view, those computed on demand last."""
        for view in self.views:
            yield from view.features
        for computed in self.on_demand:
            yield from computed.features

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the features become, in order."""
        return tuple(feature.column for feature in self.features())

    @property
    def request_columns(self) -> tuple[str, ...]:
        """The columns that a request has to give: keys, on-demand inputs and the time."""
        made = set(self.columns)
        keys = (key.column for view in self.views for key in view.keys if key.column)
        inputs = (name for part in self.on_demand for name in part.inputs if name not in made)
        return tuple(dict.fromkeys([*keys, *inputs, self.time]))


def write_plan(folder: Path, plan: FeaturePlan, files: Mapping[str, Path]) -> None:
    """Writes a plan whole.

    Args:
        folder: Where it comes to be.
        plan: The plan.
        files: Each file that its on-demand views name -> where it is copied from.

    Raises:
        ArtifactError: if the files are not those that the plan names.
    """
    named = {part.file for part in plan.on_demand}
    if named != set(files):
        raise ArtifactError(
            "a feature plan needs the files that its on-demand views name, and no others",
            cause=f"they name {shortened(sorted(named)) or 'none'}, "
            f"given are {shortened(sorted(files)) or 'none'}",
        )
    with folder_written_whole(folder) as aside:
        for name, source in files.items():
            shutil.copyfile(source, aside / name)
        digests = {name: digest_file(aside / name) for name in sorted(files)}
        write_json(aside / MANIFEST, {"format": FORMAT, "files": digests, **asdict(plan)})


def open_plan(folder: Path) -> FeaturePlan:
    """Opens a plan after checking all of it.

    Raises:
        ArtifactError: if it is missing, damaged, of another format, or a file is not the one
            that was written.
    """
    manifest = checked_manifest(Path(folder), MANIFEST, FORMAT)
    try:
        plan = _from_manifest(manifest)
        for part in plan.on_demand:
            if digest_file(Path(folder) / part.file) != manifest["files"][part.file]:
                raise ArtifactError(f"the feature plan's {part.file} was changed")
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ArtifactError(
            f"the feature plan {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
            hint="make it again; its files must not be edited",
        ) from error
    return plan


def _from_manifest(manifest: Mapping[str, Any]) -> FeaturePlan:
    return FeaturePlan(
        project=str(manifest["project"]),
        service=str(manifest["service"]),
        registry_sha256=str(manifest["registry_sha256"]),
        key_version=int(manifest["key_version"]),
        time=str(manifest["time"]),
        views=tuple(_view(item) for item in manifest["views"]),
        on_demand=tuple(
            OnDemand(**{**item, "inputs": tuple(item["inputs"]), "features": _features(item)})
            for item in manifest["on_demand"]
        ),
    )


def _view(item: Mapping[str, Any]) -> View:
    keys = tuple(Key(**key) for key in item["keys"])
    return View(**{**item, "keys": keys, "features": _features(item)})


def _features(item: Mapping[str, Any]) -> tuple[Feature, ...]:
    return tuple(Feature(**feature) for feature in item["features"])


def _check_type(kind: str, what: str) -> None:
    if kind not in COLUMN_TYPES:
        raise ArtifactError(
            f"{what} has the value type {kind!r}, which a dataset cannot keep",
            choices=tuple(COLUMN_TYPES),
        )
