"""What commands print for people."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plimsoll.local.console import plain_console, plain_table
from plimsoll.local.record import FAILED, INTERRUPTED, STOPPED, SUCCEEDED, Failure, Run, Step
from plimsoll.printable import printable

MOST_METRICS = 5
WIDE = 1000
_STYLE = {SUCCEEDED: "green bold", STOPPED: "yellow bold", FAILED: "red bold"}


def print_failures(record: Run) -> None:
    """Prints on stderr why a run did not succeed: each failed step, or what stopped it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    failed = [(step, step.error) for step in record.steps.values() if step.error]
    for step, error in failed:
        _print_failure(console, step, error)
    if record.reason and not failed:
        first, *rest = (printable(line) for line in record.reason.splitlines())
        console.print(Text(f"{record.status}: ", style="red bold").append(first, style="not bold"))
        for line in rest:
            console.print(Text(line))
        if record.reason == INTERRUPTED:
            console.print(Text("  the same command goes on from what was whole"))


def print_summary(record: Run) -> None:
    """Prints how a run ended: the model and its metrics, and where the rest is."""
    console = plain_console()
    headline = Text(f"{record.pipeline} {record.status}", style=_STYLE.get(record.status, ""))
    headline.append(f"  {record.seconds:.1f} s", style="not bold")
    console.print(headline)
    if record.metrics:
        console.print(_metrics_table(record))
    rows = [
        ("model", f"{record.model_version}  {record.model_path}" if record.pushed else ""),
        ("record", f"{record.folder}/run.json"),
        ("report", record.report),
        *(("next", _short_command(command)) for command in record.next),
    ]
    for name, value in rows:
        if value:
            console.print(Text(f"  {name:<7} {value}"))


def _print_failure(console: Console, step: Step, error: Failure) -> None:
    lines = error.text.splitlines() or [error.headline]
    first, *rest = (printable(line) for line in lines)
    console.print(Text(f"error: {step.name}: ", style="red bold").append(first, style="not bold"))
    for line in rest:
        console.print(Text(f"  {line.strip()}" if error.ours else line))
    if not error.ours:
        console.print(Text("last lines of the log:", style="dim"))
        for line in error.log_tail:
            console.print(Text(f"  | {printable(line)}", style="dim"))
    if step.log:
        console.print(Text(f"  log: {step.log}", style="dim"))


def print_runs(records: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Prints a line a run."""
    console = plain_console()
    if not records:
        console.print(f"no runs in {out} yet; start one: plimsoll run training --help")
        return
    heads = ("run", "status", "seconds", "cached", "model", "test")
    table = plain_table(heads, right=(2,), folded=False)
    for record in records:
        steps = record["steps"].values()
        metrics = record["metrics"].get("test", {})
        table.add_row(
            record["id"],
            Text(record["status"], style=_STYLE.get(record["status"], "")),
            f"{record['seconds']:.1f}",
            f"{sum(step['cached'] for step in steps)}/{len(steps)}",
            record["model_version"] or "-",
            "  ".join(f"{name} {value:.4f}" for name, value in list(metrics.items())[:2]),
        )
    # An id that is cut to the terminal's width cannot be typed.
    console.width = WIDE
    console.print(table)


def print_differences(fields: Sequence[Mapping[str, Any]], first: str, second: str) -> None:
    """Prints a line a field that differs."""
    console = plain_console()
    if not fields:
        console.print("nothing differs")
        return
    table = plain_table(("field", first, second), folded=False)
    for item in fields:
        table.add_row(item["field"], _value(item["first"]), _value(item["second"]))
    console.print(table)


def _metrics_table(record: Run) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, padding=(0, 2, 0, 0))
    table.add_column("  split", no_wrap=True)
    # Eight columns do not fit a terminal; the others are in the record and the report.
    names = list(next(iter(record.metrics.values())))[:MOST_METRICS]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for label, metrics in (("", record.metrics), (" baseline", record.baseline_metrics)):
        for split, values in metrics.items():
            numbers = [f"{values[name]:.4f}" if name in values else "-" for name in names]
            table.add_row(f"  {split}{label}", *numbers, style="dim" if label else "")
    return table


def _short_command(command: str) -> str:
    """Replaces paths below the working folder by relative ones, to be read and typed."""
    here = f"{Path.cwd()}/"
    return shlex.join(word.removeprefix(here) for word in shlex.split(command))


def _value(value: Any) -> str:
    return "-" if value is None else printable(str(value))
