"""A transform with every part, and rows for it."""

import datetime
import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from plimsoll.formats.columns import DictionaryColumn
from plimsoll.models.transform import Label, SourceColumn, Transform
from plimsoll.models.transform_parts import (
    Bins,
    Calendar,
    Cross,
    Cycle,
    Hashed,
    Missing,
    Ngrams,
    Number,
    TargetMean,
    Tokens,
    Vocabulary,
)
from plimsoll.transform.apply.apply import apply, columns_from_rows

KNOTS = (-1e30, -2.5, 0.0, 5e-324, 0.1, 7.0)
SCORES = (-2.8, -0.7, 0.1, 0.11, 0.4, 2.8)


STEEP = (-5.0, 1.0, 30.0)


def quantile(output, knots=KNOTS, scores=SCORES, **changes):
    return Number(
        output=output,
        fill=0.05,
        low=knots[0],
        high=knots[-1],
        scale="quantile",
        knots=knots,
        scores=scores,
        **changes,
    )


def standard(output, low=-70.0, high=90.0, center=10.1, spread=3.3, **changes):
    return Number(output=output, fill=9.0, low=low, high=high, scale="standard", center=center,
                  spread=spread, **changes)  # fmt: skip


def column(name, kind, *parts):
    return SourceColumn(name=name, type=kind, kind="", why="", parts=parts)


def log(output, **changes):
    return Number(output=output, fill=3.0, low=-1e300, high=1e300, scale="log", center=0.4,
                  spread=1.7, unit=0.3, **changes)  # fmt: skip


def means(output, values, encoded, **changes):
    wide = isinstance(encoded[0], tuple)
    return TargetMean(
        output=output,
        values=values,
        encoded=encoded if wide else tuple((number,) for number in encoded),
        prior=(0.25, 0.5, -0.1) if wide else (0.25,),
        missing=(7.0, 8.0, 9.0) if wide else (-0.75,),
        **changes,
    )


def of_numbers():
    return (
        column("temp", "float", standard("temp"), Missing(output="temp.missing"), log("temp.log")),
        # Clipped at zero around zero: the sign of zero would show.
        column("gust", "float", standard("gust", low=0.0, high=0.0, center=0.0)),
        column("rain", "float", quantile("rain")),
        column(
            "hour",
            "int",
            standard("hour"),
            Vocabulary(output="h", values=(7, 0, -3)),
            means("hour.mean", (0, 7, 24), (0.1, 0.2, 1e-9)),
            Hashed(output="hour.hashed", buckets=5),
        ),
        column("level", "float", standard("level", center=0.0), Missing(output="level.missing")),
        column(
            "far",
            "int",
            quantile("far", (-7.0, 2.0, 1e18), STEEP),
            Vocabulary(output="far.v", values=(2**53 + 1, -7, 2**62, 2**53, 10**18)),
            Hashed(output="far.hashed", buckets=1 << 30),
        ),
        column("deep", "float", Bins(output="deep", fill=0.1, edges=KNOTS), log("deep.log"),
               replace(standard("deep.robust"), scale="robust")),
        column("depth", "float", Missing(output="depth.missing")),
        column(
            "wet",
            "bool",
            Number(output="wet", fill=1.0, low=0.0, high=1.0, scale="none"),
            Missing(output="wet.missing"),
            means("wet.mean", (0, 1), (0.5, -1.5)),
        ),
    )  # fmt: skip


def of_texts_and_times():
    return (
        column(
            "dest",
            "string",
            Vocabulary(output="dest", values=("JFK", "", "nan", "🛬")),
            Missing(output="dest.missing"),
            Hashed(output="dest.hashed", buckets=11),
            means("dest.mean", ("🛬", "JFK"), ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
                  classes=("a", "b", "c")),
        ),
        column("tags", "string", Tokens(output="tags", separator="|", values=("a", "b c"), most=3)),
        column(
            "note",
            "string",
            Ngrams(output="note.w", of="words", sizes=(1, 2), buckets=64, most=4),
            Ngrams(output="note.c", of="characters", sizes=(3, 1), buckets=1000, most=5),
        ),
        column(
            "at",
            "timestamp",
            Cycle(output="at.time", of="time_of_day"),
            Cycle(output="at.year", of="day_of_year"),
            Calendar(output="at.week", of="day_of_week"),
            Calendar(output="at.month", of="month"),
            Calendar(output="at.hour", of="hour"),
            Calendar(output="at.day", of="day_of_month"),
            quantile("at.elapsed", of="elapsed_days"),
            Bins(output="at.bins", of="elapsed_days", fill=0.0, edges=(-7.5, 0.0, 20000.0)),
            Missing(output="at.missing"),
        ),
        column("gone", "string"),
    )  # fmt: skip


