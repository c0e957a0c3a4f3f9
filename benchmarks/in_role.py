"""Runs a program of ``contenders`` in a role's environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from plimsoll.local.engine import environments

CONTENDERS = Path(__file__).parent / "contenders"
ROOT = CONTENDERS.parents[1]
SECONDS_AT_MOST = 600


def told(program: str, role: str, *arguments: str) -> Any:
    """Runs a program alone in a fresh process and returns the JSON of its last line.

    Args:
        program: Its file below ``contenders``, without ``.py``.
        role: The role whose environment has what it imports.
        arguments: Of its command line.
    """
    python = environments.ensure(role, print).python
    ran = subprocess.run(
        [str(python), str(CONTENDERS / f"{program}.py"), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=SECONDS_AT_MOST,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "components"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONWARNINGS": "ignore",
        },
    )
    return json.loads(ran.stdout.splitlines()[-1])
