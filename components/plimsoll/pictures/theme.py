"""The one look of every page: colours for light and dark, type, spacing; see ``page.css``."""

from functools import cache
from pathlib import Path

SERIES = 8


@cache
def stylesheet() -> str:
    """Returns the style sheet of every page; it holds no text from data."""
    return Path(__file__).with_name("page.css").read_text("utf-8").rstrip("\n")


def series_class(index: int) -> str:
    """Returns the class that colours the series at ``index``; they repeat after eight."""
    return f"s{index % SERIES + 1}"
