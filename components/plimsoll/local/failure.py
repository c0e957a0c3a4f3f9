"""What a failed step's log says: the real exception, and the last lines before it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

TAIL_LINES = 15
TAIL_BYTES = 64 << 10
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
_ADVICE = {
    "No space left on device": "free space on the disk, or name another with --out",
    "MemoryError": "free memory, or give the step less data",
    "Permission denied": "mend the permissions",
}
_OURS = "plimsoll.errors."


def explain(log: Path, ended: str) -> dict[str, Any]:
    """Returns a failed step's error: headline, full text, and the log's last lines.

    Args:
        log: The step's log.
        ended: How its process ended, in words.
    """
    lines = last_lines(log)
    kind, text = _exception(lines)
    if not kind:
        headline, text = f"the step's process {ended}", ""
    elif kind.startswith(_OURS):
        # Our own errors already say cause, choices and what to do.
        headline = text.partition("\n")[0]
    else:
        headline = f"{kind}: {text}".partition("\n")[0]
        text = f"{kind}: {text}{_advice(headline)}"
    return {
        "headline": headline,
        "text": text or headline,
        "ours": kind.startswith(_OURS),
        "gate": kind == f"{_OURS}GateError",
        "log_tail": lines[-TAIL_LINES:],
    }


def _advice(headline: str) -> str:
    for sign, advice in _ADVICE.items():
        if sign in headline:
            return f"\n  next: {advice}, then type the same command: it goes on"
    return ""


def last_lines(log: Path) -> list[str]:
    """Returns the end of a log, at most ``TAIL_BYTES`` of it."""
    if not log.is_file():
        return []
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    return _without_preamble(lines)


def _without_preamble(lines: list[str]) -> list[str]:
    """Leaves out what kfp's executor prints before the component runs."""
    starts = [number for number, line in enumerate(lines) if "INFO]: Got executor_input:" in line]
    if not starts or "}" not in lines[starts[-1] :]:
        return lines
    return lines[lines.index("}", starts[-1]) + 1 :]


def _exception(lines: list[str]) -> tuple[str, str]:
    """Finds the exception that ended the process: the first line at column 0 after its frames."""
    starts = [number for number, line in enumerate(lines) if line == _TRACEBACK]
    if not starts:
        return "", ""
    for number in range(starts[-1] + 1, len(lines)):
        found = _EXCEPTION.match(lines[number])
        if found:
            rest = [found["text"] or "", *lines[number + 1 :]]
            return found["kind"], "\n".join(rest).strip()
    return "", ""
