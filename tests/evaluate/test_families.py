"""Models of other families, from training to the answers of a loaded package."""

import json

import pytest

from evaluate import made_run
from plimsoll.evaluate import core
from plimsoll.formats.package import open_package
from plimsoll.serving.model.predictor import Predictor
from plimsoll.train import config as training
from plimsoll.train.candidates.candidates import TrainRequest
from plimsoll.train.core import DEFAULT_REQUEST

OWN = """
import torch
from torch import nn


class Own(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.numbers = nn.Linear(inputs.numeric, inputs.outputs)
        self.table = nn.EmbeddingBag(sum(inputs.categories), inputs.outputs)

    def forward(self, numeric, categorical):
        return self.numbers(numeric) + self.table(categorical)


def build(inputs):
    return Own(inputs)
"""
OTHERS = {"boosting": DEFAULT_REQUEST, "tabm": DEFAULT_REQUEST, "module": TrainRequest(module=OWN)}


def config_of(family):
    knobs = {"model": family, "epochs": 4, "trees": 30, "hidden": [16], "members": 3}
    return training.parse(json.dumps({**knobs, "learning_rate": 0.02, "threads": 1}))


@pytest.mark.parametrize("family", OTHERS)
def test_a_package_answers_what_was_evaluated(family, tmp_path):
    inputs = made_run.make(tmp_path, config=config_of(family), asked=OTHERS[family])
    found = core.evaluate(inputs, tmp_path / "package", tmp_path / "page.html")

    package = open_package(tmp_path / "package")
    instances, answers = package.warmup()
    predictor = Predictor(package)
    assert predictor.predict_rows(instances) == answers
    for row, answer in zip(instances, answers, strict=True):
        (alone,) = predictor.predict_rows([row])
        assert alone["probability"] == pytest.approx(answer["probability"], abs=1e-6)
    assert found.metrics["test/auc"] > 0.7
    assert f"({family}); gradient boosting" in found.about["notes"][0]
    assert package.lineage()["model"]["family"] == family
    if family == "boosting":
        assert found.metrics["test/auc"] == found.baseline["test/auc"]

    card = (tmp_path / "package" / "model_card.md").read_text()
    digest = package.files.get("model/module.py", "")
    assert ("holds code" in card) == ("HOLDS CODE" in str(found.about["notes"])) == bool(digest)
    assert digest in card
    assert package.lineage()["model"]["code"] == (
        {"model/module.py": digest} if family == "module" else {}
    )


def test_a_model_of_examples_of_other_widths_is_refused(tmp_path):
    inputs = made_run.make(tmp_path, config=config_of("boosting"))
    path = tmp_path / "model" / "boosting.json"
    content = json.loads(path.read_text())
    place = content["categories"][0]
    content["categories"][0] = place + 1
    path.write_text(json.dumps(content))
    with pytest.raises(core.ArtifactError, match="not trained on examples like these"):
        core.evaluate(inputs, tmp_path / "package", tmp_path / "page.html")
