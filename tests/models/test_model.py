"""A model's folder of any kind: opened by what it holds, its files known to a package."""

import numpy as np
import pytest
import torch

from plimsoll.errors import ArtifactError
from plimsoll.models import model_files, network
from plimsoll.models.blend import Member, save_blend
from plimsoll.models.model import open_model
from plimsoll.storage.files import write_json

OWN = """
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


class Rows:
    numeric = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    categorical = np.zeros((7, 0), np.int32)


def saved(folder, family="mlp"):
    torch.manual_seed(0)
    config = network.NetworkConfig(
        family=family, task="binary", outputs=2, numeric=3, hidden=(4,) if family == "mlp" else ()
    )
    folder.mkdir()
    network.save_network(folder, network.Network(config, OWN if family == "module" else "").eval())
    return folder


def test_a_network_of_ones_own_is_opened_and_holds_code(tmp_path):
    folder = saved(tmp_path / "own", "module")
    model = open_model(folder)
    assert (model.family, model.task, model.outputs) == ("module", "binary", 2)
    assert (model.numeric, model.categories, model.widths) == (3, (), ())
    assert model.predict(Rows).shape == (7, 2)
    assert model_files.code_of(folder) == ("module.py",)


def test_a_file_beside_a_network_that_is_no_module_stays_out(tmp_path):
    folder = saved(tmp_path / "model")
    (folder / "history.json").write_text("{}")
    assert model_files.files_of(folder) == ("network.json", "weights.safetensors")


def test_a_blend_is_opened_and_has_its_members_files(tmp_path):
    own, other = saved(tmp_path / "own", "module"), saved(tmp_path / "other")
    members = [Member(folder=own, weight=0.25), Member(folder=other, weight=0.75)]
    folder = tmp_path / "blend"
    save_blend(folder, members)

    wanted = 0.25 * open_model(own).predict(Rows) + 0.75 * open_model(other).predict(Rows)
    assert open_model(folder, threads=1).predict(Rows) == pytest.approx(wanted)
    assert model_files.files_of(folder) == (
        "blend.json",
        "member-0/network.json",
        "member-0/weights.safetensors",
        "member-0/module.py",
        "member-1/network.json",
        "member-1/weights.safetensors",
    )
    assert model_files.code_of(folder) == ("member-0/module.py",)

    (folder / "member-1" / "network.json").unlink()
    write_json(folder / "member-1" / "blend.json", {})
    with pytest.raises(ArtifactError, match="blends a blend"):
        model_files.files_of(folder)
