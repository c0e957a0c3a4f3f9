"""Ours: both files read as ingest reads them, measured, a schema, anomalies, drift."""

import tempfile
from pathlib import Path

import clock

from plimsoll.formats.dataset import type_name
from plimsoll.ingest.readers.open_files import open_files
from plimsoll.ingest.readers.read_files import read_files
from plimsoll.ingest.sources.resolve import resolve
from plimsoll.statistics.parts import measure_parts
from plimsoll.validate.config import Comparison
from plimsoll.validate.drift import measurement as drift
from plimsoll.validate.drift.distributions import distributions_of
from plimsoll.validate.drift.thresholds import FAMILYWISE_ERROR_RATE
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.accumulator import SplitStatistics, StatisticsPlan
from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import measurement_of


def work(reference: Path, current: Path) -> object:
    """Returns the number of anomalies and the columns that drifted."""
    with tempfile.TemporaryDirectory(dir=current.parent) as scratch:
        first, second = (measured(path, Path(scratch)) for path in (reference, current))
    schema = validator.infer_schema(first.statistics)
    anomalies = validator.validate(second.statistics, schema, "")
    before, after = (distributions_of(one) for one in (first, second))
    requests = drift.distance_requests(after, Comparison(), "warning")
    pair = drift.DatasetPair("train", drift.BASELINE, before, after, requests)
    measurements = drift.measure(pair, FAMILYWISE_ERROR_RATE / len(requests))
    drifted = sorted({item.column for item in measurements if item.level != "pass"})
    return f"{len(anomalies)} anomalies; drifted: {', '.join(drifted)}"


def measured(path: Path, scratch: Path) -> SplitStatistics:
    """Returns what is measured of one file."""
    notes: list[str] = []
    files = open_files(resolve(str(path), scratch, notes).sources, ())
    folder = scratch / path.stem
    folder.mkdir()
    rows = read_files(files, skip=(), private=(), notes=notes, folder=folder).rows
    encodings = {name: encoding_of(type_name(kind)) for name, kind in rows.types.items()}
    measurement = measurement_of(StatisticsPlan(split=path.stem, encodings=encodings))
    return measure_parts(measurement, rows.batches()).finish(measurement)


if __name__ == "__main__":
    validator.load()
    clock.timed(work)
