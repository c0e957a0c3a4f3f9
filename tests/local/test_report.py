"""The run report: from records and artifacts that are whole, missing, large or hostile."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.local.record import Run, Step
from plimsoll.local.report.frames import LARGEST_BYTES, MOST_OPEN, POLICY, SCRIPT
from plimsoll.local.report.page import report_html, write_report
from plimsoll.quantities import measured_duration

HOSTILE = "</style></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
CHAIN = ("ingest", "validate", "train", "evaluate", "push")


class Read(HTMLParser):
    """What a browser would make of the page: tags, text, links, frames."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.words = []
        self.scripts = []
        self.links = []
        self.ids = []
        self.frames = []
        self.open_details = 0
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        given_attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "iframe":
            self.frames.append(given_attributes)
        if "href" in given_attributes:
            self.links.append(given_attributes["href"])
        if "id" in given_attributes:
            self.ids.append(given_attributes["id"])
        self.open_details += tag == "details" and "open" in given_attributes

    def handle_data(self, data):
        (self.scripts if self.tags[-1:] == ["script"] else self.words).append(data)


def a_run(folder, **changes):
    steps = {
        name: Step(
            name=name, state="succeeded", seconds=1.5, role="data", after=list(CHAIN[:index][-1:])
        )
        for index, name in enumerate(CHAIN)
    }
    fields = {
        "id": "training-20261121-074512-a1b2",
        "pipeline": "training",
        "arguments": {"data": "flights.csv", "force": False},
        "folder": str(folder),
        "started": "2026-11-21T07:45:12+00:00",
        "status": "succeeded",
        "seconds": 112.4,
        "steps": steps,
    }
    return Run(**(fields | changes))


def page_of(record, folder):
    return Read(write_report(record.to_dict(), Path(folder)).read_text("utf-8"))


def with_page(folder, record, step, text, name="report"):
    path = folder / f"{step}-{name}.html"
    path.write_text(text, "utf-8")
    record.steps[step].artifacts[name] = {
        "type": "system.HTML", "path": str(path), "metadata": {},
    }  # fmt: skip


def test_the_report_says_what_came_out(tmp_path):
    record = a_run(
        tmp_path,
        pushed=True,
        model_version="9f2c51d0aa3e47b1",
        model_path="/models/flights/9f2c51d0aa3e47b1",
        metrics={"eval": {"auc": 0.75}, "test": {"auc": 0.7342, "log_loss": 0.45}},
        baseline_metrics={"test": {"auc": 0.7291, "log_loss": 0.44}},
        locks={"data": "1a" * 32},
        code={"version": "0.1.0", "revision": "a2c456b"},
        next=["plimsoll serve /models/flights"],
    )
    record.steps["validate"].cached = True
    record.steps["ingest"].notes = ["336,776 rows read"]
    record.steps["push"].outputs = {"pushed": True, "version": "9f2c51d0aa3e47b1"}

    text = page_of(record, tmp_path).text

    for said in (
        "21 November 2026, 07:45 UTC · took 1 min 52 s · 5 steps, 1 from the cache",
        "Model 9f2c51d0aa3e47b1 pushed",
        "AUC 0.7342 baseline 0.7291 +0.0051",
        "Log loss 0.4500 baseline 0.4400 +0.0100",
        "metric eval test baseline test auc 0.7500 0.7342 0.7291",
        "plimsoll serve /models/flights",
        "336,776 rows read",
        "a2c456b",
        "1a1a",
    ):
        assert said in text


def test_a_change_is_coloured_by_whether_it_is_better(tmp_path):
    record = a_run(
        tmp_path,
        metrics={"test": {"auc": 0.7, "log_loss": 0.5, "odd": 2.0}},
        baseline_metrics={"test": {"auc": 0.6, "log_loss": 0.4, "odd": 1.0}},
    )
    html = report_html(record.to_dict(), tmp_path)
    assert 'class="up">+0.1000' in html
    assert 'class="down">+0.1000' in html
    assert "<span>+1" in html


