"""A store of dataset versions: the same content is kept once, however often it is ingested.

``<store>/<id>/`` is a dataset artifact, and ``<store>/<id>/ingested/`` holds a record of each
distinct ingest that gave this id: where the rows came from, by which code, when first. Shards
are hard links to those of the artifact that came first, copies where the disk has no links.
"""

import contextlib
import datetime
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from plimsoll.errors import ArtifactError, ConfigError, UsageError, nearest
from plimsoll.storage.files import (
    digest_file,
    digest_json,
    finite,
    folder_written_whole,
    read_json,
    sync_folder,
    write_json,
)

FORMAT = "plimsoll.ingested/1"
DATASET_FORMAT = "plimsoll.dataset/"
"""How the format of every dataset artifact begins."""
MANIFEST = "manifest.json"
INGESTED = "ingested"
SHORT = 12
"""Letters of an id that are shown; a unique beginning is enough to name one."""
_ID = re.compile(r"[0-9a-f]{64}")
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES)


@dataclass(frozen=True, kw_only=True)
class Version:
    """A data set in a store, as its manifest tells it; its shards are not read."""

    id: str
    folder: Path
    rows: Mapping[str, int]
    """By split."""
    bytes: int
    """Of all shards."""
    columns: tuple[tuple[str, str], ...]
    """Names and types, in order."""
    manifest: Mapping[str, Any]
    ingested: tuple[Mapping[str, Any], ...]
    """The records of the ingests that gave it, oldest first."""


def keep(
    dataset_folder: Path,
    store: Path,
    record: Mapping[str, Any],
    notes: list[str] | None = None,
) -> Path:
    """Keeps a dataset artifact in a store, once by its id, and makes its shards those of the store.

    Several processes may do so at once, and one that is killed leaves nothing half.

    Args:
        dataset_folder: The artifact. Its shards become links to those of the store, so that no
            row lies on the disk twice.
        store: The folder of versions; made if it does not exist.
        record: JSON values that tell of this ingest: sources, code, parameters. Equal records
            of one id are kept once, with the time of the first under ``when``.
        notes: Takes a sentence for each shard of the store that was damaged and is replaced.

    Returns:
        The version's folder in the store.

    Raises:
        ArtifactError: if the artifact is not whole.
        ConfigError: if the store is an address rather than a folder.
    """
    if "://" in os.fspath(store) or ":/" in os.fspath(store):
        raise ConfigError(
            f"the store of datasets is a folder, and {store} is an address",
            hint="mount the bucket, and give the folder; or leave the store empty",
        )
    dataset_folder, store = Path(dataset_folder), Path(store)
    manifest = read_manifest(dataset_folder)
    shards = _shards(dataset_folder, manifest)
    target = store / str(manifest["id"])
    entry = _ingest_record(record)
    if not target.is_dir():
        _check(dataset_folder, shards)
        with folder_written_whole(target, replace=False) as aside:
            for name in (*shards, MANIFEST):
                _link(dataset_folder / name, aside / name)
            write_json(aside / INGESTED / entry[0], entry[1])
    _share(dataset_folder, target, shards, notes if notes is not None else [])
    if not (target / INGESTED / entry[0]).is_file():
        write_json(target / INGESTED / entry[0], entry[1])
    return target


def versions_in(store: Path) -> Iterator[Version]:
    """Yields the versions of a store, the one ingested last at the end.

    A folder whose manifest cannot be read, or that is named otherwise than its id, is passed over.
    """
    versions = []
    for folder in Path(store).glob("*/"):
        if not _ID.fullmatch(folder.name):
            continue
        with contextlib.suppress(ArtifactError):
            version = read_version(folder)
            if version.id == folder.name:
                versions.append(version)
    yield from sorted(versions, key=lambda item: (_last(item), item.id))


