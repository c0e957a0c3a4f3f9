"""The one tree of errors: a headline, the cause, the choices, and what to type next."""

import difflib
from collections.abc import Iterable, Sequence

FEWEST_LETTERS = 3
"""Fewer letters that two names begin with alike say nothing."""


class PlimsollError(Exception):
    """Anything Plimsoll refuses to do, said so that the reader can act on it.

    Args:
        headline: What went wrong, in one line, with the names that matter.
        cause: Why, with the values that matter; may span lines.
        choices: What would have been accepted.
        hint: The command or the edit to try next.
    """

    exit_code = 1

    def __init__(
        self, headline: str, *, cause: str = "", choices: Sequence[str] = (), hint: str = ""
    ) -> None:
        self.headline = headline
        self.cause = cause
        self.choices = tuple(choices)
        self.hint = hint
        super().__init__(headline)

    def __str__(self) -> str:
        lines = [self.headline]
        if self.cause:
            lines += [f"  {line}" for line in self.cause.splitlines()]
        if self.choices:
            lines.append(f"  choices: {shortened(self.choices)}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)


class UsageError(PlimsollError):
    """The command or the arguments are wrong; nothing was run."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration (the problem file, a component's config) does not hold together."""


class DataError(PlimsollError):
    """The data cannot be read, or cannot be what was asked of it."""


class ArtifactError(PlimsollError):
    """An artifact on disk is missing, damaged, or of another format version."""


class GateError(PlimsollError):
    """A gate stopped the run: something was measured and was past its line."""


class EnvironmentBuildError(PlimsollError):
    """A role's environment could not be built or used."""


class StepError(PlimsollError):
    """A step of a pipeline raised, was killed, or left its outputs unwritten."""


class RequestError(PlimsollError):
    """A prediction request that the model cannot answer as it stands."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ``did you mean 'x'?`` for the closest known name, or an empty string.

    A name that another one begins with is close to it, however much longer that is.
    """
    candidates = {candidate.casefold(): candidate for candidate in known}
    sought = name.casefold()
    close = difflib.get_close_matches(sought, candidates, n=1, cutoff=0.6) or [
        candidate for candidate in candidates if _begins(candidate, sought)
    ]
    return f"did you mean {candidates[close[0]]!r}?" if close else ""


def _begins(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= FEWEST_LETTERS and longer.startswith(shorter)


def shortened(names: Sequence[str], limit: int = 12) -> str:
    """Joins names with commas, and says how many were left out past ``limit``."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names) - limit} more)"
