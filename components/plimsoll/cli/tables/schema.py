"""What commands say of schemas, in lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plimsoll.printable import printable

_TYPES = {
    "INT": "whole numbers",
    "FLOAT": "numbers",
    "BYTES": "text",
    "bool": "true or false",
    "time": "dates and times",
}


def print_inferred(found: Mapping[str, Any], target: Path) -> None:
    """Prints what a schema that was inferred says, and where it is."""
    console = _console()
    for note in found["notes"]:
        console.print(Text(f"  {printable(note)}", style="dim"))
    table = Table(box=None, pad_edge=False)
    for name in ("column", "type", "with a value", "one of", "not in"):
        table.add_column(name)
    for column in found["columns"]:
        present = column["present"]
        table.add_row(
            Text(printable(column["name"])),
            _TYPES.get(column["domain"]) or _TYPES.get(column["type"], column["type"]),
            f"{present * 100:.0f}% at least" if present else "-",
            "-" if column["values"] is None else f"{column['values']:,} values",
            ", ".join(column["not_in"]) or "-",
        )
    console.print(table)
    console.print(Text(f"schema of {len(found['columns'])} columns: {target}"))
    console.print(Text("  next    edit it, commit it, and give it: --schema " + str(target)))


def print_differences(found: Sequence[Mapping[str, str]]) -> None:
    """Prints a line for each thing in which two schemas differ."""
    console = _console()
    if not found:
        console.print("nothing differs")
    styles = {"added": "green", "removed": "red"}
    marks = {"added": "+", "removed": "-", "changed": "~"}
    for item in found:
        column = f"column {item['column']!r}: " if item["column"] else ""
        line = f"{marks[item['kind']]} {column}{item['said']}"
        console.print(Text(printable(line), style=styles.get(item["kind"], "")))


def print_check(found: Mapping[str, Any], page: str) -> None:
    """Prints the anomalies and the warnings of a check, and where its page is."""
    console = _console()
    for level, style in (("anomalies", "red"), ("warnings", "yellow")):
        name = {"anomalies": "anomaly", "warnings": "warning"}[level]
        for sentence in found[level]:
            console.print(
                Text(f"{name}: ", style=style).append(printable(sentence), style="not bold")
            )
    counts = f"{_counted(found['anomalies'], 'anomaly', 'anomalies')}, "
    counts += _counted(found["warnings"], "warning", "warnings")
    console.print(f"{found['checks']:,} checks: {counts}")
    if page:
        console.print(Text(f"  report  {page}"))


def print_accepted(found: Mapping[str, Any], target: Path) -> None:
    """Prints what a schema now says otherwise, and what it still does not accept."""
    console = _console()
    if found["differences"]:
        print_differences(found["differences"])
        console.print(Text(f"schema: {target}"))
    else:
        console.print("nothing to change in the schema")
    lost = found["comments_lost"]
    if lost:
        console.print(f"{lost} comment{'' if lost == 1 else 's'} of what was replaced went with it")
    for sentence in found["left"]:
        console.print(
            Text("not accepted: ", style="red").append(printable(sentence), style="not bold")
        )
    if found["retyped"]:
        names = printable(" ".join(f"--column {name}" for name in found["retyped"]))
        console.print(Text(f"  next    a changed type is accepted where it is named: {names}"))


def _counted(items: Sequence[str], one: str, several: str) -> str:
    return f"{len(items) or 'no'} {one if len(items) == 1 else several}"


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
