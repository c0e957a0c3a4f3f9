"""Boots a package as it will be served, sends it real requests, compares its answers."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.formats.package import Package, open_package
from plimsoll.infra_validate.requests import (
    TOLERANCE,
    WarmupRequest,
    difference,
    parse_answers,
    warmup_requests,
)
from plimsoll.infra_validate.server_process import (
    COMMAND,
    Server,
    ServerError,
    running_server,
    tail,
)
from plimsoll.storage.files import write_json

REASON_LINES = 5


@dataclass(kw_only=True)
class Attempt:
    """What one server did."""

    passed: bool = False
    """If it came up and every answer was the recorded one."""
    reason: str = ""
    """Why not; empty if it passed."""
    start_seconds: float | None = None
    """From starting the process to the model being ready; None if it never was."""
    requests: int = 0
    """Requests answered."""
    rows: int = 0
    """Rows answered."""
    largest_difference: float = 0.0
    """Between a served number and the recorded one; relative above 1."""
    one_row_ms: list[float] = field(default_factory=list)
    """Milliseconds of each request of one row, on a connection of its own."""
    log: str = ""
    """The last lines that the server wrote, if it did not pass."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of it."""

    blessed: bool
    """If one of the tries passed."""
    reason: str
    """Why, with the server's last lines if it did not come up."""
    tries: tuple[Attempt, ...]
    """Each server that was started, the last one last."""


def infra_validate(
    package_folder: Path,
    *,
    tries: int = 3,
    ready_seconds: float = 120,
    command: Sequence[str] = COMMAND,
) -> Verdict:
    """Sends a package its warm-up requests in the server that the endpoint will use.

    Args:
        package_folder: The model package.
        tries: Servers started before giving up; the first that passes decides.
        ready_seconds: How long a server may take to be ready.
        command: What starts a server.

    Returns:
        The verdict; a server that does not come up, or a damaged package, is one too.

    Raises:
        ConfigError: if there is not even one try, or no time.
    """
    if tries < 1 or ready_seconds <= 0:
        raise ConfigError(
            "infra_validate needs a try and time for it",
            cause=f"tries is {tries}, ready_seconds is {ready_seconds}",
        )
    try:
        package = open_package(package_folder)
        requests = warmup_requests(package)
    except (ArtifactError, KeyError, TypeError, ValueError) as error:
        return Verdict(blessed=False, reason=f"the package does not hold: {error}", tries=())
    if not package.warmup()[0]:
        return Verdict(blessed=False, reason="the package has no warm-up requests", tries=())
    done: list[Attempt] = []
    while len(done) < tries and not (done and done[-1].passed):
        done.append(_attempt(package, requests, ready_seconds, command))
    return Verdict(blessed=done[-1].passed, reason=_reason(done), tries=tuple(done))


def write_report(path: Path, verdict: Verdict) -> dict[str, Any]:
    """Writes the measurements as JSON, and returns the artifact's metadata."""
    write_json(
        path,
        {
            "blessed": verdict.blessed,
            "reason": verdict.reason,
            "tolerance": TOLERANCE,
            "tries": [{**vars(item), "one_row_p50_ms": _p50(item)} for item in verdict.tries],
        },
    )
    for number, item in enumerate(verdict.tries, start=1):
        if not item.passed:
            sys.stderr.write(f"try {number}: {item.reason}\n{item.log}\n")
    return {"notes": _notes(verdict)}


def _attempt(
    package: Package,
    requests: Sequence[WarmupRequest],
    ready_seconds: float,
    command: Sequence[str],
) -> Attempt:
    result = Attempt()
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        log = Path(folder) / "server.log"
        try:
            with running_server(
                package.folder, package.name, log, ready_seconds=ready_seconds, command=command
            ) as server:
                result.start_seconds = round(server.start_seconds, 3)
                result.reason = _first_fault(package, requests, server, result)
        except ServerError as error:
            result.reason = f"{error.headline} ({error.cause})" if error.cause else error.headline
        result.passed = not result.reason
        if not result.passed:
            result.log = tail(log)
    return result


def _first_fault(
    package: Package, requests: Sequence[WarmupRequest], server: Server, result: Attempt
) -> str:
    """Sends requests until one is answered wrongly; returns what was wrong, or nothing."""
    for request in requests:
        began = time.perf_counter()
        status, body = server.send("POST", request.path, request.body)
        seconds = time.perf_counter() - began
        if status != 200:
            return f"a {request.protocol} request got status {status}: {_error_text(body)}"
        try:
            given = parse_answers(request.protocol, body, package)
        except ValueError as error:
            return str(error)
        largest, fault = difference(given, request.expected)
        result.largest_difference = max(result.largest_difference, largest)
        if fault:
            return f"a {request.protocol} answer is not the recorded one: {fault}"
        result.requests += 1
        result.rows += len(given)
        if len(given) == 1:
            result.one_row_ms.append(round(seconds * 1000, 3))
    return ""


def _error_text(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")


def _reason(done: Sequence[Attempt]) -> str:
    last = done[-1]
    if last.passed:
        return f"{last.requests} requests over HTTP were answered as recorded"
    lines = last.log.splitlines()[-REASON_LINES:] if last.start_seconds is None else []
    return "\n".join([f"{len(done)} tries, the last: {last.reason}", *lines])


def _notes(verdict: Verdict) -> list[str]:
    if not verdict.blessed:
        return [verdict.reason.splitlines()[0]]
    last = verdict.tries[-1]
    notes = [
        f"{last.requests} requests, {last.rows} rows, over v1 and v2",
        f"largest difference {last.largest_difference:.1e} (allowed {TOLERANCE:.0e})",
        f"server ready in {last.start_seconds:.1f} s; one row {_p50(last)} ms (p50)",
    ]
    if len(verdict.tries) > 1:
        notes.append(f"passed at try {len(verdict.tries)}")
    return notes


def _p50(item: Attempt) -> float | None:
    return round(statistics.median(item.one_row_ms), 2) if item.one_row_ms else None
