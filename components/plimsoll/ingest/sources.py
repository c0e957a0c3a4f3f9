"""What data a text names, where it lies: every file of it here and whole, and what it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.ingest.config import DEFAULT, IngestConfig

LONGEST_TOLD = 200
PASSING = frozenset(("modified_ns", "bytes", "job", "bytes_billed", "cached"))


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

    @property
    def lasting_version(self) -> dict[str, str]:
        """The version without what differs though the data is the same: times, jobs, costs."""
        return {key: text for key, text in self.version.items() if key not in PASSING}


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
        data: A file, a folder or a glob pattern, on this machine or under ``gs://``; a pattern
            with ``{SPAN}``, ``{YYYY}{MM}{DD}`` or ``{VERSION}``; ``bigquery://`` and a table, or
            ``bigquery:`` and a query.
        scratch: A folder of the caller's for what is fetched; kept until the last read.
        notes: Takes a sentence for each thing left out.
        config: Which spans are read, and how the data is fetched.

    Raises:
        ConfigError: if ``data`` is no address or pattern.
        DataError: if there is none, it cannot be read, or a file is of no kind that can be.
        GateError: if there are fewer spans than asked for.
    """
    if data.startswith(("gs:", "bigquery:")):
        if data.startswith("gs:"):
            from plimsoll.ingest.buckets import find_objects

            return find_objects(data, scratch, notes, config)
        from plimsoll.ingest.bigquery import find_rows

        return find_rows(data, scratch, notes, config)
    if "://" in data:
        raise DataError(
            f"{data} is an address of a kind that cannot be read",
            choices=("a path", "gs://bucket/object", "bigquery://project.dataset.table"),
            hint="copy the data to a folder, or mount its bucket, and give that path",
        )
    from plimsoll.ingest.local_files import find_files

    try:
        return find_files(data, notes, config)
    except OSError as error:
        raise DataError(
            f"{data[:LONGEST_TOLD]} cannot be read",
            cause=f"{error.strerror or type(error).__name__}: {Path(str(error.filename)).name}"[
                :LONGEST_TOLD
            ],
            hint="check the path, and that this account may read it",
        ) from error


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
