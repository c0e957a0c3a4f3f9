"""Runs the command line as a user would: in a process of its own.

To import kfp takes a second, and most of a small run. So a command is forked from a process that
has imported kfp, and nothing of ours; what a test signals or pipes it starts as a program.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PIPELINES = Path(__file__).with_name("pipelines.py")
START = [sys.executable, "-m", "plimsoll.cli"]
VARIABLES = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
SERVER = Path(__file__).with_name("command_server.py")


def command(*words, cwd=None, **variables):
    """Runs ``plimsoll WORDS`` to its end.

    Args:
        *words: The command's own.
        cwd: The working folder; None: that of the tests.
        **variables: Environment variables, besides those of the tests.
    """
    environment = {**VARIABLES, **variables}
    if any(name.startswith("PYTHON") for name in variables):
        # Python reads them as it starts.
        return subprocess.run(
            [*START, *words],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        request = {
            "words": [str(word) for word in words],
            "cwd": os.fspath(cwd or Path.cwd()),
            "variables": environment,
            "out": str(out),
            "err": str(err),
        }
        code = _forked(request)
        said = [path.read_text() for path in (out, err)]
    return subprocess.CompletedProcess([*START, *words], code, *said)


def _forked(request):
    """Has the server fork a process for a command; returns its exit code when it has ended."""
    server = _server()
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@functools.cache
def _server():
    """Returns the process that commands are forked from; it ends with the tests."""
    server = subprocess.Popen(
        [sys.executable, str(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=VARIABLES,
    )
    atexit.register(server.communicate)
    return server


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
