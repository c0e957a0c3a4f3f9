"""The KFP component ``ingest``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def ingest(
    dataset: dsl.Output[dsl.Dataset],
    data: str,
    label: str = "",
    problem: str = "",
    config: Dict[str, Any] = {},
    store: str = "",
) -> None:
    """Makes an immutable, split dataset of files of data.

    Args:
        data: A file, a folder, a glob pattern, a pattern of spans, or an address of a bucket or
            a table; CSV, JSON lines, Parquet, Arrow or TFRecord.
        label: The column to predict; empty: the problem names it.
        problem: The problem file's text, YAML or JSON; empty: all but the label is inferred.
        config: Which spans are read and how data is fetched: the fields of IngestConfig.
        store: A folder in which each version of the data is kept once; empty: none.

    Returns:
        dataset: The rows of train, eval and test, and the problem with what was inferred.
    """
    from pathlib import Path

    from plimsoll.ingest import core
    from plimsoll.parameters import json_text

    result = core.ingest(data, label, problem, Path(dataset.path), json_text(config), store)
    dataset.metadata.update(result.metadata())
