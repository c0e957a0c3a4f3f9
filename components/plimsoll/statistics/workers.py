"""Shares blocks of work among processes of one machine.

Workers are forked: they have what was imported, where a new interpreter would spend seconds on
importing it again. Each is given one block at a time, so a slow one holds up nobody; when the
parent is gone, their pipes end, and so do they.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import pyarrow as pa

from plimsoll.errors import PlimsollError, StepError

MOST_PROCESSES = 8
SECONDS_TO_END = 10.0

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def processes_that_pay(cells: int, least: int) -> int:
    """Returns how many processes to use: one for less than ``least`` cells, else as cores are."""
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES) if cells >= least else 1


def shared(
    work: Callable[[Task], Answer], blocks: Sequence[Task], processes: int, what: str
) -> Iterator[Answer]:
    """Yields what the work makes of each block, in no order.

    Args:
        work: Run in the processes; what it returns is pickled to come back.
        blocks: What it is called with.
        processes: How many share the work; one: this one does it all.
        what: What the work is, for errors: ``a process that <what> was killed``.

    Raises:
        PlimsollError: what a process raised.
        StepError: if a process is killed, or raises anything else.
    """
    count = min(processes, len(blocks))
    if count < 2:
        yield from map(work, blocks)
        return
    # Has pyarrow import what it imports with its first array, half a second of pandas, once
    # instead of in each process.
    pa.array([0]).to_numpy()
    workers = _Workers(work, count, what)
    try:
        yield from workers.results(blocks)
    finally:
        workers.end()


class _Workers(Generic[Task, Answer]):
    """Processes that work on blocks."""

    def __init__(self, work: Callable[[Task], Answer], count: int, what: str) -> None:
        self._what = what
        self._processes: dict[Connection, Any] = {}
        context = multiprocessing.get_context("fork")
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, [*self._processes, ours], work, what), daemon=True
            )
            process.start()
            theirs.close()
            self._processes[ours] = process

    def results(self, blocks: Sequence[Task]) -> Iterator[Answer]:
        """Yields answers, in no order; a worker gets its next block when it is done."""
        left = iter(blocks)
        busy = set(self._processes)
        for connection in self._processes:
            self._send(connection, next(left))
        while busy:
            for connection in [ready for ready in self._processes if ready in wait(busy)]:
                answer = self._receive(connection)
                try:
                    self._send(connection, next(left))
                except StopIteration:
                    busy.remove(connection)
                yield answer

    def end(self) -> None:
        """Ends the workers, whatever they are doing."""
        for connection, process in self._processes.items():
            connection.close()
            process.kill()
        for process in self._processes.values():
            process.join(SECONDS_TO_END)

    def _send(self, connection: Connection, block: Task) -> None:
        try:
            connection.send(block)
        except OSError as error:
            raise self._gone(connection) from error

    def _receive(self, connection: Connection) -> Any:
        try:
            answer = connection.recv()
        except (EOFError, OSError) as error:
            raise self._gone(connection) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _gone(self, connection: Connection) -> StepError:
        process = self._processes[connection]
        process.join(SECONDS_TO_END)
        code = process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return StepError(
            f"a process that {self._what} was killed",
            cause=f"{how}; signal 9 is what a lack of memory looks like",
            hint="give the step more memory, or set fewer processes in its config",
        )


def _serve(
    connection: Connection, others: list[Connection], work: Callable[[Any], Any], what: str
) -> None:
    """Works on the blocks that are sent until the parent closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    while True:
        try:
            block = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = work(block)
        except PlimsollError as error:
            answer = error
        except Exception as error:
            answer = _failed(what, error)
        connection.send(answer)


def _failed(what: str, error: Exception) -> StepError:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return StepError(
        f"a process that {what} failed",
        cause=f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})",
    )
