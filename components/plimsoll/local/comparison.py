"""A run beside the one that it was made from: what was set, and what came of it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from plimsoll.local import fork as forking
from plimsoll.local.console import plain_console
from plimsoll.printable import printable

LONGEST = 32
MOST_METRICS = 5
"""Of a split; all are in the records."""
_HELD_OUT = ("test", "eval")
_FIRST = ("auc", "rmse", "mae", "r2", "log_loss", "accuracy", "precision", "recall")
_OF_MODELS = ("model", "eval_loss", "best_epoch", "parameters")
"""Metadata of a model artifact that tells one training from another."""


class Row(NamedTuple):
    """A name with its value in each of the two runs."""

    name: str
    first: Any
    second: Any

    @property
    def change(self) -> float | None:
        """The second less the first, where both are numbers."""
        both = [self.first, self.second]
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in both):
            return None
        return float(self.second - self.first)


def settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Row]:
    """Returns what was set for the second run, with what the first had."""
    return [
        Row(
            name,
            forking.field_of(first["arguments"], name),
            forking.field_of(second["arguments"], name),
        )
        for name in second["changed"]
    ]


def outcomes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Row]:
    """Returns the numbers that the two runs came to: of the trained model, then by split.

    Args:
        first: A record.
        second: Another.
    """
    left, right = _numbers(first), _numbers(second)
    names = [*left, *(name for name in right if name not in left)]
    rows = [Row(name, left.get(name), right.get(name)) for name in names]
    if first["status"] != second["status"]:
        return [Row("status", first["status"], second["status"]), *rows]
    return rows


def print_compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Prints what differs between a run and its fork: settings, then metrics side by side."""
    console = plain_console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("  beside its run", no_wrap=True)
    for name in ("before", "now", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for row in settings(first, second):
        table.add_row(Text(f"  {row.name}", style="bold"), _shown(row.first), _shown(row.second))
    for row in outcomes(first, second):
        change = row.change
        table.add_row(
            Text(f"  {row.name}"),
            _shown(row.first),
            _shown(row.second),
            "" if change is None else "same" if change == 0 else f"{change:+.4g}",
        )
    console.print(table)
    console.print(f"  all that differs: plimsoll diff {first['id']} {second['id']}", style="dim")


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {
        name: artifact["metadata"][name]
        for step in record["steps"].values()
        for artifact in step["artifacts"].values()
        for name in _OF_MODELS
        if artifact["type"] == "system.Model" and name in artifact["metadata"]
    }
    for split in _HELD_OUT:
        metrics = record["metrics"].get(split, {})
        # A record that was read has its metrics by name, and one that was just made as they came.
        names = [*(name for name in _FIRST if name in metrics), *sorted({*metrics} - {*_FIRST})]
        numbers |= {f"{split} {name}": metrics[name] for name in names[:MOST_METRICS]}
    return numbers


def _shown(value: Any) -> Text:
    if value is None:
        return Text("-")
    if isinstance(value, float):
        return Text(f"{value:.5g}")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = printable(text)
    return Text(text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}...")
