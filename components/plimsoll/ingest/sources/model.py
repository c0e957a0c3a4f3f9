"""The data that a text names: its files, what they came from, and how to tell if they changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VOLATILE = frozenset(("modified_ns", "bytes", "job", "bytes_billed", "cached"))


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
        return {key: text for key, text in self.version.items() if key not in VOLATILE}


@dataclass(frozen=True, kw_only=True)
class ResolvedSources:
    """The data that was asked for."""

    sources: tuple[Source, ...]
    provenance: Mapping[str, Any]
    """Lets a later run tell if the outside is still the same: ``plimsoll.storage.provenance``."""
    lineage: Mapping[str, Any]
    """What was chosen, in JSON values: spans, versions, a query; no absolute path."""
