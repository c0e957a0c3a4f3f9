import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ConfigError, DataError
from plimsoll.models.transform_parts import Calendar, Cycle, Missing, Number, Vocabulary
from plimsoll.problem import Problem, Split
from plimsoll.transform.apply.apply import apply
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit.fit import fit_all
from plimsoll.transform.kinds.number_stats import NumberAccumulator
from plimsoll.transform.kinds.numbers import fit_number, quantile_table
from transform.data import make, times

SMOOTH = np.random.default_rng(3).normal(50, 10, 400)


def fitted(folder, train, *, problem=None, declared=(), eval_=None, **config):
    dataset = make(folder / "dataset", train, problem=problem, eval_=eval_)
    return fit_all(dataset, TransformConfig(**config), frozenset(declared)).transform


def seen(values):
    tally = NumberAccumulator(1 << 16)
    tally.add(np.array(values, np.float64))
    return tally.finish()


def column(transform, name):
    return next(item for item in transform.columns if item.name == name)


def one(folder, values, **options):
    return column(fitted(folder, {"x": values, "z": SMOOTH[: len(values)]}, **options), "x")


def test_only_the_train_split_is_looked_at(tmp_path):
    train = {"x": SMOOTH, "city": ["Oslo", "Rome"] * 200}
    first = fitted(tmp_path / "a", train, eval_={"x": [1.0], "city": ["Oslo"]})
    odd = {"x": [1e12, None], "city": ["Bern"] * 2}
    second = fitted(tmp_path / "b", train, eval_=odd)
    assert first.to_dict() == second.to_dict()


def test_a_smooth_number_is_standardised(tmp_path):
    found = one(tmp_path, SMOOTH)
    (part,) = found.parts
    assert (part.scale, found.kind, found.why) == (
        "standard", "numeric", "standard: no heavy tail"
    )  # fmt: skip
    assert part.center == pytest.approx(SMOOTH.mean())
    assert part.spread == pytest.approx(SMOOTH.std())
    assert part.fill == np.median(SMOOTH)
    assert part.low == pytest.approx(SMOOTH.mean() - 8 * SMOOTH.std())


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.exp(SMOOTH / 7), "heavy tail"),
        (-np.exp(SMOOTH / 7), "heavy tail"),
        (np.where(np.arange(400) == 5, 1e9, SMOOTH), "outliers"),
        (np.where(np.arange(400) < 30, SMOOTH, 0.0), "most values are equal"),
        (SMOOTH * 1e-320, "too small"),
    ],
)
def test_an_odd_number_goes_by_quantiles_and_says_why(tmp_path, values, why):
    found = one(tmp_path, values)
    (part,) = found.parts
    assert part.scale == "quantile"
    assert why in found.why


def test_quantiles_spread_the_values_like_a_bell(tmp_path):
    values = np.exp(SMOOTH / 7)
    transform = fitted(tmp_path, {"x": values})
    scores = apply(transform, {"x": values}).numeric[:, 0]
    assert abs(scores.mean()) < 0.02
    assert abs(scores.std() - 1) < 0.03
    assert (np.diff(scores[np.argsort(values)]) >= 0).all()


def test_ties_have_the_middle_rank():
    knots, scores = quantile_table(seen([0.0] * 90 + list(range(1, 11))), 100)
    assert knots[0] == 0.0
    assert scores[0] == pytest.approx(-0.14, abs=0.02)
    assert list(scores) == sorted(scores)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, unique=True),
    st.sampled_from(["numeric", "standard", "robust", "log", "quantile"]),
    st.integers(2, 20),
)
def test_any_numbers_can_be_fitted(values, scale, quantiles):
    config = TransformConfig(quantiles=quantiles)
    clipped = np.unique(np.clip(np.array(values) + 0.0, -1e30, 1e30))
    if len(clipped) < 2:
        return
    part = fit_number("x", seen(values), config, scale=scale).part
    assert part.low <= part.high
    if part.scale == "quantile":
        assert list(part.scores) == sorted(part.scores)
        assert max(map(abs, part.scores)) < 6


@pytest.mark.parametrize("value", [3, 3.5, True, "same"])
def test_a_constant_is_left_out_and_named(tmp_path, value):
    found = one(tmp_path, [value] * 10)
    assert (found.kind, found.parts) == ("dropped", ())
    assert "always" in found.why


def test_a_constant_that_is_missing_at_times_tells_by_that(tmp_path):
    assert one(tmp_path / "a", [3, None] * 5).parts == (Missing(output="x.missing"),)
    (part,) = one(tmp_path / "b", ["same", None] * 5).parts
    assert part.values == ("same",)


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.timestamp("us")])
def test_a_column_without_values_is_left_out(tmp_path, kind):
    found = one(tmp_path, pa.array([None] * 10, kind))
    assert (found.kind, found.why) == ("dropped", "it has no value in the train split")


