"""Validate, as a component of Kubeflow Pipelines."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def validate(
    dataset: Input[Dataset],
    statistics: Output[Artifact],
    schema: Output[Artifact],
    report: Output[HTML],
    given_schema: str = "",
    mode: str = "fail",
) -> None:
    """Measures each split with TensorFlow Data Validation, and stops at data that does not fit.

    Args:
        dataset: The snapshot to check.
        statistics: Statistics of each split, and every check with what was measured and allowed.
        schema: The schema that was enforced, as text that a person can edit.
        report: The columns and the anomalies, as a page.
        given_schema: Text of a schema.pbtxt to enforce as written; empty: inferred from train.
        mode: ``fail`` stops the run at anomalies; ``warn`` tells of them and goes on.
    """
    from pathlib import Path

    from plimsoll.validate import core

    paths = core.Outputs(
        statistics=Path(statistics.path), schema=Path(schema.path), report=Path(report.path)
    )
    notes = core.validate(Path(dataset.path), paths, given_schema=given_schema, mode=mode)
    statistics.metadata["notes"] = notes
