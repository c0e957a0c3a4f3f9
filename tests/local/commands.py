"""Runs the command line as a user would: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

PIPELINES = Path(__file__).with_name("pipelines.py")
START = [sys.executable, "-m", "plimsoll.cli"]
VARIABLES = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}


def command(*words, cwd=None, **variables):
    """Runs ``plimsoll WORDS`` to its end."""
    return subprocess.run(
        [*START, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**VARIABLES, **variables},
        stdin=subprocess.DEVNULL,
    )


def started(*words):
    """Starts ``plimsoll WORDS`` and returns the running process."""
    return subprocess.Popen(
        [*START, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=VARIABLES,
        stdin=subprocess.DEVNULL,
    )
