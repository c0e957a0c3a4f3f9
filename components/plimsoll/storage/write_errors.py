"""A disk without room, or a folder that takes nothing, said in words."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.errors import DataError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def translate_write_errors(target: Path) -> Iterator[None]:
    """Turns the system's error for what cannot be written into one that says what to do.

    Raises:
        DataError: if the disk is full, or the folder may not or cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NOT_WRITABLE:
            raise DataError(
                f"{target.name} cannot be written",
                cause=error.strerror or "",
                hint="write to another folder, or mend the permissions of this one",
            ) from error
        if error.errno not in NO_ROOM:
            raise
        there = next(folder for folder in target.absolute().parents if folder.is_dir())
        free = shutil.disk_usage(there).free
        raise DataError(
            f"there is no room on the disk for {target.name}",
            cause=f"{error.strerror or 'the disk is full'}; {free:,} bytes are free there; on the "
            "way the rows lie on it twice: as they were read, and as they are kept",
            hint="make room, or write to another disk",
        ) from error
