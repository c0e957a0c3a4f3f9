"""The component `ingest`: files of data become a dataset."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def ingest(
    dataset: Output[Dataset],
    data: str,
    label: str = "",
    problem: str = "",
    config: str = "{}",
    store: str = "",
) -> None:
    """Makes an immutable, split dataset of files of data.

    Args:
        dataset: The rows of train, eval and test, and the problem with what was inferred.
        data: A file, a folder, a glob pattern, a pattern of spans, or an address of a bucket or
            a table; CSV, JSON lines, Parquet, Arrow or TFRecord.
        label: The column to predict; empty: the problem names it.
        problem: The problem file's text, YAML or JSON; empty: all but the label is inferred.
        config: Which spans are read and how data is fetched: an IngestConfig as JSON.
        store: A folder in which each version of the data is kept once; empty: none.
    """
    from pathlib import Path

    from plimsoll.ingest import core

    ingested = core.ingest(data, label, problem, Path(dataset.path), config, store)
    dataset.metadata.update(ingested.metadata())
