"""The KFP component ``features``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def features(
    dataset: dsl.Input[dsl.Dataset],
    joined: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    repo: str = "",
    service: str = "",
    config: Dict[str, Any] = {},
) -> None:
    """Joins a dataset with a feature service, each row as of its own time.

    Args:
        dataset: The rows, split into train, eval and test.
        repo: The Feast repository: a folder or gs://...; empty: the problem names it.
        service: The feature service; empty: the problem names it.
        config: Least coverage and other settings: the fields of FeaturesConfig.

    Returns:
        joined: The same rows with the service's features, and the plan to look them up by.
        report: Coverage, staleness and leakage, feature by feature.
    """
    from pathlib import Path

    from plimsoll.features import core
    from plimsoll.parameters import json_text

    paths = (Path(dataset.path), Path(joined.path), Path(report.path))
    result = core.join(*paths, repo, service, json_text(config))
    joined.metadata.update(result.metadata())
