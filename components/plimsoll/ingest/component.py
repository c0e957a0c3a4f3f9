"""The component `ingest`: CSV or Parquet files become a dataset."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def ingest(dataset: Output[Dataset], data: str, label: str = "", problem: str = "") -> None:
    """Makes an immutable, split dataset of CSV or Parquet files.

    Args:
        dataset: The rows of train, eval and test, and the problem with what was inferred.
        data: A file, a folder or a glob pattern.
        label: The column to predict; empty: the problem names it.
        problem: The problem file's text, YAML or JSON; empty: all but the label is inferred.
    """
    from pathlib import Path

    from plimsoll.ingest import core

    ingested = core.ingest(data=data, label=label, problem=problem, folder=Path(dataset.path))
    dataset.metadata.update(ingested.metadata())
