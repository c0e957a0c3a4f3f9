import numpy as np
import pytest

from plimsoll.errors import DataError
from plimsoll.formats.examples import open_examples
from plimsoll.models.transform import read_transform
from plimsoll.problem import Problem, Split
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.core import transform_dataset
from plimsoll.transform.fit.ranking import information, noise_line
from transform.data import make

ROWS = 2000
PROBLEM = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))


def columns(seed=0):
    random = np.random.default_rng(seed)
    told = random.normal(size=ROWS)
    group = random.integers(0, 6, ROWS)
    label = (told + (group == 2) + random.normal(size=ROWS) > 0.3).astype(int)
    tags = ["late|big" if one else "big" for one in label]
    return {
        "y": label,
        "told": told,
        "group": [f"g{number}" for number in group],
        "noise": random.normal(size=ROWS),
        "letters": random.choice(list("abcdefgh"), ROWS),
        "tags": tags,
        "id": [f"u{place // 2}" for place in random.permutation(ROWS)],
    }


def run(tmp_path, problem=PROBLEM, train=None, **config):
    made = make(tmp_path / "dataset", train or columns(), problem=problem)
    done = transform_dataset(
        made.folder, tmp_path / "no", tmp_path / "transform", tmp_path / "examples",
        TransformConfig(**config), tmp_path / "report.html",
    )  # fmt: skip
    return done.notes, read_transform(tmp_path / "transform")


def test_what_tells_most_is_said_first_and_what_tells_nothing(tmp_path):
    notes, transform = run(tmp_path, columns={"tags": "multi", "id": "target"})
    (best,) = [note for note in notes if note.startswith("tell most")]
    assert best.startswith("tell most of the label, each alone, in nats: tags 0.6")
    assert best.index("tags") < best.index("told ") < best.index("group ")
    (silent,) = [note for note in notes if note.startswith("tell no more")]
    # Encoded out of fold, what is known by the label alone tells nothing.
    assert set(silent.split(": ")[1].split(", ")) == {"noise", "letters", "id"}
    page = (tmp_path / "report.html").read_text()
    assert "What each column tells of the label" in page
    assert "noise" in page
    assert len(transform.inputs) == 6


def test_the_best_columns_stay_and_the_reason_is_said(tmp_path):
    notes, transform = run(tmp_path, columns={"tags": "drop"}, prune=2)
    assert [column.name for column in transform.inputs] == ["told", "group"]
    assert any(note.startswith("noise is left out: pruned: it tells 0.00") for note in notes)
    assert open_examples(tmp_path / "examples").numeric_names == ("told",)


def test_what_tells_less_than_chance_goes_but_not_what_is_asked_for(tmp_path):
    _, transform = run(
        tmp_path / "a", columns={"id": "target", "tags": "drop", "letters": "categorical"},
        prune="noise",
    )  # fmt: skip
    assert [column.name for column in transform.inputs] == ["told", "group", "letters", "id"]
    _, transform = run(
        tmp_path / "b", columns={"tags": "drop"}, crosses=[["letters", "group"]], prune=1
    )
    assert [column.name for column in transform.inputs] == ["told", "group", "letters"]
    assert [item.name for item in transform.categorical] == ["letters*group"]


def test_a_regression_is_ranked(tmp_path):
    train = columns()
    train["y"] = train["told"] * 3 + np.random.default_rng(4).normal(size=ROWS)
    problem = Problem(label="y", task="regression", split=Split(by="hash"))
    notes, _ = run(tmp_path, problem, train)
    assert any(note.startswith("tell most") and "nats: told" in note for note in notes)


def test_nothing_that_tells_anything(tmp_path):
    train = {"y": np.array([0, 1] * 500), "x": np.random.default_rng(1).normal(size=1000)}
    with pytest.raises(DataError, match="no column is left") as caught:
        run(tmp_path, train=train, prune="noise")
    assert "chance" in caught.value.cause


def test_information_is_that_of_coins():
    coin = np.tile([0, 1], 500)
    assert information(coin, coin) == pytest.approx(np.log(2))
    assert information(coin, np.repeat([0, 1], 500)) == pytest.approx(0.0)


def test_chance_stays_below_the_line():
    random = np.random.default_rng(9)
    rows, above = 1000, 0
    line = noise_line(9, rows, 0.01)
    for _ in range(300):
        a, b = random.integers(0, 4, (2, rows))
        above += information(a, b) - 9 / (2 * rows) > line
    assert above <= 10
    assert noise_line(9, rows, 0.5) < line
    assert noise_line(0, rows, 0.01) == 0.0
