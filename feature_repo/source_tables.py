"""The SQL of the feature tables: what was known, and when.

Two rules keep the future out of every table:

- **A departure or an arrival is known a minute after it happened, and never before the minute in
  which the flight was scheduled to leave.** So the flight that a row asks about, as of the hour it
  is scheduled in, is never counted among what is known, not even if it left early: 15 % do.
- **A row of a table holds what was known by its event timestamp**, that moment included.

The flights carry clock times in the zone of each airport. ``time_hour`` is UTC; a departure is
``time_hour + minute + dep_delay``. An arrival has only the clock of its airport: it is the first
moment after the departure at which that clock shows ``arr_time``. No flight of New York's takes a
day, so that is exact; against ``air_time`` every flight has 5 to 235 minutes left for taxiing.
``arr_delay`` is not used for it, as the scheduled arrival carries no date.
"""

from dataclasses import dataclass

LATE_MINUTES = 15
LONGEST_DELAY = 180
"""Mean delays count longer ones as this many minutes: a few of a day would drown all others."""
WAITED_HOURS = 7
"""After so many hours from its scheduled hour on, a flight that has not left counts as not left."""

# The airports of Puerto Rico and the Virgin Islands have no zone in airports.csv.
LEGS = f"""
CREATE TABLE legs AS
WITH flown AS (
  SELECT carrier, origin, dest, tailnum, flight, distance, dep_delay, arr_delay, arr_time,
    coalesce(tzone, 'America/Puerto_Rico') AS zone,
    timezone('UTC', time_hour) AS hour,
    timezone('UTC', time_hour) + to_minutes(minute) AS scheduled,
    timezone('UTC', time_hour) + to_minutes(minute + dep_delay) AS departed
  FROM flights LEFT JOIN airports ON dest = faa
), clocks AS (
  SELECT *, timezone(zone, timezone('UTC', departed)) AS clock,
    arr_time // 100 * 60 + arr_time % 100 AS arrival_clock
  FROM flown
), landed AS (
  SELECT *, CASE WHEN arr_delay IS NOT NULL THEN departed + to_minutes(
    (arrival_clock - (extract(hour FROM clock) * 60 + extract(minute FROM clock)) + 2880) % 1440
  ) END AS arrived
  FROM clocks
)
SELECT carrier, origin, dest, tailnum, flight, distance, hour, scheduled,
  departed, dep_delay, arrived, arr_delay,
  CASE WHEN departed IS NOT NULL THEN greatest(departed, scheduled) + INTERVAL 1 MINUTE END
    AS departure_known,
  CASE WHEN arrived IS NOT NULL THEN greatest(arrived, scheduled) + INTERVAL 1 MINUTE END
    AS arrival_known,
  hour + INTERVAL {WAITED_HOURS} HOUR AS given_up
FROM landed
"""

# What becomes known, at the first full hour by which it is known. A flight waits from the end of
# its scheduled hour until it leaves or is given up; one that leaves within the hour never waits.
MOMENTS = f"""
CREATE TABLE moments AS
WITH timed AS (
  SELECT *,
    date_trunc('hour', departure_known + INTERVAL 59 MINUTE) AS left_by,
    date_trunc('hour', arrival_known + INTERVAL 59 MINUTE) AS landed_by
  FROM legs
), waited AS (
  SELECT *, hour + INTERVAL 1 HOUR AS waits_from, least(left_by, given_up) AS waits_until
  FROM timed WHERE left_by IS NULL OR left_by > hour + INTERVAL 1 HOUR
), told AS (
  SELECT carrier, origin, dest, left_by AS t, 1 AS departures,
    (dep_delay > {LATE_MINUTES})::BIGINT AS departures_late,
    least(dep_delay, {LONGEST_DELAY}) AS departure_minutes,
    0 AS arrivals, 0 AS arrivals_late, 0 AS arrival_minutes,
    0 AS scheduled, 0 AS waiting, 0 AS waiting_since, 0 AS not_left
  FROM timed WHERE left_by IS NOT NULL
  UNION ALL
  SELECT carrier, origin, dest, landed_by, 0, 0, 0, 1, (arr_delay > {LATE_MINUTES})::BIGINT,
    least(arr_delay, {LONGEST_DELAY}), 0, 0, 0, 0
  FROM timed WHERE landed_by IS NOT NULL
  UNION ALL
  SELECT carrier, origin, dest, hour, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 FROM timed
  UNION ALL
  SELECT carrier, origin, dest, waits_from, 0, 0, 0, 0, 0, 0, 0, 1, epoch_us(scheduled), 0
  FROM waited
  UNION ALL
  SELECT carrier, origin, dest, waits_until, 0, 0, 0, 0, 0, 0, 0, -1, -epoch_us(scheduled),
    (left_by IS NULL OR left_by > given_up)::BIGINT
  FROM waited
)
SELECT carrier, origin, dest, t,
  sum(departures)::BIGINT AS departures, sum(departures_late)::BIGINT AS departures_late,
  sum(departure_minutes)::BIGINT AS departure_minutes,
  sum(arrivals)::BIGINT AS arrivals, sum(arrivals_late)::BIGINT AS arrivals_late,
  sum(arrival_minutes)::BIGINT AS arrival_minutes,
  sum(scheduled)::BIGINT AS scheduled, sum(waiting)::BIGINT AS waiting,
  (sum(waiting_since) // 60000000)::BIGINT AS waiting_since, sum(not_left)::BIGINT AS not_left
FROM told GROUP BY ALL
"""

