"""What a trial and a search are asked for, before anything is trained."""

import json

import pytest

from plimsoll.errors import ConfigError
from plimsoll.train.telemetry.events import Ended, EpochFinished, Started
from plimsoll.tune import config as configs
from plimsoll.tune import model, trial


def asked(space="", *, base="{}", module="", storage=""):
    return model.TuneRequest.read(space, "", base, module, storage)


def test_a_module_is_asked_for_before_any_trial():
    with pytest.raises(ConfigError, match="no module is given"):
        asked("{model: [mlp, module]}")
    assert asked("{model: [mlp, module]}", module="def build(inputs): ...")


def test_storage_must_be_a_folder_and_its_secrets_are_not_told():
    with pytest.raises(ConfigError, match="must be a folder") as raised:
        asked(storage="gs://user:secret@bucket/x")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"trails": 3}', "did you mean 'trials'"),
        ('{"trials": 0}', "would never end"),
        ('{"trials": -1}', "whole number"),
        ('{"seconds": -1}', "from 0 upwards"),
        ('{"seconds": true}', "from 0 upwards"),
        ('{"sampler": "tpf"}', "did you mean 'tpe'"),
        ('{"pruner": "mean"}', "choices: median"),
        ('{"random_trials": 0}', "whole number"),
    ],
)
def test_a_config_that_does_not_hold_is_refused(text, said):
    with pytest.raises(ConfigError) as raised:
        configs.parse(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("model=mlpp", "did you mean 'mlp'"),
        ("model", "name=value"),
        ("seed=3", "luck"),
        ("hidden=[8", "cannot be '[8'"),
        ("dropout=2", "below 1"),
    ],
)
def test_the_entry_point_says_what_does_not_hold(capsys, flag, said):
    assert trial.main(["--examples", "nowhere", "--set", flag]) == 2
    assert said in capsys.readouterr().err


def test_the_entry_point_says_that_the_examples_are_not_there(tmp_path, capsys):
    assert trial.main(["--examples", str(tmp_path)]) == 1
    assert "manifest.json is missing" in capsys.readouterr().err


def events(epochs, ran):
    yield Started(
        model="mlp",
        task="regression",
        rows=9,
        batch_size=3,
        steps_an_epoch=3,
        epochs=epochs,
        weights=7,
        place="1 thread",
        processes=1,
    )
    for number in range(1, ran + 1):
        yield EpochFinished(number=number, train_loss=1.0, eval_loss=1 / number, learning_rate=0.1)
    yield Ended(best_epoch=ran, eval_loss=1.0, reason="all epochs")


@pytest.mark.parametrize("epochs", [1, 7, 20, 133])
def test_marks_are_comparable_whatever_the_epochs(epochs):
    told = {}
    marks = trial.ProgressReporter(report=told.__setitem__, unit=10.0, regression=True)
    for event in events(epochs, epochs):
        marks.on_event(event)

    assert list(told) == list(range(1, configs.REPORTS + 1))
    # The root of the loss, in the label's own unit, at the epoch that reached the mark.
    assert told[configs.REPORTS] == pytest.approx(10 / epochs**0.5)
    assert list(told.values()) == sorted(told.values(), reverse=True)


def test_marks_end_where_a_training_stops_early():
    told = {}
    marks = trial.ProgressReporter(report=told.__setitem__, unit=1.0, regression=False)
    for event in events(40, 19):
        marks.on_event(event)
    assert list(told) == list(range(1, 10))
    assert json.dumps(told)
