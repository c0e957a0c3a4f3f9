"""What a data set is compared with: statistics or a data set, of another span or of serving."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError
from plimsoll.formats.dataset import FORMAT as DATASET
from plimsoll.formats.dataset import MANIFEST, Dataset, open_dataset
from plimsoll.formats.distributions import Distribution
from plimsoll.formats.statistics import FORMAT as STATISTICS
from plimsoll.formats.statistics import Statistics, open_statistics
from plimsoll.problem import SPLITS
from plimsoll.storage import provenance
from plimsoll.storage.files import read_json

REMOTE = "gs://"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Another data set, as far as a comparison needs it."""

    name: str
    """``baseline`` or ``serving``."""
    dataset_id: str
    rows: Mapping[str, int]
    """By split."""
    columns: Mapping[str, Distribution]
    """The columns of its train split, by name; of the largest split, where train is empty."""
    split: str
    """The split that ``columns`` speak of."""
    dataset: Dataset | None = None
    """Where it was given as a data set."""
    statistics: Statistics | None = None
    """Where it was given as statistics."""

    @property
    def total(self) -> int:
        """The rows of all its splits."""
        return sum(self.rows.values())


def open_reference(
    name: str, path: str, categorical: Collection[str], scratch: Path
) -> tuple[Reference | None, dict[str, Any]]:
    """Opens what a data set is compared with.

    Args:
        name: ``baseline`` or ``serving``.
        path: A folder, or a ``gs://`` prefix, of a statistics or a dataset artifact.
        categorical: Columns of whole numbers that are names rather than amounts.
        scratch: A folder for what is fetched; the reference is read from there later, too.

    Returns:
        The reference, or None if there is no such folder or nothing in it; and the record of
        it, by which a later run knows if that still is so.

    Raises:
        ArtifactError: if it is something else, damaged, or has no rows.
        DataError: if a bucket cannot be read.
    """
    if path.startswith(REMOTE):
        return _remote(name, path, categorical, scratch / name)
    folder, record = Path(path), provenance.observe(path)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None, record
    if not folder.is_dir():
        raise ArtifactError(
            f"the {name} {folder} is a file, neither statistics nor a data set",
            hint="give the folder of an earlier run's output: statistics of validate, or dataset "
            "of ingest",
        )
    return _opened(name, folder, categorical), record


def _remote(
    name: str, uri: str, categorical: Collection[str], folder: Path
) -> tuple[Reference | None, dict[str, Any]]:
    from plimsoll.storage import gcs, gcs_listing

    bucket, prefix = gcs.split_uri(uri)
    below = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    objects = gcs.fetch_folder(uri, folder) if gcs.GcsClient().listed(bucket, below, 1) else ()
    record = {"uri": uri, "folders": False, "objects": gcs_listing.by_generation(objects)}
    return (_opened(name, folder, categorical) if objects else None), record


def _opened(name: str, folder: Path, categorical: Collection[str]) -> Reference:
    manifest = read_json(folder / MANIFEST)
    kind = manifest.get("format") if isinstance(manifest, dict) else None
    if kind == DATASET:
        return _of_dataset(name, open_dataset(folder), categorical)
    if kind == STATISTICS:
        return _of_statistics(name, open_statistics(folder))
    raise ArtifactError(
        f"the {name} {folder} is neither statistics nor a data set",
        cause=f"{MANIFEST} says format {kind!r}",
        choices=(STATISTICS, DATASET),
        hint="give the folder of an earlier run's output: statistics of validate, or dataset of "
        "ingest; one of an older format has to be made again",
    )


def _of_statistics(name: str, statistics: Statistics) -> Reference:
    splits = statistics.distributions()
    split = _chosen(statistics.rows)
    if not splits.get(split):
        raise ArtifactError(
            f"the {name} {statistics.folder} has no distributions to compare with",
            hint="make its statistics again with validate",
        )
    return Reference(
        name=name,
        dataset_id=statistics.dataset_id,
        rows=statistics.rows,
        columns=splits[split],
        split=split,
        statistics=statistics,
    )


def _of_dataset(name: str, dataset: Dataset, categorical: Collection[str]) -> Reference:
    rows = {split: dataset.rows(split) for split in SPLITS}
    split = _chosen(rows)
    if not rows[split]:
        raise ArtifactError(
            f"the {name} {dataset.folder} has no rows to compare with",
            hint="give data with rows" if name == "serving" else "give the last span that has rows",
        )
    return Reference(
        name=name,
        dataset_id=dataset.id,
        rows=rows,
        columns=columns_of(dataset, split, categorical),
        split=split,
        dataset=dataset,
    )


def columns_of(
    dataset: Dataset, split: str, categorical: Collection[str]
) -> dict[str, Distribution]:
    """Returns the distributions of a data set's split, read in one pass."""
    from plimsoll.statistics.sampling import Sampler
    from plimsoll.statistics.tally import Tally
    from plimsoll.validate.drift.distributions import distribution_of

    tallies = {column.name: Tally() for column in dataset.columns}
    sampler = Sampler(len(dataset.columns))
    first = 0
    for batch in dataset.batches(split):
        sampler.add(batch, first)
        first += batch.num_rows
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            tallies[name].add(array)
    sample = sampler.kept()[0]
    return {
        name: distribution_of(
            sample.column(name), tallies[name], first, is_categorical=name in categorical
        )
        for name in sample.column_names
    }


def _chosen(rows: Mapping[str, int]) -> str:
    if rows.get("train"):
        return "train"
    return max(SPLITS, key=lambda split: rows.get(split, 0))
