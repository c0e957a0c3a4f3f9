from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.problem import Problem
from plimsoll.validate.report import MOST_PICTURES
from validate.made import label, made, ran

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Tags(HTMLParser):
    """Counts elements, and checks that each is closed."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags.seen


def test_names_and_values_are_text_not_markup(tmp_path):
    columns = {
        "<script>alert(1)</script>": ["<img src=x onerror=alert(2)>", "b"] * 100,
        "y": label(200),
    }
    page = ran(made(tmp_path / "data", columns), tmp_path).page
    tags = parsed(page)
    assert "script" not in tags
    assert "img" not in tags
    assert "&lt;script&gt;" in page
    assert "&lt;img" in page


@pytest.mark.parametrize("columns", [3, MOST_PICTURES + 40])
def test_pictures_are_capped_and_the_page_says_so(tmp_path, columns):
    random = np.random.default_rng(0)
    data = {f"c{place}": random.normal(size=60) for place in range(columns - 1)}
    page = ran(made(tmp_path / "data", {**data, "y": label(60)}), tmp_path).page
    drawn = min(columns, MOST_PICTURES)
    assert parsed(page).count("svg") == 3 * drawn
    assert f"c{columns - 2}" in page
    told = f"Pictures of the first {MOST_PICTURES} of {columns}"
    assert (told in page) == (columns > MOST_PICTURES)


def test_columns_are_told_with_their_role_and_spread(tmp_path):
    problem = Problem(label="y", task="regression", drop=("leak",))
    half = pa.array([row if row % 2 else None for row in range(200)])
    columns = {"half": half, "leak": [1] * 200, "y": [row / 7 for row in range(200)]}
    page = ran(made(tmp_path / "data", columns, problem), tmp_path).page
    assert "50%" in page
    assert "1 to 159" in page
    for role in ("label", "dropped"):
        assert f">{role}</span>" in page
    assert "prefers-color-scheme" in page


def test_texts_that_occur_once_are_not_quoted(tmp_path):
    columns = {"text": [f"dear diary {row}" for row in range(200)], "y": label(200)}
    page = ran(made(tmp_path / "data", columns), tmp_path).page
    assert "each once" in page
    assert "200 distinct" not in page
    assert "160 distinct" in page
