"""Cuts flights.csv into months, as data arrives in life, and makes one month with a fault in it.

Usage:
    python examples/flights/make_months.py [FOLDER]
"""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from plimsoll.errors import DataError, PlimsollError
from plimsoll.storage.files import write_text

FLIGHTS = Path(__file__).resolve().parent / "data" / "flights.csv"
TARGET = Path(__file__).resolve().parent / "data" / "months"

RENAMED = ("temp", "temperature")
"""What the fault is: a column's name, and what someone upstream made of it."""
FAULTY = "2013-08"


def months(flights: Iterable[str]) -> dict[str, list[str]]:
    """Returns the lines of each month, without the header; ``2013-01`` and so on are the keys.

    Args:
        flights: The lines of flights.csv after its header, no field of which spans lines.
    """
    found: dict[str, list[str]] = {}
    for line in flights:
        year, month, _ = line.split(",", 2)
        found.setdefault(f"{year}-{int(month):02}", []).append(line)
    return found


def renamed(header: str, names: Mapping[str, str]) -> str:
    """Returns a CSV file's header with columns renamed.

    Raises:
        DataError: if a column is not there.
    """
    columns = next(csv.reader(io.StringIO(header)))
    for name in names:
        if name not in columns:
            raise DataError(f"flights.csv has no column {name!r}", choices=columns)
    return ",".join(names.get(column, column) for column in columns) + "\n"


def make(flights: Path, target: Path) -> str:
    """Writes ``flights-2013-01.csv`` and so on, and the faulty month; returns what to tell.

    Raises:
        DataError: if the flights are not there.
    """
    if not flights.is_file():
        raise DataError(f"there is no {flights}", hint="make data")
    with flights.open(encoding="utf-8", newline="") as stream:
        header, found = stream.readline(), months(stream)
    for month, lines in found.items():
        write_text(target / f"flights-{month}.csv", header + "".join(lines))
    faulty = renamed(header, dict([RENAMED])) + "".join(found[FAULTY])
    write_text(target / "renamed" / f"flights-{FAULTY}.csv", faulty)
    return f"{target}: {len(found)} months, and {FAULTY} with {RENAMED[0]} named {RENAMED[1]}"


def main(arguments: list[str]) -> int:
    """Makes the months in the folder named, else beside this script; returns the exit status."""
    target = Path(arguments[0]) if arguments else TARGET
    try:
        print(make(FLIGHTS, target))
    except PlimsollError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{target} could not be made\n  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