def read_version(folder: Path) -> Version:
    """Reads what a dataset artifact's manifest tells, in a store or elsewhere.

    Raises:
        ArtifactError: if it is no dataset artifact, or its manifest does not hold together.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    shards = _shards(folder, manifest)
    try:
        rows = {
            str(split): sum(int(shard["rows"]) for shard in listed)
            for split, listed in manifest["splits"].items()
        }
        columns = tuple((str(item["name"]), str(item["type"])) for item in manifest["columns"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, error) from error
    return Version(
        id=str(manifest["id"]),
        folder=folder,
        rows=rows,
        bytes=sum(int(shard["bytes"]) for shard in shards.values()),
        columns=columns,
        manifest=manifest,
        ingested=tuple(_ingested(folder)),
    )


def find_version(text: str, store: Path) -> Path:
    """Returns the folder that a name means: an id, a unique beginning of one, or a path.

    Args:
        text: What a person typed.
        store: Where ids are looked up.

    Raises:
        UsageError: if none or several fit.
        ArtifactError: if it is a folder that holds no dataset artifact.
    """
    path = Path(text).expanduser()
    if text and (path / MANIFEST).is_file():
        read_manifest(path)
        return path
    known = {version.id: version for version in versions_in(store)}
    fitting = [identity for identity in known if text and identity.startswith(text.casefold())]
    if len(fitting) == 1:
        return known[fitting[0]].folder
    if not known and not fitting:
        raise UsageError(
            f"there is no data set {text!r}",
            cause=f"none is kept in {store}, and no such folder holds one",
            hint="plimsoll run training --data FILE --label COLUMN keeps what it ingests",
        )
    shorts = [identity[:SHORT] for identity in (fitting or known)]
    raise UsageError(
        f"{'several data sets fit' if fitting else 'there is no data set'} {text!r}",
        cause="" if fitting else nearest(text, shorts),
        choices=tuple(reversed(shorts)),
        hint="plimsoll data list",
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Returns the manifest of a dataset artifact.

    Raises:
        ArtifactError: if it is missing, or not that of a data set.
    """
    manifest = read_json(folder / MANIFEST)
    kind = manifest.get("format") if isinstance(manifest, dict) else None
    if not str(kind).startswith(DATASET_FORMAT) or not _ID.fullmatch(str(manifest.get("id"))):
        raise ArtifactError(
            f"{folder} is not a dataset artifact", cause=f"{MANIFEST} says format {kind!r}"
        )
    return dict(manifest)


def _shards(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    try:
        shards: dict[str, Mapping[str, Any]] = {
            str(shard["path"]): dict(shard)
            for listed in manifest["splits"].values()
            for shard in listed
        }
        for shard in shards.values():
            int(shard["bytes"]), str(shard["sha256"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, error) from error
    for name in shards:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ArtifactError(f"the dataset {folder} names a shard outside itself: {name!r}")
    return shards


def _damaged(folder: Path, error: Exception) -> ArtifactError:
    return ArtifactError(
        f"the manifest of the dataset {folder} does not hold together",
        cause=f"{type(error).__name__}: {error}",
    )


def _check(folder: Path, shards: Mapping[str, Mapping[str, Any]]) -> None:
    """What enters the store is checked, since the store is where others take it from."""
    for name, shard in shards.items():
        if not _is_whole(folder / name, shard):
            raise ArtifactError(
                f"the shard {name} of the dataset {folder} is damaged",
                cause="its size or SHA-256 is not the one in the manifest",
                hint="make the dataset again; its files must not be edited",
            )


def _is_whole(path: Path, shard: Mapping[str, Any]) -> bool:
    if not path.is_file() or path.stat().st_size != shard["bytes"]:
        return False
    return digest_file(path) == str(shard["sha256"])


def _share(
    folder: Path, target: Path, shards: Mapping[str, Mapping[str, Any]], notes: list[str]
) -> None:
    """Makes the artifact's shards the store's; where one of the store's is damaged, the reverse."""
    for name, shard in shards.items():
        ours, kept = folder / name, target / name
        if kept.is_file() and kept.samefile(ours):
            continue
        if _is_whole(kept, shard):
            _replace_by_link(kept, ours)
            continue
        _check(folder, {name: shard})
        notes.append(
            f"the shard {name} of {target.name[:SHORT]} in the store was damaged: replaced"
        )
        _replace_by_link(ours, kept, or_copy=True)
    if not _same_id(target):
        notes.append(f"the manifest of {target.name[:SHORT]} in the store was damaged: replaced")
        _replace_by_link(folder / MANIFEST, target / MANIFEST, or_copy=True)


def _same_id(target: Path) -> bool:
    try:
        return bool(read_manifest(target)["id"] == target.name)
    except ArtifactError:
        return False


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def _replace_by_link(source: Path, target: Path, *, or_copy: bool = False) -> None:
    """Puts a link to ``source`` in the place of ``target`` by a rename.

    Args:
        source: A whole file.
        target: What gives way.
        or_copy: Whether a disk without links gets a copy; else ``target`` stays as it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        if or_copy:
            _link(source, aside / target.name)
        else:
            try:
                os.link(source, aside / target.name)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return
        (aside / target.name).replace(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _ingest_record(record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns the file name and the content of an ingestion record."""
    content = finite({name: value for name, value in record.items() if name != "when"})
    # Fine enough to tell the order of two small ingests.
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    when = record.get("when") or now
    return f"{digest_json(content)[:32]}.json", {"format": FORMAT, **content, "when": str(when)}


def _ingested(folder: Path) -> list[dict[str, Any]]:
    records = []
    for path in (folder / INGESTED).glob("*.json"):
        with contextlib.suppress(ArtifactError):
            record = read_json(path)
            if isinstance(record, dict) and record.get("format") == FORMAT:
                records.append(record)
    return sorted(records, key=lambda item: (str(item.get("when")), digest_json(item)))


def _last(version: Version) -> str:
    return str(version.ingested[-1].get("when")) if version.ingested else ""
