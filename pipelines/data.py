"""The data pipeline: from raw data to a version of it that passed the data gate."""

from kfp import dsl

from plimsoll.components import ingest, validate


@dsl.pipeline(name="data")
def data(
    data: str,
    label: str = "",
    problem: str = "",
    ingest_config: str = "{}",
    store: str = "",
    schema: str = "",
    gate: str = "fail",
    gate_config: str = "{}",
    baseline: str = "",
    serving: str = "",
) -> None:
    """Takes raw data to a version that passed the data gate: what is run on each new span.

    Args:
        data: Files, a folder, a pattern ({SPAN}, {YYYY}{MM}{DD}), gs://..., or bigquery:...
        label: The column to predict; may stand in the problem file instead.
        problem: The problem file's text (YAML or JSON); what it leaves open is inferred.
        ingest_config: Which span, how many, and how the data is fetched, JSON.
        store: The folder that keeps versions of data, each once; empty: none is kept.
        schema: A schema to hold the data to (.pbtxt text); inferred where empty.
        gate: What anomalies in the data do: fail, warn or branch.
        gate_config: Settings of the data gate, JSON.
        baseline: Statistics of an earlier span, to measure drift against.
        serving: What the model is asked, to measure skew against.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    validate(
        dataset=ingested.outputs["dataset"],
        given_schema=schema,
        mode=gate,
        config=gate_config,
        baseline=baseline,
        serving=serving,
    ).set_caching_options(False)
