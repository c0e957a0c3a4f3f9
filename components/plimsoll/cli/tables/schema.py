"""What commands say of schemas, in lines for people."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from plimsoll.local.console import plain_console, plain_table
from plimsoll.quantities import counted

_TYPES = {
    "INT": "whole numbers",
    "FLOAT": "numbers",
    "BYTES": "text",
    "bool": "true or false",
    "time": "dates and times",
}


def print_inferred(schema: Mapping[str, Any]) -> None:
    """Prints what a schema that was inferred says, and where it is."""
    console = plain_console()
    for note in schema["notes"]:
        console.print(Text(f"  {note}", style="dim"))
    heads = ("column", "type", "with a value", "one of", "not in")
    table = plain_table(heads, folded=False)
    for column in schema["columns"]:
        present = column["present"]
        table.add_row(
            Text(column["name"]),
            _TYPES.get(column["domain"]) or _TYPES.get(column["type"], column["type"]),
            f"{present * 100:.0f}% at least" if present else "-",
            "-" if column["values"] is None else f"{column['values']:,} values",
            ", ".join(column["not_in"]) or "-",
        )
    console.print(table)
    console.print(Text(f"schema of {len(schema['columns'])} columns: {schema['path']}"))
    console.print(Text("  next    edit it, commit it, and give it: --schema " + schema["path"]))


def print_differences(result: Mapping[str, Any]) -> None:
    """Prints a line for each thing in which two schemas differ."""
    console = plain_console()
    if not result["differences"]:
        console.print("nothing differs")
    styles = {"added": "green", "removed": "red"}
    marks = {"added": "+", "removed": "-", "changed": "~"}
    for item in result["differences"]:
        column = f"column {item['column']!r}: " if item["column"] else ""
        line = f"{marks[item['kind']]} {column}{item['said']}"
        console.print(Text(line, style=styles.get(item["kind"], "")))


def print_check(result: Mapping[str, Any], page: str) -> None:
    """Prints the anomalies and the warnings of a check, and where its page is."""
    console = plain_console()
    for level, style in (("anomalies", "red"), ("warnings", "yellow")):
        name = {"anomalies": "anomaly", "warnings": "warning"}[level]
        for sentence in result[level]:
            console.print(Text(f"{name}: ", style=style).append(sentence, style="not bold"))
    counts = f"{counted(len(result['anomalies']), 'anomaly', 'anomalies')}, "
    counts += counted(len(result["warnings"]), "warning", "warnings")
    console.print(f"{result['checks']:,} checks: {counts}")
    if page:
        console.print(Text(f"  report  {page}"))


def print_accepted(result: Mapping[str, Any]) -> None:
    """Prints what a schema now says otherwise, and what it still does not accept."""
    console = plain_console()
    if result["differences"]:
        print_differences(result)
        console.print(Text(f"schema: {result['path']}"))
    else:
        console.print("nothing to change in the schema")
    lost = result["comments_lost"]
    if lost:
        console.print(f"{lost} comment{'' if lost == 1 else 's'} of what was replaced went with it")
    for sentence in result["left"]:
        console.print(Text("not accepted: ", style="red").append(sentence, style="not bold"))
    if result["retyped"]:
        names = " ".join(f"--column {name}" for name in result["retyped"])
        console.print(Text(f"  next    a changed type is accepted where it is named: {names}"))
