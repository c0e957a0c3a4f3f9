"""Frees the disk of cached steps that no run shows any more, and of what killed runs left."""

import contextlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from plimsoll.errors import ArtifactError, UsageError
from plimsoll.local.engine import code
from plimsoll.local.engine.cache import ENTRY, OUTPUTS
from plimsoll.local.engine.role_command import SCRATCH_PREFIX
from plimsoll.local.pipelines.named_data import store_in
from plimsoll.local.record import RECORD, RUNNING, runs_in
from plimsoll.storage.files import files_below, read_json

DAY_SECONDS = 86_400
LEFTOVERS = (
    "steps/.storing-*",
    "steps/.leaving-*",
    "code/.*",
    f"{SCRATCH_PREFIX}*",
    "checkpoints/*",
)
"""What a killed run or command leaves in the cache; a day old, nobody is at it any more."""


@dataclass(frozen=True)
class Freed:
    """What was removed."""

    entries: int
    bytes: int
    """Freed on the disk: files that a run or the store still links to are not counted."""


def prune(out: Path, days: int | None = None) -> Freed:
    """Removes the cached steps of runs that are gone, and leftovers.

    Args:
        out: The folder of runs.
        days: Also remove steps that were kept more than so many days ago, used or not.

    Raises:
        UsageError: if the days are below 0.
    """
    if days is not None and days < 0:
        raise UsageError(f"--days is {days}", hint="give the number of days to keep, from 0")
    entries = [path.parent for path in (out / "cache" / "steps").glob(f"*/{ENTRY}")]
    records = out.glob(f"*/{RECORD}") if entries else ()
    used = {_inode(path) for record in records for path in files_below(record.parent)}
    now = time.time()
    leaving = [
        entry
        for entry in entries
        if not _is_used(entry, used)
        or (days is not None and now - _modified(entry / ENTRY) > days * DAY_SECONDS)
    ]
    leaving += [path for path in _leftovers(out) if now - _modified(path) > DAY_SECONDS]
    freed = _freed_by(leaving)
    for folder in leaving:
        _remove(folder)
    return Freed(len(leaving), freed)


def _is_used(entry: Path, used: set[tuple[int, int]]) -> bool:
    """Says if a kept run made an entry, or took its files, which then are the same on the disk."""
    try:
        origin = Path(read_json(entry / ENTRY)["origin"])
    except (ArtifactError, KeyError, TypeError):
        return False
    return origin.is_dir() or any(_inode(path) in used for path in files_below(entry / OUTPUTS))


def _leftovers(out: Path) -> Iterator[Path]:
    for pattern in LEFTOVERS:
        yield from (out / "cache").glob(pattern)
    yield from (path for path in store_in(out).glob(".*") if path.is_dir())
    if all(record["status"] != RUNNING for record in runs_in(out)):
        # A run that goes on imports from its own copy, however old that is.
        current = code.digest()[:16]
        yield from (path for path in (out / "cache" / "code").glob("*") if path.name != current)


def _freed_by(folders: Iterable[Path]) -> int:
    """Returns the bytes of the files whose every link is below ``folders``."""
    links: Counter[tuple[int, int]] = Counter()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for folder in folders:
        for path in files_below(folder):
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            links[key] += 1
            sizes[key] = (status.st_nlink, status.st_size)
    return sum(size for key, (count, size) in sizes.items() if links[key] >= count)


def _remove(folder: Path) -> None:
    """Removes a folder that another run may look into: it leaves by a rename, not in pieces."""
    gone = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".leaving-"))
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone / folder.name)
    shutil.rmtree(gone)


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _modified(path: Path) -> float:
    return path.stat().st_mtime
