"""The step cache: whole outputs of finished steps, kept by what they were made from."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError
from plimsoll.storage.files import (
    digest_file,
    digest_json,
    files_below,
    read_json,
    sync_tree,
    write_json,
)
from plimsoll.storage.provenance import is_unchanged

ENTRY = "entry.json"
OUTPUTS = "outputs"
FORMAT = "plimsoll.step/1"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finished step's outputs in the cache."""

    folder: Path
    """Where the entry lies."""
    files: Mapping[str, Mapping[str, Any]]
    """Path below ``outputs`` -> bytes, modified_ns and sha256."""
    provenance: tuple[Mapping[str, Any], ...] | None
    """What the step saw or left outside its folder; None: it did not say."""
    origin: str
    """The folder that the step's outputs were written to, as they may name it."""

    def digest_of(self, name: str) -> str:
        """Returns the content digest of one output, a file or a folder."""
        return digest_json(
            {
                path: stats["sha256"]
                for path, stats in self.files.items()
                if path == name or path.startswith(f"{name}/")
            }
        )


class StepCache:
    """Entries below one folder. Safe for several runs at once: an entry appears by a rename."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, key: str, *, only_with_provenance: bool) -> Entry | None:
        """Returns the whole and unchanged entry of a key, or None.

        Args:
            key: What the step was made from.
            only_with_provenance: Whether an entry is passed over that does not say what it read
                outside, because the step may depend on state that nothing here can see.
        """
        folder = self.root / key
        if not (folder / ENTRY).is_file():
            return None
        try:
            entry = _read(folder)
        except (ArtifactError, KeyError):
            return None
        if only_with_provenance and entry.provenance is None:
            return None
        if not all(map(is_unchanged, entry.provenance or ())):
            return None
        return entry if _whole(entry) else None

    def put(
        self, key: str, outputs: Path, provenance: tuple[Mapping[str, Any], ...] | None
    ) -> Entry:
        """Keeps a step's folder of outputs under a key, by hard links where the disk has them."""
        self.root.mkdir(parents=True, exist_ok=True)
        target = self.root / key
        aside = Path(tempfile.mkdtemp(dir=self.root, prefix=".storing-"))
        try:
            sync_tree(outputs)
            link_tree(outputs, aside / OUTPUTS)
            entry = Entry(
                folder=target,
                files=_observed(aside / OUTPUTS),
                provenance=provenance,
                origin=str(outputs),
            )
            write_json(aside / ENTRY, _record(entry))
            _replace(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return entry

    def take(self, entry: Entry, target: Path) -> bool:
        """Makes ``target`` an entry's outputs; says if they were still all there.

        Another run may replace an entry at any time.
        """
        try:
            link_tree(entry.folder / OUTPUTS, target)
        except FileNotFoundError:
            shutil.rmtree(target, ignore_errors=True)
            return False
        return True


def link_tree(source: Path, target: Path) -> None:
    """Makes ``target`` a tree of hard links to ``source``'s files, or copies where links fail."""
    target.mkdir(parents=True)
    for path in files_below(source):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, link)
        except OSError:
            shutil.copy2(path, link)
    for path in sorted(source.rglob("*")):
        # Links are made for files; a folder that a step left empty is an output too.
        if path.is_dir():
            (target / path.relative_to(source)).mkdir(parents=True, exist_ok=True)


def _replace(aside: Path, target: Path) -> None:
    """Puts an entry in the place of an older one, which leaves by a rename, never in pieces."""
    gone = Path(tempfile.mkdtemp(dir=target.parent, prefix=".leaving-"))
    with contextlib.suppress(FileNotFoundError):
        target.rename(gone / target.name)
    shutil.rmtree(gone, ignore_errors=True)
    try:
        aside.rename(target)
    except OSError as error:
        # Where another run has put the same step's outputs in between, those are as good.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _record(entry: Entry) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "files": entry.files,
        "witnesses": entry.provenance,
        "origin": entry.origin,
    }


def _read(folder: Path) -> Entry:
    record = read_json(folder / ENTRY)
    if record["format"] != FORMAT:
        raise ArtifactError(f"{folder} is a cache entry of another version")
    return Entry(
        folder=folder,
        files=record["files"],
        provenance=None if record["witnesses"] is None else tuple(record["witnesses"]),
        origin=str(record["origin"]),
    )


def _observed(folder: Path) -> dict[str, dict[str, Any]]:
    stats = {}
    for path in files_below(folder):
        status = path.stat()
        stats[path.relative_to(folder).as_posix()] = {
            "bytes": status.st_size,
            "modified_ns": status.st_mtime_ns,
            "sha256": digest_file(path),
        }
    return stats


def _whole(entry: Entry) -> bool:
    root = entry.folder / OUTPUTS
    if {path.relative_to(root).as_posix() for path in files_below(root)} != set(entry.files):
        return False
    return all(_unchanged(root / name, stats) for name, stats in entry.files.items())


def _unchanged(path: Path, stats: Mapping[str, Any]) -> bool:
    status = path.stat()
    if status.st_size != stats["bytes"]:
        return False
    same_time = bool(status.st_mtime_ns == stats["modified_ns"])
    return same_time or digest_file(path) == stats["sha256"]
