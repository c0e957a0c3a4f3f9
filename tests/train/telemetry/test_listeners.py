"""What is told of a training, and who hears it."""

import dataclasses
import io
import itertools
import json
import math
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from plimsoll.errors import ArtifactError, StepError
from plimsoll.quantities import whole_duration
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.telemetry import progress_file, webhook
from plimsoll.train.telemetry.console import Console
from plimsoll.train.telemetry.events import Ended, EpochFinished, Saved, Started, Stepped
from plimsoll.train.telemetry.listeners import BestEffort, Throttled, listeners_for
from plimsoll.train.telemetry.progress_file import ProgressFile, ProgressReader
from plimsoll.train.telemetry.tensorboard import TensorBoard


def started(model="mlp", resumed_at=0, **fields):
    return Started(
        **{
            "model": model,
            "task": "binary",
            "rows": 1000,
            "batch_size": 100,
            "steps_an_epoch": 10,
            "epochs": 3,
            "weights": 4321,
            "place": "2 threads",
            "processes": 1,
            "resumed_at": resumed_at,
            **fields,
        }
    )


def stepped(step, loss=0.5, **fields):
    return Stepped(
        **{
            "epoch": (step - 1) // 10 + 1,
            "step": step,
            "train_loss": loss,
            "learning_rate": 1e-3,
            "samples_a_second": 12345.0,
            "seconds_left": 65.0,
            **fields,
        }
    )


def epoch(number, eval_loss=0.4, train_loss=0.5):
    return EpochFinished(
        number=number,
        train_loss=train_loss,
        eval_loss=eval_loss,
        learning_rate=1e-3,
        seconds=2.0,
    )


def again(number, eval_loss=0.4):
    return dataclasses.replace(epoch(number, eval_loss), seconds=0.0, again=True)


ENDED = Ended(best_epoch=2, eval_loss=0.3, reason="all epochs")
WHOLE = (
    started(),
    stepped(5),
    epoch(1, 0.4),
    Saved(step=10, seconds=0.1),
    epoch(2, 0.3),
    epoch(3, 0.35),
    ENDED,
)


def tell(listener, *events):
    for event in events:
        listener.on_event(event)


# The progress file


def test_the_progress_file_is_read_back_as_it_was_told(tmp_path):
    tell(ProgressFile(tmp_path / "logs"), *WHOLE)

    (training,) = ProgressReader(tmp_path / "logs").read()

    assert training.started == WHOLE[0]
    assert training.epochs == (epoch(1, 0.4), epoch(2, 0.3), epoch(3, 0.35))
    assert training.latest == stepped(5)
    assert training.ended == ENDED
    assert training.best.number == 2
    assert training.over
    assert training.updated == pytest.approx(time.time(), abs=3600)


def test_each_line_can_be_read_at_once_and_by_any_reader(tmp_path):
    listener, seen = ProgressFile(tmp_path), []
    for event in WHOLE:
        listener.on_event(event)
        lines = (tmp_path / "progress.jsonl").read_text("utf-8").splitlines()
        seen.append(json.loads(lines[-1])["event"])

    assert seen == ["started", "stepped", "epoch", "saved", "epoch", "epoch", "ended"]


def test_what_is_no_number_is_null(tmp_path):
    tell(ProgressFile(tmp_path), started(), stepped(1, math.nan), epoch(1, math.inf))

    text = (tmp_path / "progress.jsonl").read_text()
    assert not {"NaN", "Infinity"} & set(text.replace(",", " ").replace("}", " ").split())
    (training,) = ProgressReader(tmp_path).read()
    assert math.isnan(training.latest.train_loss)
    assert math.isnan(training.epochs[0].eval_loss)
    assert training.best is None


def test_a_training_that_goes_on_takes_back_what_came_after_its_checkpoint(tmp_path):
    tell(ProgressFile(tmp_path), started(), epoch(1), epoch(2, 0.1), stepped(25))
    tell(ProgressFile(tmp_path), started(resumed_at=15), epoch(2, 0.3), epoch(3, 0.35), ENDED)

    (training,) = ProgressReader(tmp_path).read()

    assert [item.eval_loss for item in training.epochs] == [0.4, 0.3, 0.35]
    assert training.started.resumed_at == 15


def test_an_interrupted_training_is_not_over(tmp_path):
    cut = Ended(best_epoch=1, eval_loss=0.4, reason="interrupted")
    tell(ProgressFile(tmp_path), started(), epoch(1), cut)
    (before,) = ProgressReader(tmp_path).read()
    tell(ProgressFile(tmp_path), started(resumed_at=10), epoch(2, 0.3), ENDED)
    (after,) = ProgressReader(tmp_path).read()

    assert not before.over
    assert after.over
    assert len(after.epochs) == 2


