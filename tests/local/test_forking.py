"""What a name after --set means, and what comes of the arguments."""

import pytest
import yaml

from plimsoll.errors import ConfigError, UsageError
from plimsoll.local import comparison as compared
from plimsoll.local import fork as forking
from plimsoll.local.pipelines import library
from plimsoll.local.record import new_run
from plimsoll.train.config import TrainConfig

PROBLEM = "label: late\ntime: time_hour\nsplit: {by: time}\ncolumns: {dest: categorical}\n"


def record(tmp_path, **arguments):
    pipeline = library.find("training")
    complete = {name: item.default for name, item in pipeline.inputs().items()}
    complete |= {"data": "flights.csv", "problem": PROBLEM, **arguments}
    return new_run("training", complete, tmp_path).to_dict()


def forked(tmp_path, *settings, **arguments):
    return forking.forked(record(tmp_path, **arguments), settings, tmp_path)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("learning_rate", ("train_config", "learning_rate")),
        ("lr", ("train_config", "learning_rate")),
        ("batch", ("train_config", "batch_size")),
        ("batch-size", ("train_config", "batch_size")),
        ("clip", ("train_config", "clip")),
        ("train_config.lr", ("train_config", "learning_rate")),
        ("transform_config.clip", ("transform_config", "clip")),
        ("problem.columns.dest", ("problem", "columns", "dest")),
        ("data", ("data",)),
        ("train_config.data", ("train_config", "data")),
        ("gate", ("gate",)),
        ("train_config", ("train_config",)),
    ],
)
def test_a_name_means_a_knob_or_an_input_or_a_field_within_one(name, path):
    assert forking.meant(name, library.find("training")) == path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("learning_rat", "did you mean 'learning_rate'?"),
        ("train_config.learning_rat", "did you mean 'learning_rate'?"),
        ("gat", "did you mean 'gate'?"),
        ("transform.clip", "did you mean 'transform_config'?"),
        ("qwerty", "--set transform_config.FIELD=VALUE"),
        ("transform_config.", "has nothing that is named"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_what_is_near(name, said):
    with pytest.raises(UsageError) as caught:
        forking.meant(name, library.find("training"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.003", 0.003),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("3.", 3.0),
        ("7", 7),
        ("true", True),
        ("null", None),
        ("[256, 128]", [256, 128]),
        ('{"a": 1}', {"a": 1}),
        ("tabm", "tabm"),
        ('"7"', "7"),
        ("NaN", "NaN"),
        ("1_000.5", "1_000.5"),
        ("[1, ", "[1, "),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_json_or_text(text, value):
    found = forking.value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_what_is_not_set_stays_as_it_is(tmp_path):
    before = record(tmp_path, transform_config={"clip": 6}, train_config={"epochs": 3})

    fork = forking.forked(before, ["lr=0.003", "model=tabm"], tmp_path)

    same = {name: value for name, value in fork.arguments.items() if name != "train_config"}
    expected = {**before["arguments"], "push_to": f"{tmp_path}/models"}
    expected |= {"store": f"{tmp_path}/datasets"}
    assert same == {name: value for name, value in expected.items() if name != "train_config"}
    assert fork.arguments["train_config"] == {
        "epochs": 3,
        "learning_rate": 0.003,
        "model": "tabm",
    }
    assert fork.changed == {"train_config.learning_rate": 0.003, "train_config.model": "tabm"}


def test_fields_within_the_problem_are_set(tmp_path):
    fork = forked(tmp_path, "problem.columns.carrier=hash", "problem.seed=null")

    settled = yaml.safe_load(fork.arguments["problem"])
    assert settled == {
        **yaml.safe_load(PROBLEM),
        "columns": {"dest": "categorical", "carrier": "hash"},
    }


def test_null_takes_a_field_back_to_its_default(tmp_path):
    fork = forked(tmp_path, "lr=null", train_config={"learning_rate": 0.1, "epochs": 3})

    assert fork.arguments["train_config"] == {"epochs": 3}


def test_a_record_from_when_configs_were_texts_is_forked(tmp_path):
    text = '{ "epochs" :  3}'
    fork = forked(
        tmp_path, "lr=0.1", train_config=text, transform_config=text.replace("epochs", "clip")
    )

    assert fork.arguments["train_config"] == {"epochs": 3, "learning_rate": 0.1}
    assert fork.arguments["transform_config"] == {"clip": 3}


def test_a_whole_input_may_be_set_and_a_field_of_it_after_that(tmp_path):
    fork = forked(tmp_path, 'train_config={"epochs": 5}', "lr=0.1", train_config={"seed": 1})

    assert fork.arguments["train_config"] == {"epochs": 5, "learning_rate": 0.1}


def test_an_input_is_read_as_on_the_command_line_of_run(tmp_path):
    (tmp_path / "gate.json").write_text('{"min_rows": 5}')

    fork = forked(tmp_path, f"gate_config={tmp_path}/gate.json", "force=true", "data=other.csv")

    assert fork.arguments["gate_config"] == {"min_rows": 5}
    assert fork.arguments["force"] is True
    assert fork.arguments["data"] == "other.csv"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "nothing is"),
        (["lr"], "has no value"),
        (["lr=0.1", "learning_rate=0.2"], "train_config.learning_rate is set twice"),
        (["lr=fast"], "learning_rate must be a number"),
        (["model=tabmm"], "did you mean 'tabm'?"),
        (["force=perhaps"], "not true or false"),
        (["problem.columns.dest.kind=hash"], "problem.columns.dest has no field 'kind'"),
        (["schema.feature=1"], "holds no fields that could be set"),
        (["gate=fial"], "did you mean 'fail'?"),
        (["problem.lable=y"], "did you mean 'label'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_do_not_hold_are_refused(tmp_path, settings, said):
    with pytest.raises(UsageError) as caught:
        forked(tmp_path, *settings, schema='feature { name: "x" }')
    assert said in str(caught.value)


def test_an_input_that_the_pipeline_no_longer_has_is_left_out(tmp_path):
    assert "gone" not in forked(tmp_path, "lr=0.1", gone="x").arguments


def test_a_run_whose_pipeline_was_not_kept_is_refused(tmp_path):
    before = {**record(tmp_path), "pipeline": "elsewhere"}

    with pytest.raises(UsageError, match="was not kept"):
        forking.forked(before, ["lr=0.1"], tmp_path)


def test_fields_are_found_with_the_defaults_of_knobs():
    arguments = {"train_config": '{"epochs": 3}', "problem": PROBLEM, "data": "x", "schema": "y:"}

    assert forking.field_of(arguments, "train_config.epochs") == 3
    assert forking.field_of(arguments, "train_config.learning_rate") == TrainConfig().learning_rate
    assert forking.field_of(arguments, "problem.columns.dest") == "categorical"
    assert forking.field_of(arguments, "problem.columns.dest.kind") is None
    assert forking.field_of(arguments, "data") == "x"
    assert forking.field_of(arguments, "schema.feature") is None
    assert forking.field_of(arguments, "transform_config.clip") is None


def test_numbers_are_compared_side_by_side():
    model = {"type": "system.Model", "metadata": {"eval_loss": 0.4, "notes": []}}
    first = {
        "status": "succeeded",
        "metrics": {"test": {"auc": 0.7, "f1": 0.5}},
        "steps": {"train": {"artifacts": {"model": model}}},
    }
    second = {"status": "failed", "metrics": {"test": {"auc": 0.75}}, "steps": {}}

    rows = compared.outcomes(first, second)

    assert [(row.name, row.first, row.second) for row in rows] == [
        ("status", "succeeded", "failed"),
        ("eval_loss", 0.4, None),
        ("test auc", 0.7, 0.75),
        ("test f1", 0.5, None),
    ]
    assert rows[2].change == pytest.approx(0.05)
    assert rows[0].change is None
    assert rows[1].change is None
    assert issubclass(ConfigError, UsageError)
