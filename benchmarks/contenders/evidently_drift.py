"""evidently: its preset of data drift, between the two files."""

import warnings
from pathlib import Path

import clock
import pandas as pd

warnings.simplefilter("ignore")

from evidently import Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def work(reference: Path, current: Path) -> object:
    """Returns how many columns drifted."""
    first, second = (pd.read_csv(path, engine="pyarrow") for path in (reference, current))
    found = Report([DataDriftPreset()]).run(second, first).dict()
    return f"drifted: {found['metrics'][0]['value']['count']:.0f} columns"


if __name__ == "__main__":
    clock.timed(work)
