"""The gate's page: what it tells, that it stands alone, and that it holds what is hostile."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.problem import SPLITS, Problem
from plimsoll.validate.checks.check import ERROR, WARNING, Check, Context
from plimsoll.validate.drift.distributions import distributions_of
from plimsoll.validate.drift.measurement import Measurement
from plimsoll.validate.report import report_html
from plimsoll.validate.report.columns import OPEN
from plimsoll.validate.report.drift import MOST_OVERLAID, used
from plimsoll.validate.report.drift import OPEN as MOST_RANKED
from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import measure
from validate.made import label, made, ran

VOID = {"meta", "br", "link", "img", "input", "hr"}
FETCHING = {"script", "img", "link", "iframe", "object", "embed", "video", "audio", "image", "use"}
HOSTILE = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


class Tags(HTMLParser):
    """Counts elements, checks that each is closed, and keeps attributes and text."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = []
        self.attributes = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def context_of(dataset):
    """Returns what the gate measures of a data set, compared with nothing."""
    encodings = {column.name: encoding_of(column.type) for column in dataset.columns}
    measured = {split: measure(dataset, split, encodings, ["y"]) for split in SPLITS}
    return Context(
        dataset=dataset,
        schema=None,
        is_given=False,
        environment="",
        encodings=encodings,
        measured=measured,
        distributions={split: distributions_of(measured[split], ["y"]) for split in SPLITS},
    )


def measurement(*, value, threshold=0.1, **fields):
    """Returns a distance, a warning if it is past its threshold."""
    usual = {"column": "x", "split": "train", "against": "baseline", "distance": "ks"}
    level = "warning" if value > threshold else "pass"
    return Measurement(
        **{**usual, **fields}, value=value, threshold=threshold, level=level, how="as configured"
    )


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags


def headings(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


def section(page, heading):
    start = page.index(f"<h2>{heading}</h2>")
    return page[start : page.index("</section>", start)]


def shifted(shift, seed, rows=2000):
    """Returns columns of several kinds, of which one number and one text shift."""
    random = np.random.default_rng(seed)
    towns = random.choice(["Ahus", "Bonn", "Cork"], rows, p=[0.6 - shift / 4, 0.3 + shift / 4, 0.1])
    return {
        "speed": random.normal(10 + shift, 2, rows),
        "town": towns,
        "steps": random.integers(0, 9, rows),
        "holed": pa.array(random.normal(size=rows), mask=random.random(rows) < 0.2),
        "still": random.normal(size=rows),
        "y": label(rows),
    }


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Runs the gate on data that lie apart from their baseline and from what is asked."""
    folder = tmp_path_factory.mktemp("compared")
    before = made(folder / "before", shifted(0, 1))
    first = ran(before, folder / "first")
    asked = {name: column for name, column in shifted(1, 3).items() if name != "y"}
    asked = made(folder / "asked", {**asked, "y": label(2000)})
    now = made(folder / "now", shifted(2, 2))
    return ran(
        now, folder / "second", baseline=first.outputs.statistics, serving=asked.folder, mode="warn"
    )


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Makes the page of 500 columns, of which each fifth drifted."""
    random = np.random.default_rng(0)
    columns = {}
    for place in range(499):
        values = random.normal(size=300)
        if place % 3 == 1:
            values = random.choice(["one", "two", "three"], 300)
        if place % 5 == 0:
            values = pa.array(values, mask=random.random(300) < 0.3)
        columns[f"column number {place}"] = values
    dataset = made(tmp_path_factory.mktemp("wide") / "data", {**columns, "y": label(300)})
    context = context_of(dataset)
    drift = [
        measurement(column=name, split=split, against=against, value=0.02 + place % 5 / 40)
        for split, against in (("train", "baseline"), ("eval", "train"), ("test", "train"))
        for place, name in enumerate(columns)
    ]
    context = replace(context, baseline=context.distributions["test"], drift=tuple(drift))
    check = Check(split="train", column="column number 17", kind="values", level=ERROR)
    return report_html(context, [check], "fail")


def test_the_page_tells_the_verdict_first_and_then_in_order_of_weight(compared):
    assert headings(compared.page) == [
        "What was found",
        "Drift",
        "Missing values",
        "Correlations",
        "Columns",
        "Checked",
    ]
    assert compared.page.index("notice") < compared.page.index("What was found")


def test_without_findings_or_a_comparison_there_are_no_sections_of_them(tmp_path):
    dataset = made(tmp_path / "data", {"x": [row * 0.5 for row in range(400)], "y": label(400)})
    page = ran(dataset, tmp_path, config={"drift": {"level": "off"}}).page
    assert "What was found" not in headings(page)
    assert "Drift" not in headings(page)
    assert "no anomalies" in page


@pytest.mark.parametrize("which", ["compared", "wide"])
def test_the_page_stands_alone(which, request):
    found = request.getfixturevalue(which)
    page = found if which == "wide" else found.page
    tags = parsed(page)
    assert not FETCHING & set(tags.seen)
    assert "default-src &#x27;none&#x27;" in page
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    for name, value in tags.attributes:
        assert name not in {"src", "href", "action", "xlink:href"}
        assert not re.search(r"url\(|//|@import", value or ""), (name, value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|//", style)
    assert "prefers-color-scheme:dark" in style


def test_every_picture_is_named_for_who_cannot_see_it(compared):
    for opening in re.findall(r"<svg[^>]*>", compared.page):
        assert "viewBox" in opening or 'role="img"' in opening
        if 'role="img"' in opening:
            assert re.search(r'aria-label="[^"]+"', opening), opening


@pytest.mark.parametrize("place", ["name", "value"])
def test_names_and_values_are_text_not_markup(tmp_path, place):
    hostile = HOSTILE if place == "name" else "x"
    value = HOSTILE if place == "value" else "a"
    columns = {hostile: [value, "b", None, "b"] * 100, f"{hostile} 2": [1.5, 2.5] * 200}
    before = made(tmp_path / "before", {**columns, "y": label(400)})
    now = {hostile: ["c", value, value, value] * 100, f"{hostile} 2": [2.5, 5.5] * 200}
    now = made(tmp_path / "now", {**now, "y": label(400)})
    page = ran(now, tmp_path / "run", baseline=before.folder, mode="warn").page
    tags = parsed(page)
    assert not FETCHING & set(tags.seen)
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert "<script" not in page
    assert "alert(1)" in "".join(tags.text)
    assert "Drift" in headings(page)


def test_five_columns_have_all_their_pictures(compared):
    columns = section(compared.page, "Columns")
    assert "<details" not in columns
    for name in ("speed", "town", "steps", "holed", "still", "y"):
        for source in ("train", "eval", "test", "baseline"):
            assert f'aria-label="{name} in {source}"' in columns


def test_500_columns_are_folded_but_whole(wide):
    assert len(wide.encode()) < 2_000_000
    columns = section(wide, "Columns")
    shown, folded = columns.split("<details", 1)
    assert shown.count("<tr") == OPEN + 1
    assert folded.count("<tr") == 500 - OPEN + 1
    assert f"{500 - OPEN} more columns" in folded
    for place in range(499):
        assert f">column number {place}</strong>" in columns
        assert f'aria-label="column number {place} in train"' in columns
    first = re.findall(r'class="column">(.*?)</strong>', columns)[:2]
    assert first == ["y", "column number 17"]


def test_of_many_drifted_columns_the_worst_are_ranked_and_drawn(wide):
    drift = section(wide, "Drift")
    assert "train against the baseline: 99 of 499 columns past the threshold" in drift
    assert drift.count('class="fill warn"') == 3 * MOST_RANKED
    assert drift.count("<figure") == 2 * MOST_OVERLAID
    assert f"{499 - MOST_RANKED} more columns" in drift
    assert f"{MOST_OVERLAID - 6} more pictures, of 93 that drifted" in drift


def test_columns_are_told_with_their_role_and_spread(tmp_path):
    problem = Problem(label="y", task="regression", drop=("leak",))
    half = pa.array([row if row % 2 else None for row in range(200)])
    columns = {"half": half, "leak": [1] * 200, "y": [row / 7 for row in range(200)]}
    page = ran(made(tmp_path / "data", columns, problem), tmp_path).page
    columns = section(page, "Columns")
    assert "int, 50% missing" in columns
    assert "1 to 159" in columns
    for role in ("label", "dropped"):
        assert f">{role}</span>" in columns


def test_texts_that_occur_once_are_not_quoted(tmp_path):
    columns = {"text": [f"dear diary {row}" for row in range(200)], "y": label(200)}
    page = ran(made(tmp_path / "data", columns), tmp_path).page
    assert "each once" in page
    assert "160 distinct" in page


def test_drift_is_ranked_and_drawn_against_what_it_is_compared_with(compared):
    drift = section(compared.page, "Drift")
    against = drift.index("train against the baseline: 2 of 6 columns past the threshold")
    ranked = re.findall(r'class="column">(\w+)</strong>', drift[against:])
    assert set(ranked[:2]) == {"speed", "town"}
    assert drift.count('class="fill warn"') >= 2
    assert 'class="fill hollow dull"' in drift
    assert "train against serving" in drift
    # Histograms of both for the number, outlined; bars for the text, hollow for the reference.
    assert 'aria-label="Histogram of speed: baseline, train"' in drift
    assert 'aria-label="Bar chart of town: baseline, train"' in drift
    assert "curve thin s1 dashed" in drift
    assert "bar s1 hollow" in drift
    assert "mean 1" in drift
    assert "→" in drift


def test_a_comparison_without_drift_is_folded_and_says_how_near_it_came(compared):
    drift = section(compared.page, "Drift")
    folded = re.findall(r"<summary>(.*?)</summary>", drift)
    assert [text for text in folded if re.match(r"eval against train: none of \d columns", text)]
    assert [text for text in folded if "of its threshold" in text]


def test_how_much_of_a_threshold_was_used():
    def one(distance, value, threshold, level="pass"):
        item = measurement(distance=distance, value=value, threshold=threshold)
        return replace(item, level=level)

    assert used(one("ks", 0.1, 0.05)) == pytest.approx(2)
    assert used(one("ks", 0.0, 0.0)) == 0
    assert used(one("ks", 0.1, 0.0)) == float("inf")
    assert used(one("ks", float("nan"), 0.1)) == 0
    assert used(one("ks", float("nan"), 0.1, "error")) == float("inf")
    assert used(one("t_test", 1e-6, 1e-3)) == pytest.approx(2)
    assert used(one("t_test", 0.5, 1e-3)) < 1
    assert used(one("t_test", 0.0, 1e-3)) == float("inf")


def test_missing_values_are_shown_for_the_columns_that_lack_any(compared):
    missing = section(compared.page, "Missing values")
    assert re.findall(r'class="column">(\w+)</strong>', missing) == ["holed"]
    for source in ("train", "eval", "test", "baseline", "serving"):
        assert f">{source}</th>" in missing
    assert "5 other columns lack no value." in missing
    assert re.search(r"train: \d+ null", missing)


def test_columns_that_lack_values_together_are_named(tmp_path):
    holes = np.arange(400) % 3 == 0
    columns = {
        "rain": pa.array(np.ones(400) * np.arange(400), mask=holes),
        "snow": pa.array(np.ones(400) / np.arange(1, 401), mask=holes),
        "wind": pa.array(np.arange(400.0), mask=np.arange(400) % 5 == 0),
        "y": label(400),
    }
    page = ran(made(tmp_path / "data", columns), tmp_path).page
    assert "Missing in the same rows of train: rain, snow." in section(page, "Missing values")


def test_data_without_holes_say_so_in_a_line(tmp_path):
    page = ran(made(tmp_path / "data", {"x": list(range(100)), "y": label(100)}), tmp_path).page
    missing = section(page, "Missing values")
    assert "No column lacks a value" in missing
    assert "<table" not in missing


def test_correlations_rank_the_label_and_map_few_columns(compared, tmp_path):
    random = np.random.default_rng(0)
    base = random.normal(size=500)
    columns = {
        "noise": random.normal(size=500),
        "twin": base * 2,
        "base": base,
        "town": np.where(base > 0, "Ahus", "Bonn"),
        "y": (base > 0).astype(int),
    }
    page = ran(made(tmp_path / "data", columns), tmp_path, mode="warn").page
    found = section(page, "Correlations")
    ranked = re.findall(r'class="column">(\w+)</strong>', found)
    assert ranked[0] == "town"
    assert ranked[-1] == "noise"
    assert "nearly the label" in found
    assert "correlation ratio" in found
    assert 'class="matrix"' in found
    assert "Nearly the same: " in found
    assert "twin and base (1.00)" in found or "base and twin (1.00)" in found


def test_correlations_of_many_columns_are_a_table_of_the_strongest(wide):
    found = section(wide, "Correlations")
    assert 'class="matrix"' not in found
    assert "The strongest of " in found
    assert "135 more pairs" in found


def test_findings_stand_in_groups_the_gravest_first(tmp_path):
    dataset = made(tmp_path / "data", {"x": [1.0, 2.0] * 100, "y": label(200)})
    checks = [
        Check(
            split="train", column="x", kind="values", level=WARNING, expected="e1", observed="f1"
        ),
        Check(split="train", column="x", kind="drift", level=WARNING, expected="e2", observed="f2"),
        Check(
            split="test",
            column="x",
            kind="values",
            level=ERROR,
            expected="e3",
            observed="f3",
            values=(("<b>", 3), ("odd", 1)),
            locations=("test row 7", "test row 9"),
        ),
    ]
    page = report_html(context_of(dataset), checks, "branch")
    found = section(page, "What was found")
    order = [found.index(text) for text in ("Anomalies (1)", "Drift and skew (1)", "Warnings (1)")]
    assert order == sorted(order)
    assert "&lt;b&gt;" in found
    assert "3 rows" in found
    assert "test row 7" in found
    assert "the pipeline decides" in page


@pytest.mark.parametrize(
    ("mode", "heading"),
    [("fail", "Stopped: 1 anomaly"), ("warn", "Let through"), ("branch", "Not passed")],
)
def test_the_verdict_follows_the_mode(tmp_path, mode, heading):
    dataset = made(tmp_path / "data", {"x": [1.0, 2.0] * 100, "y": label(200)})
    check = Check(split="train", column="x", kind="values", level=ERROR, expected="e", observed="f")
    assert heading in report_html(context_of(dataset), [check], mode)
    passed = report_html(context_of(dataset), [replace(check, level="pass")], mode)
    assert "Passed: 1 check," in passed


def test_many_findings_are_folded(tmp_path):
    dataset = made(tmp_path / "data", {"x": [1.0, 2.0] * 100, "y": label(200)})
    checks = [
        Check(split="train", column=f"c{n}", kind="values", level=ERROR, expected="e", observed="f")
        for n in range(700)
    ]
    found = section(report_html(context_of(dataset), checks, "fail"), "What was found")
    assert "Anomalies (700)" in found
    assert "more of 670; anomalies.json has them all" in found
    assert "c499<" in found
    assert "c500<" not in found


def test_the_same_data_make_the_same_page(tmp_path):
    columns = shifted(0, 5, rows=600)
    dataset = made(tmp_path / "data", columns)
    first, second = ran(dataset, tmp_path / "a").page, ran(dataset, tmp_path / "b").page
    assert first == second


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows_still_make_a_page(tmp_path, rows):
    columns = {
        "x": pa.array([1.5] * rows, pa.float64()),
        "t": pa.array(["a"] * rows, pa.string()),
        "y": pa.array([1] * rows, pa.int64()),
    }
    page = ran(made(tmp_path / "data", columns), tmp_path, mode="warn").page
    assert parsed(page)
    assert "Columns" in headings(page)


def test_private_columns_are_nowhere_on_the_page(tmp_path):
    problem = Problem(label="y", task="binary", positive="1", private=("secret",))
    columns = {"secret": ["hush"] * 200, "x": list(range(200)), "y": label(200)}
    page = ran(made(tmp_path / "data", columns, problem), tmp_path).page
    assert "hush" not in page
    assert "secret" not in page
    assert "1 columns, never measured" in page
