"""What data a text names, where it lies: every file of it here and whole, and what it came from."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.artifacts import witness as witnesses
from plimsoll.errors import DataError, nearest, shortened
from plimsoll.ingest.config import DEFAULT, IngestConfig
from plimsoll.ingest.file_kinds import (
    KINDS,
    SPOKEN,
    known_kind,
    printable,
    recognised,
    unpacked_name,
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of data, on this machine and whole."""

    path: Path
    name: str
    """What it is called in notes, errors and lineage: relative to what was asked for."""
    kind: str
    """``csv``, ``jsonl``, ``parquet``, ``arrow`` (an IPC file or stream) or ``tfrecord``."""
    packed: str = ""
    """How it is packed: nothing, ``gzip`` or ``zip``; a zip archive holds one file of data."""
    bytes: int
    sha256: str
    """Of the file as it lies there, packed."""
    uri: str = ""
    """Where it came from: an object's or a table's address; empty: a local file."""
    version: Mapping[str, str] = field(default_factory=dict)
    """Which one it is: an object's generation, a file's time of modification, its span."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The data that was asked for."""

    sources: tuple[Source, ...]
    witness: Mapping[str, Any]
    """Lets a later run tell if the outside is still the same: ``plimsoll.artifacts.witness``."""
    lineage: Mapping[str, Any]
    """What was chosen, in JSON values: spans, versions, a query; no absolute path."""


def find(data: str, scratch: Path, notes: list[str], config: IngestConfig = DEFAULT) -> Found:
    """Finds data, and fetches what does not lie on this machine.

    Args:
        data: A file, a folder or a glob pattern.
        scratch: A folder of the caller's for what is fetched; kept until the last read.
        notes: Takes a sentence for each thing left out.
        config: Which spans are read, and how the data is fetched.

    Raises:
        DataError: if there is none, or a file is of no kind that can be read.
    """
    if "://" in data:
        raise DataError(
            f"{data} is an address, not a path",
            cause="ingest reads files",
            hint="copy the data to a folder, or mount its bucket, and give that path",
        )
    del scratch, config
    return _local(data, notes)


def check_unchanged(found: Found) -> None:
    """Checks that no file changed since it was found, as one that is still being written does.

    Raises:
        DataError: if one did.
    """
    for source in found.sources:
        if "modified_ns" not in source.version:
            continue
        status = source.path.stat() if source.path.exists() else None
        now = (status.st_size, str(status.st_mtime_ns)) if status else None
        if now != (source.bytes, source.version["modified_ns"]):
            raise DataError(
                f"{source.name} changed while it was read",
                hint="run again when nothing writes to it any more",
            )


def _local(data: str, notes: list[str]) -> Found:
    witness = witnesses.observe(data)
    pattern = str(witness["pattern"])
    paths = [Path(name) for name in witness["files"]]
    base = _base(pattern)
    if Path(pattern).is_dir():
        names = {path: path.relative_to(base).as_posix() for path in paths}
        kept = set(of_known_kind(data, list(names.values()), notes))
        paths = [path for path in paths if names[path] in kept]
    if not paths:
        raise _nothing_there(data, pattern)
    sources = tuple(_source(path, base, witness["files"][str(path)]) for path in paths)
    return Found(sources=sources, witness=witness, lineage={})


def _source(path: Path, base: Path, seen: Mapping[str, str]) -> Source:
    name = printable(path.relative_to(base).as_posix())
    kind, packed = recognised(path, name)
    return Source(
        path=path,
        name=name,
        kind=kind,
        packed=packed,
        bytes=int(seen["bytes"]),
        sha256=str(seen["sha256"]),
        version={"modified_ns": seen["modified_ns"], "bytes": seen["bytes"]},
    )


def of_known_kind(data: str, names: Sequence[str], notes: list[str]) -> list[str]:
    """Returns the names of a folder's files that end as data does.

    Args:
        data: What was asked for, for errors.
        names: The files' names, relative to the folder.
        notes: Takes a sentence on what is left out.

    Raises:
        DataError: if there are files and none of them is known, or one is there packed and not.
    """
    known = [name for name in names if known_kind(name)]
    # What DVC writes beside data is read where it is checked.
    others = [Path(name) for name in names if not known_kind(name) and not name.endswith(".dvc")]
    counts = Counter(path.suffix or path.name for path in others)
    if counts and known:
        listed = ", ".join(f"{count} {printable(end)}" for end, count in sorted(counts.items()))
        notes.append(f"files in the folder of no known kind are left out: {listed}")
    if counts and not known:
        raise DataError(
            f"no {SPOKEN} file is in {data}",
            cause=f"there are files ending in {shortened(sorted(map(printable, counts)))}",
            choices=tuple(KINDS),
        )
    _check_not_twice(known)
    if any("=" in part for name in known for part in name.split("/")[:-1]):
        notes.append("names of folders such as year=2013 are not read as columns")
    return known


def _check_not_twice(names: Sequence[str]) -> None:
    bare = [name for name in names if unpacked_name(name) == name]
    plain = {known: name for name in bare for known in (name, str(Path(name).with_suffix("")))}
    for name in names:
        inner = unpacked_name(name)
        if inner != name and inner in plain:
            raise DataError(
                f"{printable(name)} and {printable(plain[inner])} look like the same data twice",
                hint="move one away, or give a pattern that takes only one of them",
            )


def _base(pattern: str) -> Path:
    """Returns the folder that names are relative to, so that no artifact holds a full path."""
    path = Path(pattern)
    if path.is_dir():
        return path
    if path.exists() or not glob.has_magic(pattern):
        return path.parent
    while glob.has_magic(str(path)):
        path = path.parent
    return path


def _nothing_there(data: str, pattern: str) -> DataError:
    path = Path(pattern)
    hint = f"give a file, a folder or a glob pattern of {SPOKEN} files"
    if path.is_dir():
        return DataError(
            f"no {SPOKEN} file is in {data}", cause="the folder has no files", hint=hint
        )
    if glob.has_magic(pattern):
        return DataError(f"no file matches {data}", hint="quote the pattern, and check its folder")
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    missing = "" if path.parent.is_dir() else f"the folder {Path(data).parent} does not exist"
    return DataError(f"there is no file {data}", cause=close or missing, hint=hint)
