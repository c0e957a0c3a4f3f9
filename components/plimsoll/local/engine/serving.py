"""Starts the model server of the serve role's environment in this process's place."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from plimsoll.errors import UsageError
from plimsoll.local.engine import environments, process
from plimsoll.local.engine.progress import building
from plimsoll.local.engine.role_command import import_root

FEATURES_VARIABLE = "PLIMSOLL_FEATURES"
REPOSITORY = Path("feature_repo")
REPOSITORY_FILE = "feature_store.yaml"
PLAN = "features/plan.json"
_VARIABLE = re.compile(r"\$\{?(\w+)")


def serve(
    model_dir: Path, host: str, port: int, features: str = "", flags: Sequence[str] = ()
) -> int:
    """Serves a pushed model or a package; returns only if it cannot be started.

    Args:
        model_dir: A pushed model's folder, or a package.
        host: Address to listen on.
        port: Port to listen on.
        features: Where features are looked up; empty: where the environment says, if it does.
        flags: More of the server's own flags.

    Raises:
        UsageError: if the folder does not exist.
    """
    if not model_dir.is_dir():
        raise UsageError(
            f"there is no folder {model_dir}",
            hint="plimsoll runs, then: plimsoll serve runs/models/NAME",
        )
    features = features or os.environ.get(FEATURES_VARIABLE, "")
    if not features:
        _hint(model_dir)
    with building("serve") as announce:
        environment = environments.ensure("serve", announce)
    arguments = ["--model-dir", str(model_dir), "--host", host, "--port", str(port), *flags]
    os.execve(
        environment.python,
        [str(environment.python), "-m", "plimsoll.serving", *arguments],
        process.step_environment(
            import_root(), environment.folder, environment.digest, _variables(features)
        ),
    )


def _variables(features: str) -> dict[str, str]:
    """Returns what the server's environment needs for its features.

    The store's address goes there, for arguments can be seen by every user of the machine; and so
    do the variables that a repository's file names.
    """
    if not features:
        return {}
    named: set[str] = set()
    path = Path(features)
    file = path / REPOSITORY_FILE if path.is_dir() else path
    if file.is_file():
        named.update(_VARIABLE.findall(file.read_text("utf-8", "replace")))
    given = {name: os.environ[name] for name in sorted(named) if name in os.environ}
    return {**given, FEATURES_VARIABLE: features}


def _hint(model_dir: Path) -> None:
    """Says how features could be looked up, where the model has some and a repository is here."""
    has_plan = any(
        next(model_dir.glob(pattern), None) for pattern in (PLAN, f"*/{PLAN}", f"*/*/{PLAN}")
    )
    if has_plan and (REPOSITORY / REPOSITORY_FILE).is_file():
        sys.stderr.write(f"next: to look features up, add --features {REPOSITORY}\n")
