"""Writes the flights' keys and times as Parquet, each flight as often as asked; prints the rows.

Arguments: flights.csv, the file to write, how often. Each repetition is seven minutes later.
"""

import json
import sys

import duckdb

COLUMNS = {
    **dict.fromkeys(("carrier", "origin", "dest", "tailnum"), "VARCHAR"),
    "arr_delay": "BIGINT",
    "distance": "BIGINT",
    "time_hour": "TIMESTAMPTZ",
}
QUERY = """
COPY (
  SELECT * EXCLUDE (time_hour, again), time_hour + again * INTERVAL 7 MINUTE AS event_timestamp
  FROM (SELECT {columns} FROM read_csv($1, nullstr = '', types = {types})),
    range({times}) AS t(again)
) TO '{target}'
"""

if __name__ == "__main__":
    source, target, times = sys.argv[1:4]
    query = QUERY.format(
        columns=", ".join(COLUMNS),
        types=COLUMNS,
        times=int(times),
        target=target.replace("'", "''"),
    )
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    print(json.dumps(connection.execute(query, [source]).fetchone()[0]))
