"""What a failed step's log says: the real exception, and the last lines before it."""

import re
from pathlib import Path

from plimsoll.local.record import Failure
from plimsoll.processes import how_it_ended

TAIL_LINES = 15
TAIL_BYTES = 64 << 10
LINE_LETTERS = 2000
UNCAUGHT = 1
_TRACEBACK = "Traceback (most recent call last):"
# A class made within a component's function is named boom.<locals>.Error; kfp names a module by
# its file, which may hold dashes.
_EXCEPTION = re.compile(r"^(?P<kind>[A-Za-z_](?:[\w.-]|<locals>)*)(?:: (?P<text>.*))?$")
_CONTROLS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~])?|[\x00-\x08\x0e-\x1f\x7f]")
_ADVICE = {
    "No space left on device": "free space on the disk, or name another with --out",
    "MemoryError": "free memory, or give the step less data",
    "Permission denied": "mend the permissions",
}
_OURS = "plimsoll.errors."


def explain(log: Path, code: int) -> Failure:
    """Returns why a step failed, from its log and how its process ended.

    Args:
        log: The step's log.
        code: How its process ended: its exit status, below 0 the signal that killed it.
    """
    lines = last_lines(log)
    # Only an exception that nothing caught ends Python with 1; a log may show others.
    kind, text = _exception(lines) if code == UNCAUGHT else ("", "")
    if not kind:
        headline, text = f"the step's process {how_it_ended(code)}", ""
    elif kind.startswith(_OURS):
        # Our own errors already say cause, choices and what to do.
        headline = text.partition("\n")[0]
    else:
        name = kind.rpartition("<locals>.")[2]
        said = f"{name}: {text}" if text else name
        headline = said.partition("\n")[0]
        text = f"{said}{_advice(headline)}"
    return Failure(
        headline=headline,
        text=text or headline,
        ours=kind.startswith(_OURS),
        gate=kind == f"{_OURS}GateError",
        log_tail=tail(lines),
    )


def _advice(headline: str) -> str:
    for sign, advice in _ADVICE.items():
        if sign in headline:
            return f"\n  next: {advice}, then type the same command: it goes on"
    return ""


def tail(lines: list[str]) -> tuple[str, ...]:
    """Returns the few last lines, none of which fills a screen."""
    return tuple(line[:LINE_LETTERS] for line in lines[-TAIL_LINES:])


def last_lines(log: Path) -> list[str]:
    """Returns the end of a log, at most ``TAIL_BYTES`` of it."""
    if not log.is_file():
        return []
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    # What a component prints must not move the cursor or colour the terminal of its reader.
    lines = _CONTROLS.sub("", text).splitlines()
    return _without_preamble(lines)


def _without_preamble(lines: list[str]) -> list[str]:
    """Leaves out what kfp's executor prints before the component runs."""
    starts = [number for number, line in enumerate(lines) if "INFO]: Got executor_input:" in line]
    if not starts or "}" not in lines[starts[-1] :]:
        return lines
    return lines[lines.index("}", starts[-1]) + 1 :]


def _exception(lines: list[str]) -> tuple[str, str]:
    """Finds the exception that ended the process: the first line at column 0 after its frames."""
    starts = [number for number, line in enumerate(lines) if line.endswith(_TRACEBACK)]
    if not starts:
        return "", ""
    for number in range(starts[-1] + 1, len(lines)):
        match = _EXCEPTION.match(lines[number])
        if match:
            rest = [match["text"] or "", *lines[number + 1 :]]
            return match["kind"], "\n".join(rest).strip()
    return "", ""
