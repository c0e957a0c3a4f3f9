import json
import time

import numpy as np
import pytest

from plimsoll.artifacts.transform import (
    CategoricalOutput,
    Cycle,
    Label,
    Missing,
    Number,
    SourceColumn,
    Transform,
    Vocabulary,
    Weekday,
    read_transform,
    write_transform,
)
from plimsoll.errors import ArtifactError
from plimsoll.transform.apply import apply

KNOTS = (0.1, 0.2, 1 / 3, 1e30)
SCORES = (-2.5, -0.1, 0.30000000000000004, 2.5)


def number(name, **changes):
    values = {"fill": 0.0, "low": -1.0, "high": 1.0, "scale": "standard", "spread": 0.1}
    return Number(output=name, **{**values, **changes})


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
                "at", "timestamp", Cycle(output="at.day", of="time_of_day"), Weekday(output="at.w")
            ),
            column("year", "int"),
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
    assert read.numeric == ("temp", "temp.missing", "precip", "at.day.sin", "at.day.cos")
    assert read.categorical == (
        CategoricalOutput("hour", 4),
        CategoricalOutput("dest", 5),
        CategoricalOutput("at.w", 9),
    )
    assert [item.name for item in read.inputs] == ["temp", "precip", "hour", "dest", "at"]


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
    ],
)
def test_a_number_that_cannot_be_applied_is_refused(changes):
    with pytest.raises(ArtifactError, match="'x' does not hold"):
        number("x", **changes)


def test_names_are_told_apart():
    label = Label(name="y", type="int", task="regression")
    with pytest.raises(ArtifactError, match="twice"):
        Transform(columns=(column("a", "int", number("x")), column("x", "int", number("x"))),
                  label=label)  # fmt: skip
    with pytest.raises(ArtifactError, match="twice"):
        Vocabulary(output="v", values=("a", "a"))
