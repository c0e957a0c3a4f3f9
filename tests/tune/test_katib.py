"""Katib Experiments, held against the models of Katib's own API."""

import dataclasses
import json
import shlex

import pytest
from kubeflow_katib_api import models

from plimsoll.errors import ArtifactError, ConfigError, UsageError
from plimsoll.train.config import TrainConfig
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.tune import katib, trial
from plimsoll.tune import space as spaces
from plimsoll.tune.config import TuneConfig

TEXT = """
learning_rate: {low: 1e-4, high: 1e-2, log: true}
hidden: {choices: [[256, 128], [512, 256]]}
model: {choices: [mlp, tabm, boosting]}
dropout: {low: 0, high: 0.6, step: 0.1}
bins: {low: 8, high: 32}
leaves: {low: 8, high: 64, log: true}
"""
SPACE = spaces.read(TEXT, TrainConfig(epochs=12))
LAUNCHER = LauncherConfig(
    namespace="ml",
    resources={"cpu": 4, "memory": "8Gi", "nvidia.com/gpu": 1},
    env={"LEVEL": "info"},
    secrets={"TOKEN": "keys/token"},
    service_account="trainer",
    node_selector={"pool": "fast"},
)


def form(**changed):
    asked = {"name": "search", "examples": "pvc://data/runs/examples", "launcher": LAUNCHER}
    return katib.ExperimentOptions(**{**asked, **changed})


def rendered(config=None, space=SPACE, **changed):
    return katib.experiment(space, config or TuneConfig(trials=20), form(**changed))


def parameters(found):
    return {item["name"]: item for item in found["spec"]["parameters"]}


def command(found):
    template = found["spec"]["trialTemplate"]["trialSpec"]["spec"]
    if "trainer" in template:
        return template["trainer"]["command"]
    (container,) = template["template"]["spec"]["containers"]
    return container["command"]


@pytest.mark.parametrize("kind", katib.KINDS)
@pytest.mark.parametrize(
    "examples", ["pvc://data/runs/examples", "gs://lake/examples", "/gcs/lake/examples"]
)
def test_it_is_an_experiment_of_katibs_api(kind, examples):
    launcher = LAUNCHER
    if examples.startswith("/gcs"):
        launcher = dataclasses.replace(LAUNCHER, storage="gs://lake/runs")
    found = rendered(kind=kind, examples=examples, launcher=launcher)

    # Fields that the API has not would be lost on the way.
    assert models.V1beta1Experiment.from_dict(found).to_dict() == found
    assert json.loads(json.dumps(found)) == found


def test_ranges_and_choices_are_feasible_spaces():
    found = parameters(rendered())

    assert found["learning_rate"] == {
        "name": "learning_rate",
        "parameterType": "double",
        "feasibleSpace": {"min": "0.0001", "max": "0.01", "distribution": "logUniform"},
    }
    assert found["dropout"]["feasibleSpace"]["step"] == "0.1"
    assert found["bins"]["parameterType"] == "int"
    assert found["bins"]["feasibleSpace"]["step"] == "1"
    assert found["leaves"]["feasibleSpace"] == {
        "min": "8",
        "max": "64",
        "distribution": "logUniform",
    }
    assert found["hidden"]["feasibleSpace"] == {"list": ["[256, 128]", "[512, 256]"]}
    assert found["model"]["parameterType"] == "categorical"


def test_budget_algorithm_and_early_stopping_are_those_of_the_search():
    spec = rendered(TuneConfig(trials=40, workers=5, seed=7))["spec"]

    assert (spec["maxTrialCount"], spec["parallelTrialCount"]) == (40, 5)
    assert spec["objective"]["objectiveMetricName"] == trial.METRIC
    assert spec["objective"]["type"] == "minimize"
    assert spec["algorithm"]["algorithmName"] == "multivariate-tpe"
    assert {"name": "random_state", "value": "7"} in spec["algorithm"]["algorithmSettings"]
    assert spec["earlyStopping"]["algorithmName"] == "medianstop"
    plain = rendered(TuneConfig(sampler="random", pruner="none"))["spec"]
    assert plain["algorithm"]["algorithmName"] == "random"
    assert "earlyStopping" not in plain


@pytest.mark.parametrize("kind", katib.KINDS)
def test_the_trials_command_is_one_line_that_a_shell_splits_into_the_flags(kind):
    shell, flag, line = command(rendered(kind=kind))

    assert (shell, flag) == ("sh", "-c")
    for name, value in (("hidden", "[256, 128]"), ("learning_rate", "0.003"), ("model", "mlp")):
        line = line.replace(f"${{trialParameters.{name}}}", value)
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "plimsoll.tune.trial"]
    options = trial._parser().parse_args(words[3:])
    assert options.examples == "/mnt/plimsoll/runs/examples"
    assert json.loads(options.config)["epochs"] == 12
    assert {"hidden=[256, 128]", "learning_rate=0.003", "model=mlp"} <= set(options.set)
    assert len(options.set) == len(SPACE.hyperparameters)


def test_every_parameter_of_the_template_refers_to_one_that_is_searched():
    found = rendered()
    template = found["spec"]["trialTemplate"]["trialParameters"]
    assert [item["reference"] for item in template] == list(parameters(found))


def test_a_pod_gets_what_the_launcher_config_says():
    job = rendered()["spec"]["trialTemplate"]["trialSpec"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert job["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["serviceAccountName"] == "trainer"
    assert pod["nodeSelector"] == {"pool": "fast"}
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    variables = {item["name"]: item for item in container["env"]}
    assert variables["LEVEL"]["value"] == "info"
    assert variables["TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": "token"}
    assert {volume["name"] for volume in pod["volumes"]} == {"shared-memory", "storage"}


@pytest.mark.parametrize(
    ("changed", "config", "said"),
    [
        ({"name": "My_Search"}, {}, "none that the cluster takes"),
        ({"kind": "trainjb"}, {}, "did you mean 'trainjob'"),
        ({"examples": "/data/examples"}, {}, "no trial could read"),
        ({"examples": "runs/examples"}, {}, "no trial could read"),
        ({"launcher": LauncherConfig(nodes=2)}, {}, "one node"),
        ({"launcher": LauncherConfig(storage="pvc://other")}, {}, "has another"),
        ({"module": "def build(inputs):\n  pass"}, {}, "package.module:function"),
        ({}, {"seconds": 60}, "no budget by seconds"),
        ({}, {"pruner": "hyperband"}, "by the median"),
    ],
)
def test_what_katib_cannot_do_is_refused(changed, config, said):
    with pytest.raises((ConfigError, UsageError)) as raised:
        rendered(TuneConfig(**config), **changed)
    assert said in str(raised.value)


def test_the_best_trial_is_read_as_a_config():
    found = rendered()
    assigned = {"model": "tabm", "learning_rate": "0.004", "hidden": "[512, 256]", "bins": "16.0"}
    found["status"] = {
        "currentOptimalTrial": {
            "parameterAssignments": [{"name": n, "value": v} for n, v in assigned.items()]
        }
    }

    config = TrainConfig(**json.loads(katib.best_config(found)))

    assert config == TrainConfig(
        epochs=12, model="tabm", learning_rate=0.004, hidden=(512, 256), bins=16
    )


def test_an_experiment_without_an_end_or_of_others_has_no_best():
    with pytest.raises(ArtifactError, match="no trial"):
        katib.best_config(rendered())
    with pytest.raises(ArtifactError, match="rendered"):
        katib.best_config({"kind": "Experiment", "metadata": {}})
