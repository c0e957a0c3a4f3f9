import json
import time

import numpy as np
import pytest

from plimsoll.errors import ArtifactError
from plimsoll.models.transform import (
    CategoricalOutput,
    Label,
    SourceColumn,
    Transform,
    read_transform,
    write_transform,
)
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
from plimsoll.transform.apply.apply import apply

KNOTS = (0.1, 0.2, 1 / 3, 1e30)
SCORES = (-2.5, -0.1, 0.30000000000000004, 2.5)


def number(name, **changes):
    values = {"fill": 0.0, "low": -1.0, "high": 1.0, "scale": "standard", "spread": 0.1}
    return Number(output=name, **{**values, **changes})


def target(name, values, encoded, **changes):
    width = max(1, len(changes.get("classes", ())))
    return TargetMean(output=name, values=values, encoded=encoded, prior=(0.5,) * width,
                      missing=(0.25,) * width, **changes)  # fmt: skip


def column(name, kind, *parts):
    return SourceColumn(name=name, type=kind, kind="", why="because", parts=parts)


def sample():
    return Transform(
        columns=(
            column("temp", "float", number("temp"), Missing(output="temp.missing")),
            column(
                "precip",
                "float",
                number(
                    "precip",
                    low=0.1,
                    high=1e30,
                    scale="quantile",
                    spread=1.0,
                    knots=KNOTS,
                    scores=SCORES,
                    fill=0.2,
                ),
            ),
            column("hour", "int", Vocabulary(output="hour", values=(17, 3))),
            column("dest", "string", Vocabulary(output="dest", values=("ZÜRICH", "", "JFK\n"))),
            column(
                "at",
                "timestamp",
                Cycle(output="at.day", of="time_of_day"),
                Calendar(output="at.w", of="day_of_week"),
            ),
            column(
                "gate",
                "int",
                number("gate", scale="log", unit=2.5),
                number("gate.robust", scale="robust"),
                Bins(output="gate.bins", fill=0.0, edges=(-1.0, 1 / 3, 1e30)),
                Hashed(output="gate.hashed", buckets=7),
                target("gate.mean", (1, 5), ((0.1, -3.0), (1 / 3, 1e-300)), classes=("a", "b")),
            ),
            column(
                "note",
                "string",
                Tokens(output="note.list", separator="|", values=("ü", "a b"), most=3),
                Ngrams(output="note.runs", of="characters", sizes=(2, 3), buckets=64, most=5),
                target("note.mean", (), ()),
            ),
            column("year", "int"),
            column("day", "bool"),
        ),
        crosses=(
            Cross(output="dest_x_year", columns=("dest", "year"), values=(("ZÜRICH", 5), ("", -1))),
            Cross(output="hour_x_day", columns=("hour", "day"), buckets=12),
        ),
        label=Label(name="late", type="bool", task="binary", classes=(False, True), positive=True),
        ignored=("late", "flight"),
    )


def test_reading_gives_back_what_was_written(tmp_path):
    write_transform(tmp_path / "t", sample())
    read = read_transform(tmp_path / "t")
    assert read.to_dict() == sample().to_dict()
    assert read.columns == sample().columns
    assert read.label == sample().label
    assert read.crosses == sample().crosses
    assert read.numeric == (
        *("temp", "temp.missing", "precip", "at.day.sin", "at.day.cos"),
        *("gate", "gate.robust", "gate.bins.0", "gate.bins.1", "gate.mean.a", "gate.mean.b"),
        "note.mean",
    )
    assert read.categorical == (
        CategoricalOutput("hour", 4),
        CategoricalOutput("dest", 5),
        CategoricalOutput("at.w", 9),
        CategoricalOutput("gate.hashed", 9),
        CategoricalOutput("note.list", 4, 3),
        CategoricalOutput("note.runs", 66, 5),
        CategoricalOutput("dest_x_year", 4),
        CategoricalOutput("hour_x_day", 14),
    )
    inputs = ["temp", "precip", "hour", "dest", "at", "gate", "note", "year", "day"]
    assert [item.name for item in read.inputs] == inputs


