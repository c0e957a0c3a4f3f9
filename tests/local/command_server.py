"""Forks a process for each command that is asked for, as ``python -m plimsoll.cli`` starts one.

A line of its standard input is a request, JSON; a line of its output the command's exit code.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import threading

import kfp.local  # noqa: F401
import rich.console  # noqa: F401


def answer_requests():
    """Answers requests to the last; returns, in the process of a command, the command's request."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def become(request):
    """Makes this process what a program would be that has just started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], written),
        (2, request["err"], written),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv = ["plimsoll", *request["words"]]
    sys.path[0] = request["cwd"]


def end(code):
    """Ends this process at once: to free all that was imported would take longer than it ran."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    gc.freeze()
    given = answer_requests()
    if given:
        become(given)
        try:
            runpy.run_module("plimsoll.cli", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            end(ended.code)
