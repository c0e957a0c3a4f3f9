"""Glob patterns as regular expressions, for names that lie in no folder of this machine."""

from __future__ import annotations

import re


def has_magic(pattern: str) -> bool:
    """Says if a text holds one of the signs of a glob pattern."""
    return re.search(r"[*?\[]", pattern) is not None


def fixed_part(pattern: str) -> str:
    """Returns what stands before a glob pattern's first sign."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def regex_of(pattern: str) -> str:
    """Returns the regular expression of a glob pattern; its signs never match a slash.

    Args:
        pattern: ``*``, ``?``, ``[abc]``, ``[a-c]`` and ``[!abc]`` have a meaning, all else
            stands for itself.
    """
    found, place = [], 0
    while place < len(pattern):
        sign, place = pattern[place], place + 1
        if sign == "*":
            found.append("[^/]*")
        elif sign == "?":
            found.append("[^/]")
        elif sign == "[" and (end := _class_end(pattern, place)):
            found.append(_class(pattern[place:end]))
            place = end + 1
        else:
            found.append(re.escape(sign))
    return "".join(found)


def _class_end(pattern: str, start: int) -> int:
    """Returns the place of the bracket that closes a class; 0 if none does."""
    first = start + pattern[start : start + 1].count("!")
    return max(pattern.find("]", first + 1), 0)


def _class(inside: str) -> str:
    negated = inside.startswith("!")
    signs = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside.removeprefix("!"))
    # A range that runs backwards holds nothing, which a regular expression does not say.
    signs = re.sub(r"(.)-(.)", lambda m: m[0] if m[1] <= m[2] else "", signs, flags=re.DOTALL)
    if not signs:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{signs}]"
