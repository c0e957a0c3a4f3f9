"""Markup that is kept apart from text: what is not ``Html`` is escaped."""

import html
import re
import unicodedata
from collections.abc import Iterable

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)


class Html(str):
    """A piece of markup that is safe to place in a page as it stands."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """Returns a value as markup: ``Html`` as it is, anything else as escaped text.

    Control characters, lone surrogates and direction overrides become U+FFFD, so that no value
    can break the file's encoding or reorder the text around it.
    """
    if isinstance(value, Html):
        return value
    return Html(_escape(value))


def joined(parts: Iterable[object], separator: str = "") -> Html:
    """Returns the parts one after another; those that are not ``Html`` are escaped."""
    return Html(separator.join(escaped(part) for part in parts))


def element(name: str, content: object = "", /, **attributes: object) -> Html:
    """Returns an element; ``class_`` means ``class`` and ``aria_label`` means ``aria-label``.

    Args:
        name: The tag; written by the program, never taken from data.
        content: Text, which is escaped, or ``Html``.
        attributes: Values are escaped; None and False leave the attribute out.
    """
    return Html(f"<{name}{_attributes(attributes)}>{escaped(content)}</{name}>")


def shortened(text: str, limit: int) -> str:
    """Returns the text, or its two ends around an ellipsis if it is longer than ``limit``."""
    if len(text) <= limit:
        return text
    tail = max(limit // 3, 1)
    return f"{text[: max(limit - tail - 1, 1)]}…{text[-tail:]}"


def text_width(text: str, size: float = 12.0) -> float:
    """Returns about how many pixels a text takes in a sans-serif face of ``size`` pixels."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    capitals = sum(letter.isupper() for letter in text)
    return size * (0.55 * (len(text) - wide) + 0.12 * capitals + wide)


def _escape(value: object) -> str:
    return html.escape(_UNPRINTABLE.sub("\ufffd", str(value)), quote=True)


def _attributes(attributes: dict[str, object]) -> str:
    written = [
        f' {name.rstrip("_").replace("_", "-")}="{_escape(value)}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    ]
    return "".join(written)
