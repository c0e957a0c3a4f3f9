"""The KFP component ``train``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def train(
    examples: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    report: dsl.Output[dsl.HTML],
    logs: dsl.Output[dsl.Artifact],
    config: Dict[str, Any] = {},
    module: str = "",
    launcher: str = "local",
    launcher_config: Dict[str, Any] = {},
    checkpoints: str = "",
    start_from: str = "",
) -> None:
    """Trains a model on transformed rows, stopping early on eval, with boosting beside it.

    Args:
        examples: The transformed rows of train, eval and test.
        config: Which models, and how they are trained: the fields of TrainConfig.
        module: Source of a network of your own, or package.module:function; see docs/training.md.
        launcher: Who runs the processes: local, or trainjob for Kubeflow Trainer.
        launcher_config: Storage, nodes, resources of a TrainJob: the fields of LauncherConfig.
        checkpoints: A folder that outlives a restart; empty: where the engine keeps them.
        start_from: A pushed model whose weights are the first ones.

    Returns:
        model: The model's files, its history, and what gradient boosting answers.
        report: Losses by epoch, and all that was tried.
        logs: Progress, and files for TensorBoard, written while it runs.
    """
    from pathlib import Path

    from plimsoll.parameters import json_text
    from plimsoll.train import core
    from plimsoll.train.config import parse

    outputs = core.Outputs(model=Path(model.path), report=Path(report.path), logs=Path(logs.path))
    settings = parse(json_text(config))
    launch = json_text(launcher_config)
    with core.open_request(module, launcher, launch, checkpoints, start_from) as request:
        model.metadata.update(core.train_examples(Path(examples.path), outputs, settings, request))