def test_infinities_are_missing(tmp_path):
    found = one(tmp_path / "a", [1.0, 2.0, math.inf, 4.0])
    assert [type(part) for part in found.parts] == [Number, Missing]
    assert found.parts[0].fill == 2.0
    assert "no finite value" in one(tmp_path / "b", [math.inf, math.nan] * 2).why


def test_an_indicator_only_where_train_misses_values(tmp_path):
    assert len(one(tmp_path / "a", SMOOTH).parts) == 1
    assert len(one(tmp_path / "b", [None, *SMOOTH[1:]]).parts) == 2


def test_bools_are_zero_and_one(tmp_path):
    found = one(tmp_path, [True, False, True, None])
    assert found.parts == (
        Number(output="x", fill=1.0, low=0.0, high=1.0, scale="none"),
        Missing(output="x.missing"),
    )


def test_a_vocabulary_has_the_frequent_first_and_leaves_out_the_rare(tmp_path):
    words = ["b"] * 4 + ["a"] * 4 + ["c"] * 9 + ["once", "twice", "twice"]
    found = one(tmp_path / "a", words)
    assert found.parts == (Vocabulary(output="x", values=("c", "a", "b", "twice")),)
    assert "4 of 5 values" in found.why
    found = one(tmp_path / "b", words, min_count=4, vocabulary_size=2)
    assert found.parts[0].values == ("c", "a")


def test_text_that_never_repeats_is_left_out(tmp_path):
    found = one(tmp_path, [f"remark {place}" for place in range(40)])
    assert found.kind == "dropped"
    assert found.why == "none of its 40 values occurs 2 times in the train split"


def test_ints_of_few_values_are_categories_too(tmp_path):
    found = one(tmp_path / "a", [1, 2, 2, 3] * 10)
    assert found.kind == "both"
    assert found.parts[-1] == Vocabulary(output="x.category", values=(2, 1, 3))
    assert one(tmp_path / "b", [1, 2] * 20).kind == "numeric"
    assert one(tmp_path / "c", [1, 2, 2, 3] * 10, int_categories_up_to=2).kind == "numeric"
    assert one(tmp_path / "d", list(range(40)) * 2).kind == "numeric"
    assert one(tmp_path / "e", [1.0, 2.0, 2.0, 3.0] * 10).kind == "numeric"


def test_ints_that_the_schema_declares_are_categories(tmp_path):
    found = one(tmp_path / "a", list(range(40)) * 2, declared=["x"])
    assert [type(part) for part in found.parts] == [Vocabulary]
    forced = one(
        tmp_path / "b", list(range(40)) * 2, declared=["x"], columns={"x": "numeric"}
    )  # fmt: skip
    assert [type(part) for part in forced.parts] == [Number]


def test_the_config_decides(tmp_path):
    for place, (kind, types) in enumerate(
        [
            ("drop", []),
            ("standard", [Number]),
            ("quantile", [Number]),
            ("categorical", [Vocabulary]),
            ("both", [Number, Vocabulary]),
        ]
    ):
        found = one(tmp_path / str(place), list(range(40)) * 2, columns={"x": kind})
        assert [type(part) for part in found.parts] == types
        if kind in ("standard", "quantile"):
            assert found.parts[0].scale == kind


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"xx": "drop"}, "no column 'xx'"),
        ({"y": "drop"}, "'y' is not a feature"),
        ({"k": "numeric"}, "'k' is not a feature"),
        ({"word": "numeric"}, "'word' cannot be 'numeric'"),
        ({"x": "categorical"}, "'x' cannot be 'categorical'"),
    ],
)
def test_a_config_that_does_not_fit_the_data_is_refused(tmp_path, columns, said):
    train = {"x": [0.5, 1.5], "word": ["a", "b"], "k": [1, 2]}
    problem = Problem(label="y", task="binary", positive="1", keys=("k",))
    with pytest.raises(ConfigError, match=said) as caught:
        fitted(tmp_path, train, problem=problem, columns=columns)
    assert caught.value.choices


def test_a_suggestion_for_a_column_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError) as caught:
        fitted(tmp_path, {"distance": [1, 2]}, columns={"distnace": "drop"})
    assert caught.value.cause == "did you mean 'distance'?"


def test_nothing_left_to_learn_from(tmp_path):
    with pytest.raises(DataError, match="no column is left") as caught:
        fitted(tmp_path / "a", {"x": [1, 1], "word": ["a", "b"]})
    assert "x: it is always 1" in caught.value.cause
    assert "word: none of its 2 values" in caught.value.cause
    with pytest.raises(DataError, match="no column is left") as caught:
        fitted(
            tmp_path / "b", {"x": [1, 2]}, problem=Problem(label="y", task="binary", drop=("x",))
        )
    assert "dropped" in caught.value.cause


def test_what_is_no_feature_is_ignored(tmp_path):
    train = {"x": [1, 2], "k": [1, 2], "after": [1, 2], "secret": [1, 2]}
    problem = Problem(label="y", task="binary", keys=("k",), drop=("after",), private=("secret",))
    transform = fitted(tmp_path, train, problem=problem)
    assert transform.ignored == ("y", "k", "after")
    assert [item.name for item in transform.columns] == ["x"]


