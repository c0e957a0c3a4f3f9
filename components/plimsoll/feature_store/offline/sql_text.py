"""Pieces of DuckDB's SQL: names and texts quoted, times as microseconds since 1970 UTC."""

from collections.abc import Iterable
from pathlib import Path

TIMESTAMP_FUNCTIONS = {
    "TIMESTAMP": "make_timestamp",
    "TIMESTAMP WITH TIME ZONE": "make_timestamptz",
}
"""DuckDB's type -> what makes one of microseconds."""
TIMES = (
    *TIMESTAMP_FUNCTIONS,
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "TIMESTAMPTZ_NS",
    "DATE",
)
NUMBERS = (
    *(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")),
    *("INTEGER", "UINTEGER", "FLOAT", "DOUBLE"),
)


def quoted(name: str) -> str:
    """Returns a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """Returns names as quoted identifiers with commas between."""
    return ", ".join(quoted(name) for name in names)


def text(value: str) -> str:
    """Returns a value as a text literal."""
    return "'" + value.replace("'", "''") + "'"


def files(paths: Iterable[Path]) -> str:
    """Returns paths as a list of text literals."""
    return "[" + ", ".join(text(str(path)) for path in paths) + "]"


def microseconds(column: str, kind: str) -> str:
    """Returns an expression for a time in microseconds since 1970 UTC, rounded down.

    Args:
        column: The expression of the time.
        kind: DuckDB's type of it; a time without a zone is UTC, a text may tell its zone.
    """
    if kind in TIMES and kind != "TIMESTAMPTZ_NS":
        return f"epoch_us({column})"
    return f"epoch_us(CAST({column} AS TIMESTAMPTZ))"


def within(column: str, kind: str, since_us: int | None, until_us: int | None) -> list[str]:
    """Returns the conditions that a time is in an interval, both ends in it.

    Written so that a Parquet file's statistics help, where the type allows.

    Args:
        column: The expression of the time.
        kind: DuckDB's type of it.
        since_us: The first time, microseconds since 1970 UTC; None: no bound.
        until_us: The last one.
    """
    bounds = [("<=", until_us), (">=", since_us)]
    make = TIMESTAMP_FUNCTIONS.get(kind)
    if make:
        return [f"{column} {sign} {make}({us}::BIGINT)" for sign, us in bounds if us is not None]
    time = microseconds(column, kind)
    return [f"{time} {sign} {us}" for sign, us in bounds if us is not None]


def family(kind: str) -> str:
    """Returns what a DuckDB type can be compared with: number, text, time, or itself."""
    if kind in NUMBERS or kind.startswith("DECIMAL"):
        return "number"
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        return "text"
    return "time" if kind in TIMES else kind