# The observation of an hour is taken within it, mostly at nine minutes to the next: it is known
# when the hour is over.
WEATHER = """
SELECT origin,
  time_hour + INTERVAL 1 HOUR AS event_timestamp, time_hour + INTERVAL 1 HOUR AS created,
  temp::FLOAT AS temp, dewp::FLOAT AS dewp, humid::FLOAT AS humid, wind_dir::FLOAT AS wind_dir,
  wind_speed::FLOAT AS wind_speed, wind_gust::FLOAT AS wind_gust, precip::FLOAT AS precip,
  pressure::FLOAT AS pressure, visib::FLOAT AS visib
FROM weather ORDER BY origin, event_timestamp
"""

PLANE_DEPARTURES = """
SELECT tailnum, timezone('UTC', departure_known) AS event_timestamp,
  timezone('UTC', departure_known) AS created,
  timezone('UTC', departed) AS plane_departed_at, dep_delay AS plane_departure_delay,
  dest AS plane_destination, distance AS plane_distance
FROM legs WHERE departure_known IS NOT NULL AND tailnum IS NOT NULL
QUALIFY row_number() OVER (
  PARTITION BY tailnum, departure_known ORDER BY departed DESC, scheduled DESC, flight) = 1
ORDER BY tailnum, event_timestamp
"""

PLANE_ARRIVALS = """
SELECT tailnum, timezone('UTC', arrival_known) AS event_timestamp,
  timezone('UTC', arrival_known) AS created,
  timezone('UTC', arrived) AS plane_arrived_at, arr_delay AS plane_arrival_delay
FROM legs WHERE arrival_known IS NOT NULL AND tailnum IS NOT NULL
QUALIFY row_number() OVER (
  PARTITION BY tailnum, arrival_known ORDER BY arrived DESC, scheduled DESC, flight) = 1
ORDER BY tailnum, event_timestamp
"""

# Planes were in the register before the first flight; a plane built in the year itself too.
PLANE_FACTS = """
SELECT tailnum, TIMESTAMPTZ '2012-01-01 00:00:00+00' AS event_timestamp,
  TIMESTAMPTZ '2012-01-01 00:00:00+00' AS created,
  year AS plane_year, seats AS plane_seats, engines AS plane_engines,
  manufacturer AS plane_manufacturer, type AS plane_type
FROM planes ORDER BY tailnum
"""


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """A table of how flights went over the last hours or days, on a grid of full hours."""

    keys: tuple[str, ...]
    """The columns that flights are counted by."""
    prefix: str
    """What its columns begin with."""
    departures: tuple[int, ...] = ()
    """Windows over departures, in steps of the grid."""
    arrivals: tuple[int, ...] = ()
    """Windows over arrivals, in steps of the grid."""
    counts: bool = True
    """Whether the number of flights in a window is a column beside the share and the mean."""
    congestion: bool = False
    """Whether what is scheduled, what waits and what never left is counted too."""
    daily: bool = False
    """Whether the grid has one row a day, at 08:00 UTC, instead of one an hour."""

    @property
    def unit(self) -> str:
        """The letter of a step of the grid: hours or days."""
        return "d" if self.daily else "h"


