"""The training pipelines: from raw data to a pushed model, through every gate."""

from dataclasses import dataclass
from typing import Any

from data_gate import DataInputs, ingested, validated
from kfp import dsl

from plimsoll.components import evaluate, features, infra_validate, push, train, transform, tune
from plimsoll.parameters import Struct, parameter, takes


@dataclass(frozen=True, kw_only=True)
class ModelInputs(DataInputs):
    """What is trained of the data, where it runs, and where the model goes."""

    gate: str = parameter(
        "What anomalies in the data do: fail, warn, or branch: train, but do not push.", "fail"
    )
    transform_config: Struct = parameter("Settings of the transform, JSON.", {})
    train_config: Struct = parameter(
        'Settings of the training, JSON: {"model": "auto"}; see docs/training.md.', {}
    )
    module: str = parameter(
        "A network of your own: the text of a Python file, or package.module:function.", ""
    )
    launcher: str = parameter(
        "Who runs the training's processes: local, or trainjob (Kubeflow Trainer).", "local"
    )
    launcher_config: Struct = parameter("Settings of the launcher, JSON.", {})
    checkpoints: str = parameter(
        "A folder that outlives a restarted step; empty: where the engine keeps them.", ""
    )
    push_to: str = parameter("The folder that models are pushed to.", "")
    force: bool = parameter("Push without a blessing; said loudly.", False)


@dataclass(frozen=True, kw_only=True)
class TrainingInputs(ModelInputs):
    """A training may go on from a model."""

    start_from: str = parameter("A pushed model to go on from, with its transform.", "")


@dataclass(frozen=True, kw_only=True)
class TuningInputs(ModelInputs):
    """What is searched, and how long."""

    space: str = parameter("What is searched (JSON or YAML); empty: what suits the model.", "")
    tune_config: Struct = parameter('How long and how is searched, JSON: {"trials": 20}.', {})
    study: str = parameter(
        "A folder that keeps a stopped search; empty: where the engine keeps checkpoints.", ""
    )
    train_config: Struct = parameter("Settings of the training that are not searched, JSON.", {})


@dataclass(frozen=True, kw_only=True)
class JoinInputs:
    """A feature service, which the problem names."""

    problem: str = parameter(
        "The problem file's text; its features: names the repository and the service."
    )
    features_config: Struct = parameter(
        "Settings of the join: least coverage and the like, JSON.", {}
    )


@dataclass(frozen=True, kw_only=True)
class TrainingWithFeaturesInputs(JoinInputs, TrainingInputs):
    """Both."""


@dataclass(frozen=True, kw_only=True)
class TuningWithFeaturesInputs(JoinInputs, TuningInputs):
    """Both."""


def joined(dataset: Any, inputs: JoinInputs) -> Any:
    """Adds the join with the feature service; returns the dataset with its features."""
    step = features(dataset=dataset, config=inputs.features_config)
    # Reads the feature store, which a cluster's cache cannot see.
    return step.set_caching_options(False).outputs["joined"]


def best_config(examples: Any, inputs: TrainingInputs | TuningInputs) -> Any:
    """Adds the search, where one is wanted; returns the config of the training."""
    if isinstance(inputs, TrainingInputs):
        return inputs.train_config
    tuned = tune(
        examples=examples,
        train_config=inputs.train_config,
        module=inputs.module,
        space=inputs.space,
        config=inputs.tune_config,
        storage=inputs.study,
    )
    return tuned.outputs["best"]


def pushed(dataset: Any, inputs: TrainingInputs | TuningInputs) -> None:
    """Adds the steps from a dataset to a pushed model: every gate but that of the raw data."""
    start_from = inputs.start_from if isinstance(inputs, TrainingInputs) else ""
    gate = validated(dataset, inputs)
    transformed = transform(
        dataset=dataset,
        schema=gate.outputs["schema"],
        config=inputs.transform_config,
        start_from=start_from,
    )
    examples = transformed.outputs["examples"]
    trained = train(
        examples=examples,
        config=best_config(examples, inputs),
        module=inputs.module,
        launcher=inputs.launcher,
        launcher_config=inputs.launcher_config,
        checkpoints=inputs.checkpoints,
        start_from=start_from,
    )
    evaluated = evaluate(
        dataset=dataset,
        examples=examples,
        transform=transformed.outputs["transform"],
        model=trained.outputs["model"],
        schema=gate.outputs["schema"],
        statistics=gate.outputs["statistics"],
    )
    package = evaluated.outputs["package"]
    # Leaves something outside, which a cluster's cache would skip.
    push(
        package=package,
        blessed=evaluated.outputs["blessed"],
        infra_blessed=infra_validate(package=package).outputs["blessed"],
        destination=inputs.push_to,
        data_passed=gate.outputs["passed"],
        force=inputs.force,
    ).set_caching_options(False)


@dsl.pipeline(name="training", display_name="Training")
@takes(TrainingInputs)
def training(inputs: TrainingInputs) -> None:
    """Takes raw data to a pushed model that answers requests; nothing unchecked gets past."""
    pushed(ingested(inputs), inputs)


@dsl.pipeline(name="training-with-features", display_name="Training with features")
@takes(TrainingWithFeaturesInputs)
def training_with_features(inputs: TrainingWithFeaturesInputs) -> None:
    """Does as training, of rows that are joined with a feature service as of their own time."""
    pushed(joined(ingested(inputs), inputs), inputs)


@dsl.pipeline(name="tuning", display_name="Tuning")
@takes(TuningInputs)
def tuning(inputs: TuningInputs) -> None:
    """Searches the training's knobs on eval, then takes raw data to a pushed model with the best.

    What the search found best is the config of the component train.
    """
    pushed(ingested(inputs), inputs)


@dsl.pipeline(name="tuning-with-features", display_name="Tuning with features")
@takes(TuningWithFeaturesInputs)
def tuning_with_features(inputs: TuningWithFeaturesInputs) -> None:
    """Does as tuning, of rows that are joined with a feature service as of their own time."""
    pushed(joined(ingested(inputs), inputs), inputs)
