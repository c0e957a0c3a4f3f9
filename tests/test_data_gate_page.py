"""The page of the data gate must be true: its configs hold, its links and files are there."""

import re
from pathlib import Path

import pytest

from plimsoll.ingest import config as ingest_config
from plimsoll.validate import config as gate_config

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "data-gate.md").read_text("utf-8")
SHOWN = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_configs_shown_hold():
    of_ingest, of_gate = SHOWN
    assert ingest_config.parse(of_ingest).window == 3
    assert gate_config.parse(of_gate).drift.thresholds["temp"] == {"ks": 0.3}


@pytest.mark.parametrize("named", gate_config.DISTANCES + gate_config.TESTS)
def test_every_distance_is_told(named):
    assert f"`{named}`" in PAGE


@pytest.mark.parametrize(
    "path", re.findall(r"src(?:set)?=\"([^\"]+)\"", PAGE) + re.findall(r"\]\(([^)#]+)\)", PAGE)
)
def test_pictures_and_links_are_there(path):
    assert (ROOT / "docs" / path).exists()


def test_the_files_of_the_example_are_there():
    for name in set(re.findall(r"examples/flights/[\w.]+\.(?:yaml|pbtxt)", PAGE)):
        assert (ROOT / name).is_file(), name
