"""The record of a run, ``run.json``: its arguments, what each step did, what came out."""

import datetime
import html
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, UsageError, nearest
from plimsoll.storage.files import read_json, write_json

FORMAT = "plimsoll.run/1"
RECORD = "run.json"

RUNNING, SUCCEEDED, STOPPED, FAILED = "running", "succeeded", "stopped", "failed"
KILLED = "killed"
PENDING, SKIPPED = "pending", "skipped"
INTERRUPTED = "interrupted"
"""Why a run failed that was asked to stop."""
_ADDED: dict[str, Any] = {"forked_from": "", "changed": {}}
"""Fields that records of this format have had since some time only."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a step failed."""

    headline: str
    """In one line."""
    text: str
    """In full: the exception's whole text, or our error with cause, choices and what to do."""
    ours: bool = False
    """Whether it is one of our own errors, which say all there is to say."""
    gate: bool = False
    """Whether a gate stopped the run, which is no failure."""
    log_tail: tuple[str, ...] = ()
    """The last lines of the step's log."""


@dataclass(kw_only=True)
class Step:
    """One step of a run."""

    name: str
    """The task's name; within a loop or a branch, the path of names to it."""
    state: str = PENDING
    """pending, running, succeeded, failed, or skipped."""
    seconds: float = 0.0
    """From the step's start to its outputs being checked and kept."""
    process_seconds: float = 0.0
    """The part of ``seconds`` that the component's own process took; 0 where cached."""
    peak_memory: int = 0
    """The greatest resident memory of the component's process, in bytes."""
    cached: bool = False
    """Whether outputs were taken from the step cache."""
    role: str = ""
    """The role whose environment ran it."""
    image: str = ""
    """The image reference in the compiled pipeline."""
    after: list[str] = field(default_factory=list)
    """The steps that it waits for."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """Output parameters."""
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Output artifacts: type, path, metadata."""
    notes: list[str] = field(default_factory=list)
    """What the component says it inferred, left out or measured."""
    log: str = ""
    """The log file."""
    error: Failure | None = None
    """Why it failed, where it did."""


@dataclass(kw_only=True)
class Run:
    """A run of a pipeline, as ``run.json`` holds it."""

    id: str
    """Pipeline, time and four random digits."""
    pipeline: str
    """The pipeline's name."""
    arguments: dict[str, Any]
    """The pipeline's inputs, defaults included."""
    folder: str
    """The run's folder."""
    started: str
    """When, ISO 8601 with zone."""
    status: str = RUNNING
    """running, succeeded, stopped (by a gate) or failed."""
    reason: str = ""
    """Why it stopped or failed."""
    seconds: float = 0.0
    """How long it took."""
    pushed: bool = False
    """Whether a model was pushed."""
    model_version: str | None = None
    """The version of the pushed model."""
    model_path: str | None = None
    """Where the pushed model lies."""
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    """Split -> metric -> value."""
    baseline_metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    """The same of the baseline."""
    steps: dict[str, Step] = field(default_factory=dict)
    """Name -> step, in the order of the graph."""
    code: dict[str, str] = field(default_factory=dict)
    """The library's version, digest and revision."""
    locks: dict[str, str] = field(default_factory=dict)
    """Role -> SHA-256 of its lock."""
    process: int = 0
    """The process that runs it, for as long as its status is running."""
    report: str = ""
    """The report page."""
    next: list[str] = field(default_factory=list)
    """Commands to type next."""
    forked_from: str = ""
    """The run that this one is like but for what was changed; empty: none."""
    changed: dict[str, Any] = field(default_factory=dict)
    """Of a fork: what was set, by its whole name (``train_config.learning_rate``)."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the record as JSON values."""
        return {"format": FORMAT, **asdict(self)}

    def _repr_html_(self) -> str:
        """Shows the report inline in a notebook."""
        page = html.escape(Path(self.report).read_text("utf-8"), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="{html.escape(self.id)}" '
            'style="width:100%;height:720px;border:1px solid #8884;border-radius:8px"></iframe>'
        )

    def write(self) -> None:
        """Writes run.json atomically."""
        write_json(Path(self.folder) / RECORD, self.to_dict())


def runs_folder(out: str | os.PathLike[str]) -> Path:
    """Returns the folder of runs that a user names, absolute and without ``..``, as kfp has it."""
    return Path(os.path.abspath(Path(out).expanduser()))


def new_run(pipeline: str, arguments: dict[str, Any], out: Path) -> Run:
    """Makes the record and the folder of a run that starts now."""
    started = datetime.datetime.now().astimezone()
    run_id = f"{pipeline}-{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = out / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"the run folder {folder} cannot be made",
            cause=str(error),
            hint="name another with --out DIR",
        ) from error
    return Run(
        id=run_id,
        pipeline=pipeline,
        arguments=arguments,
        folder=str(folder),
        started=started.isoformat(timespec="milliseconds"),
        process=os.getpid(),
    )


def read_record(folder: Path) -> dict[str, Any]:
    """Reads a run's record; one left running by a process that is gone has the status killed.

    Raises:
        ArtifactError: if it is missing, damaged or of another version.
    """
    try:
        record = read_json(folder / RECORD)
    except OSError as error:
        raise ArtifactError(f"{folder / RECORD} cannot be read", cause=str(error)) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ArtifactError(f"{folder / RECORD} is not a record of this version")
    record = {**_ADDED, **record}
    missing = {item.name for item in fields(Run)} - record.keys()
    if missing:
        raise ArtifactError(f"{folder / RECORD} lacks {', '.join(sorted(missing))}")
    if record["status"] == RUNNING and not _alive(record["process"]):
        record["status"], record["reason"] = KILLED, "its process is gone"
    return record


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def runs_in(out: Path) -> Iterator[dict[str, Any]]:
    """Yields the records below a folder, oldest first; what is damaged is passed over."""
    records = []
    for path in out.glob(f"*/{RECORD}"):
        try:
            records.append(read_record(path.parent))
        except ArtifactError:
            continue
    yield from sorted(records, key=lambda record: (str(record["started"]), str(record["id"])))


def find_run(name: str, out: Path) -> dict[str, Any]:
    """Returns the record that a name means: an id, a unique part of one, a folder, or ``last``.

    Raises:
        UsageError: if none or several fit.
    """
    if os.sep in name and (Path(name) / RECORD).is_file():
        return read_record(Path(name))
    records = {record["id"]: record for record in runs_in(out)}
    if name == "last" and records:
        return list(records.values())[-1]
    if name in records:
        return dict(records[name])
    fitting = [run_id for run_id in records if name in run_id]
    if len(fitting) == 1:
        return dict(records[fitting[0]])
    if not records:
        raise UsageError(f"there are no runs in {out}", hint="plimsoll run training --help")
    raise UsageError(
        f"{'several runs fit' if fitting else 'there is no run'} {name!r}",
        cause="" if fitting else nearest(name, records),
        choices=tuple(reversed(fitting or list(records))),
        hint=f"plimsoll runs --out {out}",
    )
