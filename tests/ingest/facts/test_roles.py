import json

import pytest

from ingest.data import forty, table, told
from plimsoll.errors import ConfigError, DataError
from plimsoll.ingest.core import safe_name
from plimsoll.problem import Features
from plimsoll.storage.files import files_below


def dropped(result):
    return set(result.dataset.problem.drop)


def features(result):
    return {column.name for column in result.dataset.feature_columns()}


@pytest.mark.parametrize("role", ["time", "keys", "slices", "drop", "private"])
def test_a_column_that_is_not_there_is_refused_with_the_nearest(write, run, role):
    value = "fares" if role == "time" else "[fares]"
    message = f"column 'fares', named as {role}, is not in the data"
    with pytest.raises(DataError, match=message) as caught:
        run(write(forty("fare,b,y")), problem=f"{{label: y, {role}: {value}}}")
    assert caught.value.cause == "did you mean 'fare'?"
    assert caught.value.choices == ("fare", "b", "y")


@pytest.mark.parametrize(
    ("name", "cell", "why"),
    [
        ("x", "7", "one value in all rows"),
        ("x", "", "no values"),
        ("x", "{bit}", "THE LABEL ITSELF under another name"),
        ("x", "k{n}", "text that differs in almost every row"),
        ("x", "f{n}-ac-b-cc-d", "text that differs in almost every row"),
        ("x", "Ann Lee {n}", "text that differs in almost every row"),
        ("id", "{n}", "numbers of rows"),
        ("Unnamed: 0", "{n}", "numbers of rows"),
        ("customer_id", "{n}", "numbers of rows"),
        ("PassengerId", "{n}", "numbers of rows"),
        ("row_number", "{n}", "numbers of rows"),
        ("__index_level_0__", "{n}", "numbers of rows"),
    ],
)
def test_what_no_model_can_learn_from_is_dropped_and_told(write, run, name, cell, why):
    result = run(write(forty(f"{name},b,n,y", cell + ",{letter},{half},{bit}")))
    assert dropped(result) == {name}
    assert features(result) == {"b", "n"}
    notes = [note for note in result.dataset.inferred if note.startswith(f"dropped, {why}")]
    assert [note.endswith(f": {name}") for note in notes] == [True]
    # Dropped is not lost: statistics and slices may want it.
    assert name in result.dataset.column_names()


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("humid", "{n}"),
        ("paid", "{n}"),
        ("grid", "{n}"),
        ("identity", "{n}"),
        ("rowing", "{n}"),
        ("id", "{letter}"),
        ("store_id", "{bit}{bit}{letter}"),
        ("x", "{half}"),
        ("x", "it came broken (again) on day {n}"),
    ],
)
def test_what_a_model_can_learn_from_is_kept(write, run, name, cell):
    result = run(write(forty(f"{name},b,n,y", cell + ",{letter},{half},{bit}")))
    assert name in features(result)


@pytest.mark.parametrize(
    ("name", "cell", "kept"),
    [("x", "k{n}", True), ("id", "{n}", True), ("x", "7", True), ("x", "", False)],
)
def test_a_column_that_the_problem_says_how_to_treat_is_kept(write, run, name, cell, kept):
    problem = f"{{label: y, columns: {{{name}: categorical}}}}"
    result = run(write(forty(f"{name},b,y", cell + ",{letter},{bit}")), problem=problem)
    assert (name in features(result)) == kept


def test_a_label_in_other_words_is_told_and_kept(write, run):
    rows = [f"{n / 3:.2f},{['no', 'yes'][n % 2]},{n % 2}" for n in range(40)]
    result = run(write(table("n,late,y", rows)))
    assert told(result, "SUSPICIOUS, tells the label exactly: late")
    assert "late" in features(result)


@pytest.mark.parametrize("label", ["{half}", "{n}"])
def test_a_copy_of_a_numeric_label_is_dropped(write, run, label):
    result = run(
        write(
            forty(
                "copy,b,y", "{half}0,{letter},{half}" if "half" in label else "{n}.0,{letter},{n}"
            )
        )
    )
    assert dropped(result) == {"copy"}


def test_nothing_left_to_predict_from_is_refused(write, run):
    with pytest.raises(DataError, match="no column is left") as caught:
        run(write(forty("id,c,y", "{n},same,{bit}")))
    assert "dropped, numbers of rows: id" in caught.value.cause
    assert "dropped, one value in all rows: c" in caught.value.cause


