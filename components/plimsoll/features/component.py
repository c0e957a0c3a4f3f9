"""The KFP component ``features``."""

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def features(
    dataset: dsl.Input[dsl.Dataset],
    joined: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    repo: str = "",
    service: str = "",
    config: str = "{}",
) -> None:
    """Joins a dataset with a feature service, each row as of its own time.

    Args:
        dataset: The rows, split into train, eval and test.
        joined: The same rows with the service's features, and the plan to look them up by.
        report: Coverage, staleness and leakage, feature by feature.
        repo: The Feast repository: a folder or gs://...; empty: the problem names it.
        service: The feature service; empty: the problem names it.
        config: A FeaturesConfig as JSON.
    """
    from pathlib import Path

    from plimsoll.features import core

    found = core.join(
        Path(dataset.path), Path(joined.path), Path(report.path), repo, service, config
    )
    joined.metadata.update(found.metadata())
