"""Columns that are treated as the config or the problem says."""

from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.errors import ConfigError, DataError
from plimsoll.models.transform_parts import (
    Bins,
    Calendar,
    Cross,
    Cycle,
    Hashed,
    Ngrams,
    Number,
    TargetMean,
    Tokens,
    Vocabulary,
)  # fmt: skip
from plimsoll.problem import Problem, Split
from plimsoll.transform.apply.apply import apply
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit.fit import fit_all
from transform.data import make, times

RANDOM = np.random.default_rng(11)
SKEWED = np.exp(RANDOM.normal(size=400) * 2)
ROWS = 400


def fitted(folder, train, problem=None, **config):
    dataset = make(folder / "dataset", train, problem=problem)
    return fit_all(dataset, TransformConfig(**config), frozenset()).transform


def only(folder, values, asked, **options):
    transform = fitted(folder, {"x": values}, columns={"x": asked}, **options)
    return transform, transform.columns[0]


def test_robust_goes_by_the_quartiles(tmp_path):
    _, column = only(tmp_path, SKEWED, "robust")
    (part,) = column.parts
    low, middle, high = np.quantile(SKEWED, [0.25, 0.5, 0.75])
    assert (part.scale, part.center) == ("robust", pytest.approx(middle))
    assert part.spread == pytest.approx((high - low) / 1.349, rel=1e-3)
    assert column.why == "robust: as configured"


def test_log_makes_what_is_skewed_even(tmp_path):
    transform, column = only(tmp_path, SKEWED, {"kind": "log"})
    assert column.parts[0].scale == "log"
    scaled = apply(transform, {"x": SKEWED}).numeric[:, 0]
    assert abs(scaled.mean()) < 0.01
    assert abs(scaled.std() - 1) < 0.01
    assert abs(np.mean(scaled**3)) < 1.2


def test_bins_hold_as_many_rows_each(tmp_path):
    transform, column = only(tmp_path, SKEWED, {"kind": "bins", "bins": 4})
    (part,) = column.parts
    assert isinstance(part, Bins)
    assert len(part.edges) == 5
    assert np.histogram(SKEWED, part.edges)[0].tolist() == [100, 100, 100, 100]
    assert transform.numeric == ("x.0", "x.1", "x.2", "x.3")


def test_numbers_are_clipped_where_asked(tmp_path):
    for place, kind in enumerate(["numeric", "standard", "robust", "log", "quantile"]):
        transform, column = only(tmp_path / str(place), SKEWED, {"kind": kind, "clip": [0.5, 2]})
        assert (column.parts[0].low, column.parts[0].high) == (0.5, 2.0)
        ends = apply(transform, {"x": np.array([-9.0, 0.5, 2.0, 99.0])}).numeric[:, 0]
        assert ends[0] == ends[1] < ends[2] == ends[3]
    with pytest.raises(ConfigError, match="a single value where it is clipped"):
        only(tmp_path / "none", SKEWED, {"kind": "quantile", "clip": [-9, -8]})


def test_hashes_texts_and_lists(tmp_path):
    train = {
        "code": [f"c{place}" for place in range(ROWS)],
        "tags": ["red|blue", "blue | green", None, "red|"] * 100,
        "said": ["a late plane", "on time", "late", None] * 100,
    }
    transform = fitted(
        tmp_path,
        train,
        columns={
            "code": {"kind": "hash", "buckets": 50},
            "tags": {"kind": "multi"},
            "said": {"kind": "text", "of": "characters", "sizes": [3], "buckets": 64, "most": 9},
        },
    )
    parts = [column.parts[0] for column in transform.columns]
    assert parts == [
        Hashed(output="code", buckets=50),
        Tokens(output="tags", separator="|", values=("blue", "red", "green"), most=2),
        Ngrams(output="said", of="characters", sizes=(3,), buckets=64, most=9),
    ]
    assert [column.kind for column in transform.columns] == ["hash", "multi", "text"]
    found = apply(transform, {name: np.array(values, object) for name, values in train.items()})
    assert found.categorical.shape == (ROWS, 1 + 2 + 9)


