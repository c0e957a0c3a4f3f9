"""Versions of data sets, as tables for people."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.formats.versions import SHORT, Version
from plimsoll.local.console import plain_console, plain_table
from plimsoll.printable import printable
from plimsoll.problem import SPLITS
from plimsoll.quantities import size

LONGEST_VALUE = 24
LEAST_DISTANCE = 0.0005
"""What is printed as 0.000, and so counts as no change."""


def print_versions(versions: Sequence[Version], store: Path) -> None:
    """Prints a line a version, the one ingested last at the end."""
    console = plain_console(soft_wrap=False)
    if not versions:
        console.out(f"no data sets in {store} yet; start a run: plimsoll run training --help")
        return
    table = plain_table(["id", "rows", "columns", "size", "ingested", "from"], right=(1, 2, 3))
    for version in versions:
        last = version.ingested[-1] if version.ingested else {}
        table.add_row(
            version.id[:SHORT],
            f"{sum(version.rows.values()):,}",
            f"{len(version.columns):,}",
            size(version.bytes),
            _when(last),
            printable(_sources(last)) or "-",
        )
    console.print(table)


def print_version(version: Mapping[str, Any]) -> None:
    """Prints what a version holds."""
    console = plain_console(soft_wrap=False)
    console.out(f"data set {version['id']}")
    rows = "  ".join(f"{split} {version['rows'][split]:,}" for split in SPLITS)
    problem = version["problem"]
    task = f" ({problem['task']})" if problem.get("task") else ""
    facts = [
        ("rows", f"{sum(version['rows'].values()):,}  ({rows})"),
        ("size", size(version["bytes"])),
        ("predicts", f"{problem.get('label')}{task}"),
        ("folder", version["folder"]),
    ]
    facts += [("ingested", f"{_when(item)}  {_sources(item)}") for item in version["ingested"]]
    if not version["ingested"]:
        facts.append(("from", _sources(version["lineage"])))
    facts += [("note", note) for note in version["notes"]]
    for name, value in facts:
        if value:
            console.out(f"  {name:<9} {value}")
    table = plain_table(["column", "type", "role", "missing", "typical"], right=(3,))
    for column in version["columns"]:
        table.add_row(
            column["name"],
            column["type"],
            column["role"] or "-",
            _percent(column["missing"]),
            _typical(column),
        )
    console.print(table)


def print_difference(difference: Mapping[str, Any]) -> None:
    """Prints what differs between two versions, the columns that changed most first."""
    console = plain_console(soft_wrap=False)
    if difference["same"]:
        console.out(f"the same content: {difference['first']}")
        return
    if difference["same_rows"]:
        console.out("the same rows, in another order or divided otherwise")
    table = plain_table(
        ["rows", *(difference[side][:SHORT] for side in ("first", "second"))], right=(1, 2)
    )
    for split in SPLITS:
        before, after = difference["rows"][split]
        table.add_row(split, f"{before:,}", f"{after:,}")
    console.print(table)
    for line in _schema_lines(difference):
        console.out(line)
    changed = [item for item in difference["columns"] if _is_changed(item)]
    if changed:
        table = plain_table(["column", "type", "distance", "what changed"], right=(2,))
        for item in changed:
            table.add_row(
                item["name"], item["type"], f"{item['distance']:.3f}", "; ".join(_changes(item))
            )
        console.print(table)
        console.out("distance: Jensen-Shannon divergence, base 2: 0 the same, 1 nothing in common")
    alike = len(difference["columns"]) - len(changed)
    if alike:
        console.out(f"{alike:,} column{' is' if alike == 1 else 's are'} distributed alike")


def _schema_lines(difference: Mapping[str, Any]) -> Iterable[str]:
    for pair in difference["renamed"]:
        gap = f"distance {pair['distance']:.3f}"
        yield f"perhaps renamed: {pair['first']} -> {pair['second']} ({gap})"
    for name, change in (("added", "column added"), ("removed", "column removed")):
        for column in difference[name]:
            yield f"{change}: {column['name']} ({column['type']})"
    for column in difference["retyped"]:
        yield f"type changed: {column['name']} ({column['first']} -> {column['second']})"
    if difference["moved"]:
        yield "the columns stand in another order"


def _is_changed(item: Mapping[str, Any]) -> bool:
    return bool(item["distance"] >= LEAST_DISTANCE) or (
        _percent(item["first"]["missing"]) != _percent(item["second"]["missing"])
    )


def _changes(item: Mapping[str, Any]) -> list[str]:
    before, after = item["first"], item["second"]
    changes = []
    if _percent(before["missing"]) != _percent(after["missing"]):
        changes.append(f"missing {_percent(before['missing'])} -> {_percent(after['missing'])}")
    for name in ("mean", "sd", "median"):
        values = [_number(side.get(name)) for side in (before, after)]
        if values[0] != values[1]:
            changes.append(f"{name} {values[0]} -> {values[1]}")
    if "top" in before or "top" in after:
        if before.get("distinct") != after.get("distinct"):
            changes.append(f"distinct {_distinct(before)} -> {_distinct(after)}")
        changes += [f"{name}: {_top(item[name][:2])}" for name in ("new", "gone") if item[name]]
        changes += _moved_shares(before.get("top", []), after.get("top", []))
    return changes or ["its shape"]


def _moved_shares(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    """Returns the values whose shares changed most, of those that lead on both sides."""
    shares = [dict(side) for side in (before, after)]
    both = [value for value in shares[0] if value in shares[1]]
    both.sort(key=lambda value: -abs(shares[0][value] - shares[1][value]))
    return [
        f"{_value(value)} {_percent(shares[0][value])} -> {_percent(shares[1][value])}"
        for value in both[:2]
        if _percent(shares[0][value]) != _percent(shares[1][value])
    ]


def _typical(column: Mapping[str, Any]) -> str:
    if "top" in column:
        return f"{_distinct(column)} different: {_top(column['top'])}"
    if "median" not in column:
        return "-"
    ends = f"{_number(column['low'])} to {_number(column['high'])}"
    return f"{_number(column['median'])} ({ends})"


def _top(values: Sequence[Any]) -> str:
    return ", ".join(f"{_value(value)} {_percent(share)}" for value, share in values)


def _distinct(column: Mapping[str, Any]) -> str:
    count = column.get("distinct", 0)
    return f"about {float(f'{count:.2g}'):,.0f}" if column.get("sampled") else f"{count:,}"


def _value(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


def _percent(share: float) -> str:
    return f"{share * 100:.1f}%"


def _when(record: Mapping[str, Any]) -> str:
    return str(record.get("when") or "-")[:16].replace("T", " ")


def _sources(record: Mapping[str, Any]) -> str:
    """Returns where rows came from: the first sources' names, and how many more there are."""
    listed = record.get("sources") or []
    names = [str(item.get("uri") or item.get("name")) for item in listed]
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
