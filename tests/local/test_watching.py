"""What can be seen of runs and trainings from outside."""

import io
import json
import math
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from plimsoll.errors import ArtifactError, UsageError
from plimsoll.local.engine.progress import Progress
from plimsoll.local.record import FAILED, RUNNING, SUCCEEDED, Step, new_run
from plimsoll.local.summary import print_runs
from plimsoll.local.watch import terminal_chart
from plimsoll.local.watch import view as watch_view
from plimsoll.local.watch.watching import Logs, LogsWatch, RunWatch, brief, watch_of
from plimsoll.train.telemetry.events import Ended, EpochFinished, Started, Stepped
from plimsoll.train.telemetry.progress_file import ProgressFile, ProgressReader

STARTED = Started(
    model="tabm",
    task="binary",
    rows=1000,
    batch_size=100,
    steps_an_epoch=10,
    epochs=3,
    weights=4321,
    place="GPU (H100)",
    processes=1,
)
STEPPED = Stepped(
    epoch=3,
    step=25,
    train_loss=0.3,
    learning_rate=1e-3,
    samples_a_second=12345.0,
    seconds_left=65.0,
    gpu_memory=3 << 30,
    gpu_utilisation=0.75,
)
ENDED = Ended(best_epoch=2, eval_loss=0.41, reason="stopped early")


def epochs(*losses):
    return [
        EpochFinished(number=n, train_loss=0.5, eval_loss=loss, learning_rate=1e-3, seconds=2.0)
        for n, loss in enumerate(losses, 1)
    ]


def write(folder, *events):
    file = ProgressFile(folder)
    for event in events:
        file.on_event(event)


def run_in(out, *, status=RUNNING):
    """Writes the record of a run whose step ``train`` runs, and returns it."""
    run = new_run("training", {}, out)
    run.steps = {
        "transform": Step(name="transform", state=SUCCEEDED, seconds=1.5, cached=True),
        "train": Step(name="train", state=RUNNING, after=["transform"]),
        "evaluate": Step(name="evaluate", after=["train"]),
    }
    for step in run.steps.values():
        step.log = f"{run.folder}/logs/{step.name}.log"
    run.status = status
    run.write()
    return run


def drawn(seen, **console):
    stream = io.StringIO()
    shown = Console(file=stream, width=100, height=40, **console)
    shown.print(watch_view.picture(seen, shown))
    return stream.getvalue()


def test_a_run_is_seen_with_its_steps_in_order_and_its_training(tmp_path):
    run = run_in(tmp_path)
    before = RunWatch(tmp_path / run.id).look()
    write(tmp_path / run.id / "train" / "logs", STARTED, *epochs(0.42, 0.41), STEPPED)

    seen = RunWatch(tmp_path / run.id).look()

    assert before.trainings == ()
    assert [step["name"] for step in seen.steps] == ["transform", "train", "evaluate"]
    assert seen.status == RUNNING
    assert not seen.over
    assert seen.trainings[0].latest == STEPPED
    text = drawn(seen)
    for said in (
        "transform  succeeded  1.5 s  cached",
        "tabm: 1,000 rows, 100 a step, 4,321 weights, on GPU (H100)",
        "epoch 3/3",
        "lowest eval loss 0.41 in epoch 2",
        "12,345 samples/s  1 min 5 s left at most  GPU 3.0 GiB, 75% busy",
    ):
        assert said in text


def test_a_step_that_runs_is_seen_with_how_long_it_has_run(tmp_path):
    run = run_in(tmp_path)
    source = tmp_path / run.id / "logs" / "train.py"
    source.parent.mkdir()
    before = RunWatch(tmp_path / run.id).look()
    source.write_text("")
    os.utime(source, (time.time() - 3600, time.time() - 3600))

    seen = RunWatch(tmp_path / run.id).look()

    assert before.steps[1]["seconds"] == 0
    assert seen.steps[1]["seconds"] >= 3600
    assert seen.steps[0]["seconds"] == 1.5