def test_equal_transforms_are_equal_bytes_whenever_they_are_written(tmp_path):
    write_transform(tmp_path / "a", sample())
    time.sleep(2.1)  # Zip archives count time in steps of two seconds.
    write_transform(tmp_path / "b", sample())
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["arrays.npz", "transform.json"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_it_reads_as_text(tmp_path):
    write_transform(tmp_path / "t", sample())
    text = (tmp_path / "t" / "transform.json").read_text("utf-8")
    assert "ZÜRICH" in text
    assert "knots" not in text
    assert json.loads(text)["label"]["classes"] == [False, True]


def test_a_transform_that_was_read_applies_alike(tmp_path):
    write_transform(tmp_path / "t", sample())
    columns = {
        "temp": np.array([0.55, np.nan]),
        "precip": np.array([0.25, 5.0]),
        "hour": np.array([3.0, 9.0]),
        "dest": np.array([None, "JFK\n"], object),
        "at": np.array(["2013-01-01T06:00", "NaT"], "datetime64[us]"),
        "gate": np.array([5.0, np.nan]),
        "note": np.array(["a b|?", None], object),
        "year": np.array([5.0, -1.0]),
        "day": np.array([1.0, np.nan]),
    }
    fresh, read = apply(sample(), columns), apply(read_transform(tmp_path / "t"), columns)
    assert fresh.numeric.tobytes() == read.numeric.tobytes()
    assert fresh.categorical.tobytes() == read.categorical.tobytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("columns", [{"name": "x"}]),
        ("columns", [{"name": "x", "type": "tensor", "kind": "", "why": "", "parts": []}]),
        (
            "columns",
            [{"name": "x", "type": "int", "kind": "", "why": "", "parts": [{"part": "?"}]}],
        ),
        ("crosses", [{"part": "missing", "output": "x"}]),
        ("crosses", [{"part": "cross", "output": "x", "columns": ["dest", "?"], "buckets": 2}]),
        ("numeric", ["other"]),
        ("label", {"name": "y"}),
        ("arrays_sha256", "0" * 64),
        ("format", "plimsoll.transform/1"),
    ],
)
def test_an_edited_manifest_is_refused(tmp_path, field, value):
    write_transform(tmp_path / "t", sample())
    path = tmp_path / "t" / "transform.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), field: value}), "utf-8")
    with pytest.raises(ArtifactError):
        read_transform(tmp_path / "t")


