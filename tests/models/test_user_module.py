"""A network of one's own: text that runs in a namespace of its own, found by file or by path."""

import sys

import pytest

from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.models import network
from plimsoll.models.user_module import NetworkInputs, build_module, source_of
from plimsoll.storage.files import write_text

INPUTS = NetworkInputs(
    task="binary", outputs=2, numeric=3, categories=(), widths=(), hidden=(4,), dropout=0.0
)
SOURCE = """
from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass
class Widths:
    hidden: int


def build(inputs):
    width = Widths(inputs.hidden[0]).hidden
    return nn.Sequential(nn.Linear(inputs.numeric, width), nn.Linear(width, inputs.outputs))
"""
FORWARD = """
from torch import nn


class Own(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layer = nn.Linear(inputs.numeric, inputs.outputs)

    def forward(self, numeric, categorical):
        return self.layer(numeric)


def build(inputs):
    return Own(inputs)
"""


def test_text_is_run_in_a_namespace_of_its_own():
    made = build_module(SOURCE, INPUTS)
    assert [layer.out_features for layer in made] == [4, 2]
    other = build_module(SOURCE.replace("Widths(", "Widths(3 * "), INPUTS)
    assert [layer.out_features for layer in other] == [12, 2]
    assert "build" not in vars(sys.modules[__name__])


def test_a_file_that_failed_is_run_again(monkeypatch):
    source = "import sys\nif sys.flag_of_test:\n    raise ValueError('no')\n" + SOURCE
    source = source.replace("from __future__ import annotations\n", "")
    monkeypatch.setattr(sys, "flag_of_test", True, raising=False)
    with pytest.raises(ConfigError, match="raised ValueError in line 3"):
        build_module(source, INPUTS)
    monkeypatch.setattr(sys, "flag_of_test", False, raising=False)
    assert len(build_module(source, INPUTS)) == 2


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes files of a package that can be imported from here."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / f"own_{tmp_path.name.replace('-', '_')}"

    def write(name, text):
        write_text(folder / "__init__.py", "")
        write_text(folder / f"{name}.py", text)
        return f"{folder.name}.{name}"

    return write


def test_an_import_path_is_the_text_of_its_file(package):
    path = package("net", SOURCE)
    assert source_of(f"{path}:build") == SOURCE
    assert source_of(SOURCE) == SOURCE

    other = package("named", SOURCE.replace("def build", "def my_network"))
    assert len(build_module(source_of(f"{other}:my_network"), INPUTS)) == 2


def test_an_import_path_that_leads_nowhere_is_refused(package):
    path = package("net", SOURCE)
    for module, said in (
        (f"{path}:biuld", r"defines no biuld(.|\n)*did you mean 'build'"),
        (f"{path}x:build", "not there as a Python file"),
        ("nowhere_at_all.net:build", "cannot be imported"),
        ("sys:build", "not there as a Python file"),
    ):
        with pytest.raises(ConfigError, match=said):
            source_of(module)


@pytest.mark.parametrize(
    "line", ["from . import other", "import {own}.other", "from {own} import o"]
)
def test_a_file_that_needs_its_package_is_refused(package, line):
    own = package("net", SOURCE).partition(".")[0]
    path = package("net", line.format(own=own) + "\n" + SOURCE)
    with pytest.raises(ConfigError, match="does not stand alone: line 1"):
        source_of(f"{path}:build")


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(ConfigError, match="too large"):
        source_of(SOURCE + "#" * (1 << 20))


def saved(folder):
    config = network.NetworkConfig(family="module", task="binary", outputs=2, numeric=3)
    folder.mkdir()
    network.save_network(folder, network.Network(config, FORWARD))
    return folder


def test_weights_of_another_code_are_refused(tmp_path):
    folder = saved(tmp_path / "model")
    assert network.load_network(folder).source == FORWARD

    write_text(folder / "module.py", FORWARD.replace("layer", "other"))
    with pytest.raises(ArtifactError, match=r"does not fit(.|\n)*own.layer.bias"):
        network.load_network(folder)

    (folder / "module.py").unlink()
    with pytest.raises(ArtifactError, match=r"module.py cannot be read"):
        network.load_network(folder)
