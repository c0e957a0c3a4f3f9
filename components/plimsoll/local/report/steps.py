"""The steps in the report: the graph, the times, and a section for each step."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.local.report.frames import Frames
from plimsoll.pictures.dag import Node, dag
from plimsoll.pictures.layers import ordered
from plimsoll.pictures.markup import Html, element, joined, shortened
from plimsoll.pictures.scales import number_text
from plimsoll.pictures.tables import badge, notice, table
from plimsoll.quantities import measured_duration

WIDEST_BESIDE = 420
LONGEST_VALUE = 600
MOST_PARTS = 8
HTML_TYPES = ("system.HTML",)
_STATES = {
    "succeeded": ("good", "✓"),
    "failed": ("bad", "✕"),
    "running": ("info", "▸"),
    "skipped": ("dull", "–"),  # noqa: RUF001 - drawn, not read
    "pending": ("dull", "·"),
}
_GATES = {"passed": "not passed", "blessed": "not blessed", "pushed": "not pushed"}
_NOT_SHOWN = ("notes", "witnesses", "display_name")


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A step as the report shows it."""

    name: str
    """Its name in the graph."""
    anchor: str
    """The id of its section."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What ``run.json`` holds of it."""

    @property
    def state(self) -> str:
        """The state in words; a gate that said no says so."""
        state = str(self.record.get("state", "pending"))
        outputs = self.record.get("outputs") or {}
        refused = [words for name, words in _GATES.items() if outputs.get(name) is False]
        return refused[0] if state == "succeeded" and refused else state

    @property
    def tone(self) -> str:
        """The colour of the state."""
        if self.state in _GATES.values():
            return "warn"
        return _STATES.get(self.state, ("dull", "?"))[0]

    @property
    def sign(self) -> str:
        """One letter for the state."""
        if self.state in _GATES.values():
            return "!"
        return _STATES.get(self.state, ("dull", "?"))[1]

    @property
    def cached(self) -> bool:
        """Whether its outputs were taken from the step cache."""
        return bool(self.record.get("cached"))

    @property
    def took(self) -> str:
        """How long it took, or nothing if it did not run."""
        if self.record.get("state") in ("pending", "skipped", None):
            return ""
        return measured_duration(self.record.get("seconds"))


def step_views(steps: Mapping[str, Mapping[str, Any]]) -> list[StepView]:
    """Returns the steps, each after those it waits for."""
    order = ordered({name: _after(step) for name, step in steps.items()})
    return [
        StepView(name=name, anchor=f"step-{index + 1}", record=steps[name])
        for index, name in enumerate(order)
    ]


def graph_and_times(steps: list[StepView]) -> Html:
    """Returns the graph with the table of times beside it, or below if the graph is wide."""
    nodes = [
        Node(
            name=step.name,
            after=_after(step.record),
            detail=" · ".join(
                filter(None, [str(step.record.get("role") or ""), "" if step.cached else step.took])
            ),
            state=step.state,
            tone=step.tone,
            sign=step.sign,
            tag="cached" if step.cached else "",
            link=f"#{step.anchor}",
        )
        for step in steps
    ]
    picture, width = dag(nodes)
    inside = element("div", picture, class_="dag-scroll", tabindex="0")
    kind = "abreast" if width <= WIDEST_BESIDE else "stacked"
    return element("div", joined([inside, _times(steps)]), class_=kind)


def step_section(step: StepView, frames: Frames) -> Html:
    """Returns all that is known of a step."""
    record = step.record
    head = [
        element("span", step.sign, class_=f"sign {step.tone}", aria_hidden="true"),
        element("h3", step.name),
        "" if step.state == "succeeded" else badge(step.state, step.tone),
        badge("cached") if step.cached else "",
        element("span", _facts_line(step), class_="step-facts"),
    ]
    pages = [
        frames.frame(step.name, name, str(artifact.get("path") or ""))
        for name, artifact in _mapping(record.get("artifacts")).items()
        if artifact.get("type") in HTML_TYPES
    ]
    parts = [
        element("div", joined(head), class_="step-head"),
        _error(record, frames),
        _notes(record),
        *pages,
        _files(step, frames),
    ]
    return element("section", joined(parts), class_="panel step", id=step.anchor)


