"""From raw data to a version that passed the data gate: what every pipeline begins with."""

from dataclasses import dataclass
from typing import Any

from plimsoll.components import ingest, validate
from plimsoll.parameters import Struct, parameter


@dataclass(frozen=True, kw_only=True)
class DataInputs:
    """What data there are, and how they are held to what went before."""

    data: str = parameter(
        "Files, a folder, a pattern ({SPAN}, {YYYY}{MM}{DD}), gs://..., or bigquery:..."
    )
    label: str = parameter("The column to predict; may stand in the problem file instead.", "")
    problem: str = parameter(
        "The problem file's text (YAML or JSON); what it leaves open is inferred.", ""
    )
    ingest_config: Struct = parameter(
        "Which span, how many, and how the data is fetched, JSON.", {}
    )
    store: str = parameter(
        "The folder that keeps versions of data, each once; empty: none is kept.", ""
    )
    schema: str = parameter("A schema to hold the data to (.pbtxt text); inferred where empty.", "")
    gate: str = parameter("What anomalies in the data do: fail, warn or branch.", "fail")
    gate_config: Struct = parameter("Settings of the data gate, JSON.", {})
    baseline: str = parameter("Statistics of an earlier span, to measure drift against.", "")
    serving: str = parameter("What the model is asked, to measure skew against.", "")


def ingested(inputs: DataInputs) -> Any:
    """Adds the step that reads raw data; returns the dataset."""
    step = ingest(
        data=inputs.data,
        label=inputs.label,
        problem=inputs.problem,
        config=inputs.ingest_config,
        store=inputs.store,
    )
    # Reads outside state, which a cluster's cache cannot see.
    return step.set_caching_options(False).outputs["dataset"]


def validated(dataset: Any, inputs: DataInputs) -> Any:
    """Adds the data gate; returns its step."""
    step = validate(
        dataset=dataset,
        given_schema=inputs.schema,
        mode=inputs.gate,
        config=inputs.gate_config,
        baseline=inputs.baseline,
        serving=inputs.serving,
    )
    return step.set_caching_options(False)
