"""The KFP component ``train``."""

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def train(
    examples: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    report: dsl.Output[dsl.HTML],
    config: str = "{}",
) -> None:
    """Trains a network on transformed rows, stopping early on eval, with boosting beside it.

    Args:
        examples: The transformed rows of train, eval and test.
        model: Weights, network, history, and what gradient boosting answers.
        report: Losses by epoch, and the comparison with gradient boosting.
        config: A TrainConfig as JSON.
    """
    from pathlib import Path

    from plimsoll.train import config as configs
    from plimsoll.train import core

    model.metadata.update(core.train_examples(
        Path(examples.path), Path(model.path), Path(report.path), configs.parse(config)
    ))  # fmt: skip
