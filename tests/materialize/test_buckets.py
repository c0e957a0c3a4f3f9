"""A registry in a bucket: replaced only where it is still the one that was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from feast.protos.feast.core.Registry_pb2 import Registry
from google.cloud import storage

from feature_store.small_repository import repository
from ingest.sources.gcs_double import BUCKET, Bucket, Fault, running
from plimsoll.errors import DataError
from plimsoll.feature_store.repository import intervals
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.repository import open_repository

NAME = "registry.db"
URI = f"gs://{BUCKET}/{NAME}"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket, and the environment to reach it."""
    with running() as (made, host):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "none")
        yield made


def kept(bucket: Bucket) -> Registry:
    """Returns the registry that lies in the bucket."""
    blob = storage.Client(project="none").bucket(BUCKET).blob(NAME)
    return Registry.FromString(blob.download_as_bytes())


def recorded(proto: Registry) -> list[tuple[int, int]]:
    """Returns the intervals of the view, in seconds."""
    (view,) = [item for item in proto.feature_views if item.spec.name == "stats"]
    found = view.meta.materialization_intervals
    return [(item.start_time.seconds, item.end_time.seconds) for item in found]


@pytest.fixture
def opened(tmp_path: Path, bucket: Bucket) -> Repository:
    """A repository that was applied to a registry in the bucket."""
    folder = repository(tmp_path / "repository")
    made = open_repository(str(folder), tmp_path / "scratch")
    made.apply()
    bucket.put(NAME, (folder / "data" / "registry.db").read_bytes())
    made.store.config.registry.path = URI
    return made


def record(opened: Repository, *seconds: int) -> None:
    """Records an interval."""
    start, end = (at * 1_000_000 for at in seconds)
    intervals.record(opened.store, opened.folder, opened.views["stats"], (start, end), 1)


def test_an_interval_is_recorded_in_a_bucket(opened: Repository, bucket: Bucket) -> None:
    record(opened, 0, 5)
    record(opened, 5, 9)
    record(opened, 20, 30)
    assert recorded(kept(bucket)) == [(0, 9), (20, 30)]


def test_what_another_wrote_in_between_stays(opened: Repository, bucket: Bucket) -> None:
    proto = kept(bucket)
    proto.projects.add().spec.name = "another"
    theirs = proto.SerializeToString()
    # The double does not compare generations; it answers as the service does to another's.
    match = "POST /upload"
    bucket.faults.append(
        Fault(match=match, before=lambda: bucket.put(NAME, theirs) and None, status=412)
    )
    record(opened, 0, 5)
    assert bucket.asked("ifGenerationMatch=") >= 2
    assert "another" in [project.spec.name for project in kept(bucket).projects]
    assert recorded(kept(bucket)) == [(0, 5)]


def test_a_bucket_that_refuses_is_told(opened: Repository, bucket: Bucket) -> None:
    bucket.faults.append(Fault(match="POST /upload", status=403, times=99))
    with pytest.raises(DataError, match=f"the registry {URI} cannot be written"):
        record(opened, 0, 5)
    assert recorded(kept(bucket)) == []
