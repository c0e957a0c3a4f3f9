"""The KFP component ``push_features``."""

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def push_features(
    data: str,
    repo: str,
    source: str,
    metrics: dsl.Output[dsl.Metrics],
    to: str = "online",
    config: str = "{}",
) -> None:
    """Puts rows that just came into a push source.

    Args:
        data: A file of rows: Parquet, CSV or JSON lines; or gs://...
        repo: The Feast repository: a folder or gs://...
        source: The push source.
        metrics: Rows pushed.
        to: Where the rows go: online, offline, or online_and_offline.
        config: A PushConfig as JSON.
    """
    from plimsoll.push_features import core

    metrics.metadata.update(core.push(data, repo, source, to, config).metadata())
