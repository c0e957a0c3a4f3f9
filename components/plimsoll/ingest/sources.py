"""Which files a path, a folder or a glob pattern names, and of what kind each is."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError, nearest, shortened

KINDS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
PACKED: Mapping[bytes, str] = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xfd7zXZ": "an xz archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
}
PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Source:
    """One file of data."""

    path: Path
    name: str
    """What it is called in notes, errors and lineage: relative to what was asked for."""
    kind: str
    """``csv`` or ``parquet``."""
    bytes: int
    sha256: str


def find(data: str, witness: Mapping[str, Any], notes: list[str]) -> tuple[Source, ...]:
    """Returns the files of data that ``data`` names, sorted by path.

    Args:
        data: A file, a folder or a glob pattern.
        witness: What ``plimsoll.artifacts.witness.observe`` saw of it.
        notes: Takes a sentence for each thing left out.

    Raises:
        DataError: if there is none, or a file is of no kind that can be read.
    """
    pattern = str(witness["pattern"])
    if "://" in data:
        raise DataError(
            f"{data} is an address, not a path",
            cause="ingest reads files",
            hint="copy the data to a folder, or mount its bucket, and give that path",
        )
    named_one_by_one = not Path(pattern).is_dir()
    paths = [Path(name) for name in witness["files"]]
    base = _base(pattern)
    if not named_one_by_one:
        paths = _with_known_suffix(data, base, paths, notes)
    if not paths:
        raise _nothing_there(data, pattern)
    return tuple(
        Source(
            path=path,
            name=path.relative_to(base).as_posix(),
            kind=_kind(path, path.relative_to(base).as_posix()),
            bytes=int(witness["files"][str(path)]["bytes"]),
            sha256=str(witness["files"][str(path)]["sha256"]),
        )
        for path in paths
    )


def check_unchanged(sources: Sequence[Source], witness: Mapping[str, Any]) -> None:
    """Checks that no file changed since it was observed, as one that is still being written does.

    Raises:
        DataError: if one did.
    """
    for source in sources:
        seen = witness["files"][str(source.path)]
        status = source.path.stat() if source.path.exists() else None
        if status is None or (str(status.st_size), str(status.st_mtime_ns)) != (
            seen["bytes"],
            seen["modified_ns"],
        ):
            raise DataError(
                f"{source.name} changed while it was read",
                hint="run again when nothing writes to it any more",
            )


def _with_known_suffix(
    data: str, base: Path, paths: Sequence[Path], notes: list[str]
) -> list[Path]:
    known = [path for path in paths if path.suffix.casefold() in KINDS]
    others = Counter(path.suffix or path.name for path in paths if path not in set(known))
    if others and known:
        listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
        notes.append(f"files in the folder that are no CSV or Parquet are left out: {listed}")
    if others and not known:
        raise DataError(
            f"no CSV or Parquet file is in {data}",
            cause=f"there are files ending in {shortened(sorted(others))}",
            choices=tuple(KINDS),
        )
    if any("=" in part for path in known for part in path.parent.relative_to(base).parts):
        notes.append("names of folders such as year=2013 are not read as columns")
    return known


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


def _kind(path: Path, name: str) -> str:
    with path.open("rb") as stream:
        start = stream.read(16)
    if start.startswith(PARQUET_MAGIC):
        return "parquet"
    for magic, what in PACKED.items():
        if start.startswith(magic):
            raise DataError(
                f"{name} is {what}, not CSV or Parquet",
                hint="unpack or export it to CSV or Parquet first",
            )
    if KINDS.get(path.suffix.casefold()) == "parquet":
        raise DataError(
            f"{name} is not a whole Parquet file",
            cause="it does not start with the bytes PAR1" if start else "it is empty",
            hint="write or copy it again",
        )
    return "csv"


def _nothing_there(data: str, pattern: str) -> DataError:
    path = Path(pattern)
    if path.is_dir():
        return DataError(
            f"no CSV or Parquet file is in {data}",
            cause="the folder has no files",
            hint="give a file, a folder or a glob pattern of CSV or Parquet files",
        )
    if glob.has_magic(pattern):
        return DataError(f"no file matches {data}", hint="quote the pattern, and check its folder")
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    missing = "" if path.parent.is_dir() else f"the folder {Path(data).parent} does not exist"
    return DataError(
        f"there is no file {data}",
        cause=close or missing,
        hint="give a file, a folder or a glob pattern of CSV or Parquet files",
    )
