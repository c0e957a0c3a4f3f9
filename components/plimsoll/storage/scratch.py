"""A folder for what a step needs on the way, which never outlives it for long."""

import contextlib
import glob
import math
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plimsoll.storage.locks import lock

LOCK, UNLOCKED = "lock", "unlocked"


@contextlib.contextmanager
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
        with (folder / UNLOCKED).open("wb") as stream:
            lock(stream, math.inf)
            # Under its name only once it is held: until then the folder is nobody's to delete.
            (folder / UNLOCKED).rename(folder / LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_if_free(folder: Path) -> None:
    if not (folder / LOCK).is_file():
        # Just made by a process that is about to lock it, or nothing of ours.
        return
    with (folder / LOCK).open("rb") as stream, contextlib.suppress(OSError):
        if lock(stream, 0):
            shutil.rmtree(folder, ignore_errors=True)
