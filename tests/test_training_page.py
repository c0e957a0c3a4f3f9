"""The page of training must be true: its configs hold, its commands parse, its links are there."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from plimsoll.cli import entry
from plimsoll.local import fork as forking
from plimsoll.local.pipelines import library
from plimsoll.train import config as train_config
from plimsoll.train.launch import config as launcher_config
from plimsoll.transform import config as transform_config

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "training.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SHOWN = [text for kind, text in BLOCKS if kind == "json"]
COMMANDS = [
    shlex.split(line.removeprefix("$ plimsoll ").split(" | ")[0])
    for kind, text in BLOCKS
    if kind == "console"
    for line in text.replace("\\\n", " ").splitlines()
    if line.startswith("$ plimsoll ")
]


def test_the_configs_shown_hold():
    of_transform, of_launcher = SHOWN
    configs = [
        words[words.index("--train-config") + 1] for words in COMMANDS if "--train-config" in words
    ]
    assert train_config.parse(configs[0]).time_budget > 0
    assert all(train_config.parse(config) for config in configs)
    assert transform_config.parse(of_transform).crosses
    assert launcher_config.parse(of_launcher).nodes == 2


def test_the_search_space_shown_names_knobs():
    (space,) = (text for kind, text in BLOCKS if kind == "yaml")
    for knob in yaml.safe_load(space):
        assert hasattr(train_config.TrainConfig(), knob), knob


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "python"])
def test_the_code_shown_is_python(text):
    ast.parse(text)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_commands_shown_are_understood(words):
    options, rest = entry._parser().parse_known_args(words)

    assert options.command == words[0]
    assert not rest or options.command == "run"
    if options.command == "fork":
        for setting in options.set:
            assert forking.meant(setting.partition("=")[0], library.find("training"))


@pytest.mark.parametrize("model", train_config.MODELS)
def test_every_family_is_told(model):
    assert f"`{model}`" in PAGE


@pytest.mark.parametrize("name", re.findall(r"`(\w+(?:\.\w+)+)=", PAGE))
def test_the_fields_that_are_set_are_fields(name):
    assert forking.meant(name, library.find("training"))


@pytest.mark.parametrize(
    "path", re.findall(r"src(?:set)?=\"([^\"]+)\"", PAGE) + re.findall(r"\]\(([^)#]+)\)", PAGE)
)
def test_pictures_and_links_are_there(path):
    assert (ROOT / "docs" / path).exists()


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "run"], ids=" ".join)
def test_the_inputs_shown_are_inputs(words):
    _, rest = entry._parser().parse_known_args(words)
    inputs = library.find(words[1]).inputs()

    assert {word[2:].replace("-", "_") for word in rest if word.startswith("--")} <= inputs.keys()
