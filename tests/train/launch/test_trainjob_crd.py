"""The TrainJobs that test_trainjob_form.py renders, against Kubeflow Trainer's own schema."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml

from push.test_crd import strict

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not in this environment")

CONTRACT = Path(__file__).resolve().parents[4] / "shared/contracts/kubeflow_trainjobs.crd.yaml"
KEPT = sorted((Path(__file__).parent / "trainjobs").glob("*.json"))


@pytest.fixture(scope="module")
def check():
    """Returns a check that says what in a document Kubernetes would refuse."""
    if not CONTRACT.is_file():
        pytest.skip(f"Kubeflow Trainer's schema is not at {CONTRACT}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    crd = yaml.load(CONTRACT.read_text("utf-8"), loader)
    (version,) = [item for item in crd["spec"]["versions"] if item["name"] == "v1alpha1"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    validator = jsonschema.Draft202012Validator(schema)
    return lambda document: sorted(error.message for error in validator.iter_errors(document))


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
def document(request):
    return json.loads(request.param.read_text())


def test_there_are_some():
    assert [path.stem for path in KEPT] == ["bucket", "claim", "least"]


def test_the_schema_takes_it(check, document):
    assert check(document) == []
    assert (document["apiVersion"], document["kind"]) == (
        "trainer.kubeflow.org/v1alpha1",
        "TrainJob",
    )


def test_the_rules_beside_the_schema(document):
    """Those that the schema writes as expressions, and those of Trainer's webhooks."""
    name = document["metadata"]["name"]
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    # Pods are named after it: name, job, two indices, a suffix.
    assert len(f"{name}-node-0-0-abcde") <= 63
    assert not [
        container
        for patch in document["spec"]["runtimePatches"]
        for job in patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
        for container in job["template"]["spec"]["template"]["spec"]["containers"]
        if container.get("env")
    ]


def test_no_secret_stands_in_the_open(document):
    for item in document["spec"]["trainer"]["env"]:
        if "KEY" in item["name"] or "PASSWORD" in item["name"]:
            assert "value" not in item
            assert item["valueFrom"]["secretKeyRef"].keys() == {"name", "key"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "trainer", "numNodes"), "two"),
        (("spec", "trainer", "commands"), ["python"]),
        (("spec", "runtimeRef"), None),
        (("spec", "activeDeadlineSeconds"), "90 min"),
        (("spec", "runtimePatches", 0, "trainingRuntimeSpec", "spec"), {}),
        (("spec", "trainer", "resourcesPerNode"), {"limits": {"cpu": "a lot"}}),
    ],
)
def test_the_check_can_fail(check, path, value):
    broken = copy.deepcopy(json.loads(KEPT[1].read_text()))
    at = broken
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    assert check(broken) != []
