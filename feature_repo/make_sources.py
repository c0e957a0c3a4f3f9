"""Makes the feature tables of the flights: Parquet files of what was known, and when.

Run it with the Python of the role features, whose environment has DuckDB:

    "$(plimsoll env path features)" feature_repo/make_sources.py [--data FOLDER] [--to FOLDER]

The same data makes the same files, byte for byte. A file is whole or absent.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from source_tables import LEGS, MOMENTS, TABLES

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "examples" / "flights" / "data"
TO = HERE / "data"
MEMORY = "700MB"
ROWS_A_BATCH = 122_880

READ: dict[str, dict[str, str]] = {
    "flights": {
        **dict.fromkeys(("carrier", "origin", "dest", "tailnum"), "VARCHAR"),
        **dict.fromkeys(("flight", "minute", "dep_delay", "arr_time"), "BIGINT"),
        **dict.fromkeys(("arr_delay", "distance"), "BIGINT"),
        "time_hour": "TIMESTAMPTZ",
    },
    "weather": {
        "origin": "VARCHAR",
        "time_hour": "TIMESTAMPTZ",
        **dict.fromkeys(("temp", "dewp", "humid", "wind_dir", "wind_speed"), "DOUBLE"),
        **dict.fromkeys(("wind_gust", "precip", "pressure", "visib"), "DOUBLE"),
    },
    "planes": {
        **dict.fromkeys(("tailnum", "manufacturer", "type"), "VARCHAR"),
        **dict.fromkeys(("year", "seats", "engines"), "BIGINT"),
    },
    "airports": {"faa": "VARCHAR", "tzone": "VARCHAR"},
}
"""Each table that is read -> its columns that are used, and their types."""


class SourceError(Exception):
    """The tables cannot be made; says why and what to type next."""


def make(data: Path, to: Path) -> dict[str, int]:
    """Makes every feature table.

    Args:
        data: Folder with flights.csv, weather.csv, planes.csv and airports.csv.
        to: Folder that gets one Parquet file a table; others in it stay.

    Returns:
        Rows of each table.

    Raises:
        SourceError: if a file is missing, or is not what it should be.
    """
    made = {}
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"SET memory_limit = '{MEMORY}'")
        engine.execute("SET temp_directory = $1", [spill])
        for name, columns in READ.items():
            read(engine, data / f"{name}.csv", name, columns)
        engine.execute(LEGS)
        engine.execute(MOMENTS)
        for name, query in TABLES.items():
            made[name] = write(engine, query, to / f"{name}.parquet")
    return made


def read(engine: duckdb.DuckDBPyConnection, path: Path, name: str, columns: dict[str, str]) -> None:
    """Reads the columns that are used of one CSV file into a table.

    Raises:
        SourceError: if the file is missing, or is not what it should be.
    """
    if not path.is_file():
        raise SourceError(f"{path} is missing\n  next: python examples/flights/make_data.py")
    wanted = ", ".join(f'"{column}"' for column in columns)
    try:
        engine.execute(
            f'CREATE TABLE "{name}" AS SELECT {wanted} FROM read_csv('
            "$1, header = true, delim = ',', quote = '\"', nullstr = ['NA', ''], types = $2)",
            [str(path), columns],
        )
    except duckdb.Error as error:
        why = str(error).strip().splitlines()[0]
        raise SourceError(
            f"{path} cannot be read as the {name} it should hold\n  {why}\n"
            f"  next: remove it, then: python examples/flights/make_data.py"
        ) from error


def write(engine: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Writes a query's rows to a Parquet file, whole or not at all; returns how many."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    aside = Path(name)
    rows = 0
    try:
        batches = engine.sql(query).to_arrow_reader(ROWS_A_BATCH)
        with pq.ParquetWriter(aside, batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=ROWS_A_BATCH)
                rows += batch.num_rows
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return rows


def main(arguments: list[str]) -> int:
    """Makes the tables, prints a line for each, and returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="where the flights' CSV files are")
    parser.add_argument("--to", type=Path, default=TO, help="where the tables go")
    given = parser.parse_args(arguments)
    try:
        made = make(given.data, given.to)
    except (SourceError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, rows in made.items():
        path = given.to / f"{name}.parquet"
        print(f"{path}  {rows:>9,} rows  {path.stat().st_size / 1e6:5.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
