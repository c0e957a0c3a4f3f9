"""Glob patterns as regular expressions, for names that lie in no folder of this machine."""

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
    parts, index = [], 0
    while index < len(pattern):
        sign, index = pattern[index], index + 1
        if sign == "*":
            parts.append("[^/]*")
        elif sign == "?":
            parts.append("[^/]")
        elif sign == "[" and (end := _class_end(pattern, index)):
            parts.append(_class(pattern[index:end]))
            index = end + 1
        else:
            parts.append(re.escape(sign))
    return "".join(parts)


def _class_end(pattern: str, start: int) -> int:
    """Returns the index of the bracket that closes a class; 0 if none does."""
    first = start + pattern[start : start + 1].count("!")
    return max(pattern.find("]", first + 1), 0)


def _class(inside: str) -> str:
    negated = inside.startswith("!")
    signs = inside.removeprefix("!")
    ranges, index = [], 0
    while index < len(signs):
        first, last = signs[index], signs[index]
        if signs[index + 1 : index + 2] == "-" and index + 2 < len(signs):
            last = signs[index + 2]
            index += 2
        index += 1
        # A range that runs backwards holds nothing, which a regular expression does not say.
        if first <= last:
            ranges.append(f"\\U{ord(first):08x}-\\U{ord(last):08x}")
    if not ranges:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(ranges)}]"