def test_several_trainings_may_stand_in_one_file(tmp_path):
    tell(ProgressFile(tmp_path), *WHOLE)
    tell(ProgressFile(tmp_path), started("tabm"), epoch(1))
    tell(ProgressFile(tmp_path), started("dcn"))

    found = ProgressReader(tmp_path).read()

    assert [item.started.model for item in found] == ["mlp", "tabm", "dcn"]
    assert [len(item.epochs) for item in found] == [3, 1, 0]


def test_a_line_cut_short_by_a_kill_is_passed_over_and_the_next_stands_alone(tmp_path):
    path = tmp_path / "progress.jsonl"
    tell(ProgressFile(tmp_path), started(), epoch(1))
    with path.open("a") as stream:
        stream.write('{"event": "epoch", "number": 2, "tra')

    (cut,) = ProgressReader(path).read()
    tell(ProgressFile(tmp_path), started(resumed_at=10), epoch(2, 0.3))
    (whole,) = ProgressReader(path).read()

    assert len(cut.epochs) == 1
    assert [item.number for item in whole.epochs] == [1, 2]


@given(st.data())
def test_following_a_file_that_grows_sees_what_reading_it_at_once_sees(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("follow")
    whole = "".join(f"{progress_file.event_line(event, 1.5)}\n" for event in WHOLE).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    path = folder / "progress.jsonl"
    path.write_bytes(b"")
    following, before = ProgressReader(path), 0
    for cut in [*cuts, len(whole)]:
        with path.open("ab") as stream:
            stream.write(whole[before:cut])
        before = cut
        seen = following.read()

    assert seen == ProgressReader(path).read()
    assert len(seen[0].epochs) == 3


def test_a_file_that_is_replaced_by_a_shorter_one_is_read_anew(tmp_path):
    tell(ProgressFile(tmp_path), *WHOLE)
    following = ProgressReader(tmp_path)
    following.read()
    (tmp_path / "progress.jsonl").unlink()
    tell(ProgressFile(tmp_path), started("dcn"))

    assert [item.started.model for item in following.read()] == ["dcn"]


def test_a_training_that_failed_before_it_began_is_told_of(tmp_path):
    failed = Ended(best_epoch=0, eval_loss=math.nan, reason="failed", error="no such file")
    tell(ProgressFile(tmp_path), *WHOLE)
    tell(ProgressFile(tmp_path), failed)

    first, second = ProgressReader(tmp_path).read()

    assert first.ended == ENDED
    assert second.ended.error == "no such file"
    assert second.best is None


def test_lines_of_others_and_of_later_versions_are_passed_over(tmp_path):
    path = tmp_path / "progress.jsonl"
    known = json.loads(progress_file.event_line(started(), 1.0))
    lines = ["", "[]", "3", '{"event": "new", "at": 1}', '{"at": 1}', '{"event": "epoch"}', "x"]
    path.write_text("\n".join([*lines, json.dumps({**known, "later": 1})]) + "\n")

    (training,) = ProgressReader(path).read()

    assert training.started == started()


def test_no_file_is_said_so(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read"):
        ProgressReader(tmp_path).read()


# TensorBoard


def scalars(folder, tag):
    read = EventAccumulator(str(folder))
    read.Reload()
    return [(item.step, round(item.value, 4)) for item in read.Scalars(tag)]


def test_tensorboard_reads_the_curves_of_both_splits_under_one_tag(tmp_path):
    tell(
        TensorBoard(tmp_path),
        started(),
        stepped(5, gpu_memory=3 << 30, gpu_utilisation=0.75),
        epoch(1, 0.4),
        stepped(10),
        epoch(2, 0.3),
        stepped(20),
        ENDED,
    )

    assert scalars(tmp_path / "train", "loss") == [(5, 0.5), (10, 0.5), (20, 0.5)]
    assert scalars(tmp_path / "eval", "loss") == [(10, 0.4), (20, 0.3)]
    assert scalars(tmp_path / "train", "learning_rate")[0] == (5, 0.001)
    assert [step for step, _ in scalars(tmp_path / "train", "samples_a_second")] == [5, 10, 20]
    assert scalars(tmp_path / "train", "gpu/memory_gib") == [(5, 3.0)]
    assert scalars(tmp_path / "train", "gpu/utilisation") == [(5, 0.75)]


def test_the_curves_are_there_before_the_training_ends(tmp_path):
    listener = TensorBoard(tmp_path)
    tell(listener, started(), stepped(5), epoch(1, 0.4))

    assert scalars(tmp_path / "eval", "loss") == [(10, 0.4)]
    listener.on_event(ENDED)


def test_a_resume_draws_no_point_twice(tmp_path):
    tell(TensorBoard(tmp_path), started(), epoch(1, 0.4), epoch(2, 0.9))
    time.sleep(1.1)  # Event files are named by the second, and read in the order of names.
    tell(TensorBoard(tmp_path), started(resumed_at=10), again(1, 0.4), epoch(2, 0.3), ENDED)

    assert scalars(tmp_path / "eval", "loss") == [(10, 0.4), (20, 0.3)]


def test_what_is_no_number_is_left_out_of_the_curve(tmp_path):
    tell(TensorBoard(tmp_path), started(), epoch(1, math.nan), epoch(2, 0.3), ENDED)

    assert scalars(tmp_path / "eval", "loss") == [(20, 0.3)]


LIGHT = """
import sys, tempfile
from pathlib import Path
from plimsoll.train.telemetry.tensorboard import TensorBoard
from plimsoll.train.telemetry.events import Started
assert "tensorboard" not in sys.modules
TensorBoard(Path(tempfile.mkdtemp())).on_event(Started(model="mlp", task="binary", rows=1,
    batch_size=1, steps_an_epoch=1, epochs=1, weights=1, place="", processes=1))
print(sorted({"tensorflow", "torch", "pandas"} & set(sys.modules)))
"""


def test_neither_tensorflow_nor_torch_is_imported_for_it():
    ran = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# The console


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_a_log_has_a_line_an_epoch_and_how_it_ended():
    stream = io.StringIO()
    tell(Console(stream, Clock()), *WHOLE)

    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("mlp: 1,000 rows, 100 a step, at most 3 epochs of 10 steps")
    assert lines[1] == ("epoch 1/3  train loss 0.5  eval loss 0.4  2.0 s  12,345 samples/s  lowest")
    assert lines[2] == "checkpoint of step 10 (0.1 s)"
    assert "lowest" in lines[3]
    assert "lowest" not in lines[4]
    assert lines[5] == "all epochs were run: best epoch 2, eval loss 0.3"
    assert len(lines) == 6


def test_a_long_epoch_is_told_of_every_few_seconds_and_less_the_longer_it_takes():
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock)
    console.on_event(started(steps_an_epoch=100_000))
    for _ in range(60):
        clock.now += 1
        console.on_event(stepped(50_000, epoch=1, gpu_memory=3 << 30, gpu_utilisation=0.5))
    told = stream.getvalue().splitlines()[1:]
    clock.now += 100_000
    console.on_event(stepped(50_000))
    before = len(stream.getvalue().splitlines())
    for _ in range(600):
        clock.now += 1
        console.on_event(stepped(50_000))

    assert len(told) == 12
    assert told[0] == (
        "epoch 1/3 50%  train loss 0.5  12,345 samples/s  1 min 5 s left at most  "
        "GPU 3.0 GiB, 50% busy"
    )
    assert len(stream.getvalue().splitlines()) == before


def test_a_terminal_has_a_bar_that_never_wraps(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    tell(Console(stream, Clock()), started(), stepped(5), epoch(1, 0.4), stepped(12), ENDED)

    shown = stream.getvalue().split("\r\x1b[K")
    assert "epoch 1/3 ━━━━━━━━━━──────────   50%" in shown[2]
    assert shown[3].startswith("epoch 1/3  train loss 0.5  eval loss 0.4")
    assert all(len(text.rstrip("\n")) < 60 for text in (shown[2], shown[4]))
    assert shown[-1].endswith("\n")


def test_a_terminal_that_can_take_nothing_back_has_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    tell(Console(stream, Clock()), *WHOLE)

    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_failure_is_said_with_its_reason():
    stream = io.StringIO()
    error = "training diverged: the train loss is nan in epoch 1"
    tell(
        Console(stream, Clock()),
        started(resumed_at=5),
        Ended(best_epoch=0, eval_loss=math.nan, reason="failed", error=error),
    )
    assert stream.getvalue().splitlines()[1:] == ["goes on from step 5", f"failed: {error}"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.2, "1 min"),
        (125, "2 min 5 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (math.inf, "-"),
        (math.nan, "-"),
    ],
)
def test_durations_are_said_in_two_units(seconds, said):
    assert whole_duration(seconds) == said


# Alerts

SECRET = "T000-very-secret"
FAILED = Ended(best_epoch=1, eval_loss=0.4, reason="failed", error="training diverged: nan")


class Hook(BaseHTTPRequestHandler):
    status, seen, slowly = 200, [], False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, json.loads(body)))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()
        while self.slowly:
            time.sleep(0.05)

    def log_message(self, *_):
        pass


