"""Evaluation of models that were trained for real, on artifacts made by the components."""

import json
import shutil

import numpy as np
import pytest

from evaluate import made_run
from plimsoll.errors import ArtifactError
from plimsoll.evaluate import core, model
from plimsoll.formats.feature_plan import Feature, FeaturePlan, Key, View, open_plan, write_plan
from plimsoll.formats.package import open_package
from plimsoll.models import network
from plimsoll.models.predictions import as_answers
from plimsoll.models.transform import read_transform
from plimsoll.problem import Threshold
from plimsoll.storage.files import digest_tree
from plimsoll.transform.apply.apply import apply, columns_from_rows

TASKS = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module", params=TASKS)
def made(request, tmp_path_factory):
    """A trained model of a task, evaluated: its folder, its task, what was found."""
    folder = tmp_path_factory.mktemp(request.param)
    inputs = made_run.make(folder, request.param, slices=["place"])
    return folder, request.param, core.evaluate(inputs, folder / "package", folder / "page.html")


def test_a_model_that_learnt_is_blessed_without_thresholds_of_its_own(made):
    _, task, found = made
    assert found.blessed
    assert found.reason == ""
    assert any("no thresholds given" in note for note in found.about["notes"])
    metric, least = {
        "binary": ("auc", 0.9),
        "multiclass": ("accuracy", 0.75),
        "regression": ("r2", 0.7),
    }[task]
    for split in ("train", "eval", "test"):
        assert found.metrics[f"{split}/{metric}"] > least
    assert {name.partition("/")[0] for name in found.baseline} == {"eval", "test"}
    assert all(np.isfinite(value) for value in (found.metrics | found.baseline).values())


def test_the_package_answers_what_it_recorded_and_asks_only_for_features(made):
    folder, _, found = made
    package = open_package(folder / "package")
    instances, recorded = package.warmup()
    transform = read_transform(package.transform)
    module = network.load_network(package.model)

    features = apply(transform, columns_from_rows(transform, instances))
    answers = as_answers(
        package.task,
        package.classes,
        package.positive,
        network.predict(module, module.config, features),
    )

    assert json.loads(json.dumps(answers)) == recorded
    assert package.version == found.about["version"]
    assert {name for row in instances for name in row} == {"size", "place", "at"}
    assert len(instances) == 18
    assert any(all(value is None for value in row.values()) for row in instances)
    known = {"north", "south", "west", None}
    assert any(row["place"] not in known for row in instances)
    assert [item["type"] for item in package.inputs] == ["float", "string", "timestamp"]


def test_the_same_inputs_give_the_same_version_wherever_they_lie(made, tmp_path):
    folder, _, found = made
    shutil.copytree(folder, tmp_path / "moved")
    moved = made_run.at(tmp_path / "moved")

    again = core.evaluate(moved, tmp_path / "again", tmp_path / "again.html")

    assert again == found
    assert digest_tree(tmp_path / "again") == digest_tree(folder / "package")
    text = "".join(path.read_text() for path in (tmp_path / "again").rglob("*.json"))
    assert str(tmp_path) not in text


def test_slices_are_parts_of_the_test_split(made):
    folder, _, _ = made
    metrics = open_package(folder / "package").metrics()
    test = core.open_dataset(folder / "dataset").read("test", ["place"])["place"].to_pylist()
    rows = {item["value"]: item["rows"] for item in metrics["slices"]}
    assert rows["north"] == test.count("north")
    assert list(rows.values()) == sorted(rows.values(), reverse=True)


def test_the_page_shows_verdicts_metrics_and_slices(made):
    folder, task, _ = made
    page = (folder / "page.html").read_text()
    for words in ("Thresholds", "gradient boosting", "Slices", "south", "passed"):
        assert words in page
    assert ("Confusion" in page) == (task != "regression")
    assert "<script" not in page


