"""The JSON Schemas are what the code says, and say what the code accepts and refuses."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from plimsoll import problem
from plimsoll.cli import main
from plimsoll.configuration.validation import from_json
from plimsoll.errors import ConfigError
from plimsoll.train.config import TrainConfig
from plimsoll.tune import space

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("schemas", ROOT / "tools" / "schemas.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

SCHEMAS = {path.stem: json.loads(path.read_text("utf-8")) for path in tool.FOLDER.glob("*.json")}
PROBLEMS = sorted((ROOT / "examples" / "flights").glob("*.yaml"))


def holds(name, value):
    validator = Draft202012Validator(SCHEMAS[name])
    return validator.is_valid(json.loads(json.dumps(value, default=str)))


def test_the_schemas_and_the_page_are_what_the_code_writes():
    written = {path: path.read_text("utf-8") for path in tool.files()}
    assert written == tool.files(), "run make schemas"
    assert {path.stem for path in tool.FOLDER.iterdir()} == set(tool.schemas())


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_each_of_its_fields_is_described(name):
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert "$id" not in schema
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["description"]
        assert part["additionalProperties"] is False
        assert all(field["description"] for field in part["properties"].values())


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_the_problem_files_hold_and_name_their_schema(path):
    text = path.read_text("utf-8")
    assert holds("problem", yaml.safe_load(text))
    (line,) = [line for line in text.splitlines() if "yaml-language-server" in line]
    assert (path.parent / line.partition("$schema=")[2]).resolve() == tool.FOLDER / "problem.json"


@pytest.mark.parametrize("name", [name for name in tool.CONFIGS if name != "problem"])
def test_the_defaults_hold_and_a_field_that_there_is_not_does_not(name):
    kind, _ = tool.CONFIGS[name]
    assert holds(name, {})
    assert holds(name, dataclasses.asdict(kind()))
    assert not holds(name, {"no_such_field": 1})


ACCEPTED = [
    ("problem", {"label": "y", "keys": "a", "slices": ["b", 2013]}),
    ("problem", {"label": 3, "split": {"fractions": {"train": 0.5, "eval": 0.25, "test": 0.25}}}),
    ("problem", {"label": "y", "columns": {"a": "bins", "b": {"kind": "bins", "bins": 8}}}),
    ("ingest", {"span": 12, "exclude": ["2013-02", 7]}),
    ("validate", {"drift": "off", "skew": {"numeric": "ks", "thresholds": {"*": {"ks": 1}}}}),
    ("features", {"min_coverage": 0.5, "memory_limit": "4GB"}),
    ("transform", {"prune": "noise", "crosses": [["a", "b"], {"columns": ["a", "c"]}]}),
    ("train", {"hidden": [64, 32], "dropout": 0, "learning_rate": 1}),
    ("launcher", {"storage": "pvc://runs/a", "resources": {"cpu": 4, "memory": "8Gi"}}),
    ("tune", {"trials": 3, "sampler": "random"}),
]
REFUSED = [
    ("problem", {"lable": "y"}),
    ("problem", {"label": "y", "task": "binery"}),
    ("problem", {"label": "y", "split": {"by": "tme"}}),
    ("problem", {"label": "y", "thresholds": {"acu": {"min": 0.7}}}),
    ("problem", {"label": "y", "thresholds": {"auc": {"min": "high"}}}),
    ("problem", {"label": "y", "thresholds": {"auc": 0.7}}),
    ("ingest", {"threads": 0}),
    ("validate", {"drift": "loud"}),
    ("validate", {"drift": {"thresholds": {"*": {"kss": 1}}}}),
    ("validate", {"sample_rate": 0}),
    ("features", {"memory_limit": "much"}),
    ("features", {"yaml": "../other.yaml"}),
    ("transform", {"columns": {"a": "numerical"}}),
    ("transform", {"columns": {"a": {"kind": "bins", "buckets": 3}}}),
    ("transform", {"columns": {"a": {"bins": 3}}}),
    ("transform", {"beam_options": "--x"}),
    ("train", {"epochs": 1.5}),
    ("train", {"epochs": True}),
    ("train", {"dropout": 1}),
    ("train", {"hidden": [0]}),
    ("launcher", {"storage": "s3://bucket"}),
    ("launcher", {"env": {"1A": "x"}}),
    ("launcher", {"secrets": {"A": "no-key"}}),
    ("tune", {"sampler": "best"}),
    ("materialize", {"memory_mb": 1}),
    ("push_features", {"batch_rows": "many"}),
]


def read(name, value):
    if name == "problem":
        return problem.from_dict(value)
    return from_json(tool.CONFIGS[name][0], json.dumps(value))


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_what_the_code_takes_the_schema_takes(name, value):
    assert read(name, value)
    assert holds(name, value)


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_the_schema_refuses_the_code_refuses(name, value):
    assert not holds(name, value)
    with pytest.raises(ConfigError, match=name):
        read(name, value)


def test_a_search_space():
    assert holds("space", space.read("", TrainConfig(model="auto")).to_dict())
    assert holds("space", {"model": ["mlp", "dcn"], "dropout": {"low": 0, "high": 0.5}})
    assert not holds("space", {"model": {"low": 0, "high": 1}})
    assert not holds("space", {"epochs": {"low": 1}})
    assert not holds("space", {"seed": [1, 2]})
    assert not holds("space", {})


def test_they_are_listed_and_shown(capsys):
    assert main(["config", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in SCHEMAS)
    assert str(tool.FOLDER) in listed
    assert main(["config", "list", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} == set(SCHEMAS)
    assert main(["config", "show", "train"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMAS["train"]
    assert main(["config", "show", "trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err
