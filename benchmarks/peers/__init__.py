"""The environments of what Plimsoll is compared with, built when a benchmark asks for them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from plimsoll.local.engine import environments
from plimsoll.storage.files import digest_file

LOCKS = Path(__file__).parent
PYTHON = "3.11"


def python(name: str) -> Path:
    """Returns a peer's interpreter; its environment is built if it is not there."""
    lock = LOCKS / f"{name}.lock"
    folder = environments.cache_folder() / "peers" / f"{name}-{digest_file(lock)[:16]}"
    if not folder.is_dir():
        print(f"building the environment of {name} (once)", flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}-"))
        try:
            made = aside / "environment"
            _uv("venv", "--quiet", "--relocatable", "--python", PYTHON, str(made))
            _uv(
                *("pip", "install", "--quiet", "--require-hashes"),
                *("--python", str(made / "bin" / "python"), "--requirement", str(lock)),
            )
            made.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder / "bin" / "python"


def _uv(*arguments: str) -> None:
    subprocess.run([environments.uv_binary(), *arguments], check=True)
