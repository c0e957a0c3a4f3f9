"""The front page must be true: its blocks work, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from plimsoll import problem
from plimsoll.local.pipelines import library

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


def test_the_problem_file_shown_holds_together():
    shown = problem.parse(block("yaml"))
    assert shown.private == ("name",)
    assert shown.thresholds["auc"].min == 0.62


def test_the_pipeline_shown_compiles(tmp_path):
    (tmp_path / "mine.py").write_text(block("python"))
    compiled = library.find(f"{tmp_path / 'mine.py'}:mine")
    assert list(compiled.steps()) == ["ingest", "validate", "transform"]


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)|src(?:set)?=\"([^\"]+)\"", README))
def test_links_lead_somewhere(target):
    path = target[0] or target[1]
    assert (ROOT / path).exists(), path


def test_every_make_target_named_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in re.findall(r"make ([a-z]+)", README):
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name
