"""The KFP component ``transform``."""

from typing import Any, Dict

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def transform(
    dataset: dsl.Input[dsl.Dataset],
    schema: dsl.Input[dsl.Artifact],
    transform: dsl.Output[dsl.Artifact],
    examples: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    config: Dict[str, Any] = {},
    start_from: str = "",
) -> None:
    """Turns raw columns into numbers: fitted on the train split, applied to every split.

    Args:
        dataset: The rows, split into train, eval and test.
        schema: What is known of the columns; int columns it declares categorical are.
        config: How columns become numbers: the fields of TransformConfig.
        start_from: A pushed model whose transform is taken as it is; empty: one is fitted.

    Returns:
        transform: How to turn raw columns into numbers, for training and for serving.
        examples: Every row, transformed, with its label.
        report: What became of each column, and what each tells of the label, as a page.
    """
    from pathlib import Path

    from plimsoll.parameters import json_text
    from plimsoll.transform import core
    from plimsoll.transform.config import parse

    result = core.transform_dataset(
        Path(dataset.path), Path(schema.path), Path(transform.path), Path(examples.path),
        parse(json_text(config), start_from), Path(report.path),
    )  # fmt: skip
    transform.metadata.update(result.metadata())
