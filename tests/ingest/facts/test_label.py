import pytest

from ingest.data import everything, table, told
from plimsoll.errors import ConfigError, DataError


def labels(values):
    """Returns CSV text with the values as the label y, beside a number and a word."""
    return table("a,b,y", [f"{n / 7:.3f},{'uvw'[n % 3]},{value}" for n, value in enumerate(values)])


def cycle(*values, rows=40):
    return [values[n % len(values)] for n in range(rows)]


def resolved(result):
    return result.dataset.problem


@pytest.mark.parametrize(
    ("values", "task", "positive"),
    [
        (cycle(0, 1), "binary", "1"),
        (cycle("true", "false"), "binary", "true"),
        (cycle("yes", "no"), "binary", "yes"),
        (cycle("Y", "N"), "binary", "Y"),
        (cycle("negative", "Positive"), "binary", "Positive"),
        (cycle(1, 2, 2), "binary", "1"),
        (cycle(2, 5, 5), "binary", "2"),
        (cycle("good", "bad", "good"), "binary", "bad"),
        (cycle("bad", "good"), "binary", "good"),
        (cycle("1.0", "0.0"), "binary", "1"),
        (cycle("0.5", "1.5", "1.5"), "binary", "0.5"),
        (cycle("u", "v", "w"), "multiclass", ""),
        (cycle(3, 4, 5), "multiclass", ""),
        (cycle(*range(20), rows=60), "multiclass", ""),
        (cycle(*range(21), rows=63), "regression", ""),
        (cycle("0.5", "1.5", "2.0"), "regression", ""),
        ([n / 3 for n in range(40)], "regression", ""),
    ],
)
def test_the_task_and_the_positive_class_follow_from_the_label(write, run, values, task, positive):
    result = run(write(labels(values)))
    assert (resolved(result).task, resolved(result).positive) == (task, positive)
    assert told(result, f"task: {task}, because the label y has")


def test_whole_numbers_as_classes_are_told_with_the_way_out(write, run):
    path = write(labels(cycle(3, 4, 5)))
    assert told(run(path), "write task: regression to predict its value")
    assert resolved(run(path, problem="{label: y, task: regression}")).task == "regression"


def test_classes_written_as_floats_are_whole_numbers(write, run):
    result = run(write(labels(cycle("1.0", "0.0", "NA"))))
    assert result.dataset.type_of("y") == "int"
    assert set(everything(result)["y"]) == {0, 1}


def test_an_inferred_positive_class_is_told_when_it_is_a_guess(write, run):
    result = run(write(labels(cycle("good", "bad", "good"))))
    assert told(result, "positive class: bad, the rarer one; write positive: to choose")


@pytest.mark.parametrize(
    ("values", "given", "positive"),
    [
        (cycle("good", "bad"), "good", "good"),
        (cycle("yes", "no"), "no", "no"),
        (cycle("Yes", "No"), "yes", "Yes"),
        (cycle("true", "false"), "false", "false"),
        (cycle(0, 1), "0", "0"),
        (cycle(0, 1), "1.0", "1"),
    ],
)
def test_a_given_positive_class_is_found_however_yaml_reads_it(write, run, values, given, positive):
    result = run(write(labels(values)), problem=f"{{label: y, positive: {given}}}")
    assert resolved(result).positive == positive
    assert not told(result, "positive class")


def test_a_positive_class_that_is_none_is_refused(write, run):
    with pytest.raises(ConfigError) as caught:
        run(write(labels(cycle("good", "bad"))), problem="{label: y, positive: goood}")
    assert caught.value.cause == "did you mean 'good'?"
    assert caught.value.choices == ("bad", "good")


def test_rows_without_a_label_are_left_out_and_counted(write, run):
    result = run(write(labels(["" if n % 4 == 0 else n % 2 for n in range(40)])))
    assert told(result, "10 of 40 rows have no label: left out")
    assert len(everything(result)["y"]) == 30
    assert result.dataset.lineage["rows_read"] == 40
    assert result.dataset.lineage["rows_without_label"] == 10


