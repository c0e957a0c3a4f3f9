"""A folder for what a step needs on the way, which never outlives it for long."""

from __future__ import annotations

import fcntl
import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK, UNLOCKED = "lock", "unlocked"


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Yields an empty folder on the disk of ``target``, which is gone after the block.

    Folders that killed processes left there are deleted first: their locks are free.

    Args:
        target: What is being made; the folder lies beside it, with a name like it and hidden.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.scratch-"
    for stale in target.parent.glob(f"{glob.escape(prefix)}*"):
        _delete_if_free(stale)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix))
    try:
        with (folder / UNLOCKED).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Under its name only once it is held: until then the folder is nobody's to delete.
            (folder / UNLOCKED).rename(folder / LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_if_free(folder: Path) -> None:
    lock = folder / LOCK
    if not lock.is_file():
        # Just made by a process that is about to lock it, or nothing of ours.
        return
    with lock.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(made: Path, target: Path) -> None:
    """Moves a folder that is whole to where it belongs, in place of what is there."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.exists() or target.is_symlink():
        target.unlink()
    made.rename(target)