def test_parts_of_a_time_that_are_asked_for(tmp_path):
    moments = pa.array(np.repeat(times("2013-01-01T05:00", "2013-01-01T06:00").to_numpy(), 2))
    asked = {"kind": "timestamp", "parts": ["month", "hour", "day_of_year", "elapsed_days"]}
    problem = Problem(label="y", task="binary", time="x", split=Split(by="time"))
    _, column = only(tmp_path, moments, asked, problem=problem)
    assert [type(part) for part in column.parts] == [Calendar, Calendar, Cycle, Number]
    assert column.parts[0] == Calendar(output="x.month", of="month")
    assert "parts as configured" in column.why


def test_the_config_goes_before_the_problem(tmp_path):
    problem = Problem(
        label="y", task="binary", positive="1", split=Split(by="hash"),
        columns={"x": "drop", "z": {"kind": "bins", "bins": 2}},
    )  # fmt: skip
    train = {"x": SKEWED, "z": SKEWED}
    transform = fitted(tmp_path / "a", train, problem=problem)
    assert [column.kind for column in transform.columns] == ["dropped", "bins"]
    transform = fitted(tmp_path / "b", train, problem=problem, columns={"x": "standard"})
    assert [column.kind for column in transform.columns] == ["numeric", "bins"]


def test_values_that_stand_together_are_crossed(tmp_path):
    train = {"a": ["p", "q"] * 200, "b": [1, 1, 2, 2] * 100, "c": RANDOM.integers(0, 3, ROWS)}
    transform = fitted(tmp_path, train, crosses=[["a", "b"], {"columns": ["a", "c"], "buckets": 7}])
    assert transform.crosses == (
        Cross(output="a*b", columns=("a", "b"),
              values=(("p", 1), ("p", 2), ("q", 1), ("q", 2))),
        Cross(output="a*c", columns=("a", "c"), buckets=7),
    )  # fmt: skip
    rows = {
        "a": np.array(["q", "q", None], object), "b": np.array([2.0, 9.0, 1.0]),
        "c": np.array([0.0, 1.0, 2.0]),
    }  # fmt: skip
    assert apply(transform, rows).categorical[:, -2].tolist() == [5, 1, 0]


def test_a_dropped_column_can_be_crossed(tmp_path):
    train = {"a": ["p", "q"] * 200, "b": ["r", "s", "s", "r"] * 100}
    transform = fitted(tmp_path, train, columns={"a": "drop", "b": "drop"}, crosses=[["a", "b"]])
    assert [column.name for column in transform.inputs] == ["a", "b"]
    assert [item.name for item in transform.categorical] == ["a*b"]


def labelled(folder, task="binary", folds=5, keys=()):
    groups = RANDOM.integers(0, 30, ROWS)
    chance = np.linspace(0.1, 0.9, 30)[groups]
    label = {
        "binary": (RANDOM.random(ROWS) < chance).astype(int),
        "multiclass": np.array(["no", "maybe", "yes"])[
            np.digitize(RANDOM.random(ROWS), [0.3, 0.6])
        ],
        "regression": chance * 10 + RANDOM.normal(size=ROWS),
    }[task]
    train = {
        "x": [f"g{group}" if group else None for group in groups],
        "k": groups, "z": SKEWED, "y": label,
    }  # fmt: skip
    positive = "1" if task == "binary" else ""
    problem = Problem(label="y", task=task, positive=positive, keys=keys, split=Split(by="hash"))
    dataset = make(folder / "dataset", train, problem=problem)
    asked = {"x": {"kind": "target", "folds": folds, "smoothing": 5}}
    found = fit_all(dataset, TransformConfig(columns=asked, rank_rows=0), frozenset())
    return train, found