@contextmanager
def hook(status=200, slowly=False, context=None):
    handler = type("Own", (Hook,), {"status": status, "seen": [], "slowly": slowly})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scheme = "https" if context else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}/{SECRET}", handler.seen
    finally:
        handler.slowly = False
        server.shutdown()
        server.server_close()


def test_a_failure_is_posted_with_where_it_was(capsys):
    with hook() as (url, seen):
        tell(webhook.WebhookListener(url, "flights"), started(), epoch(1), stepped(15), FAILED)

    ((path, message),) = seen
    assert path == f"/{SECRET}"
    assert message["text"].startswith("Training failed in epoch 2: flights on ")
    assert message["text"].endswith("training diverged: nan")
    assert message["reason"] == "failed"
    assert (message["model"], message["step"], message["eval_loss"]) == ("mlp", 15, 0.4)
    assert capsys.readouterr().err == ""


def test_an_interruption_is_told_and_a_good_end_is_not():
    with hook() as (url, seen):
        tell(webhook.WebhookListener(url, "flights"), *WHOLE)
        cut = Ended(best_epoch=1, eval_loss=math.nan, reason="interrupted")
        tell(webhook.WebhookListener(url, "flights"), started(), epoch(1, math.nan), cut)

    assert [message["reason"] for _, message in seen] == ["interrupted"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_said_without_its_address(capsys, status):
    with hook(status) as (url, seen):
        tell(webhook.WebhookListener(url, "flights"), started(), FAILED)

    said = capsys.readouterr().err
    assert f"status {status}" in said
    assert SECRET not in said
    assert len(seen) == 1


def test_a_webhook_that_is_not_there_ends_nothing_and_stays_secret(capsys):
    with hook() as (url, _):
        pass
    tell(webhook.WebhookListener(url, "flights"), started(), FAILED)

    said = capsys.readouterr().err
    assert "PLIMSOLL_ALERT_URL was not told that the training failed" in said
    assert SECRET not in said


def test_a_webhook_that_never_ends_its_answer_is_waited_for_a_bounded_time(monkeypatch, capsys):
    monkeypatch.setattr(webhook, "MOST_SECONDS", 0.2)
    with hook(slowly=True) as (url, _):
        tell(webhook.WebhookListener(url, "flights"), started(), FAILED)

    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        f"http://example.org/{SECRET}",
        f"ftp://example.org/{SECRET}",
        f"https:///{SECRET}",
        f"https://example.org/{SECRET}\nx",
        f"https://example.org:port/{SECRET}",
        f"https://[::1/{SECRET}",
        SECRET,
    ],
)
def test_an_address_that_is_none_of_https_is_said_and_no_reason_not_to_train(
    monkeypatch, capsys, url
):
    monkeypatch.setenv("PLIMSOLL_ALERT_URL", url)

    assert webhook.webhook_from_environment("flights") is None
    said = capsys.readouterr().err
    assert "nobody will be told" in said
    assert SECRET not in said


