"""A DuckDB for one question: bounded memory, spilling to a folder that is removed."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError, DataError, PlimsollError

SPILL_PREFIX = "plimsoll-offline-"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the engine may take."""

    memory_limit: str = ""
    """For example ``2GB``; past it DuckDB spills to disk. Empty: four fifths of the machine's."""
    threads: int = 0
    """How many cores work; 0: all."""
    spill_folder: str = ""
    """Where the folder of what is spilled is made; empty: the system's temporary folder."""
    batch_rows: int = 1_000_000
    """Entity rows that are joined at once, and so are in memory at once."""

    def __post_init__(self) -> None:
        if self.threads < 0 or self.batch_rows < 1:
            raise ConfigError(
                "offline_store: threads must be 0 or more, batch_rows 1 or more",
                cause=f"threads is {self.threads}, batch_rows is {self.batch_rows}",
            )


@contextmanager
def engine(limits: Limits, seconds: float | None = None) -> Iterator[Any]:
    """Yields a DuckDB connection in UTC that fetches no extensions; its spills are removed.

    Args:
        limits: What it may take.
        seconds: How long it may work; None: as long as it takes.

    Raises:
        ConfigError: if the memory limit or the spill folder cannot be had.
        DataError: if the block fails in DuckDB.
    """
    import duckdb

    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": True,
    }
    if limits.memory_limit:
        settings["memory_limit"] = limits.memory_limit
    if limits.threads:
        settings["threads"] = limits.threads
    with _spill_folder(limits.spill_folder) as folder:
        try:
            connection = duckdb.connect(":memory:", config={**settings, "temp_directory": folder})
        except duckdb.Error as error:
            raise ConfigError(
                "offline_store: DuckDB cannot be opened with these limits",
                cause=f"memory_limit {limits.memory_limit!r}, threads {limits.threads}: {error}",
                hint="memory_limit is a size such as 2GB or 500MB",
            ) from error
        timer = threading.Timer(seconds, connection.interrupt) if seconds else None
        try:
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            if timer:
                timer.start()
            yield connection
        except duckdb.Error as error:
            raise engine_error(error, limits) from safe_cause(error)
        finally:
            if timer:
                timer.cancel()
            connection.close()


def engine_error(error: Exception, limits: Limits) -> PlimsollError:
    """Returns what DuckDB's error means here; values that it could not convert are left out."""
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return DataError(
            "the join does not fit the memory that the offline store may take",
            cause=f"memory_limit is {limits.memory_limit or 'four fifths of the machine'}",
            hint="raise offline_store.memory_limit, or lower offline_store.batch_rows",
        )
    if isinstance(error, duckdb.InterruptException):
        return DataError("the offline store did not answer in the time that it was given")
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return DataError(
            "a value cannot be converted to what the join needs",
            cause="a time or a key is of a form that the other side's type does not have",
            hint="make the types of the join keys and timestamps alike on both sides",
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return DataError("DuckDB cannot answer", cause=lines[0][:300])


def safe_cause(error: Exception) -> Exception | None:
    """Returns what may stand in a traceback: nothing of an error that repeats a source's value."""
    import duckdb

    quotes_value = isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException)
    return None if quotes_value else error


@contextmanager
def _spill_folder(parent: str) -> Iterator[str]:
    try:
        folder = tempfile.TemporaryDirectory(prefix=SPILL_PREFIX, dir=parent or None)
    except OSError as error:
        raise ConfigError(
            f"offline_store: nothing can be written below {parent or tempfile.gettempdir()}",
            cause=str(error),
            hint="name a folder on a disk with room: offline_store: {spill_folder: FOLDER}",
        ) from error
    with folder as name:
        yield name
