"""``tests/run.py``: environments side by side, and one's output after the other's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import run as runner

MEETS = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:])
print(mine.name, "begins", flush=True)
mine.touch()
until = time.monotonic() + 30
while not other.exists() and time.monotonic() < until:
    time.sleep(0.01)
print(mine.name, "met" if other.exists() else "waited for", other.name)
sys.exit(3 if mine.name == "b" else 0)
"""


def meets(folder, mine, other):
    return [sys.executable, "-c", MEETS, str(folder / mine), str(folder / other)]


def test_two_run_at_a_time_and_their_outputs_are_not_mixed(tmp_path, capsys):
    commands = {"first": meets(tmp_path, "a", "b"), "second": meets(tmp_path, "b", "a")}

    runs = runner.run_beside(commands, lanes=2)

    assert {name: one.status for name, one in runs.items()} == {"first": 0, "second": 3}
    assert capsys.readouterr().out.split("\n") == [
        *("", "environment first", "a begins", "a met b"),
        *("", "environment second", "b begins", "b met a", ""),
    ]


def test_an_interrupt_ends_what_runs_and_starts_nothing_more(tmp_path):
    """As ``kill`` and Ctrl-C do it: the runner is told, and passes it on."""
    sleeps = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    command = [sys.executable, "-c", sleeps]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import run\n"
        f"run.run_beside({{n: {command!r} + [sys.argv[2] + n] for n in 'abc'}}, lanes=2)"
    )
    folder = str(Path(runner.__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder, f"{tmp_path}{os.sep}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)

    assert "KeyboardInterrupt" in process.communicate(timeout=30)[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_every_environment_has_its_turn():
    plan = runner.tests_by_environment(runner.all_tests(), runner.entries())

    assert sorted(plan) == sorted(runner.LONGEST_FIRST)


def test_shares_are_all_of_the_tests():
    tests = ["a.py", "b.py", "c.py"]

    assert runner.in_shares("author", tests, 1) == {"author": tests}
    assert runner.in_shares("author", tests, 2) == {
        "author-1": ["a.py", "c.py"],
        "author-2": ["b.py"],
    }
