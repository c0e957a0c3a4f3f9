"""Where a search is kept, so that it goes on after a kill: Optuna's journal in a folder.

One process writes at a time, and the kernel sees to that: its lock ends with the process, where
a lock file would outlive a kill. What belongs together is written at once: a trial that was
begun has all its values, or there is none.
"""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from plimsoll.errors import ArtifactError, StepError
from plimsoll.storage.locks import lock

JOURNAL = "journal.log"
LOCK = ".lock"
STUDY = "tune"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a search's folder for this process; makes it if it is missing.

    Raises:
        StepError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as stream:
        if not lock(stream, 0):
            raise StepError(
                f"another process goes on with this search: {folder}",
                hint="wait for it, or give this one a storage of its own",
            )
        yield


class Journal(BaseJournalBackend):
    """Optuna's journal as lines of JSON in a file, held in memory beside it.

    Args:
        path: The file; it is made if it is missing.

    Raises:
        ValueError: if a line is no JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _mend(path)
        text = path.read_text("utf-8") if path.exists() else ""
        self._logs: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        self._waiting: list[str] | None = None

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yields the records from a number on."""
        yield from self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keeps records, on the disk when it returns, or at the end of ``together``."""
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        self._logs += [json.loads(line) for line in lines]
        if self._waiting is None:
            self._write(lines)
        else:
            self._waiting += lines

    @contextmanager
    def together(self) -> Iterator[None]:
        """Writes what the block keeps at its end, at once."""
        self._waiting = []
        try:
            yield
        finally:
            lines, self._waiting = self._waiting, None
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        if lines:
            with self._path.open("ab") as stream:
                stream.write("".join(f"{line}\n" for line in lines).encode())
                stream.flush()
                os.fsync(stream.fileno())


def open_journal(folder: Path) -> Journal:
    """Opens the journal that a folder keeps, or begins it. The folder must be ``held``.

    Raises:
        ArtifactError: if the journal is damaged.
    """
    try:
        return Journal(folder / JOURNAL)
    except ValueError as error:
        raise _damaged(folder, error) from error


def open_study(
    folder: Path,
    journal: Journal,
    sampler: optuna.samplers.BaseSampler,
    pruner: optuna.pruners.BasePruner,
) -> optuna.Study:
    """Opens the study that a journal holds, or begins it.

    Raises:
        ArtifactError: if the journal does not hold together.
    """
    try:
        return optuna.create_study(
            storage=JournalStorage(journal),
            study_name=STUDY,
            direction="minimize",
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
    except (ValueError, KeyError, AssertionError, TypeError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ArtifactError:
    return ArtifactError(
        f"the journal of the search cannot be read: {folder / JOURNAL}",
        cause=f"{type(error).__name__}: {error}",
        hint="remove it to begin anew, or bring back a copy",
    )


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
