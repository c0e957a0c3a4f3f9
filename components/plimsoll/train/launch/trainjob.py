"""Trains on a cluster: a TrainJob of Kubeflow Trainer, made or found again, followed to its end."""

import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from plimsoll.errors import PlimsollError, StepError
from plimsoll.quantities import whole_duration
from plimsoll.train.distributed.stopping import exit_for_signal, on_signals
from plimsoll.train.job import Job
from plimsoll.train.launch.cluster import Cluster, TrainJobStatus
from plimsoll.train.launch.cluster_errors import UnreachableError
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.train.launch.node_log import NodeLog, without_timestamps
from plimsoll.train.launch.shared_storage import LOGS, OUT, Storage, stage, storage_for
from plimsoll.train.launch.torchrun import kill_error, last_lines
from plimsoll.train.launch.trainjob_spec import (
    ANNOTATION,
    Fingerprints,
    fingerprints,
    train_arguments,
)
from plimsoll.train.telemetry import webhook
from plimsoll.train.telemetry.console import say
from plimsoll.train.telemetry.failure_file import clear, read_error

GONE_SECONDS = 300.0
"""Longest time that a job which was deleted may take to go."""
CANCEL_SECONDS = 20.0
"""Longest time for asking the cluster to delete a job, once this process shall end."""
CREATE_TRIES = 3
FAILED_PODS = 2
TAIL_LINES = 300
"""torchrun's own account of an end takes dozens, and is left out."""


class _StopRequestedError(BaseException):
    """SIGTERM or SIGINT came."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def run(job: Job, config: LauncherConfig) -> None:
    """Trains by a TrainJob, and brings back the model and the logs.

    The job's name comes from the training itself: started again after this process was killed, it
    finds its job and follows that one. A job that failed is deleted and made anew, which goes on
    from its checkpoints. On SIGTERM and SIGINT, and past its time, the job is deleted.

    Raises:
        ConfigError: if the config does not hold, or the cluster refuses the job.
        PlimsollError: what ended the training, with the last lines of its log.
        StepError: if it failed without a word, took too long, or was deleted by someone else.
        SystemExit: with 143 after SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="plimsoll-trainjob-") as folder:
        # What ended the nodes' training comes among its logs, whoever wants these.
        logs = job.logs or Path(folder)
        with webhook.alert_on_error(job.title, logs):
            _run(dataclasses.replace(job, logs=logs), config)


def _run(job: Job, config: LauncherConfig) -> None:
    digests = fingerprints(job, config)
    storage = storage_for(config, digests)
    cluster = Cluster(config.namespace)
    with on_signals(_RaiseOnFirstSignal()):
        try:
            _TrainJobRun(job, config, digests, storage, cluster).to_the_end()
        except _StopRequestedError as stop:
            say(f"TrainJob {digests.name}: asked to stop, it is deleted")
            _cancel(cluster, digests.name)
            raise exit_for_signal(stop.number) from None
    if not config.keep:
        _cancel(cluster, digests.name)
        storage.remove()


