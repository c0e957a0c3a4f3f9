import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import problem as problems
from plimsoll.errors import ConfigError
from plimsoll.problem import Features, Problem, Split, Threshold, from_dict, parse, read

FULL = """
label: late
name: flights
task: binary
positive: yes
time: time_hour
keys: tailnum
split: {by: time, eval_from: 2013-10-01, test_from: 2013-11-16T06:00:00+02:00}
drop: [dep_time, air_time]
private: [passenger]
slices: [carrier, 2013]
thresholds: {auc: {min: 0.7}, log_loss: {max: 0.6}}
"""


def test_a_full_problem_is_read():
    assert parse(FULL) == Problem(
        label="late",
        name="flights",
        task="binary",
        positive="true",
        time="time_hour",
        keys=("tailnum",),
        split=Split(by="time", eval_from="2013-10-01T00:00:00", test_from="2013-11-16T04:00:00"),
        drop=("dep_time", "air_time"),
        private=("passenger",),
        slices=("carrier", "2013"),
        thresholds={"auc": Threshold(min=0.7), "log_loss": Threshold(max=0.6)},
    )


def test_a_number_that_yaml_takes_for_text_is_a_number():
    problem = parse("{label: y, thresholds: {brier: {max: 1e-3}}}")
    assert problem.thresholds == {"brier": Threshold(max=0.001)}


def test_a_label_is_enough():
    assert parse("label: y") == Problem(label="y") == parse('{"label": "y"}')
    assert Problem(label="y").to_json() == '{"label":"y","split":{"fractions":[0.8,0.1,0.1]}}'


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "name: model", "label: x"])
def test_a_label_given_apart_wins(text):
    assert parse(text, label="y").label == "y"


def test_the_columns_that_are_no_features():
    assert parse(FULL).not_features == {"dep_time", "air_time", "passenger", "tailnum"}


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
COLUMNS = st.lists(NAMES.map("c{}".format), unique=True, max_size=3).map(tuple)
SPLITS = st.one_of(
    st.builds(Split, by=st.sampled_from(["", "time", "hash"])),
    st.builds(Split, fractions=st.sampled_from([(0.5, 0.25, 0.25), (1 / 3, 1 / 3, 1 / 3)])),
    st.datetimes().map(
        lambda moment: Split(
            by="time", eval_from=moment.isoformat(), test_from="9999-12-31T23:59:59.999999"
        )
    ),
)
PROBLEMS = st.builds(
    Problem,
    label=NAMES.map("y{}".format),
    name=st.just("") | NAMES,
    task=st.sampled_from(["", "binary", "multiclass"]),
    positive=st.just("") | NAMES,
    time=st.just("") | NAMES.map("t{}".format),
    keys=COLUMNS,
    split=SPLITS,
    drop=COLUMNS,
    slices=COLUMNS,
    thresholds=st.dictionaries(
        st.sampled_from(problems.CLASS_METRICS), st.floats(0, 1).map(lambda x: Threshold(min=x))
    ),
)


@given(PROBLEMS)
def test_a_problem_travels_as_json_unchanged(problem):
    assert parse(problem.to_json()) == problem
    assert from_dict(json.loads(json.dumps(problem.to_dict()))) == problem


