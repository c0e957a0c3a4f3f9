"""The training pipeline: from raw data to a pushed model, through every gate."""

from kfp import dsl

from plimsoll.components import (
    evaluate,
    infra_validate,
    ingest,
    push,
    train,
    transform,
    validate,
)


@dsl.pipeline(name="training")
def training(
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
    transform_config: str = "{}",
    train_config: str = "{}",
    push_to: str = "",
    force: bool = False,
) -> None:
    """Takes raw data to a pushed model that answers requests; nothing unchecked gets past.

    Args:
        data: Files, a folder, a pattern ({SPAN}, {YYYY}{MM}{DD}), gs://..., or bigquery:...
        label: The column to predict; may stand in the problem file instead.
        problem: The problem file's text (YAML or JSON); what it leaves open is inferred.
        ingest_config: Which span, how many, and how the data is fetched, JSON.
        store: The folder that keeps versions of data, each once; empty: none is kept.
        schema: A schema to hold the data to (.pbtxt text); inferred where empty.
        gate: What anomalies in the data do: fail, warn, or branch: train, but do not push.
        gate_config: Settings of the data gate, JSON.
        baseline: Statistics of an earlier span, to measure drift against.
        serving: What the model is asked, to measure skew against.
        transform_config: Settings of the transform, JSON.
        train_config: Settings of the training, JSON.
        push_to: The folder that models are pushed to.
        force: Push without a blessing; said loudly.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    dataset = ingested.outputs["dataset"]
    validated = validate(
        dataset=dataset,
        given_schema=schema,
        mode=gate,
        config=gate_config,
        baseline=baseline,
        serving=serving,
    ).set_caching_options(False)
    transformed = transform(
        dataset=dataset, schema=validated.outputs["schema"], config=transform_config
    )
    trained = train(examples=transformed.outputs["examples"], config=train_config)
    evaluated = evaluate(
        dataset=dataset,
        examples=transformed.outputs["examples"],
        transform=transformed.outputs["transform"],
        model=trained.outputs["model"],
        schema=validated.outputs["schema"],
        statistics=validated.outputs["statistics"],
    )
    checked = infra_validate(package=evaluated.outputs["package"])
    # Leaves something outside, which a cluster's cache would skip.
    push(
        package=evaluated.outputs["package"],
        blessed=evaluated.outputs["blessed"],
        infra_blessed=checked.outputs["blessed"],
        destination=push_to,
        data_passed=validated.outputs["passed"],
        force=force,
    ).set_caching_options(False)