def test_a_run_whose_process_is_gone_is_over(tmp_path):
    run = run_in(tmp_path)
    run.process = 1 << 22
    run.write()
    write(tmp_path / run.id / "train" / "logs", STARTED, *epochs(0.42))

    seen = RunWatch(tmp_path / run.id).look()

    assert seen.over
    assert seen.status == "killed"
    assert "cut off" in drawn(seen)


def test_the_candidates_of_auto_are_seen_beside_each_other(tmp_path):
    run = run_in(tmp_path)
    logs = tmp_path / run.id / "train" / "logs"
    write(logs / "1-mlp", STARTED, *epochs(0.42, 0.41), ENDED)
    write(logs / "2-dcn", STARTED, *epochs(0.43))

    seen = RunWatch(tmp_path / run.id).look()

    assert len(seen.trainings) == 2
    assert seen.trainings[0].over
    lines = [line.split() for line in drawn(seen).splitlines()]
    assert ["tabm", "2", "2", "0.41"] in [line[:4] for line in lines]
    assert "running" in drawn(seen).split("0.43")[1]


def test_a_step_that_is_tried_again_is_seen_anew(tmp_path):
    logs = Logs(tmp_path)
    write(tmp_path / "logs", STARTED, *epochs(0.42))
    first = logs.read()
    (tmp_path / "logs" / "progress.jsonl").unlink()
    gone = logs.read()
    write(tmp_path / "logs", STARTED)

    assert (len(first), len(gone), len(logs.read()[0].epochs)) == (1, 0, 0)


@pytest.mark.parametrize("inside", ["", "logs", "logs/1-mlp", "1-mlp"])
def test_a_folder_of_shared_storage_is_watched(tmp_path, inside):
    write(tmp_path / "job" / inside, STARTED, *epochs(0.42), ENDED)

    watch = watch_of(str(tmp_path / "job"), tmp_path / "runs")

    assert isinstance(watch, LogsWatch)
    assert watch.look().over
    assert watch.look().status == SUCCEEDED


@pytest.mark.parametrize(
    ("last", "status", "over"),
    [
        ([], "running", False),
        ([ENDED], "succeeded", True),
        ([Ended(best_epoch=1, eval_loss=0.4, reason="interrupted")], "interrupted", False),
        ([Ended(best_epoch=0, eval_loss=math.nan, reason="failed", error="x")], "failed", True),
    ],
)
def test_how_a_training_without_a_run_stands(tmp_path, last, status, over):
    write(tmp_path, STARTED, *epochs(0.42), *last)

    seen = watch_of(str(tmp_path / "progress.jsonl"), tmp_path / "runs").look()

    assert (seen.status, seen.over) == (status, over)
    assert seen.reason == ("x" if status == FAILED else "")
    assert drawn(seen)


def test_what_is_watched_is_found_as_other_commands_find_it(tmp_path):
    run = run_in(tmp_path / "runs")

    for name in (run.id, run.id[-9:], "last", run.folder):
        watch = watch_of(name, tmp_path / "runs")
        assert isinstance(watch, RunWatch)
        assert watch.look().name == run.id


def test_what_cannot_be_watched_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no events\n")
    for name, said in (
        ("none", "there are no runs"),
        (str(tmp_path / "empty"), "there is no progress.jsonl"),
        (str(tmp_path / "notes.txt"), "tells of no training"),
    ):
        with pytest.raises(UsageError, match=said):
            watch_of(name, tmp_path / "runs")


def test_a_file_that_is_taken_away_is_said(tmp_path):
    write(tmp_path, STARTED)
    watch = watch_of(str(tmp_path), tmp_path)
    (tmp_path / "progress.jsonl").unlink()

    with pytest.raises(ArtifactError, match="no training any more"):
        watch.look()


