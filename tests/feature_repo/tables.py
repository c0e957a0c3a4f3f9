"""The flights' repository as tests use it: its modules, slices of its data, its tables."""

import importlib.util
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "feature_repo"
DATA = ROOT / "examples" / "flights" / "data"
UNCHANGED = ("weather.csv", "planes.csv", "airports.csv")


@contextmanager
def importable():
    """Lets the repository's files import each other, as a script or Feast does."""
    sys.path.insert(0, str(REPOSITORY))
    try:
        yield
    finally:
        sys.path.remove(str(REPOSITORY))


def module(name: str) -> ModuleType:
    """Loads one of the repository's files under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"flights_{name}", REPOSITORY / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    with importable():
        spec.loader.exec_module(loaded)
    return loaded


def sliced(folder: Path, flights: int, after: int = 0) -> Path:
    """Leaves a folder with some of the flights, in the order of the data, and all else."""
    for name in ("flights.csv", *UNCHANGED):
        if not (DATA / name).is_file():
            pytest.skip(f"examples/flights/data/{name} is not there: make data")
    with (DATA / "flights.csv").open(encoding="utf-8") as stream:
        header = next(stream)
        lines = [line for line, _ in zip(_from(stream, after), range(flights), strict=False)]
    return written(folder, [header, *lines])


def written(folder: Path, lines: Iterable[str]) -> Path:
    """Leaves a folder with these lines of flights.csv, and the other files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flights.csv").write_text("".join(lines), encoding="utf-8")
    for name in UNCHANGED:
        if not (folder / name).exists():
            (folder / name).symlink_to(DATA / name)
    return folder


def table(folder: Path, name: str) -> pa.Table:
    """Reads one of the tables."""
    return pq.read_table(folder / f"{name}.parquet")


def _from(stream, after):
    for _ in range(after):
        next(stream)
    return stream
