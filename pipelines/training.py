"""The training pipelines: from raw data to a pushed model, through every gate."""

from collections.abc import Mapping
from typing import Any

from kfp import dsl

from plimsoll.components import (
    evaluate,
    features,
    infra_validate,
    ingest,
    push,
    train,
    transform,
    tune,
    validate,
)


def checked_and_pushed(
    dataset: Any,
    *,
    schema: str,
    gate: str,
    gate_config: str,
    baseline: str,
    serving: str,
    transform_config: str,
    train_config: str,
    module: str,
    launcher: str,
    launcher_config: str,
    checkpoints: str,
    start_from: str,
    push_to: str,
    force: bool,
    search: Mapping[str, Any] | None = None,
) -> None:
    """Adds the steps from a dataset to a pushed model: every gate but that of the raw data.

    Args:
        dataset: The dataset that a step gives.
        schema: As in the pipelines below, like all that follow but the last.
        gate: What anomalies in the data do.
        gate_config: Settings of the data gate.
        baseline: Statistics of an earlier span.
        serving: What the model is asked.
        transform_config: Settings of the transform.
        train_config: Settings of the training.
        module: A network of the user's own.
        launcher: Who runs the training's processes.
        launcher_config: Settings of the launcher.
        checkpoints: A folder that outlives a restart.
        start_from: A pushed model to go on from.
        push_to: The folder that models are pushed to.
        force: Push without a blessing.
        search: What the component tune is told; None: train_config is used as it is.
    """
    validated = validate(
        dataset=dataset,
        given_schema=schema,
        mode=gate,
        config=gate_config,
        baseline=baseline,
        serving=serving,
    ).set_caching_options(False)
    transformed = transform(
        dataset=dataset,
        schema=validated.outputs["schema"],
        config=transform_config,
        start_from=start_from,
    )
    examples = transformed.outputs["examples"]
    if search is not None:
        tuned = tune(examples=examples, train_config=train_config, module=module, **search)
        train_config = tuned.outputs["best"]
    trained = train(
        examples=examples,
        config=train_config,
        module=module,
        launcher=launcher,
        launcher_config=launcher_config,
        checkpoints=checkpoints,
        start_from=start_from,
    )
    evaluated = evaluate(
        dataset=dataset,
        examples=examples,
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
    module: str = "",
    launcher: str = "local",
    launcher_config: str = "{}",
    checkpoints: str = "",
    start_from: str = "",
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
        train_config: Settings of the training, JSON: {"model": "auto"}; see docs/training.md.
        module: A network of your own: the text of a Python file, or package.module:function.
        launcher: Who runs the training's processes: local, or trainjob (Kubeflow Trainer).
        launcher_config: Settings of the launcher, JSON.
        checkpoints: A folder that outlives a restarted step; empty: where the engine keeps them.
        start_from: A pushed model to go on from, with its transform.
        push_to: The folder that models are pushed to.
        force: Push without a blessing; said loudly.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    checked_and_pushed(
        ingested.outputs["dataset"],
        schema=schema,
        gate=gate,
        gate_config=gate_config,
        baseline=baseline,
        serving=serving,
        transform_config=transform_config,
        train_config=train_config,
        module=module,
        launcher=launcher,
        launcher_config=launcher_config,
        checkpoints=checkpoints,
        start_from=start_from,
        push_to=push_to,
        force=force,
    )


@dsl.pipeline(name="training-with-features")
def training_with_features(
    data: str,
    problem: str,
    label: str = "",
    ingest_config: str = "{}",
    store: str = "",
    features_config: str = "{}",
    schema: str = "",
    gate: str = "fail",
    gate_config: str = "{}",
    baseline: str = "",
    serving: str = "",
    transform_config: str = "{}",
    train_config: str = "{}",
    module: str = "",
    launcher: str = "local",
    launcher_config: str = "{}",
    checkpoints: str = "",
    start_from: str = "",
    push_to: str = "",
    force: bool = False,
) -> None:
    """Does as training, of rows that are joined with a feature service as of their own time.

    Args:
        data: Files, a folder, a pattern ({SPAN}, {YYYY}{MM}{DD}), gs://..., or bigquery:...
        problem: The problem file's text; its features: names the repository and the service.
        label: The column to predict; may stand in the problem file instead.
        ingest_config: Which span, how many, and how the data is fetched, JSON.
        store: The folder that keeps versions of data, each once; empty: none is kept.
        features_config: Settings of the join: least coverage and the like, JSON.
        schema: A schema to hold the data to (.pbtxt text); inferred where empty.
        gate: What anomalies in the data do: fail, warn, or branch: train, but do not push.
        gate_config: Settings of the data gate, JSON.
        baseline: Statistics of an earlier span, to measure drift against.
        serving: What the model is asked, to measure skew against.
        transform_config: Settings of the transform, JSON.
        train_config: Settings of the training, JSON: {"model": "auto"}; see docs/training.md.
        module: A network of your own: the text of a Python file, or package.module:function.
        launcher: Who runs the training's processes: local, or trainjob (Kubeflow Trainer).
        launcher_config: Settings of the launcher, JSON.
        checkpoints: A folder that outlives a restarted step; empty: where the engine keeps them.
        start_from: A pushed model to go on from, with its transform.
        push_to: The folder that models are pushed to.
        force: Push without a blessing; said loudly.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    # Reads the feature store.
    joined = features(
        dataset=ingested.outputs["dataset"], config=features_config
    ).set_caching_options(False)
    checked_and_pushed(
        joined.outputs["joined"],
        schema=schema,
        gate=gate,
        gate_config=gate_config,
        baseline=baseline,
        serving=serving,
        transform_config=transform_config,
        train_config=train_config,
        module=module,
        launcher=launcher,
        launcher_config=launcher_config,
        checkpoints=checkpoints,
        start_from=start_from,
        push_to=push_to,
        force=force,
    )


@dsl.pipeline(name="tuning")
def tuning(
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
    space: str = "",
    tune_config: str = "{}",
    study: str = "",
    train_config: str = "{}",
    module: str = "",
    launcher: str = "local",
    launcher_config: str = "{}",
    checkpoints: str = "",
    push_to: str = "",
    force: bool = False,
) -> None:
    """Searches the training's knobs on eval, then takes raw data to a pushed model with the best.

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
        space: What is searched (JSON or YAML); empty: what suits the model.
        tune_config: How long and how is searched, JSON: {"trials": 20}.
        study: A folder that keeps a stopped search; empty: where the engine keeps checkpoints.
        train_config: Settings of the training that are not searched, JSON.
        module: A network of your own: the text of a Python file, or package.module:function.
        launcher: Who runs the training's processes: local, or trainjob (Kubeflow Trainer).
        launcher_config: Settings of the launcher, JSON.
        checkpoints: A folder that outlives a restarted step; empty: where the engine keeps them.
        push_to: The folder that models are pushed to.
        force: Push without a blessing; said loudly.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    checked_and_pushed(
        ingested.outputs["dataset"],
        schema=schema,
        gate=gate,
        gate_config=gate_config,
        baseline=baseline,
        serving=serving,
        transform_config=transform_config,
        train_config=train_config,
        module=module,
        launcher=launcher,
        launcher_config=launcher_config,
        checkpoints=checkpoints,
        start_from="",
        push_to=push_to,
        force=force,
        search={"space": space, "config": tune_config, "storage": study},
    )


@dsl.pipeline(name="tuning-with-features")
def tuning_with_features(
    data: str,
    problem: str,
    label: str = "",
    ingest_config: str = "{}",
    store: str = "",
    features_config: str = "{}",
    schema: str = "",
    gate: str = "fail",
    gate_config: str = "{}",
    baseline: str = "",
    serving: str = "",
    transform_config: str = "{}",
    space: str = "",
    tune_config: str = "{}",
    study: str = "",
    train_config: str = "{}",
    module: str = "",
    launcher: str = "local",
    launcher_config: str = "{}",
    checkpoints: str = "",
    push_to: str = "",
    force: bool = False,
) -> None:
    """Does as tuning, of rows that are joined with a feature service as of their own time.

    Args:
        data: Files, a folder, a pattern ({SPAN}, {YYYY}{MM}{DD}), gs://..., or bigquery:...
        problem: The problem file's text; its features: names the repository and the service.
        label: The column to predict; may stand in the problem file instead.
        ingest_config: Which span, how many, and how the data is fetched, JSON.
        store: The folder that keeps versions of data, each once; empty: none is kept.
        features_config: Settings of the join: least coverage and the like, JSON.
        schema: A schema to hold the data to (.pbtxt text); inferred where empty.
        gate: What anomalies in the data do: fail, warn, or branch: train, but do not push.
        gate_config: Settings of the data gate, JSON.
        baseline: Statistics of an earlier span, to measure drift against.
        serving: What the model is asked, to measure skew against.
        transform_config: Settings of the transform, JSON.
        space: What is searched (JSON or YAML); empty: what suits the model.
        tune_config: How long and how is searched, JSON: {"trials": 20}.
        study: A folder that keeps a stopped search; empty: where the engine keeps checkpoints.
        train_config: Settings of the training that are not searched, JSON.
        module: A network of your own: the text of a Python file, or package.module:function.
        launcher: Who runs the training's processes: local, or trainjob (Kubeflow Trainer).
        launcher_config: Settings of the launcher, JSON.
        checkpoints: A folder that outlives a restarted step; empty: where the engine keeps them.
        push_to: The folder that models are pushed to.
        force: Push without a blessing; said loudly.
    """
    # Reads outside state, which a cluster's cache cannot see.
    ingested = ingest(
        data=data, label=label, problem=problem, config=ingest_config, store=store
    ).set_caching_options(False)
    # Reads the feature store.
    joined = features(
        dataset=ingested.outputs["dataset"], config=features_config
    ).set_caching_options(False)
    checked_and_pushed(
        joined.outputs["joined"],
        schema=schema,
        gate=gate,
        gate_config=gate_config,
        baseline=baseline,
        serving=serving,
        transform_config=transform_config,
        train_config=train_config,
        module=module,
        launcher=launcher,
        launcher_config=launcher_config,
        checkpoints=checkpoints,
        start_from="",
        push_to=push_to,
        force=force,
        search={"space": space, "config": tune_config, "storage": study},
    )
