"""What data hold cannot steer the terminal that shows it."""

import argparse
import io

from plimsoll.cli import entry
from plimsoll.local.engine.progress import Progress
from plimsoll.local.record import FAILED, SUCCEEDED, Failure, Run, Step
from plimsoll.local.summary import print_failures
from plimsoll.printable import all_printable, printable

HOSTILE = "\x1b]0;title\x07\x1b[2J\u202egone\r"
SHOWN = "\\x1b]0;title\\x07\\x1b[2J\\u202egone\\r"


def test_what_would_steer_a_terminal_is_written_out():
    assert printable(HOSTILE) == SHOWN
    assert printable("plain é 日本 \u200d\t[bold]") == "plain é 日本 \u200d\t[bold]"
    assert all_printable({HOSTILE: [HOSTILE, 1, None]}) == {SHOWN: [SHOWN, 1, None]}


def test_errors_keep_their_lines(capsys):
    entry._complain(f"one {HOSTILE}\n  two {HOSTILE}", argparse.Namespace())
    assert capsys.readouterr().err == f"error: one {SHOWN}\n  two {SHOWN}\n"


def test_notes_of_steps_are_written_out():
    stream = io.StringIO()
    Progress({}, stream).show(Step(name="validate", state=SUCCEEDED, notes=[HOSTILE]))
    assert SHOWN in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_errors_of_steps_are_written_out(capsys):
    error = Failure(headline="", text=f"one {HOSTILE}", log_tail=(f"two {HOSTILE}",))
    step = Step(name="ingest", state=FAILED, error=error)
    run = Run(id="r", pipeline="p", arguments={}, folder="", started="", steps={"ingest": step})
    print_failures(run)
    shown = capsys.readouterr().err
    assert f"one {SHOWN[:-2]}" in shown
    assert f"two {SHOWN}" in shown