def test_names_of_outputs_do_not_clash(tmp_path):
    transform = fitted(
        tmp_path, {"x": [1.0, 2.0, None, 4.0], "x.missing": SMOOTH[:4], "x.missing_": SMOOTH[4:8]}
    )
    assert transform.numeric == ("x", "x.missing__", "x.missing", "x.missing_")


def by_time(folder, column_, split="time"):
    problem = Problem(label="y", task="binary", time="at", split=Split(by=split))
    return column(
        fitted(folder, {"at": column_, "x": SMOOTH[: len(column_)]}, problem=problem), "at"
    )


def test_a_part_of_a_time_is_used_only_if_train_goes_around_it(tmp_path):
    day = by_time(tmp_path / "day", times("2013-01-01T00:30", "2013-01-01T23:00"))
    assert (day.kind, day.parts) == ("dropped", ())
    week = by_time(tmp_path / "week", times("2013-01-01T00:30", "2013-01-08T00:30"))
    assert week.parts == (
        Cycle(output="at.time_of_day", of="time_of_day"),
        Calendar(output="at.day_of_week", of="day_of_week"),
    )
    assert "too few for the day of the year" in week.why
    months = by_time(tmp_path / "months", times("2013-01-01", "2013-12-31"))
    assert months.parts == (Calendar(output="at.day_of_week", of="day_of_week"),)
    year = by_time(tmp_path / "year", times("2013-01-01", "2014-01-01"))
    assert year.parts == (
        Calendar(output="at.day_of_week", of="day_of_week"),
        Cycle(output="at.day_of_year", of="day_of_year"),
    )
    assert "no time of day" in year.why


def test_elapsed_time_is_used_only_if_the_split_is_not_by_time(tmp_path):
    moments = times("2013-01-01", "2013-01-02", "2013-01-03", "NaT")
    hashed = by_time(tmp_path / "a", moments, split="hash")
    number, missing = hashed.parts
    assert (number.of, number.output) == ("elapsed_days", "at.elapsed_days")
    assert number.fill == 15707.0
    assert missing == Missing(output="at.missing")
    timed = by_time(tmp_path / "b", moments)
    assert timed.parts == (missing,)
    assert "no elapsed time" in timed.why


def label(folder, values, **fields):
    problem = Problem(label="y", **{"task": "binary", **fields})
    return fitted(folder, {"y": values, "x": SMOOTH[: len(values)]}, problem=problem).label


@pytest.mark.parametrize(
    ("values", "positive", "classes"),
    [
        ([0, 1], "1", (0, 1)),
        ([0, 1], "0", (1, 0)),
        ([0.0, 1.0], "1", (0.0, 1.0)),
        ([False, True], "true", (False, True)),
        ([False, True], "False", (True, False)),
        (["no", "yes"], "yes", ("no", "yes")),
        (["no", "yes"], "no", ("yes", "no")),
        (["no", "yes"], "", ("no", "yes")),
    ],
)
def test_a_binary_label_has_its_positive_class_last(tmp_path, values, positive, classes):
    found = label(tmp_path, values, positive=positive)
    assert found.classes == classes
    assert [type(value) for value in found.classes] == [type(values[0])] * 2
    assert found.positive is found.classes[1]


def test_other_classes_are_sorted(tmp_path):
    found = label(tmp_path, [30, 4, 4, -1], task="multiclass")
    assert (found.classes, found.positive) == ((-1, 4, 30), None)


@pytest.mark.parametrize(
    ("values", "fields", "said"),
    [
        ([1, 1], {}, "has 1 class in"),
        ([1, 2, 3, 4], {}, "has 4 classes in"),
        ([1, 1], {"task": "multiclass"}, "has 1 class in"),
        ([0, None], {}, "missing in the train split"),
        ([0, 1], {"positive": "yes"}, "positive class 'yes'"),
        (["a", "b"], {"task": "regression"}, "cannot be regressed on"),
        ([1.0, math.inf], {"task": "regression"}, "not finite"),
    ],
)
def test_a_label_that_cannot_be_learnt_is_refused(tmp_path, values, fields, said):
    with pytest.raises(DataError, match=said):
        label(tmp_path, values, **fields)


def test_a_regression_label_knows_its_mean_and_spread(tmp_path):
    found = label(tmp_path / "a", [1, 2, 3, 6], task="regression")
    assert (found.mean, found.std) == (3.0, pytest.approx(math.sqrt(3.5)))
    assert found.classes == ()
    constant = label(tmp_path / "b", [5.0, 5.0], task="regression")
    assert (constant.mean, constant.std) == (5.0, 1.0)


def test_a_task_that_is_not_settled(tmp_path):
    with pytest.raises(ConfigError, match="no task"):
        label(tmp_path, [0, 1], task="")