def every_part():
    return Transform(
        columns=(*of_numbers(), *of_texts_and_times()),
        crosses=(
            Cross(output="dest_x_hour", columns=("dest", "hour"),
                  values=(("JFK", 7), ("", 7), ("JFK", -3))),
            Cross(output="wet_x_dest_x_far", columns=("wet", "dest", "far"), buckets=9),
        ),
        label=Label(name="y", type="int", task="binary", classes=(0, 1), positive=1),
        ignored=("y",),
    )  # fmt: skip


TRANSFORM = every_part()
floats = st.none() | st.floats() | st.sampled_from([-0.0, 0.0, *KNOTS, 1e308, 5e-324])
zones = st.integers(-1439, 1439).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
moments = st.datetimes(timezones=st.none() | zones).filter(lambda moment: 1 < moment.year < 9999)
texts = moments.map(lambda moment: moment.isoformat())
# Any character at all, halves of surrogate pairs among them: JSON may hold them.
anything = st.text(st.characters(codec=None, exclude_categories=()))
words = st.lists(st.sampled_from(["a", "b c", "ß", "İ", "\ud800", " ", "", "|", "naïve_1"])).map(
    "|".join
)
rows = st.fixed_dictionaries(
    {
        "temp": floats,
        "gust": floats,
        "level": floats,
        "deep": floats,
        "depth": floats,
        "rain": floats | st.integers(-(2**63), 2**63),
        "hour": st.none() | st.integers(-5, 25) | st.integers(-(2**70), 2**70),
        "far": st.none() | st.integers() | st.sampled_from([2**53, 2**53 + 1, 10**18]),
        "wet": st.none() | st.booleans(),
        "dest": st.none() | anything | st.sampled_from(["JFK", "", "nan", "🛬", "\ud800"]),
        "tags": st.none() | words | anything | st.lists(anything),
        "note": st.none() | words | anything,
        "at": st.none() | texts,
    }
)
HARD = {
    "temp": math.inf,
    "gust": -0.0,
    "level": -0.0,
    "deep": -0.0,
    "depth": -math.inf,
    "rain": math.nan,
    "hour": -0,
    "far": 2**63,
    "wet": None,
    "dest": "\ud800",
    "tags": [],
    "note": "\ud800\U0010ffff \x00" * 9,
    "at": "0001-01-01T00:00:00.000001",
}


def transformed(instances):
    return apply(TRANSFORM, columns_from_rows(TRANSFORM, instances))


def as_bytes(features):
    return features.numeric.tobytes(), features.categorical.tobytes()


def coded(values):
    """Lays texts out as Arrow's dictionaries do, one twice and one that no row has."""
    listed = values.tolist()
    known = [*dict.fromkeys(text for text in listed if text is not None)]
    places = {text: place for place, text in enumerate(known, 1)}
    codes = [-1 if text is None else places[text] for text in listed]
    return DictionaryColumn(np.array(codes, np.int32), ["nobody", *known, *known[:1]])


def many(rows_wanted):
    random = np.random.default_rng(7)
    odd = random.choice([np.nan, np.inf, -np.inf, -0.0, 0.1, 7.0, 1e308], rows_wanted)
    mixed = np.where(random.random(rows_wanted) < 0.2, odd, random.normal(size=rows_wanted) * 20)
    words = np.array(["JFK", "", "nan", "🛬", "elsewhere", None], object)
    lists = np.array(["a|b c", "b c | a|a", "", "||", "d|c|b|a", None], object)
    times = random.integers(-(10**15), 10**16, rows_wanted).view("datetime64[us]")
    times[::17] = np.datetime64("NaT")
    return {
        "temp": mixed,
        "gust": mixed[::-1],
        "level": mixed / 7,
        "rain": mixed,
        "deep": mixed[::-1],
        "depth": mixed,
        "hour": np.round(mixed),
        "far": np.round(mixed[::-1]),
        "wet": random.choice([0.0, 1.0, np.nan], rows_wanted),
        "dest": random.choice(words, rows_wanted),
        "tags": random.choice(lists, rows_wanted),
        "note": random.choice(lists, rows_wanted),
        "at": times,
    }


def only(name, value):
    blank = dict.fromkeys(HARD)
    found = transformed([{**blank, name: value}])
    numeric = dict(zip(TRANSFORM.numeric, found.numeric[0].tolist(), strict=True))
    outputs = [output.name for output in TRANSFORM.categorical for _ in range(output.width)]
    return numeric | dict(zip(outputs, found.categorical[0].tolist(), strict=True))


def indices(name, output, value):
    blank = dict.fromkeys(HARD)
    found = transformed([{**blank, name: value}]).categorical[0].tolist()
    place = 0
    for item in TRANSFORM.categorical:
        if item.name == output:
            return found[place : place + item.width]
        place += item.width
    raise AssertionError(output)


def labelled(**fields):
    fields = {"type": "int", "task": "regression", **fields}
    return Transform(columns=(), label=Label(name="y", **fields))
