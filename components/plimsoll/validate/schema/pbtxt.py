"""Edits the text of a schema so that it says something else, and all the rest stays as it was.

Writing a changed proto anew would lose the comments of the people who keep the schema.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<comment>\#[^\n]*)
    | (?P<text>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
    | (?P<mark>[{}<>\[\]:,;]) | (?P<word>[^\s\#"'{}<>\[\]:,;]+)""",
    re.VERBOSE,
)
_TAIL = re.compile(r"[ \t,;]*#[^\n]*")
_ENDS = {"{": "}", "<": ">"}
_INDENT = "  "


class _UnusualError(Exception):
    """The text is written in a way that is not edited here; it is written anew instead."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A field as it stands in the text."""

    lead: str
    """What stands before it: spaces, line ends, comments."""
    name: str
    body: str
    tail: str
    """A comment behind it on its last line."""
    inner: tuple[int, int] | None
    """Where in the body what stands between its braces begins and ends."""

    @property
    def indent(self) -> str:
        """The spaces before it on its line."""
        return self.lead.rpartition("\n")[2] if "\n" in self.lead else ""


def edited(text: str, old: Any, new: Any) -> tuple[str, int]:
    """Returns the text of ``new``, which is ``text`` but for what differs.

    Args:
        text: A schema's ``.pbtxt``.
        old: The ``Schema`` that it is.
        new: The ``Schema`` to say.

    Returns:
        The new text, and how many comments of the old one are not in it.
    """
    from google.protobuf import text_format

    if old == new:
        return text, 0
    try:
        result = _merged(text, old, new, "")
        if text_format.Parse(result, type(new)()) != new:
            raise _UnusualError
    except (_UnusualError, text_format.ParseError):
        head = re.match(r"(?:[ \t]*#[^\n]*\n|\s*\n)*", text)
        result = (head[0] if head else "") + text_format.MessageToString(new, as_utf8=True)
    return result, max(_comments(text) - _comments(result), 0)


def _comments(text: str) -> int:
    return sum(token.kind == "comment" for token in _tokens(text))


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(str(match.lastgroup), match[0], match.start(), match.end())
        for match in _TOKEN.finditer(text)
    ]


def _entries(text: str) -> tuple[list[_Entry], str]:
    """Returns the fields of a message's text in order, and what stands after the last."""
    tokens = _tokens(text)
    entries: list[_Entry] = []
    index = begin = 0
    while (index := _next(tokens, index, marks=",;")) < len(tokens):
        first = tokens[index]
        if not re.fullmatch(r"[A-Za-z_]\w*", first.text):
            raise _UnusualError
        last, inner = _value(tokens, index + 1)
        end = tokens[last].end
        comment = _TAIL.match(text, end)
        after = comment.end() if comment else end
        entries.append(
            _Entry(
                lead=text[begin : first.start],
                name=first.text,
                body=text[first.start : end],
                tail=text[end:after],
                inner=inner and (inner[0] - first.start, inner[1] - first.start),
            )
        )
        begin, index = after, last + 1
    return entries, text[begin:]


def _next(tokens: list[_Token], index: int, marks: str = "") -> int:
    """Returns where the next token is that is no space, comment or one of some marks."""
    while index < len(tokens) and (
        tokens[index].kind in ("space", "comment") or tokens[index].text in tuple(marks)
    ):
        index += 1
    return index


def _value(tokens: list[_Token], index: int) -> tuple[int, tuple[int, int] | None]:
    """Returns where a field's value ends, and the span between its braces if it has some."""
    index = _next(tokens, index, marks=":")
    if index >= len(tokens):
        raise _UnusualError
    start = tokens[index]
    if start.text in _ENDS:
        end = _closing(tokens, index)
        return end, (start.end, tokens[end].start)
    if start.kind == "text":
        # Texts that follow each other are one.
        while (after := _next(tokens, index + 1)) < len(tokens) and tokens[after].kind == "text":
            index = after
        return index, None
    if start.kind != "word":
        raise _UnusualError
    return index, None


