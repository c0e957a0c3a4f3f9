"""Spans and versions in path patterns: which files of a series are read.

``{SPAN}`` is a span's number. ``{YYYY}{MM}{DD}``, with anything between them, is a date whose
span is its days since 1970-01-01, as in TFX; ``{YYYY}{MM}`` alone and ``{YYYY}`` alone are months
and years, whose span is that of their first day. ``{VERSION}`` is a span's version; the highest
is read. ``{SPAN:4}`` and ``{VERSION:3}`` take exactly so many digits. A placeholder may stand
several times, for the same number each time; glob signs keep their meaning beside them.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError, DataError, GateError, nearest, shortened
from plimsoll.ingest.config import IngestConfig
from plimsoll.storage.globs import regex_of
from plimsoll.timestamps import EPOCH

PLACEHOLDER = re.compile(r"\{([A-Za-z]+)(?::([^{}]*))?\}")
DATES = {"YYYY": "[0-9]{4}", "MM": "[0-9]{2}", "DD": "[0-9]{2}"}
NUMBERS = ("SPAN", "VERSION")
MOST_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A path pattern with placeholders."""

    glob: str
    """The glob pattern that takes every span and version, and more."""
    regex: re.Pattern[str]
    """Groups by the placeholders' names, and ``below``: the path below what the pattern names."""

    def match(self, name: str) -> SpanFile | None:
        """Returns the span and version of a name; None if it has none, as month 13."""
        match = self.regex.fullmatch(name)
        if match is None:
            return None
        groups = match.groupdict()
        span, label = _span(groups)
        if span is None:
            return None
        version = groups.get("VERSION")
        return SpanFile(
            span=span,
            label=label,
            version=int(version) if version else 0,
            spelling=tuple(text for key, text in groups.items() if key != "below" and text),
            below=bool(groups["below"]),
        )


@dataclass(frozen=True, kw_only=True)
class SpanFile:
    """The span and version of a file of a series."""

    span: int
    """Its number, or the days since 1970-01-01 to its date's first day."""
    label: str
    """How people call the span: ``12``, ``2013-02``."""
    version: int
    """0 where the pattern has none."""
    spelling: tuple[str, ...]
    below: bool
    """Whether it lies in a folder that the pattern names."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is read of a series, oldest span first."""

    files: tuple[tuple[str, SpanFile], ...]
    spans: tuple[SpanFile, ...]

    def lineage(self) -> dict[str, Any]:
        """Returns the spans and versions that are read, as JSON values."""
        return {"spans": [_as_json(member) for member in self.spans]}


def has_placeholders(data: str) -> bool:
    """Says if a path is a pattern with ``{SPAN}``, a date or ``{VERSION}``.

    Raises:
        ConfigError: if it holds a word in braces that is nearly one of them.
    """
    words = [word for word, _ in PLACEHOLDER.findall(data)]
    for word in words:
        close = nearest(word, (*NUMBERS, *DATES))
        if word not in (*NUMBERS, *DATES) and close:
            raise ConfigError(
                f"{{{word}}} in {data} is no placeholder",
                cause=close,
                choices=tuple(f"{{{known}}}" for known in (*NUMBERS, *DATES)),
            )
    return any(word in NUMBERS or word in DATES for word in words)


def parse(data: str) -> Pattern:
    """Reads a path pattern.

    Raises:
        ConfigError: if its placeholders do not make a span.
    """
    _check(data)
    pieces = PLACEHOLDER.split(data)
    glob, regex, known = [pieces[0]], [regex_of(pieces[0])], set()
    for word, width, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        if word not in NUMBERS and word not in DATES:
            plain = f"{{{word}{':' + width if width is not None else ''}}}{text}"
            glob.append(plain)
            regex.append(regex_of(plain))
            continue
        digits = DATES.get(word) or (f"[0-9]{{{int(width)}}}" if width else "")
        digits = digits or f"[0-9]{{1,{MOST_DIGITS}}}"
        regex.append(f"(?P={word})" if word in known else f"(?P<{word}>{digits})")
        known.add(word)
        glob += ["*", text]
        regex.append(regex_of(text))
    # A pattern may name folders, whose files belong to it.
    whole = f"{''.join(regex)}(?P<below>/.+)?"
    return Pattern(glob="".join(glob), regex=re.compile(whole, re.DOTALL))


