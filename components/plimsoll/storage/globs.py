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
    signs = inside.removeprefix("!")
    found, place = [], 0
    while place < len(signs):
        first, last = signs[place], signs[place]
        if signs[place + 1 : place + 2] == "-" and place + 2 < len(signs):
            last = signs[place + 2]
            place += 2
        place += 1
        # A range that runs backwards holds nothing, which a regular expression does not say.
        if first <= last:
            found.append(f"\\U{ord(first):08x}-\\U{ord(last):08x}")
    if not found:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(found)}]"