def _closing(tokens: list[_Token], start: int) -> int:
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index].kind == "mark":
            depth += (tokens[index].text in "{<") - (tokens[index].text in "}>")
        if depth == 0:
            return index
    raise _UnusualError


def _merged(text: str, old: Any, new: Any, indent: str) -> str:
    entries, rest = _entries(text)
    one_line = bool(entries) and "\n" not in text
    counts: Counter[str] = Counter()
    parts: list[tuple[str, str]] = []
    for entry in entries:
        if entry.name not in new.DESCRIPTOR.fields_by_name:
            raise _UnusualError
        body = _body(entry, counts[entry.name], old, new)
        counts[entry.name] += 1
        if body:
            parts.append((entry.name, entry.lead + body + entry.tail))
    if entries and entries[0].indent:
        indent = entries[0].indent
    for name, values in _added(old, new, counts):
        shown = _rendered(new, name, values, indent, one_line=one_line)
        lead = " " if one_line else "" if not parts and not indent else f"\n{indent}"
        same_name = [index for index, part in enumerate(parts) if part[0] == name]
        parts.insert(same_name[-1] + 1 if same_name else len(parts), (name, lead + shown))
    return "".join(part for _, part in parts) + rest


def _body(entry: _Entry, number: int, old: Any, new: Any) -> str:
    """Returns what stands in a field's place; nothing if it is gone."""
    name = entry.name
    before, after = getattr(old, name), getattr(new, name)
    if _is_repeated(new, name):
        if number >= len(before):
            raise _UnusualError
        if _has_names(new, name):
            same = [item for item in after if item.name == before[number].name]
            return _inside(entry, before[number], same[0]) if same else ""
        if list(after[: len(before)]) == list(before):
            return entry.body
        return _rendered(new, name, after, entry.indent) if number == 0 and after else ""
    if not new.HasField(name):
        return ""
    if before == after:
        return entry.body
    if entry.inner:
        return _inside(entry, before, after)
    return _rendered(new, name, [after], entry.indent)


def _inside(entry: _Entry, before: Any, after: Any) -> str:
    if before == after:
        return entry.body
    if entry.inner is None:
        raise _UnusualError
    start, end = entry.inner
    inside = _merged(entry.body[start:end], before, after, entry.indent + _INDENT)
    return entry.body[:start] + inside + entry.body[end:]


def _added(old: Any, new: Any, counts: Counter[str]) -> Iterable[tuple[str, list[Any]]]:
    for field, value in new.ListFields():
        if not _is_repeated(new, field.name):
            if not counts[field.name]:
                yield field.name, [value]
        elif _has_names(new, field.name):
            known = {item.name for item in getattr(old, field.name)}
            fresh = [item for item in value if item.name not in known]
            if fresh:
                yield field.name, fresh
        else:
            before = list(getattr(old, field.name))
            if not before or (list(value[: len(before)]) == before and len(value) > len(before)):
                yield field.name, list(value[len(before) :])


def _rendered(
    parent: Any, name: str, values: Iterable[Any], indent: str, *, one_line: bool = False
) -> str:
    """Returns a field of a message as text, its later lines indented."""
    from google.protobuf import text_format

    alone = type(parent)()
    if _is_repeated(parent, name):
        getattr(alone, name).extend(values)
    else:
        for value in values:
            if hasattr(value, "DESCRIPTOR"):
                getattr(alone, name).CopyFrom(value)
            else:
                setattr(alone, name, value)
    shown = str(text_format.MessageToString(alone, as_utf8=True, as_one_line=one_line)).strip()
    return shown.replace("\n", f"\n{indent}")


def _is_repeated(message: Any, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    # In proto2 all others have presence; ``label`` is deprecated in newer protobuf.
    return not bool(field.has_presence)


def _has_names(message: Any, name: str) -> bool:
    kind = message.DESCRIPTOR.fields_by_name[name].message_type
    return kind is not None and "name" in kind.fields_by_name and name != "sparse_feature"