@pytest.mark.parametrize(
    ("text", "message", "cause"),
    [
        ("", "names no label", ""),
        ("label:", "names no label", ""),
        ("- a", "must be a mapping of fields", ""),
        ("{label: y", "is not YAML", ""),
        ("{label: y, split: {eval_from: 2013-02-30}}", "is not YAML", "day is out of range"),
        ("lable: y", "there is no field 'lable'", "did you mean 'label'?"),
        ("{label: y, task: binery}", "task is 'binery'", "did you mean 'binary'?"),
        ("{label: [y]}", "label must be one name", ""),
        ("{label: y, keys: {a: b}}", "keys must be a list of columns", ""),
        ("{label: y, drop: [a, a]}", "drop names 'a' twice", ""),
        ("{label: y, drop: [y]}", "the label 'y' cannot be among drop", ""),
        ("{label: y, keys: [y]}", "the label 'y' cannot be among keys", ""),
        ("{label: y, private: [y]}", "the label 'y' cannot be among private", ""),
        ("{label: y, time: y}", "the label cannot be the time column too", ""),
        ("{label: y, private: [a], slices: [a]}", "'a' is private and so cannot be a slice", ""),
        ("{label: y, split: time}", "split must be a mapping", ""),
        ("{label: y, split: {by: tme}}", "split.by is 'tme'", "did you mean 'time'?"),
        ("{label: y, split: {on: time}}", "split: there is no field", ""),
        ("{label: y, split: {eval_from: 2013-01-01}}", "needs both split.eval_from and", ""),
        (
            "{label: y, split: {eval_from: 2013-02-01, test_from: 2013-01-01}}",
            "eval_from must come before",
            "eval_from 2013-02-01T00:00:00 is not before test_from 2013-01-01T00:00:00",
        ),
        (
            "{label: y, split: {eval_from: soon, test_from: 2013-01-01}}",
            "problem: split.eval_from must be a date or a time",
            "it is 'soon'",
        ),
        (
            "{label: y, split: {by: hash, eval_from: 2013-01-01, test_from: 2013-02-01}}",
            "belong to split.by: time",
            "",
        ),
        ("{label: y, split: {fractions: [0.8, 0.2]}}", "three shares above 0", ""),
        ("{label: y, split: {fractions: [0.8, 0.1, 0.2]}}", "three shares above 0", ""),
        ("{label: y, split: {fractions: [1, 0, 0]}}", "three shares above 0", ""),
        (
            "{label: y, split: {fractions: {train: 0.8, val: 0.2}}}",
            "split.fractions has no split 'val'",
            "'eval'?",
        ),
        ("{label: y, thresholds: {acu: {min: 1}}}", "no metric 'acu'", "did you mean 'auc'?"),
        (
            "{label: y, task: regression, thresholds: {auc: {min: 1}}}",
            "no metric 'auc' for regression",
            "",
        ),
        ("{label: y, thresholds: {auc: 0.7}}", "thresholds.auc must be a mapping", ""),
        ("{label: y, thresholds: {auc: {}}}", "needs min, max or both", ""),
        (
            "{label: y, thresholds: {auc: {min: high}}}",
            "thresholds.auc.min must be a number",
            "'high'",
        ),
        (
            "{label: y, thresholds: {auc: {min: .nan}}}",
            "thresholds.auc.min must be a number",
            "nan",
        ),
        (
            "{label: y, thresholds: {auc: {min: 2, max: 1}}}",
            "auc has a min above its max",
            "min 2 > max 1",
        ),
        ("{label: y, thresholds: {auc: {least: 1}}}", "there is no field 'least'", ""),
    ],
)
def test_what_does_not_hold_is_refused_with_the_field(text, message, cause):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in caught.value.headline
    assert cause in caught.value.cause


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text("label: y")
    assert read(path) == Problem(label="y")
    path.write_text("{label")
    with pytest.raises(ConfigError, match=r"problem.yaml is not YAML"):
        read(path)
    path.write_bytes(b"label: \xff")
    with pytest.raises(ConfigError, match=r"problem.yaml cannot be read"):
        read(path)
    with pytest.raises(ConfigError, match=r"other.yaml cannot be read"):
        read(tmp_path / "other.yaml")


SERVED = "label: y\ntime: t\nfeatures: {repo: feature_repo, service: late_v1}\n"


def test_a_feature_service_is_read_and_travels():
    found = parse(SERVED)

    assert found.features == Features(repo="feature_repo", service="late_v1")
    assert parse(found.to_json()) == found
    assert parse("label: y").features is None
    assert "features" not in parse("label: y").to_dict()


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ("{repo: r}", "needs both a repo and a service"),
        ("{service: s}", "needs both a repo and a service"),
        ("{repo: r, servise: s}", "there is no field 'servise'"),
        ("late_v1", "features must be a mapping"),
        ("{repo: [r], service: s}", "features.repo must be one name"),
    ],
)
def test_a_feature_service_that_does_not_hold_is_refused(features, said):
    with pytest.raises(ConfigError, match=said):
        parse(f"label: y\ntime: t\nfeatures: {features}")


def test_features_need_a_time():
    with pytest.raises(ConfigError, match="features need a time column"):
        parse("label: y\nfeatures: {repo: r, service: s}")