def test_no_address_is_no_word(monkeypatch, capsys):
    monkeypatch.delenv("PLIMSOLL_ALERT_URL", raising=False)

    assert webhook.webhook_from_environment("flights") is None
    assert capsys.readouterr().err == ""


def test_https_is_checked_against_the_authorities_that_are_trusted(tmp_path, monkeypatch, capsys):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        capture_output=True,
    )
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with hook(context=context) as (url, seen):
        tell(webhook.WebhookListener(url, "flights"), started(), FAILED)
        assert seen == []
        assert SECRET not in capsys.readouterr().err
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        tell(webhook.WebhookListener(url, "flights"), started(), FAILED)

    assert len(seen) == 1


# All of them


class Kept:
    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)


def test_a_file_is_told_of_few_steps_of_a_long_training_and_of_all_else():
    kept, clock = Kept(), Clock()
    thinned = Throttled(kept, clock)
    thinned.on_event(started())
    for second in range(1, 7201):
        clock.now = float(second)
        thinned.on_event(stepped(second))
        if second % 600 == 0:
            thinned.on_event(epoch(second // 600))
    steps = [event.step for event in kept.events if isinstance(event, Stepped)]

    assert steps[:100] == list(range(1, 101))
    assert max(later - step for step, later in itertools.pairwise(steps)) == 15
    assert len(steps) < 1200
    assert len([event for event in kept.events if isinstance(event, EpochFinished)]) == 12


def job(tmp_path, **fields):
    config = TrainConfig(model="mlp", epochs=1, patience=1, batch_size=8)
    return Job(examples=tmp_path / "none", out=tmp_path / "out", config=config, **fields)


def test_a_job_with_logs_is_told_of_everywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PLIMSOLL_ALERT_URL", f"https://example.org/{SECRET}")
    listeners = listeners_for(job(tmp_path, logs=tmp_path / "logs"))
    nothing_yet = not (tmp_path / "logs").exists()
    for event in WHOLE:
        for listener in listeners:
            listener.on_event(event)

    assert nothing_yet
    assert len(listeners) == 4
    assert ProgressReader(tmp_path / "logs").read()[0].over
    assert list((tmp_path / "logs" / "train").glob("events.out.tfevents.*"))
    assert "epoch 1/3" in capsys.readouterr().out


def test_a_job_without_logs_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("PLIMSOLL_ALERT_URL", raising=False)
    for listener in listeners_for(job(tmp_path)):
        tell(listener, *WHOLE)

    assert list(tmp_path.iterdir()) == []


def test_logs_that_cannot_be_written_end_no_training(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file where the folder should be")
    listener = BestEffort(ProgressFile(tmp_path / "logs"), "the progress file")
    tell(listener, *WHOLE)

    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "the progress file can no longer be written" in said[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has it")
def test_a_full_disk_ends_no_training(tmp_path, capsys):
    (tmp_path / "progress.jsonl").symlink_to("/dev/full")
    tell(BestEffort(ProgressFile(tmp_path), "the progress file"), *WHOLE)

    assert "No space left on device" in capsys.readouterr().err


# A training that goes on tells its epochs again


def test_epochs_told_again_begin_the_curves_of_a_new_folder(tmp_path):
    resumed = (started(resumed_at=20), again(1, 0.5), again(2, 0.3), epoch(3, 0.35))
    tell(ProgressFile(tmp_path), *resumed)
    tell(TensorBoard(tmp_path), *resumed)

    (training,) = ProgressReader(tmp_path).read()
    assert [item.number for item in training.epochs] == [1, 2, 3]
    assert training.best.number == 2
    assert [step for step, _ in scalars(tmp_path / "eval", "loss")] == [10, 20, 30]


def test_epochs_told_again_stand_once_in_the_same_file(tmp_path):
    tell(ProgressFile(tmp_path), started(), epoch(1, 0.5), epoch(2, 0.3), epoch(3, 0.2))
    resumed = (started(resumed_at=20), again(1, 0.5), again(2, 0.3), epoch(3, 0.35))
    tell(ProgressFile(tmp_path), *resumed)

    (training,) = ProgressReader(tmp_path).read()
    assert [item.number for item in training.epochs] == [1, 2, 3]
    assert training.epochs[2].eval_loss == 0.35


def test_a_log_says_nothing_of_epochs_told_again_but_knows_the_lowest():
    stream = io.StringIO()
    tell(Console(stream), started(resumed_at=10), again(1, 0.3), epoch(2, 0.4))

    assert "epoch 1/" not in stream.getvalue()
    assert "lowest" not in stream.getvalue()


# Who waits for a training that was killed


def failing(logs):
    with webhook.alert_on_error("flights", logs):
        raise StepError("process 0 of the training was killed by SIGKILL")


def test_who_waits_tells_of_a_training_that_could_not(tmp_path, monkeypatch):
    with hook() as (url, seen):
        monkeypatch.setenv("PLIMSOLL_ALERT_URL", url)
        with pytest.raises(StepError):
            failing(tmp_path)

    ((_, message),) = seen
    assert message["reason"] == "failed"
    assert "killed by SIGKILL" in message["error"]
    assert message["training"] == "flights"


def test_who_waits_does_not_tell_again_what_the_training_told(tmp_path, monkeypatch):
    with hook() as (url, seen):
        monkeypatch.setenv("PLIMSOLL_ALERT_URL", url)
        tell(webhook.webhook_from_environment("flights", tmp_path), started(), FAILED)
        with pytest.raises(StepError):
            failing(tmp_path)

    assert len(seen) == 1


def test_who_waits_tells_what_the_webhook_refused_to_take(tmp_path, monkeypatch):
    with hook(500) as (url, seen):
        monkeypatch.setenv("PLIMSOLL_ALERT_URL", url)
        tell(webhook.webhook_from_environment("flights", tmp_path), started(), FAILED)
        with pytest.raises(StepError):
            failing(tmp_path)

    assert len(seen) == 2


def test_who_waits_tells_nobody_where_no_address_is_set(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PLIMSOLL_ALERT_URL", raising=False)
    with pytest.raises(StepError):
        failing(tmp_path)
    assert capsys.readouterr().err == ""
