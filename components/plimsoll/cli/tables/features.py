"""What commands say of feature stores, as tables for people."""

import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from plimsoll.local.console import plain_console, plain_table
from plimsoll.quantities import duration

_STYLES = {
    "fresh": "green",
    "stale": "yellow",
    "ahead": "yellow",
    "missing": "red",
    "unavailable": "red",
    "ok": "green",
    "warning": "yellow",
    "error": "red",
}
_MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
WIDE = 1_000
"""Columns of what is no terminal: a line that is folded there is found by no search."""


def print_listed(repository: Mapping[str, Any]) -> None:
    """Prints the services and the views of a repository; of one view alone, its features."""
    console = _console()
    console.print(Text(f"project {repository['project']} in {repository['repo']}", style="bold"))
    if repository["services"]:
        table = plain_table(["service", "features", "from"], right=(1,))
        for service in repository["services"]:
            views = ", ".join(view["name"] for view in service["views"])
            count = sum(len(view["features"]) for view in service["views"])
            table.add_row(Text(service["name"]), f"{count:,}", Text(views))
        console.print(table)
        console.print()
    table = plain_table(["view", "keys", "TTL", "features", "source"], right=(3,))
    for view in repository["views"]:
        table.add_row(
            Text(view["name"]),
            Text(", ".join(view["keys"]) or "-"),
            duration(view["ttl_seconds"]) if view["ttl_seconds"] else "-",
            f"{len(view['features']):,}",
            Text(view["source"] if view["kind"] == "batch" else view["kind"]),
        )
    console.print(table)
    if len(repository["views"]) == 1:
        console.print()
        table = plain_table(["feature", "type"])
        for item in repository["views"][0]["features"]:
            table.add_row(Text(item["name"]), item["type"])
        console.print(table)


def print_row(features: Mapping[str, Any]) -> None:
    """Prints one row's features as of then, beside what the online store holds now."""
    console = _console()
    console.print(Text(f"{features['service']} of {features['project']}", style="bold"))
    row = ", ".join(f"{name} {_value(value)}" for name, value in features["row"].items())
    times = {"row": row, "then": _timestamp(features["at"]), "now": _timestamp(features["now"])}
    for name, value in times.items():
        console.print(Text(f"  {name:<5} {value}"))
    table = plain_table(["feature", "then", "of", "now", "of", "age", ""], right=(1, 3, 5))
    for view, group in groupby(features["features"], key=lambda item: str(item["view"])):
        listed = list(group)
        table.add_row(Text(f"{view}{_ttl(listed)}", style="bold"))
        for item in listed:
            then, now = item["then"], item["now"]
            shown = _time if item["type"] == "UNIX_TIMESTAMP" else _value
            table.add_row(
                Text(f"  {item['name']}"),
                Text(shown(then["value"])),
                Text(_timestamp(then["event_time"]), style="dim"),
                Text(shown(now["value"])),
                Text(_timestamp(now["event_time"]), style="dim"),
                "" if now["age_seconds"] is None else duration(now["age_seconds"]),
                Text(now["status"], style=_STYLES.get(now["status"], "dim")),
            )
    console.print(table)
    for note in features["notes"]:
        console.print(Text(f"  {note}", style="dim"))
    if features["trouble"]:
        console.print(Text(features["trouble"], style="red"))


def print_checks(result: Mapping[str, Any]) -> None:
    """Prints a line for each thing that was checked of a repository."""
    console = _console()
    console.print(Text(f"project {result['project']} in {result['repo']}", style="bold"))
    for item in result["checks"]:
        line = Text(f"  {_MARKS[item['level']]} ", style=_STYLES[item["level"]])
        line.append(f"{item['name']}: {item['said']}", style="default")
        console.print(line, soft_wrap=True)
        if item["hint"]:
            console.print(Text(f"      next: {item['hint']}"), soft_wrap=True)
    levels = [item["level"] for item in result["checks"]]
    failed, warnings = levels.count("error"), levels.count("warning")
    s = "" if warnings == 1 else "s"
    console.print(f"{len(levels):,} checks: {failed} failed, {warnings} warning{s}")


def _ttl(features: Sequence[Mapping[str, Any]]) -> str:
    ttl = features[0]["ttl_seconds"]
    return f", TTL {duration(ttl)}" if ttl else ""


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _time(value: str | None) -> str:
    return _timestamp(value) or "-"


def _timestamp(text: str | None) -> str:
    """Returns a timestamp in UTC without what says so: every one here is in UTC."""
    return "" if text is None else text.removesuffix("+00:00").removesuffix("Z").replace("T", " ")


def _console() -> Console:
    console = plain_console(soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console
