"""Runs that are cut off: by Ctrl-C, by SIGTERM, by kill -9."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest

from local.commands import PIPELINES, command, started

pytestmark = pytest.mark.slow


def record_in(out: Path) -> dict:
    for path in out.glob("slow-*/run.json"):
        return json.loads(path.read_text())
    return {}


def asleep(process, out: Path) -> int:
    """Waits until the step naps, and returns its process id."""
    while process.poll() is None:
        for log in out.glob("slow-*/logs/naps.log"):
            if "asleep" in log.read_text():
                return next(pid for pid in processes() if str(log.with_suffix(".py")) in pid[1])[0]
        time.sleep(0.05)
    raise AssertionError(f"the run ended before its step slept: {process.communicate()}")


def processes() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((int(entry.name), (entry / "cmdline").read_text()))
    return found


def gone(pid: int) -> bool:
    """Waits for a process that has been killed to leave."""
    for _ in range(200):
        try:
            if "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_step_and_leaves_a_record(tmp_path, number):
    process = started("run", f"{PIPELINES}:slow", "--out", str(tmp_path))
    step = asleep(process, tmp_path)

    process.send_signal(number)
    _, said = process.communicate()

    assert process.returncode == 1
    assert gone(step)
    record = record_in(tmp_path)
    assert (record["status"], record["reason"]) == ("failed", "interrupted")
    assert record["steps"]["naps"]["state"] == "failed"
    assert "Traceback" not in said
    assert "interrupted\n  the same command goes on" in said
    assert not [command for command in record["next"] if command.startswith("less")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_steps_of_a_loop(tmp_path, number):
    process = started("run", f"{PIPELINES}:slow_loop", "--out", str(tmp_path))
    while not list(tmp_path.glob("slow-loop-*/logs/*/naps.log")):
        assert process.poll() is None, "the run ended before its steps slept"
        time.sleep(0.05)
    begun = time.monotonic()

    process.send_signal(number)
    process.communicate()

    assert process.returncode == 1
    assert time.monotonic() - begun < 30, "the steps sleep for 60 s, each"
    (path,) = tmp_path.glob("slow-loop-*/run.json")
    assert json.loads(path.read_text())["reason"] == "interrupted"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's PR_SET_PDEATHSIG")
def test_after_a_kill_nothing_runs_on_and_the_same_command_goes_on(tmp_path):
    words = ("run", f"{PIPELINES}:slow", "--out", str(tmp_path), "--seconds")
    process = started(*words, "60")
    step = asleep(process, tmp_path)

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert gone(step)
    [killed] = json.loads(command("runs", "--out", str(tmp_path), "--json").stdout)
    assert killed["status"] == "killed"
    again = command(*words, "0", "--json")
    assert again.returncode == 0, again.stderr
    steps = json.loads(again.stdout.splitlines()[-1])["steps"]
    assert steps["make"]["cached"]
    assert steps["naps"]["outputs"] == {"Output": "rested"}