def test_a_gate_that_stopped_the_run_is_named_with_its_reason(tmp_path):
    record = a_run(tmp_path, status="stopped", reason="test AUC 0.68 is below 0.70")
    record.steps["evaluate"].outputs = {"blessed": False, "reason": record.reason}
    record.steps["push"].state = "skipped"

    page = page_of(record, tmp_path)

    assert "A gate stopped the run at evaluate test AUC 0.68 is below 0.70" in page.text
    assert "not blessed" in page.text
    assert page.links[0] == "#step-4"
    assert "step-4" in page.ids


def test_a_failure_is_shown_with_its_text_and_the_end_of_its_log(tmp_path):
    record = a_run(tmp_path, status="failed")
    step = record.steps["train"]
    step.state, step.log = "failed", str(tmp_path / "logs" / "train.log")
    step.error = {
        "headline": "column 'fare' is not in the dataset",
        "text": "column 'fare' is not in the dataset\n  next: did you mean 'fare_amount'?",
        "log_tail": ["Traceback (most recent call last):", '  File "core.py", line 12'],
    }

    page = page_of(record, tmp_path)

    assert "The run failed at train column 'fare' is not in the dataset" in page.text
    assert "did you mean 'fare_amount'?" in page.text
    assert 'File "core.py", line 12' in page.text
    assert "./logs/train.log" in page.links

    step.error["ours"] = True
    own = page_of(record, tmp_path)
    assert "did you mean 'fare_amount'?" in own.text
    assert "Traceback" not in own.text, "our own errors say all there is to say"


def test_every_step_of_the_graph_leads_to_its_section(tmp_path):
    page = page_of(a_run(tmp_path), tmp_path)
    anchors = {link for link in page.links if link.startswith("#")}
    assert anchors == {f"#step-{index}" for index in range(1, 6)}
    assert {f"#{name}" for name in page.ids} >= anchors


def test_pages_of_components_are_framed_without_scripts_and_the_first_are_open(tmp_path):
    record = a_run(tmp_path)
    for step in CHAIN:
        with_page(tmp_path, record, step, f"<h1>{step} & co</h1>")

    page = page_of(record, tmp_path)

    assert len(page.frames) == len(CHAIN)
    assert page.open_details == MOST_OPEN
    for step, frame in zip(CHAIN, page.frames, strict=True):
        assert frame["sandbox"] == "allow-same-origin"
        assert frame["srcdoc"].startswith(f"<h1>{step} & co</h1>")
        assert f"./{step}-report.html" in page.links


def test_a_failed_run_shows_its_error_before_any_page(tmp_path):
    record = a_run(tmp_path, status="failed")
    with_page(tmp_path, record, "ingest", "<h1>fine</h1>")
    assert page_of(record, tmp_path).open_details == 0


def test_pages_that_are_missing_or_too_large_are_named_not_shown(tmp_path):
    record = a_run(tmp_path)
    with_page(tmp_path, record, "ingest", "x" * (LARGEST_BYTES + 1), name="large")
    with_page(tmp_path, record, "train", "x", name="gone")
    Path(record.steps["train"].artifacts["gone"]["path"]).unlink()
    record.steps["push"].artifacts["none"] = {"type": "system.HTML"}

    page = page_of(record, tmp_path)

    assert page.frames == []
    assert "large is 3.0 MB, too large for this page: open it by itself" in page.text
    assert f"gone is missing: {tmp_path / 'train-gone.html'}" in page.text
    assert "none is missing: the record has no path" in page.text


def test_many_large_pages_do_not_make_the_report_endless(tmp_path):
    record = a_run(tmp_path)
    for step in CHAIN:
        for name in ("a", "b"):
            with_page(tmp_path, record, step, "x" * (LARGEST_BYTES - 1), name=name)
    page = page_of(record, tmp_path)
    assert 0 < len(page.frames) < 10
    assert page.text.count("too large for this page") == 10 - len(page.frames)


