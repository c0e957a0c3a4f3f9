"""Where a search is kept, so that it goes on after a kill: Optuna's journal in a folder.

One process writes at a time, and the kernel sees to that: its lock ends with the process, where
a lock file would outlive a kill.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from plimsoll.errors import ArtifactError, StepError

JOURNAL = "journal.log"
LOCK = ".lock"


class _Held:
    """The folder's own lock is held all the while."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a search's folder for this process; makes it if it is missing.

    Raises:
        StepError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StepError(
                f"another process goes on with this search: {folder}",
                hint="wait for it, or give this one a storage of its own",
            ) from error
        yield


def open_study(
    folder: Path,
    name: str,
    sampler: optuna.samplers.BaseSampler,
    pruner: optuna.pruners.BasePruner,
) -> optuna.Study:
    """Opens the study that a folder keeps, or begins it. The folder must be ``held``.

    Raises:
        ArtifactError: if the journal is damaged.
    """
    path = folder / JOURNAL
    _mend(path)
    try:
        storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_Held()))
        return optuna.create_study(
            storage=storage,
            study_name=name,
            direction="minimize",
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
    except (ValueError, KeyError, AssertionError) as error:
        raise ArtifactError(
            f"the journal of the search cannot be read: {path}",
            cause=f"{type(error).__name__}: {error}",
            hint="remove it to begin anew, or bring back a copy",
        ) from error


def _mend(path: Path) -> None:
    """Takes off a last line that was cut short: what is appended would be glued to it."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as stream:
            stream.truncate(whole)
            os.fsync(stream.fileno())