def rolling(table: Rolling) -> str:
    """Returns the query of a table's rows: one for each key and step, from its first flight on.

    The grid has every step, so a window is a number of rows: the engine slides over them once.
    """
    keys = ", ".join(_quoted(key) for key in table.keys)
    step = "1 DAY" if table.daily else "1 HOUR"
    # The quiet hour of New York, 03:00 or 04:00 there.
    bin_of = "date_trunc('day', t + INTERVAL 15 HOUR) + INTERVAL 8 HOUR" if table.daily else "t"
    columns = ",\n  ".join(_columns(table))
    return f"""
WITH bins AS (
  SELECT {keys}, {bin_of} AS t, {", ".join(f"sum({name}) AS {name}" for name in COUNTS)}
  FROM moments GROUP BY ALL
), until AS (SELECT max(t) AS last FROM bins), grid AS (
  SELECT {keys}, unnest(generate_series(min(t), any_value(last), INTERVAL {step})) AS t
  FROM bins, until GROUP BY {keys}
), filled AS (
  SELECT {keys}, t, {", ".join(f"coalesce({name}, 0) AS {name}" for name in COUNTS)}
  FROM grid LEFT JOIN bins USING ({keys}, t)
)
SELECT {keys}, timezone('UTC', t) AS event_timestamp, timezone('UTC', t) AS created,
  {columns}
FROM filled ORDER BY {keys}, event_timestamp
"""


COUNTS = (
    *("departures", "departures_late", "departure_minutes"),
    *("arrivals", "arrivals_late", "arrival_minutes"),
    *("scheduled", "waiting", "waiting_since", "not_left"),
)


def _columns(table: Rolling) -> list[str]:
    made = []
    for kind, event, windows in (
        ("departures", "departure", table.departures),
        ("arrivals", "arrival", table.arrivals),
    ):
        for steps in windows:
            rows = _window(table, steps - 1, 0)
            count = f"sum({kind}) {rows}"
            end = f"{steps}{table.unit}"
            late = f"sum({kind}_late) {rows} / nullif({count}, 0)"
            minutes = f"sum({event}_minutes) {rows} / nullif({count}, 0)"
            if table.counts:
                made.append(f"({count})::BIGINT AS {table.prefix}_{kind}_{end}")
            made += [
                f"({late})::FLOAT AS {table.prefix}_{kind}_late_share_{end}",
                f"({minutes})::FLOAT AS {table.prefix}_{event}_delay_{end}",
            ]
    return made + (_congestion(table) if table.congestion else [])


def _congestion(table: Rolling) -> list[str]:
    so_far = f"OVER (PARTITION BY {', '.join(_quoted(key) for key in table.keys)} ORDER BY t)"
    waiting = f"sum(waiting) {so_far}"
    minutes = f"{waiting} * (epoch_us(t) // 60000000) - sum(waiting_since) {so_far}"
    return [
        f"scheduled::BIGINT AS {table.prefix}_scheduled_1h",
        f"(sum(scheduled) {_window(table, 0, 2)})::BIGINT AS {table.prefix}_scheduled_3h",
        f"({waiting})::BIGINT AS {table.prefix}_waiting",
        f"({minutes})::BIGINT AS {table.prefix}_waiting_minutes",
        f"(sum(not_left) {_window(table, 5, 0)})::BIGINT AS {table.prefix}_not_left_6h",
        f"(sum(not_left) {_window(table, 23, 0)})::BIGINT AS {table.prefix}_not_left_24h",
    ]


def _window(table: Rolling, before: int, after: int) -> str:
    keys = ", ".join(_quoted(key) for key in table.keys)
    return (
        f"OVER (PARTITION BY {keys} ORDER BY t"
        f" ROWS BETWEEN {before} PRECEDING AND {after} FOLLOWING)"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


TABLES: dict[str, str] = {
    "weather": WEATHER,
    "carrier_at_origin": rolling(
        Rolling(
            keys=("carrier", "origin"),
            prefix="carrier_origin",
            departures=(1, 6, 24),
            congestion=True,
        )
    ),
    "origin": rolling(
        Rolling(keys=("origin",), prefix="origin", departures=(1, 6, 24), congestion=True)
    ),
    "carrier": rolling(
        Rolling(
            keys=("carrier",),
            prefix="carrier",
            departures=(1, 3, 6, 24),
            arrivals=(1, 3, 6, 24),
            counts=False,
        )
    ),
    "destination": rolling(
        Rolling(
            keys=("dest",),
            prefix="destination",
            departures=(1, 3, 6, 24),
            arrivals=(1, 3, 6, 24),
            counts=False,
        )
    ),
    "route": rolling(
        Rolling(
            keys=("origin", "dest"),
            prefix="route",
            departures=(7, 28),
            arrivals=(7, 28),
            counts=False,
            daily=True,
        )
    ),
    "plane_departures": PLANE_DEPARTURES,
    "plane_arrivals": PLANE_ARRIVALS,
    "plane_facts": PLANE_FACTS,
}
"""Each feature table -> the query of its rows, in the order in which they are written."""
