"""The feature store's pipelines: what keeps the online store as fresh as the offline one."""

from kfp import dsl

from plimsoll import components


@dsl.pipeline(name="features")
def features(
    repo: str,
    until: str = "",
    since: str = "",
    views: str = "",
    materialize_config: str = "{}",
) -> None:
    """Brings the online store up to date: what is run on a schedule.

    Args:
        repo: The Feast repository: a folder or gs://...
        until: Up to when, ISO 8601, UTC unless it says; empty: now.
        since: From when; empty: from where the last run of each view ended.
        views: The feature views, with commas between; empty: all that go online.
        materialize_config: Settings of the materialisation, JSON.
    """
    # Changes the online store, which a cluster's cache would skip.
    components.materialize(
        repo=repo, until=until, since=since, views=views, config=materialize_config
    ).set_caching_options(False)


@dsl.pipeline(name="push-features")
def push_features(
    data: str,
    repo: str,
    source: str,
    to: str = "online",
    push_config: str = "{}",
) -> None:
    """Puts rows that just came into a push source, ahead of the next materialisation.

    Args:
        data: A file of rows: Parquet, CSV or JSON lines; or gs://...
        repo: The Feast repository: a folder or gs://...
        source: The push source.
        to: Where the rows go: online, offline, or online_and_offline.
        push_config: Settings of the push, JSON.
    """
    # Changes the stores, which a cluster's cache would skip.
    components.push_features(
        data=data, repo=repo, source=source, to=to, config=push_config
    ).set_caching_options(False)