def test_lost_arrays_are_refused(tmp_path):
    write_transform(tmp_path / "t", sample())
    (tmp_path / "t" / "arrays.npz").unlink()
    with pytest.raises(ArtifactError, match="does not hold together"):
        read_transform(tmp_path / "t")
    with pytest.raises(ArtifactError, match="missing"):
        read_transform(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "changes",
    [
        {"spread": 0.0},
        {"low": 2.0},
        {"fill": float("nan")},
        {"scale": "logarithm"},
        {"of": "age"},
        {"knots": (0.0, 1.0), "scores": (0.0, 1.0)},
        {"scale": "quantile"},
        {"scale": "quantile", "spread": 1.0, "knots": (-1.0, 1.0), "scores": (0.0,)},
        {"scale": "quantile", "spread": 1.0, "knots": (1.0, -1.0), "scores": (0.0, 1.0)},
        {"scale": "quantile", "spread": 1.0, "knots": (-0.5, 1.0), "scores": (0.0, 1.0)},
        {"scale": "quantile", "spread": 1.0, "knots": (-1.0, 1.0), "scores": (0.0, 1e39)},
        {"scale": "log", "unit": 0.0},
        {"scale": "log", "unit": 5e-324},
        {"unit": 2.0},
        {"scale": "none"},
        {"high": 1e39},
        {"high": 1e308, "center": -1e308},
    ],
)
def test_a_number_that_cannot_be_applied_is_refused(changes):
    with pytest.raises(ArtifactError, match="'x' does not hold"):
        number("x", **changes)


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (Bins, {"fill": 0.0, "edges": (0.0,)}),
        (Bins, {"fill": 0.0, "edges": (0.0, 0.0)}),
        (Bins, {"fill": 0.0, "edges": (-1e308, 0.0, 1e308)}),
        (Bins, {"fill": float("inf"), "edges": (0.0, 1.0)}),
        (Cycle, {"of": "month"}),
        (Calendar, {"of": "year"}),
        (Hashed, {"buckets": 0}),
        (Hashed, {"buckets": 1 << 31}),
        (TargetMean, {"values": ("a",), "encoded": (), "prior": (0.0,), "missing": (0.0,)}),
        (TargetMean, {"values": ("a",), "encoded": ((1.0, 2.0),), "prior": (0.0,),
                      "missing": (0.0,)}),
        (TargetMean, {"values": ("a",), "encoded": ((1e39,),), "prior": (0.0,),
                      "missing": (0.0,)}),
        (TargetMean, {"values": ("a", "a"), "encoded": ((0.0,), (1.0,)), "prior": (0.0,),
                      "missing": (0.0,)}),
        (Tokens, {"separator": "", "values": ("a",), "most": 2}),
        (Tokens, {"separator": "|", "values": ("a",), "most": 0}),
        (Ngrams, {"of": "lines", "sizes": (1,), "buckets": 2, "most": 2}),
        (Ngrams, {"of": "words", "sizes": (), "buckets": 2, "most": 2}),
        (Ngrams, {"of": "words", "sizes": (0,), "buckets": 2, "most": 2}),
        (Ngrams, {"of": "words", "sizes": (1,), "buckets": 0, "most": 2}),
        (Cross, {"columns": ("a",), "buckets": 2}),
        (Cross, {"columns": ("a", "a"), "buckets": 2}),
        (Cross, {"columns": ("a", "b")}),
        (Cross, {"columns": ("a", "b"), "values": (("x",),)}),
        (Cross, {"columns": ("a", "b"), "values": (("x", "y"),), "buckets": 2}),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_applied_is_refused(made, values):
    with pytest.raises(ArtifactError):
        made(output="x", **values)


def test_a_cross_of_too_many_values_is_refused():
    many = tuple((place,) * 5 for place in range(8000))
    with pytest.raises(ArtifactError, match="'x' does not hold"):
        Cross(output="x", columns=tuple("abcde"), values=many)
    Cross(output="x", columns=tuple("abcd"), values=tuple(some[:4] for some in many))


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("string", number("x")),
        ("timestamp", number("x")),
        ("float", number("x", of="elapsed_days")),
        ("float", Vocabulary(output="x", values=())),
        ("int", Tokens(output="x", separator="|", values=(), most=1)),
        ("string", Calendar(output="x", of="month")),
        ("string", Cross(output="x", columns=("a", "b"), buckets=2)),
    ],
)
def test_a_part_of_a_column_of_another_type_is_refused(kind, part):
    with pytest.raises(ArtifactError, match="'x'"):
        column("a", kind, part)


@pytest.mark.parametrize("columns", [("a", "n"), ("a", "b")])
def test_a_cross_of_a_column_that_is_not_there_or_has_another_type_is_refused(columns):
    with pytest.raises(ArtifactError, match="cannot cross the column"):
        Transform(
            columns=(column("a", "int"), column("n", "float")),
            crosses=(Cross(output="x", columns=columns, buckets=2),),
            label=Label(name="y", type="int", task="regression"),
        )


def test_names_are_told_apart():
    label = Label(name="y", type="int", task="regression")
    with pytest.raises(ArtifactError, match="twice"):
        Transform(columns=(column("a", "int", number("x")), column("x", "int", number("x"))),
                  label=label)  # fmt: skip
    with pytest.raises(ArtifactError, match="twice"):
        Vocabulary(output="v", values=("a", "a"))
