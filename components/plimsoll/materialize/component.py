"""The KFP component ``materialize``."""

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def materialize(
    repo: str,
    metrics: dsl.Output[dsl.Metrics],
    until: str = "",
    since: str = "",
    views: str = "",
    config: str = "{}",
) -> None:
    """Brings the online store up to date with the offline one.

    Args:
        repo: The Feast repository: a folder or gs://...
        metrics: Rows and keys of each view.
        until: Up to when, ISO 8601, UTC unless it says; empty: now.
        since: From when; empty: from where the last run of each view ended.
        views: The feature views, with commas between; empty: all that go online.
        config: A MaterializeConfig as JSON.
    """
    from plimsoll.materialize import core

    metrics.metadata.update(core.materialize(repo, until, since, views, config).metadata())