def test_a_target_encoding_is_the_smoothed_mean_of_the_label(tmp_path):
    train, found = labelled(tmp_path)
    (part,) = found.transform.columns[0].parts
    assert isinstance(part, TargetMean)
    label, names = np.array(train["y"]), np.array(train["x"], object)
    encoded = dict(zip(part.values, part.encoded, strict=True))
    prior = label.mean()

    def smooth(rows):
        return (label[rows].sum() + 5 * prior) / (rows.sum() + 5)

    wanted = {name: smooth(names == name) for name in encoded}
    found_means = np.array([encoded[name][0] for name in wanted])
    means = np.array(list(wanted.values()))
    assert np.corrcoef(found_means, means)[0, 1] == pytest.approx(1.0)
    spread = (means.max() - means.min()) / (found_means.max() - found_means.min())
    assert part.prior == (0.0,)
    missing = smooth(np.array([name is None for name in train["x"]]))
    assert part.missing[0] == pytest.approx((missing - prior) / spread)
    assert found.transform.columns[0].why.startswith("as configured; the label's mean by 29 values")


def test_a_fold_is_encoded_without_its_own_labels(tmp_path):
    train, found = labelled(tmp_path, folds=3)
    table = found.tables["x"]
    (part,) = found.transform.columns[0].parts
    assert table.shape == (3, 2 + len(part.values), 1)
    from plimsoll.transform.fit.cross_fitting import folds_of

    fold = folds_of(np.arange(ROWS), 3)
    assert min(np.bincount(fold, minlength=3)) > 80
    flipped = {**train, "y": np.where(fold == 1, 1 - np.array(train["y"]), train["y"])}
    problem = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
    other = fit_all(
        make(tmp_path / "flipped", flipped, problem=problem),
        TransformConfig(columns={"x": {"kind": "target", "folds": 3, "smoothing": 5}}),
        frozenset(),
    )
    (moved,) = other.transform.columns[0].parts
    # Up to the one unit and origin that all rows share.
    assert moved.values == part.values
    assert _shape(other.tables["x"][1]) == pytest.approx(_shape(table[1]))
    assert _shape(other.tables["x"][0]) != pytest.approx(_shape(table[0]))


def target_of(folder, values, label):
    problem = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
    dataset = make(folder, {"y": label, "x": values, "z": SKEWED}, problem=problem)
    return fit_all(dataset, TransformConfig(columns={"x": "target"}), frozenset())