@pytest.mark.parametrize(
    ("values", "problem", "message"),
    [
        (cycle(""), "", "the label 'y' has no values"),
        (cycle("late"), "", "the label 'y' has one value only: 'late'"),
        (cycle("late", ""), "", "the label 'y' has one value only: 'late'"),
        (cycle(2.5), "task: regression", "the label 'y' has one value only: '2.5'"),
        (cycle("2013-01-05", "2013-01-06"), "", "the label 'y' is a time"),
        (cycle("low", "high"), "task: regression", "the label 'y' is text, so the task cannot be"),
        (cycle("true", "false"), "task: regression", "the label 'y' is true or false, so the"),
        (cycle(1, 2, 3), "task: binary", "the label 'y' has 3 different values; binary needs two"),
        (cycle(0.5, 1, 2), "task: multiclass", "the label 'y' holds fractions"),
        ([f"k{n}" for n in range(1001)], "", "the label 'y' has 1,001 classes, more than 1,000"),
        (range(1001), "task: multiclass", "the label 'y' has 1,001 classes, more than 1,000"),
        ([f"${n}.50" for n in range(40)], "", "the label 'y' has 40 classes in 40 rows"),
        (cycle(*(f"k{n}" for n in range(21))), "", "the label 'y' has 21 classes in 40 rows"),
    ],
)
def test_labels_that_cannot_be_what_is_asked(write, run, tmp_path, values, problem, message):
    with pytest.raises(DataError) as caught:
        run(write(labels(values)), problem=f"label: y\n{problem}")
    assert message in caught.value.headline
    assert not (tmp_path / "out").exists()


def test_a_thousand_classes_are_allowed_and_rare_ones_told(write, run):
    result = run(write(labels([f"k{n % 1000}" for n in range(2001)])))
    assert resolved(result).task == "multiclass"
    assert told(result, "label y: classes with fewer than 3 rows: k1, k10, k100, k101, k102, ...")


def test_classes_that_differ_in_case_alone_are_told(write, run):
    result = run(write(labels(cycle("Yes", "yes", "no"))))
    assert told(result, "label y: classes that differ in upper and lower case alone: Yes, yes")
    assert not told(run(write(labels(cycle("Yes", "no")))), "upper and lower")


@pytest.mark.parametrize(("label", "near"), [("Y", "y"), ("arrived", ""), ("bb", "b")])
def test_a_label_that_is_no_column_is_refused_with_the_nearest(write, run, label, near):
    with pytest.raises(DataError, match=f"column '{label}', named as label") as caught:
        run(write(labels(cycle(0, 1))), label=label)
    assert near in caught.value.cause
    assert caught.value.choices == ("a", "b", "y")


def test_a_label_given_apart_replaces_the_problems(write, run):
    result = run(write(labels(cycle(0, 1))), problem="{label: nothing, positive: u}", label="b")
    assert resolved(result).label == "b"
    assert resolved(result).task == "multiclass"


def test_without_any_label_nothing_is_read(run, tmp_path):
    with pytest.raises(ConfigError, match="the problem names no label"):
        run(tmp_path / "missing.csv", problem="name: model")


@pytest.mark.parametrize("rows", range(1, 10))
def test_fewer_than_ten_rows_are_refused(write, run, rows):
    with pytest.raises(DataError, match=r"rows are too few|one value only"):
        run(write(labels(cycle(0, 1, rows=rows))))


@pytest.mark.parametrize("values", [cycle(0, 1, rows=10), cycle("u", "v", "w", "x", "z", rows=10)])
def test_ten_rows_are_enough(write, run, values):
    result = run(write(labels(values)))
    assert [result.dataset.rows(split) for split in ("train", "eval", "test")] == [8, 1, 1]
    assert set(result.dataset.read("train")["y"].to_pylist()) == set(values)
