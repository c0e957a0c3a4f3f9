"""The log of a TrainJob's first node, passed on as it grows, each line once."""

import math
import time
from collections.abc import Callable

from plimsoll.errors import StepError
from plimsoll.train.launch.cluster import LOG_BYTES, Cluster, TrainJobStatus

OVERLAP_SECONDS = 5
"""How much of what was read is read again, so that nothing is missed between two readings."""


class NodeLog:
    """Reads what is new in the first node's log, by the time before each line."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._pod = ""
        self._read_at = 0.0
        self._last: tuple[str, str] = ("", "")
        self._times_last = 0
        """Lines of that very time which were passed on."""

    def read(self, job: TrainJobStatus) -> None:
        """Passes on the lines that came since; a log that cannot be read now is read later."""
        first = [pod for pod in job.pods if pod.index == 0]
        started = [pod for pod in first if pod.phase in ("Running", "Succeeded", "Failed")]
        if not started:
            return
        if started[0].name != self._pod:
            self._pod, self._last, self._times_last = started[0].name, ("", ""), 0
        begun = time.monotonic()
        since = math.ceil(begun - self._read_at) + OVERLAP_SECONDS if self._last[0] else 0
        try:
            text = self._cluster.log(self._pod, since_seconds=since)
        except StepError:
            # The pod may just have gone, or its container not be there yet.
            return
        self._pass_on(text, whole=job.condition != "")
        if len(text.encode()) < LOG_BYTES:
            self._read_at = begun

    def _pass_on(self, text: str, *, whole: bool) -> None:
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n") and not whole:
            # Half a line: the rest comes with the next reading.
            lines.pop()
        repeated = 0
        for line in lines:
            stamp, _, rest = line.rstrip("\r\n").partition(" ")
            # The fraction's last zeros are left out, so that stamps differ in length.
            seconds, _, fraction = stamp.rstrip("Z").partition(".")
            key = seconds, fraction.ljust(9, "0")
            if key < self._last:
                continue
            if key == self._last:
                repeated += 1
                if repeated <= self._times_last:
                    continue
                self._times_last += 1
            else:
                self._last, self._times_last, repeated = key, 1, 1
            self._say(rest)


def without_timestamps(text: str) -> list[str]:
    """Returns the lines of a log without their times."""
    return [line.partition(" ")[2] for line in text.splitlines()]
