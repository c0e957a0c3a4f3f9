"""Starts the model server of the serve role's environment in this process's place."""

from __future__ import annotations

import os
from pathlib import Path

from plimsoll.errors import UsageError
from plimsoll.local import environments, process
from plimsoll.local.role_command import import_root
from plimsoll.local.summary import building


def serve(model_dir: Path, host: str, port: int) -> int:
    """Serves a pushed model or a package; returns only if it cannot be started.

    Raises:
        UsageError: if the folder does not exist.
    """
    if not model_dir.is_dir():
        raise UsageError(
            f"there is no folder {model_dir}",
            hint="plimsoll runs, then: plimsoll serve runs/models/NAME",
        )
    with building("serve") as announce:
        environment = environments.ensure("serve", announce)
    arguments = ["--model-dir", str(model_dir), "--host", host, "--port", str(port)]
    os.execve(
        environment.python,
        [str(environment.python), "-m", "plimsoll.serving", *arguments],
        process.step_environment(import_root(), environment.folder, environment.digest, {}),
    )