def test_a_threshold_that_does_not_hold_is_a_result_that_says_so(tmp_path):
    inputs = made_run.make(
        tmp_path, thresholds={"auc": Threshold(min=0.999), "log_loss": Threshold(max=5)}
    )
    found = core.evaluate(inputs, tmp_path / "package", tmp_path / "page.html")

    assert not found.blessed
    assert found.reason.startswith("test auc 0.9")
    assert found.reason.endswith("allowed >= 0.9990")
    assert "log_loss" not in found.reason
    assert open_package(tmp_path / "package").version == found.about["version"]
    assert "FAILED" in (tmp_path / "package" / "model_card.md").read_text()


def test_noise_is_not_worse_than_a_constant_guess(tmp_path):
    inputs = made_run.make(tmp_path, learnable=False)
    found = core.evaluate(inputs, tmp_path / "package", tmp_path / "page.html")
    assert found.metrics["test/auc"] < 0.65
    assert found.blessed


def swap_examples(inputs, other):
    return {"examples": other.examples}


def swap_dataset(inputs, other):
    return {"dataset": other.dataset}


def swap_model(inputs, other):
    return {"model": other.model}


def swap_statistics(inputs, other):
    return {"statistics": other.statistics}


def damage_statistics(inputs, other):
    (inputs.statistics / "anomalies.json").write_text("{}")
    return {}


def cut_baseline(inputs, other):
    np.save(inputs.model / "baseline" / "test.npy", np.zeros((3, 2)))
    return {}


def drop_baseline(inputs, other):
    (inputs.model / "baseline" / "test.npy").unlink()
    return {}


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (swap_examples, "not made from this dataset"),
        (swap_dataset, "not made from this dataset"),
        (swap_statistics, "statistics were not made from this dataset"),
        (damage_statistics, "anomalies.json"),
        (swap_model, "not trained on examples like these"),
        (cut_baseline, "does not hold one answer a row"),
        (drop_baseline, "cannot be read"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_artifacts_that_do_not_belong_together_are_refused(tmp_path, harm, said):
    inputs = made_run.make(tmp_path / "this")
    other = made_run.make(tmp_path / "other", "multiclass")
    mixed = model.EvaluateInputs(**{**vars(inputs), **harm(inputs, other)})
    with pytest.raises(ArtifactError, match=said):
        core.evaluate(mixed, tmp_path / "package", tmp_path / "page.html")
    assert not (tmp_path / "package").exists()


def test_the_feature_plan_travels_into_the_package(tmp_path):
    key = Key(column="id", join_key="thing", type="INT64")
    views = (
        View(
            name="sizes",
            keys=(key,),
            features=(Feature(name="size", column="size", type="DOUBLE"),),
            ttl_us=3_600_000_000,
        ),
        View(
            name="places", keys=(key,), features=(Feature(name="p", column="place", type="STRING"),)
        ),
    )
    plan = FeaturePlan(
        project="things",
        service="made_v1",
        registry_sha256="ab" * 32,
        key_version=3,
        time="at",
        views=views,
    )
    write_plan(tmp_path / "plan", plan, {})
    inputs = made_run.make(tmp_path / "run", plan=tmp_path / "plan")
    core.evaluate(inputs, tmp_path / "package", tmp_path / "page.html")
    package = open_package(tmp_path / "package")

    assert open_plan(package.features) == plan
    assert {item["name"]: item for item in package.inputs} == {
        "size": {"name": "size", "type": "float", "lookup": True},
        "place": {"name": "place", "type": "string", "lookup": True},
        "at": {"name": "at", "type": "timestamp"},
        "id": {"name": "id", "type": "int"},
    }
    instances, _ = package.warmup()
    assert {frozenset(row) for row in instances} == {frozenset({"size", "place", "at", "id"})}
    assert package.lineage()["features"] == {
        "project": "things",
        "service": "made_v1",
        "registry_sha256": "ab" * 32,
    }
    card = (tmp_path / "package" / "model_card.md").read_text()
    for said in ("`made_v1`", "`sizes` by `id`", "1:00:00 (TTL)", "`places` by `id`", "for ever"):
        assert said in card
