"""The KFP component ``materialize``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def materialize(
    metrics: dsl.Output[dsl.Metrics],
    repo: str,
    until: str = "",
    since: str = "",
    views: str = "",
    config: Dict[str, Any] = {},
) -> None:
    """Writes the latest rows of feature views into the online store, each interval once.

    A view goes on where its last run ended. A run that was killed is run again: nothing is lost
    and nothing is written twice to any effect.

    Args:
        repo: The Feast repository: a folder, its configuration, or a gs:// prefix.
        until: Up to and including when, ISO 8601, UTC unless it says; empty: now.
        since: From when on, itself left out; empty: from where the last run of each view ended.
        views: The feature views, with commas between; empty: all that go online.
        config: How rows are pulled and written: the fields of MaterializeConfig.

    Returns:
        metrics: How many keys of which view were written.
    """
    from plimsoll.materialize import core
    from plimsoll.parameters import json_text

    request = core.MaterializeRequest(
        until=until, since=since, views=views, config=json_text(config)
    )
    result = core.materialize(repo, request)
    metrics.metadata.update(result.metadata())
