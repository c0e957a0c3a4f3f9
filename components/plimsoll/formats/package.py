"""The model package: all that is deployed, in one folder whose version is its content's hash."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from plimsoll.errors import ArtifactError
from plimsoll.formats.feature_plan import MANIFEST as PLAN
from plimsoll.models.model_files import files_of
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    digest_json,
    files_below,
    folder_written_whole,
    read_json,
    write_json,
    write_text,
)

FORMAT = "plimsoll.package/1"
MANIFEST = "manifest.json"
FEATURES = "features"
VERSION_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class _Header:
    name: str
    """The model's name where it is pushed and served."""
    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    classes: tuple[Any, ...]
    """The label's values in the order of the model's columns; empty for regression."""
    positive: Any
    """Binary: the positive value; else None."""
    inputs: tuple[Mapping[str, Any], ...]
    """``{"name", "type"}`` of each raw column that a request may give; ``"lookup": true`` of those
    that a server with a feature store looks up or computes where they are left out."""
    problem: Mapping[str, Any]
    """The resolved problem."""


FIELDS = tuple(field.name for field in fields(_Header))


@dataclass(frozen=True, kw_only=True)
class Contents(_Header):
    """What goes into a package: folders that are copied, and values that are written."""

    model: Path
    """The model's folder: a network's, boosting's or a blend's."""
    transform: Path
    """The transform artifact."""
    schema: Path
    """Folder with ``schema.pbtxt``."""
    statistics: Path
    """Folder with the statistics of each split: the reference for drift."""
    instances: Sequence[Mapping[str, Any]]
    """Warm-up requests: raw columns by name."""
    answers: Sequence[Mapping[str, Any]]
    """The answers expected, one an instance."""
    metrics: Mapping[str, Any]
    """Metrics by split, and the baseline's."""
    lineage: Mapping[str, Any]
    """Data id, code, locks and parameters; no time of day, no path of this machine."""
    model_card: str
    """Markdown for the people who use the model."""
    features: Path | None = None
    """Folder of the plan of the features that were joined; None: none were."""


@dataclass(frozen=True, kw_only=True)
class Package(_Header):
    """A package that was opened: every file is there and is what its manifest says."""

    folder: Path
    """Where it lies."""
    version: str
    """16 hexadecimal digits: the hash of the content."""
    files: Mapping[str, str]
    """POSIX path below the folder -> SHA-256."""

    @property
    def model(self) -> Path:
        """The model's folder: a network's, boosting's or a blend's."""
        return self.folder / "model"

    @property
    def transform(self) -> Path:
        """Folder of the transform."""
        return self.folder / "transform"

    @property
    def schema(self) -> Path:
        """The schema, ``schema.pbtxt``."""
        return self.folder / "schema" / "schema.pbtxt"

    @property
    def statistics(self) -> Path:
        """Folder of the reference statistics."""
        return self.folder / "statistics"

    @property
    def features(self) -> Path | None:
        """Folder of the feature plan; None: no features were joined."""
        return self.folder / FEATURES if f"{FEATURES}/{PLAN}" in self.files else None

    def warmup(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Returns the warm-up instances and the answers expected, of equal length."""
        content = read_json(self.folder / "warmup.json")
        return list(content["instances"]), list(content["answers"])

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics by split, and the baseline's."""
        return dict(read_json(self.folder / "metrics.json"))

    def lineage(self) -> dict[str, Any]:
        """Returns what the model was made from."""
        return dict(read_json(self.folder / "lineage.json"))


def write_package(folder: Path, contents: Contents) -> Package:
    """Writes a package, whole or not at all, and opens it.

    Raises:
        ArtifactError: if a part is missing, or requests and answers do not pair up.
    """
    if len(contents.instances) != len(contents.answers):
        raise ArtifactError(
            "a package needs one answer a warm-up instance",
            cause=f"{len(contents.instances)} instances, {len(contents.answers)} answers",
        )
    with folder_written_whole(folder) as aside:
        for name in files_of(contents.model):
            _copy_file(contents.model / name, aside / "model" / name)
        _copy_file(contents.schema / "schema.pbtxt", aside / "schema" / "schema.pbtxt")
        _copy_folder(contents.transform, aside / "transform")
        _copy_folder(contents.statistics, aside / "statistics")
        if contents.features is not None:
            _copy_folder(contents.features, aside / FEATURES)
        warmup = {"instances": list(contents.instances), "answers": list(contents.answers)}
        write_json(aside / "warmup.json", warmup)
        write_json(aside / "metrics.json", contents.metrics)
        write_json(aside / "lineage.json", contents.lineage)
        write_text(aside / "model_card.md", contents.model_card)
        digests = {
            path.relative_to(aside).as_posix(): digest_file(path) for path in files_below(aside)
        }
        manifest = _manifest(contents, digests)
        write_json(aside / MANIFEST, {**manifest, "version": _version(manifest)})
    return open_package(folder)


def open_package(folder: Path) -> Package:
    """Opens a package after checking all of it.

    Raises:
        ArtifactError: if the manifest is missing or of another format, a file is missing,
            changed, unlisted or a link, a listed name leads outside, or the version is not
            that of the content.
    """
    manifest = checked_manifest(folder, MANIFEST, FORMAT)
    files = manifest.get("files")
    if not isinstance(files, dict) or any(field not in manifest for field in FIELDS):
        raise ArtifactError(f"{folder} has a manifest without its fields", choices=FIELDS)
    for name, digest in files.items():
        _check_file(folder, name, digest)
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if name not in files and name != MANIFEST:
            raise ArtifactError(
                f"{folder} holds a file that its manifest does not list", cause=name
            )
    version = manifest.pop("version", None)
    if version != _version(manifest):
        raise ArtifactError(
            f"{folder} is not the version that it says",
            cause=f"manifest says {version!r}, the content is {_version(manifest)!r}",
        )
    return Package(
        folder=folder,
        name=manifest["name"],
        version=version,
        task=manifest["task"],
        classes=tuple(manifest["classes"]),
        positive=manifest["positive"],
        inputs=tuple(manifest["inputs"]),
        problem=manifest["problem"],
        files=files,
    )


def _manifest(contents: Contents, files: Mapping[str, str]) -> dict[str, Any]:
    header = {name: getattr(contents, name) for name in FIELDS}
    # Through JSON, so that the version is the same before writing and after reading.
    manifest: dict[str, Any] = json.loads(json.dumps({**header, "format": FORMAT, "files": files}))
    return manifest


def _version(manifest: Mapping[str, Any]) -> str:
    return digest_json(dict(manifest))[:VERSION_DIGITS]


def _check_file(folder: Path, name: str, digest: str) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\\" in name or ":" in name:
        raise ArtifactError(f"{folder} lists a file outside itself", cause=name)
    path = folder / relative
    if any(part.is_symlink() for part in (path, *path.parents) if folder in part.parents):
        raise ArtifactError(f"{folder} holds a link where a file is expected", cause=name)
    if not path.is_file():
        raise ArtifactError(f"{folder} is not whole", cause=f"{name} is missing")
    actual = digest_file(path)
    if actual != digest:
        raise ArtifactError(
            f"{folder} was changed after it was made",
            cause=f"{name} has SHA-256 {actual[:12]}..., its manifest says {str(digest)[:12]}...",
        )


def _copy_file(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ArtifactError(f"{source} is missing", cause="a package cannot do without it")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _copy_folder(source: Path, target: Path) -> None:
    files = files_below(source) if source.is_dir() else []
    if not files:
        raise ArtifactError(f"{source} is missing", cause="a package cannot do without it")
    for path in files:
        _copy_file(path, target / path.relative_to(source))