def test_a_label_alone_is_refused(write, run):
    with pytest.raises(DataError, match="no column is left") as caught:
        run(write(forty("y", "{bit}")))
    assert caught.value.cause == "the label 'y' is the only column"


def test_the_problems_own_drops_stay_in_the_dataset(write, run):
    result = run(write(forty()), problem="{label: y, drop: [b]}")
    assert features(result) == {"a"}
    assert result.dataset.column_names() == ("a", "b", "y")


@pytest.mark.parametrize(
    "problem",
    [
        "{label: y, private: [secret]}",
        "{label: y, private: [secret], keys: [secret]}",
        "{label: y, private: [secret], keys: [secret], time: day}",
        "{label: y, private: [secret, day], time: day}",
    ],
)
def test_private_columns_are_nowhere_in_the_dataset(write, run, problem):
    rows = [
        f"XYZZY{n // 2},2013-02-{n % 20 + 1:02},{'uvw'[n % 3]},{n % 7},{n % 2}" for n in range(400)
    ]
    result = run(write(table("secret,day,b,a,y", rows)), problem=problem)
    names = result.dataset.column_names()
    assert "secret" not in names
    assert ("day" in names) == ("day" not in result.dataset.problem.private)
    for path in files_below(result.dataset.folder):
        assert b"XYZZY" not in path.read_bytes()
    if "day" not in names:
        assert "2013" not in json.dumps(result.metadata()["notes"])
        assert b"2013-02" not in (result.dataset.folder / "manifest.json").read_bytes()


LATER = """
label: y
private: [p]
time: p
split: {eval_from: 2020-01-01, test_from: 2021-01-01}
"""


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("XYZZY{n}", "{label: y, private: [p], time: p}"),
        ("{n}.5", "{label: y, private: [p], keys: [p]}"),
        (
            "{n}",
            LATER,
        ),
        ("201{n}-01-01", "{label: y, private: [p], time: p}"),
    ],
)
def test_errors_do_not_tell_private_values(write, run, cell, problem):
    with pytest.raises(DataError) as caught:
        run(write(forty("p,b,y", cell + ",{letter},{bit}")), problem=problem)
    assert "XYZZY" not in str(caught.value)
    assert "39" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Flights late?", "flights-late"),
        ("Größe_ΔT", "groe-t"),
        ("2013", "model-2013"),
        ("---", "model"),
        ("A" * 50 + "-b", "a" * 40),
        ("a" * 39 + "-bbb", "a" * 39),
    ],
)
def test_names_are_safe_for_kubernetes(text, name):
    assert safe_name(text) == name


def test_the_name_is_the_problems_or_the_files_and_the_labels(write, run):
    assert run(write(forty(), "My Data.csv")).dataset.problem.name == "my-data-y"
    assert run(write(forty(), "x/1.csv").parent).dataset.problem.name == "y"
    named = run(write(forty()), problem="{label: y, name: Air Fares}")
    assert named.dataset.problem.name == "air-fares"


def test_the_resolved_problem_resolves_to_itself(write, run):
    path = write(forty("id,b,n,y", "{n},{letter},{half},{bit}"))
    first = run(path).dataset
    again = run(path, problem=first.problem.to_json()).dataset
    assert again.problem == first.problem
    assert again.id == first.id


def test_a_problem_that_is_not_yaml_is_refused(write, run):
    with pytest.raises(ConfigError, match="problem is not YAML"):
        run(write(forty()), problem="{label: y")


def test_what_is_dropped_or_sliced_by_may_be_a_feature_that_comes_later(write, run):
    problem = """
    {label: y, time: at, drop: [later], slices: [later_too], features: {repo: r, service: s}}
    """
    path = write(forty("at,b,y", "2024-01-01T00:{n:02d}:00,{letter},{bit}"))

    made = run(path, problem=problem).dataset

    assert made.problem.drop == ("later",)
    assert made.problem.features == Features(repo="r", service="s")
    with pytest.raises(DataError, match="'later', named as drop, is not in the data"):
        run(path, problem="{label: y, time: at, drop: [later]}")


def test_keys_alone_are_enough_where_features_come_later(write, run):
    problem = "{label: y, time: at, drop: [b, at], features: {repo: r, service: s}}"
    path = write(forty("at,b,y", "2024-01-01T00:{n:02d}:00,{letter},{bit}"))

    assert run(path, problem=problem).dataset.feature_columns() == ()
