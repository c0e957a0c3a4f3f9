"""The report of a run: one page that opens offline, from the run's record and artifacts."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.local.report.frames import MOST_OPEN, POLICY, SCRIPT, Frames
from plimsoll.local.report.metrics import metric_cards, metrics_table
from plimsoll.local.report.steps import (
    StepView,
    graph_and_times,
    step_section,
    step_views,
    value_text,
)
from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.page import block, document
from plimsoll.pictures.tables import badge, facts, notice
from plimsoll.quantities import measured_duration
from plimsoll.storage.files import write_text

REPORT = "report.html"
_TONES = {"succeeded": "good", "stopped": "warn", "failed": "bad", "running": "info"}
_STYLE = "\n" + Path(__file__).with_name("page.css").read_text("utf-8")


def write_report(record: Mapping[str, Any], run_folder: Path) -> Path:
    """Writes the run's report, whole or not at all.

    Args:
        record: The run's record, as ``run.json`` holds it; what it lacks is left out.
        run_folder: Where ``report.html`` is written. Links are relative to it.

    Returns:
        The report's path.
    """
    path = run_folder / REPORT
    write_text(path, report_html(record, run_folder))
    return path


def report_html(record: Mapping[str, Any], run_folder: Path) -> str:
    """Returns the report as a standalone document.

    Args:
        record: The run's record.
        run_folder: The folder that links are relative to.
    """
    # Who reads of a failure looks for the error, not for the pages of what went well.
    frames = Frames(folder=run_folder, to_open=0 if record.get("status") == "failed" else MOST_OPEN)
    steps = step_views(record.get("steps") or {})
    parts = [
        _header(record, steps),
        _metrics(record),
        _next(record),
        block("Steps", element("div", graph_and_times(steps), class_="panel")) if steps else "",
        _each_step(steps, frames),
        _details(record, run_folder, frames),
    ]
    title = f"{record.get('pipeline', 'run')} · {record.get('status', '')}"
    script = Html(f"<script>{SCRIPT}</script>")
    body = joined([element("main", joined(parts)), script])
    return document(title, body, policy=POLICY, style=_STYLE)


def _header(record: Mapping[str, Any], steps: list[StepView]) -> Html:
    status = str(record.get("status") or "")
    heading = [element("h1", record.get("pipeline") or "run")]
    if status:
        heading.append(badge(status, _TONES.get(status, "dull")))
    cached = sum(step.cached for step in steps)
    took = measured_duration(record.get("seconds"))
    when = [
        _day_and_time(str(record.get("started") or "")),
        f"took {took}" if took else "",
        f"{len(steps)} step{'' if len(steps) == 1 else 's'}"
        + (f", {cached} from the cache" if cached else ""),
    ]
    parts = [
        element("p", record.get("id") or "", class_="overline mono"),
        element("div", joined(heading), class_="title"),
        element("p", " · ".join(filter(None, when)), class_="when"),
        _model(record),
        _why(record, steps),
    ]
    return element("header", joined(parts))


def _day_and_time(text: str) -> str:
    try:
        started = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = started.strftime(" %Z") if started.tzinfo else ""
    return f"{started.day} {started:%B %Y, %H:%M}{zone}"


def _model(record: Mapping[str, Any]) -> Html:
    version, path = record.get("model_version"), record.get("model_path")
    if not version and not record.get("pushed"):
        return Html()
    state = badge("pushed", "good") if record.get("pushed") else badge("not pushed", "warn")
    parts = ["Model ", element("code", version or ""), state]
    if path:
        parts.append(element("code", path))
    return element("div", joined(parts), class_="model")


def _why(record: Mapping[str, Any], steps: list[StepView]) -> Html:
    """Says why the run did not end well, with a link to where."""
    status, reason = record.get("status"), str(record.get("reason") or "")
    if status not in ("stopped", "failed"):
        return notice("Note", reason) if reason else Html()
    tone = _TONES[str(status)]
    culprit = next(
        (step for step in steps if step.tone == tone),
        next((step for step in steps if step.tone == "bad"), None),
    )
    words = "A gate stopped the run" if status == "stopped" else "The run failed"
    if culprit is None:
        return notice(words, reason, tone)
    where = element("a", culprit.name, href=f"#{culprit.anchor}")
    error = culprit.record.get("error") or {}
    text = reason or str(error.get("headline") or "")
    return notice(joined([words, " at ", where]), text, tone)


def _metrics(record: Mapping[str, Any]) -> Html:
    metrics, baseline = record.get("metrics") or {}, record.get("baseline_metrics") or {}
    split, tiles = metric_cards(metrics, baseline)
    if not split:
        return Html()
    more = element(
        "details",
        joined([element("summary", "All metrics by split"), metrics_table(metrics, baseline)]),
        class_="metrics-more",
    )
    body = element("div", joined([tiles, more]), style="margin-top:12px")
    return block(f"Metrics on the {split} split", body)


def _next(record: Mapping[str, Any]) -> Html:
    commands = [element("code", command, class_="command") for command in record.get("next") or ()]
    if not commands:
        return Html()
    return block("Next", element("pre", joined(commands), class_="next", style="margin-top:12px"))


def _each_step(steps: list[StepView], frames: Frames) -> Html:
    if not steps:
        return notice("The run has no steps")
    return block("Step by step", joined(step_section(step, frames) for step in steps))


def _details(record: Mapping[str, Any], folder: Path, frames: Frames) -> Html:
    groups: list[tuple[str, dict[str, object]]] = [
        ("Arguments", {name: value_text(value) for name, value in _items(record, "arguments")}),
        ("Code", dict(_items(record, "code"))),
        ("Locks", {name: element("code", value) for name, value in _items(record, "locks")}),
        ("Files", {"record": frames.link(str(folder / "run.json"), "run.json"), "folder": folder}),
    ]
    parts = [
        element("div", joined([element("h3", heading), facts(values)]))
        for heading, values in groups
        if values
    ]
    return block("Made from", element("div", joined(parts), class_="panel details"))


def _items(record: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    return [(str(key), value) for key, value in (record.get(name) or {}).items()]
