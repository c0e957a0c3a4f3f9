"""What is tried inside an image after its build holds in the same role's environment here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The roles that some component of today runs in; `make test` has built their environments.
ROLES = ("data", "train", "serve")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_what_its_steps_import(role, tmp_path):
    path = [sys.executable, "-m", "plimsoll.cli", "env", "path", role]
    python = subprocess.run(path, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    smoke = ROOT / "components" / "images" / role / "smoke.py"
    ended = subprocess.run(
        [python, str(smoke)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "components")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
