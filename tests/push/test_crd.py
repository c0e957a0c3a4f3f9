"""The template and what is rendered from it, against KServe's own schema."""

import copy
from pathlib import Path

import pytest
import yaml

from plimsoll import shipped
from plimsoll.formats.package import Package
from plimsoll.push import service
from plimsoll.storage.files import write_json

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not in this environment")

CONTRACT = Path(__file__).resolve().parents[3] / (
    "shared/contracts/kserve_inferenceservices.crd.yaml"
)
TEMPLATE = shipped.folder("serving") / service.TEMPLATE


@pytest.fixture(scope="module")
def check():
    """Returns a check that says what in a document KServe would refuse."""
    if not CONTRACT.is_file():
        pytest.skip(f"KServe's schema is not at {CONTRACT}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    crd = yaml.load(CONTRACT.read_text("utf-8"), loader)
    (version,) = [item for item in crd["spec"]["versions"] if item["name"] == "v1beta1"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    validator = jsonschema.Draft202012Validator(schema)
    return lambda document: sorted(error.message for error in validator.iter_errors(document))


def strict(schema):
    """Returns a schema that refuses unknown fields, as the API server prunes or refuses them."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if key != "properties"}
    if made.pop("x-kubernetes-int-or-string", False):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    if "properties" in schema:
        made["properties"] = {key: strict(value) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    return made


@pytest.fixture(params=[{}, {"features/plan.json": "0" * 64}], ids=["plain", "with features"])
def rendered(request, tmp_path):
    write_json(tmp_path / "lineage.json", {"dataset_id": "d" * 64})
    package = Package(
        folder=tmp_path,
        name="Arrived_Late",
        version="0123456789abcdef",
        task="binary",
        classes=(False, True),
        positive=True,
        inputs=(),
        problem={},
        files=request.param,
    )
    return yaml.safe_load(service.render(TEMPLATE, package))


def test_the_template_itself(check):
    assert check(yaml.safe_load(TEMPLATE.read_text())) == []


def test_what_is_rendered(check, rendered):
    assert check(rendered) == []
    assert (rendered["apiVersion"], rendered["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("minReplicas",), "one"),
        (("replicas",), 1),
        (("containers", 0, "name"), None),
        (("containers", 0, "readinessProbe", "httpGet", "path"), 1),
        (("containers", 0, "resources", "requests", "cpu"), "a lot"),
        (("containers", 0, "comand"), ["python"]),
    ],
)
def test_the_check_can_fail(check, rendered, path, value):
    broken = copy.deepcopy(rendered)
    at = broken["spec"]["predictor"]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    assert check(broken) != []