def test_a_value_that_never_changes_tells_nothing_of_the_label(tmp_path):
    label = (SKEWED > 1).astype(int)
    found = target_of(tmp_path / "one", [""] * ROWS, label)
    assert found.transform.columns[0].why == "it is always '' in the train split"
    assert not found.tables
    missing = target_of(tmp_path / "two", ["", None] * (ROWS // 2), label)
    assert np.abs(missing.tables["x"]).max() < 5


@pytest.mark.parametrize("values", [2, 40, ROWS])
def test_a_label_by_chance_is_told_in_units_of_no_more_than_its_chance(tmp_path, values):
    from plimsoll.transform.fit.cross_fitting import folds_of

    random = np.random.default_rng(values)
    label = random.integers(0, 2, ROWS)
    places = np.arange(ROWS) % values
    found = target_of(tmp_path, [f"v{place:03}" for place in places], label)
    table = found.tables["x"][:, :, 0]
    (part,) = found.transform.columns[0].parts
    order = [part.values.index(f"v{place:03}") for place in places]
    told = table[folds_of(np.arange(ROWS), found.folds), 2 + np.array(order)]
    assert np.sqrt(np.square(told).mean()) <= 1 + 1e-9
    assert np.corrcoef(told, label)[0, 1] < 0.1


def _shape(table):
    flat = table[:, 0]
    return (flat - flat.mean()) / flat.std()


def test_every_class_has_its_output_and_a_value_its_own(tmp_path):
    _, found = labelled(tmp_path / "a", task="multiclass")
    assert found.transform.numeric[:3] == ("x.maybe", "x.no", "x.yes")
    assert found.tables["x"].shape[2] == 3
    train, found = labelled(tmp_path / "b", task="regression")
    (part,) = found.transform.columns[0].parts
    means = [np.mean([y for x, y in zip(train["x"], train["y"], strict=True) if x == value])
             for value in part.values]  # fmt: skip
    assert np.corrcoef(np.ravel(part.encoded), means)[0, 1] > 0.98


def test_rows_of_one_key_are_in_one_fold():
    from plimsoll.transform.fit.cross_fitting import folds_of

    keys = [pa.array(["a", "b", None, "a"]), pa.array([1, 2, 3, 1])]
    for folds in range(2, 9):
        found = folds_of(np.arange(4), folds, keys)
        assert found[0] == found[3]
    assert len(set(folds_of(np.arange(100), 7).tolist())) == 7


SENTENCES = [
    f"{who} was {what} because of {why}"
    for who in ("the plane", "our crew", "a bag")
    for what in ("late", "lost", "found again", "held up", "early")
    for why in ("fog", "snow", "a strike", "bad luck", "the wind", "no reason at all")
]


def test_sentences_are_read_word_by_word(tmp_path):
    texts = [f"{SENTENCES[place % 90]} {place}" for place in range(ROWS)]
    transform = fitted(tmp_path / "a", {"said": texts, "x": SKEWED})
    column = transform.columns[0]
    (part,) = column.parts
    assert isinstance(part, Ngrams)
    assert (column.kind, part.of, part.sizes) == ("text", "words", (1,))
    assert "hardly repeat" in column.why
    off = fitted(tmp_path / "b", {"said": texts, "x": SKEWED}, sentence_words=0)
    assert off.columns[0].kind == "dropped"
    visits = [str(uuid5(NAMESPACE_URL, str(place // 2))) for place in range(ROWS)]
    names = fitted(tmp_path / "d", {"said": visits, "x": SKEWED}, min_count=5)
    assert names.columns[0].kind == "dropped"
    often = fitted(tmp_path / "c", {"said": SENTENCES[:40] * 10, "x": SKEWED})
    assert isinstance(often.columns[0].parts[0], Vocabulary)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"columns": {"word": "robust"}}, "'word' cannot be 'robust'"),
        ({"columns": {"x": "target"}}, "'x' cannot be 'target'"),
        ({"columns": {"word": "timestamp"}}, "'word' cannot be 'timestamp'"),
        ({"crosses": [["word", "x"]]}, "'x' cannot be crossed"),
        ({"crosses": [["word", "wrod"]]}, "crosses: there is no column 'wrod'"),
        ({"crosses": [["word", "y"]]}, "crosses: 'y' is not a feature"),
    ],
)
def test_what_a_type_cannot_be_is_refused(tmp_path, asked, said):
    with pytest.raises(ConfigError, match=said) as caught:
        fitted(tmp_path, {"x": [0.5, 1.5], "word": ["a", "b"]}, **asked)
    assert caught.value.choices


def test_the_problem_is_named_where_it_is_wrong(tmp_path):
    problem = Problem(label="y", task="binary", columns={"wrod": "hash"})
    with pytest.raises(ConfigError, match="problem: there is no column 'wrod'") as caught:
        fitted(tmp_path, {"word": ["a", "b"]}, problem=problem)
    assert caught.value.cause == "did you mean 'word'?"


def test_too_many_classes_are_no_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("plimsoll.transform.kinds.label_stats.MOST_CLASSES", 3)
    problem = Problem(label="y", task="multiclass")
    with pytest.raises(DataError, match="more than 3 classes"):
        fitted(tmp_path, {"x": SKEWED[:6], "y": list(range(6))}, problem=problem)
