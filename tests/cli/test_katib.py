"""``plimsoll katib``, as its user types it."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from plimsoll.cli.entry import main

SPACE = "{model: [mlp, tabm], learning_rate: {low: 1e-4, high: 1e-2, log: true}}\n"
CONTRACT = Path(__file__).parents[3] / "shared/contracts/kubeflow_trainjobs.crd.yaml"


def rendered(tmp_path, capsys, *more):
    (tmp_path / "space.yaml").write_text(SPACE)
    given = ["--space", str(tmp_path / "space.yaml"), "--examples", "pvc://data/examples"]
    code = main(["katib", *given, *more])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_it_prints_an_experiment(tmp_path, capsys):
    code, out, _ = rendered(
        tmp_path,
        capsys,
        *("--config", '{"trials": 9}', "--train-config", '{"epochs": 12}'),
        *("--image", "registry.example/plimsoll/train:1", "--name", "shop"),
    )

    found = yaml.safe_load(out)
    assert code == 0
    assert found["kind"] == "Experiment"
    assert found["metadata"]["name"] == "shop"
    assert found["spec"]["maxTrialCount"] == 9
    pod = found["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example/plimsoll/train:1"
    assert "&id" not in out


@pytest.mark.skipif(not CONTRACT.is_file(), reason="the CRD is not beside this checkout")
@pytest.mark.parametrize("storage", ["pvc://data", "gs://lake/runs"])
def test_a_trainjob_is_one_of_the_trainers_crd(tmp_path, capsys, storage):
    launcher = {"storage": storage, "resources": {"cpu": 2}, "service_account": "trainer"}
    examples = "/mnt/plimsoll/examples" if storage.startswith("pvc") else "/gcs/lake/examples"
    _, out, _ = rendered(
        tmp_path,
        capsys,
        *("--kind", "trainjob", "--launcher-config", json.dumps(launcher)),
        *("--examples", examples),
    )
    trial = yaml.safe_load(out)["spec"]["trialTemplate"]["trialSpec"]

    crd = yaml.safe_load(CONTRACT.read_text("utf-8"))
    (version,) = [item for item in crd["spec"]["versions"] if item["name"] == "v1alpha1"]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    jsonschema.validate({**trial, "metadata": {"name": "trial"}}, schema)


def _closed(schema):
    """Returns a schema in which unknown fields are errors, as the API server prunes them."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    kept = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not kept:
        closed.setdefault("additionalProperties", False)
    return closed


def test_files_may_stand_for_json_and_the_answer_may_go_into_one(tmp_path, capsys):
    (tmp_path / "tune.json").write_text('{"trials": 4}')
    target = tmp_path / "experiment.yaml"
    code, out, _ = rendered(
        tmp_path, capsys, "--config", str(tmp_path / "tune.json"), "--to", str(target)
    )
    assert (code, out) == (0, "")
    assert yaml.safe_load(target.read_text())["spec"]["maxTrialCount"] == 4


def test_the_best_config_is_printed(tmp_path, capsys):
    _, out, _ = rendered(tmp_path, capsys, "--train-config", '{"epochs": 12}')
    found = yaml.safe_load(out)
    best = [{"name": "model", "value": "tabm"}, {"name": "learning_rate", "value": "0.002"}]
    found["status"] = {"currentOptimalTrial": {"parameterAssignments": best}}
    (tmp_path / "found.json").write_text(json.dumps(found))

    assert main(["katib", "--best", str(tmp_path / "found.json")]) == 0

    config = json.loads(capsys.readouterr().out)
    assert (config["model"], config["learning_rate"], config["epochs"]) == ("tabm", 0.002, 12)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--examples", ""), "where the examples are"),
        (("--kind", "pod"), "choices: job, trainjob"),
        (("--config", "nowhere.json"), "cannot be read"),
        (("--train-config", '{"epoch": 1}'), "did you mean 'epochs'"),
        (("--best", "nowhere.json"), "cannot be read"),
    ],
)
def test_what_does_not_hold_is_refused(tmp_path, capsys, more, said):
    code, out, err = rendered(tmp_path, capsys, *more)
    assert code == 2
    assert out == ""
    assert said in err
