"""Small real files, and ingest run on them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.formats.dataset import open_dataset
from plimsoll.ingest.core import IngestResult, ingest

Ingest = Callable[..., IngestResult]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Returns a function that writes text or bytes below ``tmp_path / "in"``."""

    def written(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


@pytest.fixture
def run(tmp_path: Path) -> Ingest:
    """Returns a function that ingests, and checks that what was written opens as the same."""

    def ingested(data: Path | str, problem: str = "", label: str = "") -> IngestResult:
        if not problem and not label:
            label = "y"
        folder = tmp_path / "out"
        result = ingest(data=str(data), label=label, problem=problem, folder=folder)
        assert open_dataset(folder) == result.dataset
        return result

    return ingested
