"""The component `push_features`: rows that just came, into the stores, at once."""

from kfp import dsl
from kfp.dsl import Metrics, Output

from plimsoll.images import image


@dsl.component(base_image=image("features"), install_kfp_package=False)
def push_features(
    metrics: Output[Metrics],
    data: str,
    repo: str,
    source: str,
    to: str = "online",
    config: str = "{}",
) -> None:
    """Pushes rows into a push source, ahead of the next materialisation; twice changes nothing.

    Every row is checked before the first one is written.

    Args:
        metrics: How many rows were pushed into which view.
        data: A file of rows: Parquet, CSV or JSON lines; or a gs:// object.
        repo: The Feast repository: a folder, its configuration, or a gs:// prefix.
        source: The push source.
        to: Where the rows go: ``online``, ``offline`` or ``online_and_offline``.
        config: How rows are checked and written: a PushConfig as JSON.
    """
    from plimsoll.push_features import core

    asked = core.Asked(data=data, source=source, to=to, config=config)
    pushed = core.push(repo, asked)
    metrics.metadata.update(pushed.metadata())
