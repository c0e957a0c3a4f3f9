"""The KFP component ``train``."""

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def train(
    examples: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    report: dsl.Output[dsl.HTML],
    logs: dsl.Output[dsl.Artifact],
    config: str = "{}",
    module: str = "",
    launcher: str = "local",
    launcher_config: str = "{}",
    checkpoints: str = "",
    start_from: str = "",
) -> None:
    """Trains a model on transformed rows, stopping early on eval, with boosting beside it.

    Args:
        examples: The transformed rows of train, eval and test.
        model: The model's files, its history, and what gradient boosting answers.
        report: Losses by epoch, and all that was tried.
        logs: Progress, and files for TensorBoard, written while it runs.
        config: A TrainConfig as JSON.
        module: Source of a network of your own, or package.module:function; see docs/training.md.
        launcher: Who runs the processes: local, or trainjob for Kubeflow Trainer.
        launcher_config: A LauncherConfig as JSON.
        checkpoints: A folder that outlives a restart; empty: where the engine keeps them.
        start_from: A pushed model whose weights are the first ones.
    """
    from pathlib import Path

    from plimsoll.train import config as configs
    from plimsoll.train import core

    outputs = core.Outputs(model=Path(model.path), report=Path(report.path), logs=Path(logs.path))
    settled = configs.parse(config)
    with core.asking(module, launcher, launcher_config, checkpoints, start_from) as asked:
        model.metadata.update(core.train_examples(Path(examples.path), outputs, settled, asked))
