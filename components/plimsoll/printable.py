"""Texts of data as a terminal may have them: what would steer it is written out."""

import re
from typing import Any

_STEERING = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but the tab, ends of lines, and marks that turn the direction of a text."""


def printable(text: str) -> str:
    r"""Returns a text with ``\x1b`` in place of an escape, and so on."""
    return _STEERING.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def all_printable(value: Any) -> Any:
    """Returns JSON values with each text in them printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): all_printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [all_printable(item) for item in value]
    return value
