"""The page of the feature store must be true: configs hold, flags, names, links and files exist."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from local.commands import command
from plimsoll.features import config as features_config
from plimsoll.problem import parse

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "features.md").read_text("utf-8")


def shown(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands():
    """The lines after a prompt, with what continues them."""
    joined = re.sub(r"\n {4}", " ", "\n".join(shown("console")))
    return re.findall(r"^\$ (plimsoll .*?)(?:  +#.*)?$", joined, re.MULTILINE)


@pytest.mark.parametrize(
    "path", re.findall(r"src(?:set)?=\"([^\"]+)\"", PAGE) + re.findall(r"\]\(([^)#:]+)\)", PAGE)
)
def test_pictures_and_links_are_there(path):
    assert (ROOT / "docs" / path).exists()


def test_the_config_shown_holds():
    (text,) = shown("json")

    assert features_config.parse(text).min_coverage["weather_temp"] == 0.95
    assert set(json.loads(text)) < set(features_config.FeaturesConfig.__annotations__)


def test_the_problem_shown_holds():
    problem = parse(shown("yaml")[0], label="late")

    assert problem.features.service == "flights_late_v1"
    assert (ROOT / problem.features.repo).is_dir()


def test_what_is_shown_of_google_cloud_is_the_file():
    text = (ROOT / "feature_repo" / "feature_store.gcp.yaml").read_text("utf-8")

    assert yaml.safe_load(shown("yaml")[1]) == yaml.safe_load(text)


def test_the_repository_shown_is_the_flights_own_but_for_its_name():
    own = yaml.safe_load((ROOT / "feature_repo" / "feature_store.yaml").read_text("utf-8"))

    assert {**yaml.safe_load(shown("yaml")[2]), "project": own["project"]} == own


@pytest.mark.parametrize("name", sorted(set(re.findall(r"plimsoll\.feature_store\.[\w.]+", PAGE))))
def test_every_store_that_is_named_is_there(name):
    module, _, kind = name.rpartition(".")
    path = ROOT / "components" / Path(*module.split("."))
    files = path.glob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    items = [item for file in files for item in ast.parse(file.read_text("utf-8")).body]

    assert kind in {item.name for item in items if isinstance(item, ast.ClassDef)}


@pytest.mark.parametrize("text", shown("python"), ids=lambda text: text.split()[1])
def test_the_python_shown_is_python(text):
    ast.parse(text)


def test_the_recurring_run_gives_inputs_that_the_pipeline_has():
    compiled = (ROOT / "pipelines" / "compiled" / "features.yaml").read_text("utf-8")
    inputs = next(iter(yaml.safe_load_all(compiled)))["root"]["inputDefinitions"]["parameters"]
    (text,) = [text for text in shown("python") if "create_recurring_run" in text]
    (call,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("create_recurring_run")
    ]
    given = {item.arg: item.value for item in call.keywords}

    assert set(ast.literal_eval(given["params"])) <= set(inputs)
    assert ast.literal_eval(given["pipeline_package_path"]) == "pipelines/compiled/features.yaml"


@pytest.mark.parametrize("line", commands(), ids=lambda line: " ".join(line.split()[1:4]))
def test_every_command_and_option_shown_is_one(line):
    words = line.split()[1:]
    helped = command(*words[: 1 if words[0] == "serve" else 2], "--help")

    assert helped.returncode == 0, helped.stderr
    for option in re.findall(r" (--[a-z-]+)", line):
        assert option in helped.stdout, option


@pytest.mark.parametrize("flag", re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE))
def test_every_flag_of_the_server_is_one(flag):
    assert flag in command("serve", "--help").stdout


def test_the_metrics_shown_are_those_of_the_server():
    source = (ROOT / "components" / "plimsoll" / "serving" / "features" / "metrics.py").read_text(
        "utf-8"
    )
    names = re.findall(r'"(plimsoll_feature\w+)"', source)
    statuses = re.findall(r'^[A-Z]+ = "([a-z]+)"$', source, re.MULTILINE)

    assert set(re.findall(r"`(plimsoll_feature\w+)", PAGE)) == set(names)
    told = re.search(r"plimsoll_feature_values_total.*", PAGE)[0]
    assert {status for status in statuses if f"`{status}`" in told} == set(statuses)