def value_text(value: Any) -> str:
    """Returns an output or argument as text of bounded length."""
    if value is None or isinstance(value, bool | int | float):
        return number_text(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text, LONGEST_VALUE) or "(empty)"


def _after(step: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in step.get("after") or ())


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _times(steps: list[StepView]) -> Html:
    longest = max((_seconds(step) for step in steps), default=0.0) or 1.0
    rows = []
    for step in steps:
        share = f"--share:{_seconds(step) / longest * 100:.1f}%"
        link = element("a", shortened(step.name, 44), href=f"#{step.anchor}", title=step.name)
        state = badge(step.state, step.tone)
        if step.state == "succeeded":
            word = "cached" if step.cached else "succeeded"
            state = element("span", joined([element("b", step.sign), word]), class_="done")
        bar = element("div", element("i", "", style=share) if step.took else "", class_="time-bar")
        took = joined([element("span", step.took or "–"), bar])  # noqa: RUF001
        rows.append([link, state, element("div", took, class_="time")])
    return element("div", table(["step", "state", "time"], rows, tall=True), class_="times")


def _seconds(step: StepView) -> float:
    seconds = step.record.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) and step.took else 0.0


def _facts_line(step: StepView) -> str:
    memory = step.record.get("peak_memory")
    return " · ".join(
        filter(
            None,
            [
                step.took,
                f"{memory / (1 << 20):,.0f} MB" if isinstance(memory, int) and memory else "",
                f"role {step.record['role']}" if step.record.get("role") else "",
            ],
        )
    )


def _notes(record: Mapping[str, Any]) -> Html:
    notes = [element("li", note) for note in record.get("notes") or ()]
    return element("ul", joined(notes), class_="notes") if notes else Html()


def _error(record: Mapping[str, Any], frames: Frames) -> Html:
    error = _mapping(record.get("error"))
    if not error:
        return Html()
    headline, text = str(error.get("headline") or "failed"), str(error.get("text") or "")
    rest = textwrap.dedent(text.removeprefix(headline).strip("\n"))
    # Our own errors say all there is to say; a traceback below them would only repeat it.
    tail = [] if error.get("ours") else [str(line) for line in error.get("log_tail") or ()]
    parts = [notice(headline, "", "bad")]
    if rest:
        parts.append(element("pre", rest, class_="wrap", tabindex="0"))
    if tail:
        parts.append(element("p", "Last lines of the log", class_="small-head"))
        parts.append(element("pre", "\n".join(tail), tabindex="0"))
    if record.get("log"):
        parts.append(element("p", frames.link(str(record["log"]), "the whole log"), class_="small"))
    return element("div", joined(parts), class_="step-error")


def _files(step: StepView, frames: Frames) -> Html:
    record = step.record
    rows: list[list[object]] = [
        [element("code", name), "value", element("code", value_text(value))]
        for name, value in _mapping(record.get("outputs")).items()
    ]
    for name, artifact in _mapping(record.get("artifacts")).items():
        kind = str(artifact.get("type") or "").removeprefix("system.")
        rows.append([element("code", name), kind, _artifact(_mapping(artifact), frames)])
    if record.get("log"):
        rows.append(
            [element("code", "log"), "text", frames.link(str(record["log"]), str(record["log"]))]
        )
    if not rows:
        return Html()
    listed = table(["output", "kind", "value or place"], rows, tall=True)
    summary = element("summary", f"Outputs and files ({len(rows)})")
    return element("details", joined([summary, listed]), class_="files")


def _artifact(artifact: Mapping[str, Any], frames: Frames) -> Html:
    path = str(artifact.get("path") or "")
    facts = [
        f"{name} {value_text(value)}"
        for name, value in _mapping(artifact.get("metadata")).items()
        if name not in _NOT_SHOWN and isinstance(value, str | int | float)
    ]
    parts: list[object] = []
    if path:
        missing = "" if Path(path).exists() else " (missing)"
        parts.append(element("div", joined([frames.link(path, path), missing])))
    if facts:
        more = f" · and {len(facts) - MOST_PARTS} more" if len(facts) > MOST_PARTS else ""
        parts.append(element("small", " · ".join(facts[:MOST_PARTS]) + more))
    return joined(parts)
