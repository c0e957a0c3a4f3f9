"""The InferenceService that is rendered from the template."""

import dataclasses
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import shipped
from plimsoll.errors import ConfigError
from plimsoll.formats.package import Package
from plimsoll.images import image
from plimsoll.push import service
from plimsoll.storage.files import write_json

TEMPLATE = shipped.folder("serving") / service.TEMPLATE


@pytest.fixture
def package(tmp_path) -> Package:
    write_json(tmp_path / "lineage.json", {"dataset_id": "d" * 64})
    return Package(
        folder=tmp_path,
        name="Arrived_Late",
        version="0123456789abcdef",
        task="binary",
        classes=(False, True),
        positive=True,
        inputs=(),
        problem={},
        files={},
    )


def test_what_is_filled_in(package):
    made = yaml.safe_load(service.render(TEMPLATE, package))
    assert made["metadata"]["name"] == "arrived-late"
    assert made["metadata"]["labels"]["app.kubernetes.io/version"] == package.version
    annotations = made["metadata"]["annotations"]
    assert annotations["plimsoll/model"] == "Arrived_Late"
    assert annotations["plimsoll/dataset"] == "d" * 64
    (container,) = made["spec"]["predictor"]["containers"]
    assert container["image"] == image("serve")
    assert "--name=Arrived_Late" in container["args"]
    uri = f"pvc://plimsoll-models/Arrived_Late/{package.version}"
    assert container["env"] == [{"name": "STORAGE_URI", "value": uri}]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v2/models/Arrived_Late/ready"


def test_the_arguments_are_those_that_the_server_takes(package):
    from plimsoll.serving.__main__ import _parser

    (container,) = yaml.safe_load(service.render(TEMPLATE, package))["spec"]["predictor"][
        "containers"
    ]
    assert container["command"] == ["python", "-m", "plimsoll.serving"]
    given_ = _parser().parse_args(container["args"])
    assert (given_.host, given_.name) == ("0.0.0.0", "Arrived_Late")
    assert given_.port == container["ports"][0]["containerPort"]
    assert given_.port == container["readinessProbe"]["httpGet"]["port"]


def test_all_else_is_the_templates(package, tmp_path):
    usual = yaml.safe_load(TEMPLATE.read_text())
    usual["spec"]["predictor"]["nodeSelector"] = {"disk": "fast"}
    usual["spec"]["predictor"]["containers"].append({"name": "beside", "image": "other"})
    usual["spec"]["predictor"]["containers"][0]["env"].append({"name": "A", "value": "b"})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(usual))
    made = yaml.safe_load(service.render(tmp_path / "mine.yaml", package))
    predictor = made["spec"]["predictor"]
    assert predictor["nodeSelector"] == {"disk": "fast"}
    assert predictor["containers"][1] == {"name": "beside", "image": "other"}
    assert {"name": "A", "value": "b"} in predictor["containers"][0]["env"]
    resources = usual["spec"]["predictor"]["containers"][0]["resources"]
    assert predictor["containers"][0]["resources"] == resources


def test_the_same_package_gives_the_same_bytes(package):
    assert service.render(TEMPLATE, package) == service.render(TEMPLATE, package)


@pytest.mark.parametrize("text", ["", "a: b", "{", "- 1", "kind: InferenceService\nspec: {}"])
def test_a_template_that_is_none(package, tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match="the service template"):
        service.render(tmp_path / "bad.yaml", package)
    with pytest.raises(ConfigError, match="cannot be read"):
        service.render(tmp_path / "none.yaml", package)


@given(st.text(max_size=80))
def test_any_model_has_a_name_that_kubernetes_takes(model):
    name = service.service_name(model)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 50


def with_features(package):
    return dataclasses.replace(package, files={"features/plan.json": "0" * 64})


def test_the_stores_address_comes_from_a_secret_that_may_be_missing(package):
    text = service.render(TEMPLATE, with_features(package))
    (container,) = yaml.safe_load(text)["spec"]["predictor"]["containers"]
    reference = {"name": "arrived-late-features", "key": "where", "optional": True}
    assert container["env"][1:] == [
        {"name": "PLIMSOLL_FEATURES", "valueFrom": {"secretKeyRef": reference}}
    ]
    assert "kubectl create secret" in text


def test_the_variable_is_the_one_that_the_server_reads():
    from plimsoll.serving.online.stores import VARIABLE

    assert service.FEATURES_VARIABLE == VARIABLE


def test_a_template_that_names_a_store_itself_is_kept(package, tmp_path):
    usual = yaml.safe_load(TEMPLATE.read_text())
    mine = {"name": "PLIMSOLL_FEATURES", "value": "http://feast:6566"}
    usual["spec"]["predictor"]["containers"][0]["env"].append(mine)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(usual))
    made = yaml.safe_load(service.render(tmp_path / "mine.yaml", with_features(package)))
    (container,) = made["spec"]["predictor"]["containers"]
    assert [item for item in container["env"] if item["name"] == mine["name"]] == [mine]
