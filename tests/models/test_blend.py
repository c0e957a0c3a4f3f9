"""Blends: written, opened, asked, and refused if they are damaged."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError
from plimsoll.models.blend import CONFIG_FILE, BlendModel, Member, blended, save_blend
from plimsoll.models.model import NetworkModel
from plimsoll.models.network import Network, NetworkConfig, save_network


class Rows(NamedTuple):
    numeric: NDArray[np.float32]
    categorical: NDArray[np.int32]


ROWS = Rows(
    np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32), np.zeros((9, 0), np.int32)
)


def network(folder: Path, seed: int, outputs: int = 2) -> Path:
    torch.manual_seed(seed)
    config = NetworkConfig(task="multiclass", outputs=outputs, numeric=3, hidden=(4,))
    folder.mkdir(parents=True)
    save_network(folder, Network(config).eval())
    return folder


def blend(folder: Path, weights: tuple[float, ...] = (0.25, 0.75)) -> Path:
    members = [
        Member(folder=network(folder / f"made-{place}", place), weight=weight)
        for place, weight in enumerate(weights)
    ]
    save_blend(folder / "blend", members)
    return folder / "blend"


def test_a_blend_answers_the_weighted_mean_of_its_members(tmp_path: Path) -> None:
    model = BlendModel(blend(tmp_path), NetworkModel)
    each = [NetworkModel(tmp_path / f"made-{place}").predict(ROWS) for place in range(2)]
    assert np.array_equal(model.predict(ROWS), blended(each, (0.25, 0.75)))
    np.testing.assert_allclose(model.predict(ROWS), 0.25 * each[0] + 0.75 * each[1])
    np.testing.assert_allclose(model.predict(ROWS).sum(axis=1), 1)
    assert (model.family, model.task, model.outputs, model.numeric) == (
        "blend",
        "multiclass",
        2,
        3,
    )


def test_the_same_members_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = blend(tmp_path / "one"), blend(tmp_path / "other")
    names = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    assert len(names) == 5
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.mark.parametrize("weights", [(0.5, 0.4), (1.0, 0.0), (1.5, -0.5), (float("nan"), 1.0)])
def test_weights_that_do_not_hold_are_refused(tmp_path: Path, weights: tuple[float, ...]) -> None:
    with pytest.raises((ArtifactError, ValueError)):
        blend(tmp_path, weights)


@pytest.mark.parametrize(
    "members",
    [
        [],
        "member-0",
        [{"folder": "../made-0", "weight": 1.0}],
        [{"folder": "member-0", "weight": True}, {"folder": "member-1", "weight": 0.0}],
        [{"folder": "member-0"}],
        [None],
    ],
)
def test_a_damaged_blend_is_refused(tmp_path: Path, members: Any) -> None:
    folder = blend(tmp_path)
    told = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
    (folder / CONFIG_FILE).write_text(json.dumps({**told, "members": members}), "utf-8")
    with pytest.raises(ArtifactError):
        BlendModel(folder, NetworkModel)


def test_a_member_that_is_missing_is_refused(tmp_path: Path) -> None:
    folder = blend(tmp_path)
    (folder / "member-1" / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError):
        BlendModel(folder, NetworkModel)


def test_members_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    members = [
        Member(folder=network(tmp_path / "two", 0), weight=0.5),
        Member(folder=network(tmp_path / "three", 1, outputs=3), weight=0.5),
    ]
    save_blend(tmp_path / "blend", members)
    with pytest.raises(ArtifactError, match="do not fit together"):
        BlendModel(tmp_path / "blend", NetworkModel)


def test_a_blend_in_a_blend_is_refused(tmp_path: Path) -> None:
    folder = blend(tmp_path)
    (folder / "member-0" / CONFIG_FILE).write_bytes((folder / CONFIG_FILE).read_bytes())
    with pytest.raises(ArtifactError, match="blends a blend"):
        BlendModel(folder, NetworkModel)
