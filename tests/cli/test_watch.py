"""``plimsoll watch``, as a user types it."""

import json
import signal
import time

import pytest

from local.commands import PIPELINES, command, started

TRAINING = "\n".join(
    json.dumps(line)
    for line in (
        {
            "event": "started",
            "at": 100.0,
            "model": "mlp",
            "task": "binary",
            "rows": 100,
            "batch_size": 10,
            "steps_an_epoch": 10,
            "epochs": 2,
            "weights": 5,
            "place": "1 thread",
            "processes": 1,
        },
        {
            "event": "epoch",
            "at": 101.0,
            "number": 1,
            "train_loss": 0.5,
            "eval_loss": None,
            "learning_rate": 0.1,
        },
    )
)
FAILED = {"event": "ended", "at": 102.0, "best_epoch": 0, "eval_loss": None, "reason": "failed"}


def test_a_run_that_is_done_is_shown_and_exits_as_it_did(tmp_path):
    command("run", f"{PIPELINES}:two_steps", cwd=tmp_path)
    command("run", f"{PIPELINES}:fails_late", cwd=tmp_path)
    good, bad = (run["id"] for run in json.loads(command("runs", "--json", cwd=tmp_path).stdout))

    done = command("watch", good, cwd=tmp_path)
    failed = command("watch", "last", cwd=tmp_path)
    once = command("watch", good, "--once", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert f"{good} succeeded" in done.stdout
    assert "  make  succeeded" in done.stdout
    assert failed.returncode == 1
    assert bad in failed.stdout
    assert "no such thing: x" in failed.stdout
    told = json.loads(once.stdout)
    assert told["status"] == "succeeded"
    assert [step["name"] for step in told["steps"]] == ["make", "measure"]


def test_a_training_that_failed_exits_with_1(tmp_path):
    (tmp_path / "progress.jsonl").write_text(f"{TRAINING}\n{json.dumps(FAILED)}\n")

    shown = command("watch", "progress.jsonl", cwd=tmp_path)
    once = command("watch", ".", "--once", cwd=tmp_path)

    assert shown.returncode == once.returncode == 1, shown.stderr
    assert "mlp epoch 1/2  train loss 0.5  eval loss nan" in shown.stdout
    assert "mlp failed" in shown.stdout
    assert "Traceback" not in shown.stderr + once.stderr


def test_a_training_that_runs_is_shown_once_with_exit_0(tmp_path):
    (tmp_path / "progress.jsonl").write_text(f"{TRAINING}\n")

    once = command("watch", str(tmp_path), "--once", cwd=tmp_path)

    assert once.returncode == 0, once.stderr
    assert "it has told nothing for" in once.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "there are no runs"),
        (["./none"], "there are no runs"),
        ([], "the following arguments are required: RUN"),
        (["empty/"], "there is no progress.jsonl"),
        (["last", "--wrong"], "unrecognized arguments"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2(tmp_path, words, said):
    (tmp_path / "empty").mkdir()

    ran = command("watch", *words, cwd=tmp_path)

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_run_is_followed_and_ctrl_c_leaves_it_alone(tmp_path):
    run = started("run", f"{PIPELINES}:slow", "--seconds", "6", "--out", str(tmp_path))
    while not list(tmp_path.glob("slow-*/logs/naps.log")):
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    left = started("watch", "last", "--out", str(tmp_path))
    assert left.stdout.readline().startswith("slow-")
    left.send_signal(signal.SIGINT)
    _, said = left.communicate()
    followed = command("watch", "last", "--json", "--out", str(tmp_path))
    run.communicate()

    assert left.returncode == 0, said
    assert "the run is left alone" in said
    assert run.returncode == 0
    states = [json.loads(line) for line in followed.stdout.splitlines()]
    assert states[0]["status"] == "running"
    assert states[-1]["status"] == "succeeded"
    assert {"name": "naps", "state": "running"}.items() <= dict(states[0]["steps"][-1]).items()


def test_help_names_watch_and_fork():
    helped = command("--help").stdout

    assert "\n    watch " in helped
    assert "\n    fork " in helped


def test_help_needs_nothing_heavy():
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from plimsoll.cli.entry import _parser\n"
        "_parser()\n"
        "print(sorted({'rich', 'kfp', 'yaml', 'plimsoll.local', 'plimsoll.train'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
