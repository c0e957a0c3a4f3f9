"""The feature store's pipelines: what keeps the online store as fresh as the offline one."""

from dataclasses import dataclass

from kfp import dsl

from plimsoll import components
from plimsoll.parameters import Struct, parameter, takes


@dataclass(frozen=True, kw_only=True)
class MaterializeInputs:
    """Which views, and from when to when."""

    repo: str = parameter("The Feast repository: a folder or gs://...")
    until: str = parameter("Up to when, ISO 8601, UTC unless it says; empty: now.", "")
    since: str = parameter("From when; empty: from where the last run of each view ended.", "")
    views: str = parameter("The feature views, with commas between; empty: all that go online.", "")
    materialize_config: Struct = parameter("Settings of the materialisation, JSON.", {})


@dataclass(frozen=True, kw_only=True)
class PushInputs:
    """Which rows, and where they go."""

    data: str = parameter("A file of rows: Parquet, CSV or JSON lines; or gs://...")
    repo: str = parameter("The Feast repository: a folder or gs://...")
    source: str = parameter("The push source.")
    to: str = parameter("Where the rows go: online, offline, or online_and_offline.", "online")
    push_config: Struct = parameter("Settings of the push, JSON.", {})


@dsl.pipeline(name="features", display_name="Materialise features")
@takes(MaterializeInputs)
def features(inputs: MaterializeInputs) -> None:
    """Brings the online store up to date: what is run on a schedule."""
    step = components.materialize(
        repo=inputs.repo,
        until=inputs.until,
        since=inputs.since,
        views=inputs.views,
        config=inputs.materialize_config,
    )
    # Changes the online store, which a cluster's cache would skip.
    step.set_caching_options(False)


@dsl.pipeline(name="push-features", display_name="Push features")
@takes(PushInputs)
def push_features(inputs: PushInputs) -> None:
    """Puts rows that just came into a push source, ahead of the next materialisation."""
    step = components.push_features(
        data=inputs.data,
        repo=inputs.repo,
        source=inputs.source,
        to=inputs.to,
        config=inputs.push_config,
    )
    # Changes the stores, which a cluster's cache would skip.
    step.set_caching_options(False)
