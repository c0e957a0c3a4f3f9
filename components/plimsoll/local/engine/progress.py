"""What a person sees while a run goes on: one live line a step, and nothing else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from plimsoll.local.engine.environments import Announce
from plimsoll.local.record import FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED, Step
from plimsoll.local.watch.watching import LiveLines
from plimsoll.printable import printable

_MARKS = {
    PENDING: ("·", "dim"),
    SUCCEEDED: ("✓", "green"),
    FAILED: ("✗", "red bold"),
    SKIPPED: ("-", "dim"),
}
_ASCII = {"·": ".", "✓": "+", "✗": "x", "-": "-"}


@contextmanager
def building(role: str) -> Iterator[Announce]:
    """Shows that an environment is being built; yields where its progress is said."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"{role} environment") as status:

        def announce(line: str) -> None:
            status.update(line)
            if not console.is_terminal:
                print(line, file=sys.stderr, flush=True)

        yield announce


class Progress:
    """Shows the steps of a run, live on a terminal, else a line as each ends."""

    def __init__(self, steps: Mapping[str, Step], stream: IO[str] | None = None) -> None:
        self._console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self._steps = steps
        self._began: dict[str, float] = {}
        self._spinners: dict[str, Spinner] = {}
        self._trainings = LiveLines()
        self._message = ""
        self._lock = threading.Lock()
        self._live = (
            Live(get_renderable=self._render, console=self._console, refresh_per_second=8)
            if self._console.is_terminal
            else None
        )

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._message = ""
        if self._live is not None:
            self._live.stop()

    def note(self, line: str) -> None:
        """Says something that takes long or happens once, such as building an environment."""
        self._message = line
        if self._live is None:
            self._console.print(Text(f"  {line}", style="dim"))

    def show(self, step: Step) -> None:
        """Takes note of a step's new state."""
        if step.state == RUNNING:
            self._began[step.name] = time.monotonic()
            return
        self._message = ""
        if self._live is None:
            with self._lock:
                self._console.print(self._line(step))
                for note in step.notes if not step.cached else []:
                    self._console.print(Text(f"      {printable(note)}", style="dim"))

    def _render(self) -> RenderableType:
        rows = Table.grid(padding=(0, 1))
        for step in list(self._steps.values()):
            rows.add_row(self._mark(step), self._line(step, mark=False))
            for note in step.notes if step.state == SUCCEEDED and not step.cached else []:
                rows.add_row("", Text(f"    {printable(note)}", style="dim"))
        return Group(rows, Text(f"  {self._message}", style="dim")) if self._message else rows

    def _mark(self, step: Step) -> RenderableType:
        if step.state == RUNNING:
            return self._spinners.setdefault(step.name, Spinner("dots", style="cyan"))
        return Text(self._sign(step.state), style=_MARKS[step.state][1])

    def _sign(self, state: str) -> str:
        sign = _MARKS.get(state, _MARKS[PENDING])[0]
        encoding = (self._console.encoding or "ascii").lower()
        return sign if "utf" in encoding else _ASCII[sign]

    def _line(self, step: Step, *, mark: bool = True) -> Text:
        # Copied, because a loop's threads add steps meanwhile.
        width = max((len(name) for name in list(self._steps)), default=0)
        line = Text()
        if mark:
            line.append(f"  {self._sign(step.state)} ", style=_MARKS[step.state][1])
        line.append(step.name.ljust(width), style="bold" if step.state == RUNNING else "")
        if step.state == RUNNING:
            elapsed = time.monotonic() - self._began.get(step.name, time.monotonic())
            line.append(f"  {elapsed:6.1f} s", style="cyan")
            line.append(f"  {self._trainings.of(step)}".rstrip(), style="dim")
        elif step.state in (SUCCEEDED, FAILED):
            line.append(f"  {step.seconds:6.1f} s")
            line.append("  cached" if step.cached else "", style="dim")
            line.append("  failed" if step.state == FAILED else "", style="red")
        elif step.state == SKIPPED:
            line.append("  not run", style="dim")
        return line
