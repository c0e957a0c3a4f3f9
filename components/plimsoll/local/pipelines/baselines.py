"""Which earlier run's statistics ``last`` means, for the drift of new data against them."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plimsoll import problem
from plimsoll.errors import ArtifactError, PlimsollError, UsageError
from plimsoll.local.record import RECORD, SUCCEEDED, runs_in
from plimsoll.storage.files import read_json

LAST = "last"
_FORMAT = "plimsoll.statistics/"


def completed(arguments: Mapping[str, Any], pipeline: str, out: Path) -> str:
    """Returns a pipeline's ``baseline`` with the word ``last``, or a run, replaced by a folder.

    ``last`` is the statistics of the newest run of the same pipeline, for the same problem, whose
    data the gate let pass; a problem without a name is the same for the same data. Where there is
    none and the gate's config says ``first_run``, it is empty.

    Args:
        arguments: The pipeline's complete arguments.
        pipeline: Its name.
        out: The folder of runs.

    Raises:
        UsageError: if there is none.
    """
    baseline = str(arguments["baseline"])
    if baseline != LAST:
        return _of_run(baseline, out)
    identity = _problem_of(arguments)
    for record, folder in _passed(out):
        if record["pipeline"] == pipeline and _problem_of(record["arguments"]) == identity:
            _report(record)
            return str(folder)
    if _is_first_run(arguments):
        sys.stderr.write("baseline: none; this is the first run\n")
        return ""
    about = f" for {identity[0] or identity[1]}" if any(identity[:2]) else ""
    raise UsageError(
        f"there is no earlier run of {pipeline}{about} in {out} to compare with",
        cause="--baseline last is the newest run whose data the gate let pass",
        hint="for the first run: --gate-config '{\"first_run\": true}', or leave --baseline out; "
        "where each span is a file of its own, write name: in the problem file",
    )


def statistics_named(text: str, out: Path, *, label: str = "", problem_text: str = "") -> str:
    """Returns the folder of statistics that a name means: ``last``, a run, or a path as it is.

    Args:
        text: The name.
        out: The folder of runs.
        label: ``last`` is a run about this label, if one is given.
        problem_text: The same of a problem file's text.

    Raises:
        UsageError: if no run has statistics of data that passed.
    """
    if text != LAST:
        return _of_run(text, out)
    wanted = _problem_of({"label": label, "problem": problem_text})
    for record, folder in _passed(out):
        known = _problem_of(record["arguments"])
        if all(want in ("", have) for want, have in zip(wanted[:2], known[:2], strict=True)):
            _report(record)
            return str(folder)
    raise UsageError(
        f"there is no run in {out} whose data passed the gate",
        hint="--baseline FOLDER names the statistics of one elsewhere",
    )


def _of_run(text: str, out: Path) -> str:
    """Returns the statistics of a run, if a text is its id or its folder; else the text."""
    if not text or "://" in text:
        return text
    for folder in (Path(text), out / text):
        if (folder / RECORD).is_file():
            statistics = _statistics_of(read_json(folder / RECORD))
            if statistics is None:
                raise UsageError(
                    f"the run {text} has no statistics to compare with", hint="plimsoll runs"
                )
            return str(statistics)
    return text


def _passed(out: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yields the runs whose data passed the gate, the newest first, with their statistics."""
    for record in reversed(list(runs_in(out))):
        refused = any(step["outputs"].get("passed") is False for step in record["steps"].values())
        folder = _statistics_of(record)
        if folder is not None and not refused:
            yield record, folder


def _statistics_of(record: Mapping[str, Any]) -> Path | None:
    for step in record["steps"].values():
        path = step["artifacts"].get("statistics", {}).get("path")
        if path and step["state"] == SUCCEEDED and _is_statistics(Path(path)):
            return Path(path)
    return None


def _is_statistics(folder: Path) -> bool:
    try:
        manifest = read_json(folder / "manifest.json")
    except (ArtifactError, OSError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("format")).startswith(_FORMAT)


def _problem_of(arguments: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns the name and the label of a run's problem, and its data if that has no name."""
    text, label, data = (str(arguments.get(name) or "") for name in ("problem", "label", "data"))
    try:
        parsed = problem.parse(text, label=label)
    except PlimsollError:
        # A pipeline of others may mean something else by these inputs.
        return text, label, ""
    return parsed.name, parsed.label, "" if parsed.name else data


def _is_first_run(arguments: Mapping[str, Any]) -> bool:
    config = arguments.get("gate_config") or {}
    try:
        config = json.loads(config) if isinstance(config, str) else config
    except ValueError:
        return False
    return isinstance(config, dict) and config.get("first_run") is True


def _report(record: Mapping[str, Any]) -> None:
    data = record["arguments"].get("data")
    sys.stderr.write(f"baseline: {record['id']}" + (f" ({data})\n" if data else "\n"))
