"""A process that runs trials, one after the other: ``python -m plimsoll.tune.worker``.

It reads requests as lines of JSON from its standard input and answers on its standard output;
what the packages print goes to the trial's log. It ends when its parent does.
"""

import dataclasses
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

from plimsoll.errors import PlimsollError
from plimsoll.train.job import read_job

POLL_SECONDS = 0.5


class Pruned(Exception):  # noqa: N818 - no error: the trial was not worth going on with
    """Raised within a training to end it: the search wants no more of it."""


class ParentChannel:
    """What this process and its parent say to each other."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def receive(self) -> dict[str, Any] | None:
        """Returns the next request, or None if there is no parent any more."""
        line = self._requests.readline()
        return dict(json.loads(line)) if line.endswith("\n") else None

    def send(self, **answer: Any) -> None:
        """Answers."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def report(self, step: int, loss: float) -> None:
        """Reports a trial's loss on its way, and returns if it is to go on.

        Raises:
            Pruned: if it is not.
        """
        self.send(step=step, eval_loss=loss)
        reply = self.receive()
        if reply is None or not reply["go_on"]:
            raise Pruned


def main() -> int:
    """Runs trials until there are no more requests."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    parent = ParentChannel(sys.stdin, answers)
    while (request := parent.receive()) is not None:
        parent.send(**_outcome(request, parent))
    return 0


def _outcome(request: dict[str, Any], parent: ParentChannel) -> dict[str, Any]:
    from plimsoll.tune import trial

    with Path(request["log"]).open("a", encoding="utf-8") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    try:
        result = trial.run(read_job(Path(request["job"])), parent.report)
    except Pruned:
        return {"state": "pruned"}
    except PlimsollError as error:
        traceback.print_exc()
        return {"state": "failed", "why": "\n".join(filter(None, [error.headline, error.cause]))}
    except Exception as error:
        # Whatever a trial raises is its own failure: it is recorded, and the search goes on.
        traceback.print_exc()
        return {"state": "failed", "why": f"{type(error).__name__}: {error}"}
    return {"state": "complete", **dataclasses.asdict(result)}


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
