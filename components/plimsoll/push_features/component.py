"""The KFP component ``push_features``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def push_features(
    metrics: dsl.Output[dsl.Metrics],
    data: str,
    repo: str,
    source: str,
    to: str = "online",
    config: Dict[str, Any] = {},
) -> None:
    """Pushes rows into a push source, ahead of the next materialisation; twice changes nothing.

    Every row is checked before the first one is written.

    Args:
        data: A file of rows: Parquet, CSV or JSON lines; or a gs:// object.
        repo: The Feast repository: a folder, its configuration, or a gs:// prefix.
        source: The push source.
        to: Where the rows go: ``online``, ``offline`` or ``online_and_offline``.
        config: How rows are checked and written: the fields of PushConfig.

    Returns:
        metrics: How many rows were pushed into which view.
    """
    from plimsoll.parameters import json_text
    from plimsoll.push_features import core

    request = core.PushRequest(data=data, source=source, to=to, config=json_text(config))
    result = core.push(repo, request)
    metrics.metadata.update(result.metadata())