def test_lines_say_each_thing_once(tmp_path):
    stream = io.StringIO()
    lines = watch_view.Lines(Console(file=stream, width=200))
    run = run_in(tmp_path)
    watch = RunWatch(tmp_path / run.id)
    lines.show(watch.look())
    logs = tmp_path / run.id / "train" / "logs"
    write(logs, STARTED, *epochs(0.42))
    lines.show(watch.look())
    lines.show(watch.look())
    write(logs, *epochs(0.42, 0.41)[1:], ENDED)
    run.steps["train"].state, run.status = SUCCEEDED, SUCCEEDED
    run.write()
    lines.show(watch.look())

    assert stream.getvalue().splitlines() == [
        f"{run.id} running",
        "  transform  succeeded  1.5 s  cached",
        "  train  running",
        "  tabm: 1,000 rows, 100 a step, 4,321 weights, on GPU (H100)",
        "  tabm epoch 1/3  train loss 0.5  eval loss 0.42  2 s",
        "  train  succeeded",
        "  tabm epoch 2/3  train loss 0.5  eval loss 0.41  2 s",
        "  tabm stopped early: best epoch 2, eval loss 0.41",
        f"{run.id} succeeded  0 s",
    ]


def test_machines_get_numbers_and_never_nan(tmp_path):
    write(tmp_path, STARTED, STEPPED, *epochs(0.42, math.nan))
    seen = watch_of(str(tmp_path), tmp_path).look()

    told = watch_view.as_json(seen, history=True)

    text = json.dumps(told, allow_nan=False)
    (training,) = json.loads(text)["trainings"]
    assert training["epoch"] == 3
    assert training["best_eval_loss"] == 0.42
    assert training["eval_loss"] is None
    assert [item["number"] for item in training["history"]] == [1, 2]
    assert "history" not in watch_view.as_json(seen, history=False)["trainings"][0]


def test_the_engines_own_line_tells_of_the_training_while_it_runs(tmp_path):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    run = run_in(tmp_path)
    write(tmp_path / run.id / "train" / "logs", STARTED, STEPPED, *epochs(0.42))
    stream = Terminal()
    progress = Progress(run.steps, stream)
    progress.show(run.steps["train"])
    with progress:
        pass

    assert "tabm epoch 3/3  eval loss 0.42  12,345 samples/s" in stream.getvalue()


def test_a_step_that_trains_nothing_has_no_word_of_it(tmp_path):
    run = run_in(tmp_path)
    assert brief(read_one(tmp_path, STARTED)) == "tabm epoch 0/3"
    from plimsoll.local.watch.watching import LiveLines

    assert LiveLines().of(run.steps["train"]) == ""


def read_one(folder, *events):
    write(folder / "one", *events)
    return ProgressReader(folder / "one").read()[0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats()), max_size=30),
    st.integers(1, 90),
    st.integers(2, 12),
)
def test_a_chart_has_the_size_that_it_is_given(points, width, height):
    lines = terminal_chart.chart({"a": points}, width=width, height=height)

    if any(math.isfinite(y) for _, y in points):
        assert len(lines) == height
        assert len({len(line.plain) for line in lines}) == 1
        assert any(0x2801 <= ord(letter) <= 0x28FF for line in lines for letter in line.plain)
    else:
        assert lines == []


def test_a_chart_draws_high_values_high():
    high, low = terminal_chart.chart({"a": [(0.0, 1.0), (1.0, 0.0)]}, width=12, height=2)

    assert high.plain.startswith("1 ")
    assert low.plain.startswith("0 ")
    assert high.plain[2] != "\u2800"
    assert high.plain[-1] == "\u2800"
    assert low.plain[-1] != "\u2800"


def test_runs_are_listed_with_their_whole_ids(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    records = [new_run("training", {}, tmp_path).to_dict() for _ in range(2)]
    print_runs(records, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", *(record["id"] for record in records)]
