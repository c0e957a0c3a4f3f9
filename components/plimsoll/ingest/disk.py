"""A disk without room, said in words."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.errors import DataError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def told_if_full(target: Path) -> Iterator[None]:
    """Turns the system's error for a full disk into one that says what to do.

    Args:
        target: What is being written.

    Raises:
        DataError: if the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        free = shutil.disk_usage(target.parent).free
        raise DataError(
            f"there is no room on the disk for {target.name}",
            cause=f"{error.strerror or 'the disk is full'}; {free:,} bytes are free there; on the "
            "way the rows lie on it twice: as they were read, and as they are kept",
            hint="make room, or write to another disk",
        ) from error