def select(
    data: str, pattern: Pattern, names: Iterable[str], notes: list[str], config: IngestConfig
) -> Selection:
    """Chooses the files of the spans that a config asks for, each span's highest version.

    Args:
        data: What was asked for, for errors.
        pattern: The parsed pattern.
        names: The names of all files that the pattern's glob takes.
        notes: Takes a sentence on names that are no dates.
        config: The span, window, exclusions and fewest spans.

    Raises:
        DataError: if no file belongs to the series, the named span is not there, or one span
            is there in two spellings.
        GateError: if there are fewer spans than ``min_spans``.
    """
    series: dict[int, dict[int, list[tuple[str, SpanFile]]]] = {}
    odd = 0
    for name in names:
        member = pattern.match(name)
        if member:
            series.setdefault(member.span, {}).setdefault(member.version, []).append((name, member))
        elif pattern.regex.fullmatch(name):
            odd += 1
    if odd:
        notes.append(f"{odd} files whose names hold no date that exists are left out")
    if not series:
        raise DataError(
            f"no span matches {data}",
            cause="names that look like its dates hold no date that exists" if odd else "",
            hint="check the pattern's placeholders against the files' names",
        )
    chosen: list[list[tuple[str, SpanFile]]] = []
    labels = {span: _any(versions).label for span, versions in series.items()}
    for span in _window(data, labels, config):
        version = max(series[span])
        files = sorted(series[span][version], key=lambda item: item[0])
        _check_one_spelling(data, files)
        chosen.append(files)
    return Selection(
        files=tuple(item for files in chosen for item in files),
        spans=tuple(files[0][1] for files in chosen),
    )


def _window(data: str, labels: Mapping[int, str], config: IngestConfig) -> list[int]:
    """Returns the spans to read: ``sorted[:-skip][-window:]``, exclusions last, as in TFX."""
    spans = sorted(labels)
    if config.span:
        newest = _named(data, config.span, labels)
        spans = [span for span in spans if span <= newest]
    spans = spans[: len(spans) - config.skip] if config.skip < len(spans) else []
    spans = spans[-max(config.window, 1) :]
    excluded = {span for span in spans if {labels[span], str(span)} & set(config.exclude)}
    left = [span for span in spans if span not in excluded]
    if len(left) < max(config.min_spans, 1):
        available = (
            f"there are {len(labels)}: {shortened([labels[span] for span in sorted(labels)])}"
        )
        taken = f"window {max(config.window, 1)}, skip {config.skip}"
        raise GateError(
            f"{len(left)} spans of {data} are too few; at least {max(config.min_spans, 1)} "
            "must be there",
            cause=f"{available}\n{taken}, {len(excluded)} excluded",
            hint="wait for the next span, or ask for fewer with min_spans",
        )
    return left


def _named(data: str, name: str, labels: Mapping[int, str]) -> int:
    for span, label in labels.items():
        if name == label:
            return span
    if re.fullmatch(r"[0-9]{1,18}", name) and int(name) in labels:
        return int(name)
    known = [labels[span] for span in sorted(labels)]
    raise DataError(
        f"there is no span {name} of {data}",
        cause=nearest(name, known),
        choices=tuple(reversed(known)),
        hint="name one of these, or leave the span empty for the latest",
    )


def _check_one_spelling(data: str, files: Sequence[tuple[str, SpanFile]]) -> None:
    spellings = {member.spelling for _, member in files}
    if len(spellings) > 1:
        texts = sorted("/".join(spelling) for spelling in spellings)
        raise DataError(
            f"span {files[0][1].label} of {data} is there in {len(spellings)} spellings",
            cause=shortened(texts),
            hint="keep one of them, or say how many digits a span has: {SPAN:4}",
        )


def _check(data: str) -> None:
    words = PLACEHOLDER.findall(data)
    names = {word for word, _ in words}
    dates = names & set(DATES)
    problem = ""
    if "SPAN" in names and dates:
        problem = "{SPAN} and a date cannot both tell the span"
    elif dates and "YYYY" not in dates:
        problem = "a date needs {YYYY}"
    elif "DD" in dates and "MM" not in dates:
        problem = "{DD} needs {MM}"
    elif re.search(r"\{SPAN\}\{VERSION|\{VERSION\}\{SPAN", data):
        problem = "nothing tells where the span ends and the version starts"
    for word, width in words:
        if width and (word in DATES or not re.fullmatch(r"[1-9]|1[0-8]", width)):
            problem = f"{{{word}:{width}}}: only SPAN and VERSION have a width, from 1 to 18"
    if problem:
        raise ConfigError(
            f"{data} is no pattern of spans",
            cause=problem,
            hint="for example: data/{YYYY}-{MM}.csv, or data/{SPAN:4}/v{VERSION}/*.parquet",
        )


def _span(groups: Mapping[str, str | None]) -> tuple[int | None, str]:
    year, month, day = groups.get("YYYY"), groups.get("MM"), groups.get("DD")
    if year:
        try:
            date = datetime.date(int(year), int(month or 1), int(day or 1))
        except ValueError:
            return None, ""
        return (date - EPOCH.date()).days, "-".join(part for part in (year, month, day) if part)
    number = int(groups.get("SPAN") or 0)
    return number, str(number)


def _any(versions: Mapping[int, list[tuple[str, SpanFile]]]) -> SpanFile:
    return next(iter(versions.values()))[0][1]


def _as_json(member: SpanFile) -> dict[str, Any]:
    record: dict[str, Any] = {"span": member.span, "name": member.label}
    return {**record, "version": member.version} if member.version else record
