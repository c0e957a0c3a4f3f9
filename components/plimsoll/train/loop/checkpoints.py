"""Checkpoints on disk: folders that are whole, or known not to be.

Each is a folder ``step-000000123`` of ``tensors.safetensors``, ``state.json`` and
``manifest.json``, which holds the SHA-256 of both and says which training they belong to. It is
written aside, synced and renamed; a disk that lies about it is found out by the digests.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from plimsoll.errors import ArtifactError
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    folder_written_whole,
    read_json,
    write_json,
)

FORMAT = "plimsoll.checkpoint/1"
MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"
STATE = "state.json"
SHOWN = 8
_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a training had come to."""

    state: Mapping[str, Any]
    """JSON values: the step, the history so far, and what else goes on from there."""
    tensors: Mapping[str, torch.Tensor]
    """Kind and name of each, such as ``weights/body.0.weight``, on the processor."""


def write(folder: Path, checkpoint: Checkpoint, identity: Mapping[str, Any], kept: int) -> None:
    """Writes a checkpoint, and removes those past the newest few.

    Args:
        folder: Of all checkpoints of a training.
        checkpoint: What to keep; its state says the ``step``.
        identity: What the training is of: a checkpoint goes on with no other.
        kept: Checkpoints that stay, this one included.
    """
    step = int(checkpoint.state["step"])
    with folder_written_whole(folder / f"step-{step:09d}") as aside:
        save_file(dict(checkpoint.tensors), aside / TENSORS)
        write_json(aside / STATE, dict(checkpoint.state))
        files = {name: digest_file(aside / name) for name in (TENSORS, STATE)}
        write_json(
            aside / MANIFEST,
            {"format": FORMAT, "step": step, "files": files, "identity": dict(identity)},
        )
    for old in _newest_first(folder)[kept:]:
        shutil.rmtree(old)


def newest(folder: Path, identity: Mapping[str, Any]) -> tuple[Path | None, tuple[str, ...]]:
    """Finds the newest checkpoint that is whole.

    Args:
        folder: Of all checkpoints of a training; it need not be there.
        identity: What the training is of.

    Returns:
        The checkpoint's folder, or None; and what could not be read, in short sentences.

    Raises:
        ArtifactError: if it is of another training, saying what differs.
    """
    notes: list[str] = []
    for path in _newest_first(folder):
        try:
            manifest = _checked_manifest(path)
        except ArtifactError as error:
            reason = error.cause or error.headline
            notes.append(f"the checkpoint {path.name} is not whole ({reason}); it is passed over")
            continue
        _check_identity(path, manifest["identity"], identity)
        return path, tuple(notes)
    return None, tuple(notes)


def read(path: Path) -> Checkpoint:
    """Reads a checkpoint that was found whole.

    Raises:
        ArtifactError: if it cannot be read.
    """
    try:
        tensors = load_file(path / TENSORS)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"the checkpoint {path} cannot be read", cause=str(error)) from error
    return Checkpoint(state=read_json(path / STATE), tensors=tensors)


def remove_unfinished(folder: Path) -> None:
    """Removes what a process that was killed while it wrote left beside the checkpoints."""
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def _newest_first(folder: Path) -> list[Path]:
    """Returns the checkpoints' folders, the newest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(named, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def _checked_manifest(path: Path) -> dict[str, Any]:
    manifest = checked_manifest(path, MANIFEST, FORMAT)
    files, identity = manifest.get("files"), manifest.get("identity")
    if not isinstance(files, dict) or not isinstance(identity, dict) or len(files) != 2:
        raise ArtifactError(f"{path} does not hold together", cause="its manifest lacks fields")
    for name in (TENSORS, STATE):
        file = path / name
        if not file.is_file():
            raise ArtifactError(f"{path} is not whole", cause=f"{name} is missing")
        if digest_file(file) != files.get(name):
            raise ArtifactError(f"{path} is damaged", cause=f"{name} is cut short or changed")
    return manifest


def _check_identity(path: Path, stored: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    stored_values, expected_values = _flattened(stored), _flattened(expected)
    differences = [
        f"{name}: {stored_values.get(name, 'not there')} in the checkpoint, "
        f"{expected_values.get(name, 'not there')} in this job"
        for name in sorted(set(stored_values) | set(expected_values))
        if stored_values.get(name) != expected_values.get(name)
    ]
    if differences:
        more = [f"and {len(differences) - SHOWN} more"] if len(differences) > SHOWN else []
        raise ArtifactError(
            f"the checkpoint {path} is of another training",
            cause="\n".join([*differences[:SHOWN], *more]),
            hint="train as before, or give another folder of checkpoints",
        )


def _flattened(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat
