"""Checkpoints on disk: whole, or passed over."""

import json

import pytest
import torch

from plimsoll.errors import ArtifactError
from plimsoll.train.loop import checkpoints
from plimsoll.train.loop.checkpoints import Checkpoint

IDENTITY = {"examples": "a" * 64, "config": {"learning_rate": 0.1, "hidden": [8, 8]}}


def write(folder, step, kept=2, identity=IDENTITY):
    tensors = {"weights/a": torch.full((3,), float(step))}
    checkpoints.write(folder, Checkpoint(state={"step": step}, tensors=tensors), identity, kept)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_is_gone_on_from_and_so_many_stay(tmp_path):
    for step in (5, 10, 15, 20):
        write(tmp_path, step, kept=3)
    assert names(tmp_path) == ["step-000000010", "step-000000015", "step-000000020"]
    path, notes = checkpoints.newest(tmp_path, IDENTITY)
    read = checkpoints.read(path)
    assert (read.state["step"], notes) == (20, ())
    assert torch.equal(read.tensors["weights/a"], torch.full((3,), 20.0))


def test_without_any_a_training_begins_anew(tmp_path):
    assert checkpoints.newest(tmp_path / "none", IDENTITY) == (None, ())


def cut_short(path):
    data = (path / "tensors.safetensors").read_bytes()
    (path / "tensors.safetensors").write_bytes(data[:-4])


def changed(path):
    data = bytearray((path / "tensors.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "tensors.safetensors").write_bytes(data)


def lacking(path):
    (path / "state.json").unlink()


def empty(path):
    (path / "manifest.json").write_text("")


def without_manifest(path):
    (path / "manifest.json").unlink()


def strange(path):
    (path / "manifest.json").write_text(json.dumps({"format": checkpoints.FORMAT}))


@pytest.mark.parametrize("damage", [cut_short, changed, lacking, empty, without_manifest, strange])
def test_one_that_is_damaged_falls_back_to_the_one_before(tmp_path, damage):
    write(tmp_path, 5)
    write(tmp_path, 10)
    damage(tmp_path / "step-000000010")
    path, notes = checkpoints.newest(tmp_path, IDENTITY)
    assert path.name == "step-000000005"
    assert len(notes) == 1
    assert "step-000000010 is not whole" in notes[0]


def test_if_none_is_whole_a_training_begins_anew_and_says_so(tmp_path):
    write(tmp_path, 5)
    write(tmp_path, 10)
    for path in tmp_path.iterdir():
        cut_short(path)
    path, notes = checkpoints.newest(tmp_path, IDENTITY)
    assert path is None
    assert len(notes) == 2


def test_what_a_killed_process_left_is_removed(tmp_path):
    write(tmp_path, 5)
    (tmp_path / ".step-000000010.abc").mkdir()
    (tmp_path / ".step-000000010.abc" / "tensors.safetensors").write_bytes(b"half")
    assert checkpoints.newest(tmp_path, IDENTITY)[0].name == "step-000000005"
    checkpoints.remove_unfinished(tmp_path)
    assert names(tmp_path) == ["step-000000005"]


def test_of_another_training_it_is_refused_with_what_differs(tmp_path):
    write(tmp_path, 5)
    other = {"examples": "b" * 64, "config": {"learning_rate": 0.2, "hidden": (8, 8)}}
    with pytest.raises(ArtifactError, match="of another training") as caught:
        checkpoints.newest(tmp_path, other)
    assert "config.learning_rate: 0.1 in the checkpoint, 0.2 in this job" in caught.value.cause
    assert "examples" in caught.value.cause
    assert "hidden" not in caught.value.cause