def hostile_record(folder):
    record = a_run(
        folder,
        id=HOSTILE,
        pipeline=HOSTILE,
        status=HOSTILE,
        reason=HOSTILE,
        started=HOSTILE,
        model_version=HOSTILE,
        arguments={HOSTILE: HOSTILE, "odd": "\ud800\x00\u202e"},
        metrics={HOSTILE: {HOSTILE: 1.0}},
        baseline_metrics={HOSTILE: {HOSTILE: 2.0}},
        next=[HOSTILE],
        code={HOSTILE: HOSTILE},
    )
    record.steps = {
        HOSTILE: Step(
            name=HOSTILE,
            state=HOSTILE,
            role=HOSTILE,
            after=[HOSTILE, "unknown"],
            notes=[HOSTILE],
            outputs={HOSTILE: HOSTILE},
            log=HOSTILE,
            artifacts={HOSTILE: {"type": HOSTILE, "path": f"javascript:{HOSTILE}",
                                 "metadata": {HOSTILE: HOSTILE}}},
            error={"headline": HOSTILE, "text": HOSTILE, "log_tail": [HOSTILE]},
        )
    }  # fmt: skip
    return record


def test_hostile_names_stay_text_everywhere(tmp_path):
    page = page_of(hostile_record(tmp_path), tmp_path)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert "".join(page.scripts).strip() == SCRIPT.strip()
    assert not any(link.startswith("javascript") for link in page.links)


def test_a_hostile_page_stays_inside_its_frame(tmp_path):
    record = a_run(tmp_path)
    with_page(tmp_path, record, "ingest", f'"></iframe>{HOSTILE}')
    page = page_of(record, tmp_path)
    assert page.tags.count("script") == 1
    assert page.frames[0]["srcdoc"].startswith(f'"></iframe>{HOSTILE}')


def test_only_the_report_s_own_script_may_run_and_nothing_is_fetched(tmp_path):
    html = write_report(a_run(tmp_path).to_dict(), tmp_path).read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*);", POLICY) == [f"'sha256-{digest}'"]
    assert "default-src 'none'" in POLICY
    assert "http" not in re.sub(r"http-equiv", "", html)


@pytest.mark.parametrize(
    "record",
    [{}, {"steps": {}}, {"steps": {"a": {}}}, {"steps": {"a": {"artifacts": {"b": {}}}}},
     {"status": "stopped"}, {"status": "failed", "steps": {"a": {"error": {}}}},
     {"metrics": {"test": {}}}, {"metrics": None, "steps": None}],
)  # fmt: skip
def test_what_a_record_lacks_is_left_out(tmp_path, record):
    assert "Made from" in Read(write_report(record, tmp_path).read_text()).text


def test_a_run_in_progress_and_steps_that_wait_in_a_circle_are_drawn(tmp_path):
    record = a_run(tmp_path, status="running")
    record.steps["ingest"].after = ["push"]
    record.steps["push"].state = "pending"
    assert page_of(record, tmp_path).tags.count("section") >= len(CHAIN)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(max_size=30),
        st.lists(st.text(max_size=5), max_size=3),
        max_size=8,
    ),
    st.dictionaries(st.text(max_size=8), st.floats() | st.none() | st.text(), max_size=4),
)
def test_any_names_and_numbers_make_a_report(tmp_path, graph, metrics):
    record = {
        "metrics": {"test": metrics},
        "baseline_metrics": {"test": dict.fromkeys(metrics, 0.5)},
        "steps": {
            name: {"after": [*after, *list(graph)[:2]], "state": "succeeded", "outputs": metrics}
            for name, after in graph.items()
        },
    }
    page = Read(write_report(record, tmp_path).read_text("utf-8"))
    assert len([name for name in page.ids if name.startswith("step-")]) == len(graph)


def test_the_report_is_written_whole_and_again_over_the_old_one(tmp_path):
    write_report(a_run(tmp_path).to_dict(), tmp_path)
    write_report(a_run(tmp_path, pipeline="second").to_dict(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "second" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (59.97, "1 min 0 s"), (112.4, "1 min 52 s"),
     (7384, "2 h 03 min"), (None, ""), (float("nan"), ""), (-1, ""), ("x", "")],
)  # fmt: skip
def test_times_are_written_for_people(seconds, text):
    assert measured_duration(seconds) == text
