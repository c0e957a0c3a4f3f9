"""The statistics and schema artifacts: TFDV's protos on disk, with what was checked beside them.

Statistics are a folder of ``{split}.pb`` (a serialised ``DatasetFeatureStatisticsList`` each),
``distributions.json`` (what a later span is compared with), ``anomalies.json`` and
``manifest.json``; a schema is a folder that holds ``schema.pbtxt``. Opening and copying need the
standard library alone; reading the protos needs ``tensorflow_metadata``, the distributions numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import ArtifactError, DataError, nearest
from plimsoll.storage.files import (
    checked_manifest,
    digest_bytes,
    digest_file,
    folder_written_whole,
    read_json,
    write_bytes,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from plimsoll.formats.distributions import Distribution

FORMAT = "plimsoll.statistics/2"
MANIFEST = "manifest.json"
ANOMALIES = "anomalies.json"
DISTRIBUTIONS = "distributions.json"
NO_DISTRIBUTIONS = '{"format":"plimsoll.distributions/1","splits":{}}\n'
SCHEMA = "schema.pbtxt"
TRAINING = "TRAINING"
SERVING = "SERVING"
ENVIRONMENTS = (TRAINING, SERVING)
"""Where a schema is enforced; the label is expected in the first alone."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """A statistics artifact that was opened, its files checked."""

    folder: Path
    dataset_id: str
    """The data set that was measured."""
    rows: Mapping[str, int]
    """Rows by split; of a sample rate below 1 the statistics count fewer."""

    def serialized(self, split: str) -> bytes:
        """Returns a split's ``DatasetFeatureStatisticsList`` as it was serialised.

        Raises:
            DataError: if there is no such split.
        """
        if split not in self.rows:
            raise DataError(
                f"there are no statistics of a split {split!r}",
                cause=nearest(split, self.rows),
                choices=tuple(self.rows),
            )
        return (self.folder / file_name(split)).read_bytes()

    def proto(self, split: str) -> Any:
        """Returns a split's ``DatasetFeatureStatisticsList``; needs ``tensorflow_metadata``.

        Raises:
            DataError: if there is no such split.
            ArtifactError: if the file is not such a proto.
        """
        from google.protobuf.message import DecodeError
        from tensorflow_metadata.proto.v0 import statistics_pb2

        proto = statistics_pb2.DatasetFeatureStatisticsList()
        try:
            proto.ParseFromString(self.serialized(split))
        except DecodeError as error:
            raise ArtifactError(
                f"{self.folder / file_name(split)} holds no statistics", cause=str(error)
            ) from error
        return proto

    def anomalies(self) -> dict[str, Any]:
        """Returns what was checked: every measurement with what was allowed, passed or not."""
        return dict(read_json(self.folder / ANOMALIES))

    def distributions(self) -> dict[str, dict[str, Distribution]]:
        """Returns the distribution of each column, by split; needs numpy.

        Raises:
            ArtifactError: if they do not hold together.
        """
        from plimsoll.formats import distributions

        path = self.folder / DISTRIBUTIONS
        return distributions.from_json(read_json(path), str(path))


def file_name(split: str) -> str:
    """Returns the file that holds a split's statistics."""
    return f"{split}.pb"


def write_statistics(
    folder: Path,
    serialized: Mapping[str, bytes],
    rows: Mapping[str, int],
    *,
    dataset_id: str,
    anomalies: Mapping[str, Any],
    distributions: str = "",
) -> Statistics:
    """Writes a statistics artifact whole.

    Args:
        folder: Where it comes to be; replaced if it exists.
        serialized: Each split's proto, serialised deterministically.
        rows: Each split's number of rows.
        dataset_id: The data set that was measured.
        anomalies: The checks, as JSON values.
        distributions: The text of ``distributions.json``, as ``artifacts.distributions`` writes
            it; empty: there are none.
    """
    folder = Path(folder)
    with folder_written_whole(folder) as aside:
        for split, data in serialized.items():
            write_bytes(aside / file_name(split), data)
        write_json(aside / ANOMALIES, dict(anomalies))
        write_text(aside / DISTRIBUTIONS, distributions or NO_DISTRIBUTIONS)
        write_json(
            aside / MANIFEST,
            {
                "format": FORMAT,
                "dataset_id": dataset_id,
                "splits": {
                    split: {"rows": rows[split], "sha256": digest_bytes(data)}
                    for split, data in serialized.items()
                },
                "anomalies_sha256": digest_file(aside / ANOMALIES),
                "distributions_sha256": digest_file(aside / DISTRIBUTIONS),
            },
        )
    return Statistics(folder=folder, dataset_id=dataset_id, rows=dict(rows))


def open_statistics(folder: Path) -> Statistics:
    """Opens a statistics artifact and checks the SHA-256 of each of its files.

    Raises:
        ArtifactError: if it is missing, of another format, or a file is not what was written.
    """
    folder = Path(folder)
    manifest = checked_manifest(folder, MANIFEST, FORMAT)
    try:
        rows = {str(split): int(item["rows"]) for split, item in manifest["splits"].items()}
        digests = {file_name(split): item["sha256"] for split, item in manifest["splits"].items()}
        digests[ANOMALIES] = manifest["anomalies_sha256"]
        digests[DISTRIBUTIONS] = manifest["distributions_sha256"]
        dataset_id = str(manifest["dataset_id"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            f"the manifest of the statistics {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
        ) from error
    for name, digest in digests.items():
        path = folder / name
        if "/" in name or not path.is_file() or digest_file(path) != digest:
            raise ArtifactError(
                f"the statistics {folder} are damaged",
                cause=f"{name} is missing, or is not what was written",
                hint="make them again; the files must not be edited",
            )
    return Statistics(folder=folder, dataset_id=dataset_id, rows=rows)


def write_schema(folder: Path, text: str) -> None:
    """Writes a schema artifact, ``schema.pbtxt`` in a folder of its own, whole."""
    with folder_written_whole(Path(folder)) as aside:
        write_text(aside / SCHEMA, text)


def read_schema_text(folder: Path) -> str:
    """Returns a schema artifact's text.

    Raises:
        ArtifactError: if there is none.
    """
    path = Path(folder) / SCHEMA
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read", cause=str(error)) from error
