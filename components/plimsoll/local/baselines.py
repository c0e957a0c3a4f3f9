"""Which earlier run's statistics ``last`` means, for the drift of new data against them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plimsoll import problem
from plimsoll.artifacts.files import read_json
from plimsoll.errors import ArtifactError, PlimsollError, UsageError
from plimsoll.local.record import SUCCEEDED, runs_in

LAST = "last"
_FORMAT = "plimsoll.statistics/"


def completed(arguments: Mapping[str, Any], pipeline: str, out: Path) -> str:
    """Returns a pipeline's ``baseline`` with the word ``last`` replaced by a folder.

    It is the statistics of the newest run of the same pipeline, for the same problem, whose data
    the gate let pass. Where there is none and the gate's config says ``first_run``, it is empty.

    Args:
        arguments: The pipeline's complete arguments.
        pipeline: Its name.
        out: The folder of runs.

    Raises:
        UsageError: if there is none.
    """
    baseline = str(arguments["baseline"])
    if baseline != LAST:
        return baseline
    asked = _problem_of(arguments)
    for record, folder in _passed(out):
        if record["pipeline"] == pipeline and _problem_of(record["arguments"]) == asked:
            _say(f"baseline: {record['id']}")
            return str(folder)
    if _is_first_run(arguments):
        _say("baseline: none; this is the first run")
        return ""
    about = f" for {asked[0] or asked[1]}" if any(asked) else ""
    raise UsageError(
        f"there is no earlier run of {pipeline}{about} in {out} to compare with",
        cause="--baseline last is the newest run whose data the gate let pass",
        hint="for the first run: --gate_config '{\"first_run\": true}', or leave --baseline out",
    )


def statistics_named(text: str, out: Path) -> str:
    """Returns the folder of statistics that a name means: ``last``, or a path, left as it is.

    Raises:
        UsageError: if no run has statistics of data that passed.
    """
    if text != LAST:
        return text
    for record, folder in _passed(out):
        _say(f"baseline: {record['id']}")
        return str(folder)
    raise UsageError(
        f"there is no run in {out} whose data passed the gate",
        hint="--baseline FOLDER names the statistics of one elsewhere",
    )


def _passed(out: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yields the runs whose data passed the gate, the newest first, with their statistics."""
    for record in reversed(list(runs_in(out))):
        for step in record["steps"].values():
            place = step["artifacts"].get("statistics", {}).get("path")
            if not place:
                continue
            folder = Path(place)
            let_by = step["outputs"].get("passed") is not False or _warns(record)
            if step["state"] == SUCCEEDED and let_by and _is_statistics(folder):
                yield record, folder
                break


def _warns(record: Mapping[str, Any]) -> bool:
    """Says if a run's gate tells of anomalies and goes on, as its owner decided."""
    return bool(record["arguments"].get("gate") == "warn")


def _is_statistics(folder: Path) -> bool:
    try:
        manifest = read_json(folder / "manifest.json")
    except (ArtifactError, OSError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("format")).startswith(_FORMAT)


def _problem_of(arguments: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the name and the label of the problem that a run is about."""
    text, label = (str(arguments.get(name) or "") for name in ("problem", "label"))
    try:
        asked = problem.parse(text, label=label)
    except PlimsollError:
        # A pipeline of others may mean something else by these inputs.
        return text, label
    return asked.name, asked.label


def _is_first_run(arguments: Mapping[str, Any]) -> bool:
    try:
        config = json.loads(arguments.get("gate_config") or "{}")
    except (TypeError, ValueError):
        return False
    return isinstance(config, dict) and config.get("first_run") is True


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