@dataclass
class _TrainJobRun:
    """One TrainJob, from where it is found to its end."""

    job: Job
    config: LauncherConfig
    digests: Fingerprints
    storage: Storage
    cluster: Cluster

    @property
    def logs(self) -> Path:
        """Where the logs come to be."""
        assert self.job.logs is not None  # noqa: S101 - _run was given one
        return self.job.logs

    def to_the_end(self) -> None:
        """Finds or makes the job, waits for its end, and brings back what it left."""
        if not self._find_running():
            self._create()
        last = self._wait()
        # An earlier training's word may have been brought here before this one removed it.
        clear(self.logs)
        self.storage.mirror(LOGS, self.logs, ended=True)
        if last.condition == "Failed":
            self._failed(last)
        self.storage.fetch(OUT, self.job.out)
        metrics = ", ".join(f"{name} {value}" for name, value in sorted(last.metrics.items()))
        if metrics:
            say(f"TrainJob {self.digests.name}: {metrics}")

    def _find_running(self) -> bool:
        name = self.digests.name
        status = self._get()
        if status is None:
            return False
        if status.annotations.get(ANNOTATION, self.digests.job) != self.digests.job:
            raise StepError(
                f"TrainJob {name} in {self.cluster.namespace} is another training's",
                cause=f"its {ANNOTATION} is {status.annotations[ANNOTATION][:20]}...",
            )
        useless = status.condition == "Complete" and not self.storage.has(OUT)
        if not (status.deleting or status.condition == "Failed" or useless):
            say(f"TrainJob {name}: found again, {status.phase(self.config.nodes)}")
            return True
        why = "it failed before" if status.condition == "Failed" else "it left nothing"
        if not status.deleting:
            say(f"TrainJob {name}: {why}; it is deleted and made anew")
            self.cluster.delete(name)
        self._wait_until_gone()
        return False

    def _create(self) -> None:
        job_file = stage(self.job, self.storage)
        nodes = f"{self.config.nodes} node" + ("s" if self.config.nodes > 1 else "")
        created = self._create_with_retries(train_arguments(self.config, self.digests, job_file))
        outcome = f"made, {nodes}" if created else "it is there meanwhile"
        say(f"TrainJob {self.digests.name} in {self.cluster.namespace}: {outcome}")

    def _create_with_retries(self, arguments: dict[str, Any]) -> bool:
        for _ in range(CREATE_TRIES):
            try:
                return self.cluster.create(**arguments)
            except UnreachableError as error:
                last = error
            # It may have been made though its answer was lost.
            if self._get() is not None:
                return False
        raise last

    def _wait(self) -> TrainJobStatus:
        """Follows the job until it is complete or failed: state, log, logs' files."""
        name, config = self.digests.name, self.config
        begun = time.monotonic()
        log = NodeLog(self.cluster, say)
        clear(self.logs)
        phase = waits_for = ""
        while True:
            status = self._get()
            if status is None or status.deleting:
                raise StepError(
                    f"TrainJob {name} was deleted by someone else",
                    hint="run again: it goes on from its last checkpoint",
                )
            before, phase = phase, status.phase(config.nodes)
            if phase != before:
                say(f"TrainJob {name}: {phase}")
            waits_for = self._say_why_it_waits(status, phase, waits_for)
            log.read(status)
            if status.condition:
                return status
            self.storage.mirror(LOGS, self.logs, ended=False)
            self._check_time(phase, time.monotonic() - begun, waits_for)
            time.sleep(config.poll_seconds)

    def _say_why_it_waits(self, status: TrainJobStatus, phase: str, before: str) -> str:
        if phase != "Created":
            return ""
        reasons = sorted({pod.waits_for for pod in status.pods if pod.waits_for})
        now = "; ".join(reasons)
        if now and now != before:
            say(f"TrainJob {self.digests.name} waits: {now}")
        return now or before

    def _check_time(self, status: str, seconds: float, waits_for: str) -> None:
        config, name = self.config, self.digests.name
        if status == "Created" and seconds > config.start_minutes * 60:
            self._give_up(
                f"TrainJob {name} did not start within {whole_duration(config.start_minutes * 60)}",
                waits_for or "not all of its nodes have a pod",
                '{"start_minutes": ...}',
            )
        # Half a minute more than the cluster's own limit, which also says why.
        if seconds > config.time_limit_minutes * 60 + max(30.0, 2 * config.poll_seconds):
            self._give_up(
                f"TrainJob {name} took longer than "
                f"{whole_duration(config.time_limit_minutes * 60)}",
                f"it is {status}",
                '{"time_limit_minutes": ...}',
            )

    def _give_up(self, headline: str, cause: str, setting: str) -> NoReturn:
        _cancel(self.cluster, self.digests.name)
        raise StepError(headline, cause=cause, hint=f"it was deleted; give it longer: {setting}")

    def _failed(self, status: TrainJobStatus) -> NoReturn:
        left = read_error(self.logs)
        last = self._last_lines(status)
        if left is not None:
            cause = "\n".join(filter(None, (left.cause, last)))
            raise type(left)(left.headline, cause=cause, choices=left.choices, hint=left.hint)
        raise StepError(
            f"TrainJob {status.name} failed",
            cause="\n".join(filter(None, (status.message, last))),
            hint=f"its nodes' logs: kubectl logs -n {self.cluster.namespace} "
            f"-l jobset.sigs.k8s.io/jobset-name={status.name}",
        )

    def _last_lines(self, status: TrainJobStatus) -> str:
        failed = [pod for pod in status.pods if pod.phase == "Failed"] or list(status.pods)
        parts = []
        for pod in failed[:FAILED_PODS]:
            try:
                text = "\n".join(
                    without_timestamps(self.cluster.log(pod.name, last_lines=TAIL_LINES))
                )
                dead = kill_error(text)
                lines = [*([dead.headline] if dead else []), *last_lines(text).splitlines()]
            except StepError as error:
                lines = [f"its log cannot be read: {error.headline}"]
            ended = f" ({pod.ended})" if pod.ended else ""
            parts += [f"node {pod.index}{ended} said last:", *(f"  {line}" for line in lines)]
        return "\n".join(parts)

    def _get(self) -> TrainJobStatus | None:
        """Asks for the job, and goes on asking for a while where the cluster does not answer."""
        begun = time.monotonic()
        warned = False
        while True:
            try:
                return self.cluster.find(self.digests.name)
            except UnreachableError as error:
                if time.monotonic() - begun > self.config.unreachable_minutes * 60:
                    raise StepError(
                        error.headline,
                        cause=f"for {whole_duration(self.config.unreachable_minutes * 60)}: "
                        f"{error.cause}",
                        hint=f"TrainJob {self.digests.name} was left as it is; "
                        "run again to follow it",
                    ) from error
                if not warned:
                    say(f"{error.headline} ({error.cause}); asking again")
                warned = True
                time.sleep(self.config.poll_seconds)

    def _wait_until_gone(self) -> None:
        begun = time.monotonic()
        while (status := self._get()) is not None:
            if time.monotonic() - begun > GONE_SECONDS:
                raise StepError(
                    f"TrainJob {status.name} was deleted, but does not go",
                    cause=f"after {whole_duration(GONE_SECONDS)} it is still there",
                    hint="look at its finalizers",
                )
            time.sleep(min(self.config.poll_seconds, 1.0))


class _RaiseOnFirstSignal:
    """Raises on the first signal; while the job is being deleted, more change nothing."""

    def __init__(self) -> None:
        self._raised = False

    def __call__(self, number: int) -> None:
        if not self._raised:
            self._raised = True
            raise _StopRequestedError(number)


def _cancel(cluster: Cluster, name: str) -> None:
    """Deletes a job; tried again for a short while, for this process is about to end."""
    begun = time.monotonic()
    while True:
        try:
            cluster.delete(name)
            return
        except PlimsollError as error:
            passing = isinstance(error, UnreachableError)
            if not passing or time.monotonic() - begun > CANCEL_SECONDS:
                say(f"TrainJob {name} could not be deleted: {error.headline} ({error.cause})")
                return
        time.sleep(1.0)
