"""Training on small examples, for real."""

import json
from pathlib import Path

import numpy as np
import pytest

from plimsoll.errors import ConfigError, DataError
from plimsoll.models.network import load_network, predict
from plimsoll.storage.files import digest_tree
from plimsoll.train import config as configs
from plimsoll.train import core
from plimsoll.train.candidates.blending import loss_of
from train import made_examples

QUICK = configs.parse('{"model": "mlp", "epochs": 12}')


def outputs(folder, name="model"):
    return core.Outputs(
        model=folder / name, report=folder / f"{name}.html", logs=folder / f"{name}-logs"
    )


def train(tmp_path, task="binary", config=QUICK, name="model", **made):
    examples = made_examples.write(tmp_path / "examples", task, **made)
    about = core.train_examples(tmp_path / "examples", outputs(tmp_path, name), config)
    return examples, tmp_path / name, about


class Rows:
    def __init__(self, examples, split):
        self.numeric, self.categorical = examples.numeric(split), examples.categorical(split)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_are_learnt(tmp_path, task):
    examples, model, about = train(tmp_path, task)
    module = load_network(model)

    answers = predict(module, module.config, Rows(examples, "test"))

    label = np.array(examples.label("test"))
    assert answers.sum(axis=1) == pytest.approx(1)
    assert (answers.argmax(axis=1) == label).mean() > 0.75
    baseline = np.load(model / "baseline" / "test.npy")
    assert baseline.shape == answers.shape
    assert (baseline.argmax(axis=1) == label).mean() > 0.75
    assert any("boosting" in note for note in about["notes"])


def test_values_are_learnt_in_their_own_unit(tmp_path):
    examples, model, _ = train(
        tmp_path, "regression", configs.parse('{"model": "mlp", "epochs": 40}')
    )
    module = load_network(model)

    answers = predict(module, module.config, Rows(examples, "test"))

    label = np.array(examples.label("test"), np.float64)
    assert 1 - ((answers - label) ** 2).sum() / ((label - label.mean()) ** 2).sum() > 0.7
    assert np.load(model / "baseline" / "test.npy").shape == label.shape


def test_the_same_examples_give_the_same_bytes(tmp_path):
    _, first, _ = train(tmp_path, name="first")
    _, second, _ = train(tmp_path, name="second")
    other = configs.parse('{"model": "mlp", "epochs": 12, "seed": 1}')
    _, third, _ = train(tmp_path, name="third", config=other)

    assert digest_tree(first) == digest_tree(second)
    assert digest_tree(first) != digest_tree(third)


@pytest.mark.parametrize("rows", [8, 20])
def test_a_handful_of_rows_is_enough_to_run(tmp_path, rows):
    _, model, _ = train(tmp_path, rows=rows)
    assert load_network(model).config.outputs == 2


@pytest.mark.parametrize("warm_up", [0.0, 0.5])
def test_the_weights_kept_are_those_that_were_best_on_eval_past_the_warm_up(tmp_path, warm_up):
    text = json.dumps({"model": "mlp", "epochs": 30, "patience": 3, "warm_up": warm_up})
    examples, model, _ = train(tmp_path, config=configs.parse(text))
    history = json.loads((model / "history.json").read_text())

    losses = [epoch["eval_loss"] for epoch in history["epochs"]]
    rising = int(30 * warm_up)
    settled = losses[max(0, rising - 1) :]
    best = losses.index(min(settled)) + 1
    assert history["best_epoch"] == best >= rising
    assert len(losses) == 30 or len(losses) - best == 3
    module = load_network(model)
    answers = predict(module, module.config, Rows(examples, "eval"))
    kept = loss_of("binary", examples.label("eval"), answers)
    assert kept == pytest.approx(min(settled), rel=1e-5)


def test_one_class_cannot_be_learnt(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    label = tmp_path / "examples" / "train" / "label.npy"
    np.save(label, np.zeros(examples.rows["train"], np.int64))
    manifest = tmp_path / "examples" / "manifest.json"
    from plimsoll.storage.files import digest_file, read_json, write_json

    content = read_json(manifest)
    content["files"]["train/label.npy"] = digest_file(label)
    write_json(manifest, content)

    with pytest.raises(DataError, match="one class"):
        core.train_examples(tmp_path / "examples", outputs(tmp_path), QUICK)
    assert not (tmp_path / "model").exists()


def test_a_diverging_loss_is_said_with_what_to_try(tmp_path):
    with pytest.raises(ConfigError, match="training diverged"):
        train(
            tmp_path,
            "regression",
            configs.parse('{"model": "mlp", "epochs": 3, "learning_rate": 1e30}'),
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"epoch": 3}', "did you mean 'epochs'"),
        ('{"epochs": -1}', "whole number"),
        ('{"epochs": true}', "whole number"),
        ('{"learning_rate": 0}', "above 0"),
        ('{"dropout": 1}', "below 1"),
        ('{"hidden": 128}', "list of widths"),
        ('{"hidden": [0]}', r"hidden\[0\] must be a whole number from 1"),
    ],
)
def test_a_config_that_does_not_hold_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        configs.parse(text)


def test_the_page_shows_the_losses(tmp_path):
    train(tmp_path)
    page = Path(tmp_path / "model.html").read_text()
    assert "<svg" in page
    assert "gradient boosting" in page
