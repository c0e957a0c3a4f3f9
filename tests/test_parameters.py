"""Inputs that are declared once, and dicts as KFP carries them."""

import inspect
import json
from dataclasses import dataclass

import pytest
import yaml
from kfp import compiler, dsl, local
from kfp.local.config import LocalExecutionConfig

from plimsoll.parameters import Struct, json_text, parameter, takes


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def show(text: str, config: dict = {}) -> dict:
    return config


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What every pipeline here has."""

    text: str = parameter("What is shown.", "hello")
    config: Struct = parameter("Settings: all of them.", {})


@dataclass(frozen=True, kw_only=True)
class MoreInputs(Inputs):
    """With more of them, and one that is required now."""

    text: str = parameter("What is shown, {braces} and all.")
    times: int = parameter("How often.", 2)


@dsl.pipeline(name="more", display_name="More")
@takes(MoreInputs)
def more(inputs: MoreInputs) -> dict:
    """Shows it."""
    return show(text=inputs.text, config=inputs.config).output


def test_a_pipeline_has_the_fields_as_inputs(tmp_path):
    compiler.Compiler().compile(more, str(tmp_path / "more.yaml"))

    spec = yaml.safe_load((tmp_path / "more.yaml").read_text())

    assert spec["pipelineInfo"] == {
        "name": "more",
        "displayName": "More",
        "description": "Shows it.",
    }
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "text": {"parameterType": "STRING", "description": "What is shown, {braces} and all."},
        "config": {
            "parameterType": "STRUCT",
            "description": "Settings: all of them.",
            "defaultValue": {},
            "isOptional": True,
        },
        "times": {
            "parameterType": "NUMBER_INTEGER",
            "description": "How often.",
            "defaultValue": 2.0,
            "isOptional": True,
        },
    }


def test_the_required_inputs_come_first():
    signature = inspect.signature(more.pipeline_func)

    assert list(signature.parameters) == ["text", "config", "times"]
    assert more.pipeline_func.__name__ == "more"


def test_a_default_is_nobody_elses():
    Inputs().config["a"] = 1

    assert Inputs().config == {}


@pytest.fixture
def runner(tmp_path):
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path))
    yield
    LocalExecutionConfig.instance = None


def test_a_dict_is_read_as_it_was_given(runner):
    given = {"rows": 512, "rate": 0.1, "deep": {"sizes": [256, 128.5]}, "on": True, "a": "ä"}

    carried = show(text="", config=given).output

    assert json.loads(json_text(carried)) == given
    assert json_text(carried) == json.dumps(given, sort_keys=True, ensure_ascii=False)
