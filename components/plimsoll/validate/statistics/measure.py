"""Measures a split in one pass over its rows: TFDV's statistics, our own tallies, a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from plimsoll.configuration.fields import Count, Number, Texts
from plimsoll.configuration.validation import validated
from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.formats.dataset import Dataset
from plimsoll.statistics.accumulator import Measurement
from plimsoll.statistics.runners import measure_split
from plimsoll.statistics.sampling import highest_hash, rows_chosen, sample_rows
from plimsoll.statistics.tally import Tally
from plimsoll.validate.statistics import tfdv
from plimsoll.validate.statistics.accumulator import (
    SplitStatistics,
    StatisticsAccumulator,
    StatisticsPlan,
)
from plimsoll.validate.statistics.arrays import Encoding
from plimsoll.validate.statistics.slicing import check_column, slices_of

WEIGHTS = ("int", "float")
CELLS_THAT_PAY = 1 << 23
"""Rows times columns below which one process is faster."""


@validated("measure config")
@dataclass(frozen=True, kw_only=True)
class MeasureConfig:
    """What is measured of a split, and by whom."""

    weight: str = ""
    """Column of the rows' weights, from 0 upwards; empty: unweighted statistics only."""
    slices: Texts = ()
    """Columns by whose most frequent values statistics are made apart, beside the whole."""
    sample_rate: Annotated[float, Number(gt=0, le=1)] = 1.0
    """Share of the rows that go into the statistics, above 0 to 1; chosen by their numbers."""
    processes: Count = 1
    """How many processes of this machine share the work; 0: as many as pay off."""
    beam_runner: str = ""
    """Beam's runner that does the work instead, such as ``DataflowRunner``; empty: without Beam."""
    beam_options: Texts = ()
    """The runner's options as on a command line: ``--project=...``."""

    def __post_init__(self) -> None:
        if self.beam_options and not self.beam_runner:
            raise ConfigError(
                "measure config: beam_options without a beam_runner",
                hint="name the runner: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner",
            )


DEFAULT = MeasureConfig()


def measure(
    dataset: Dataset,
    split: str,
    encodings: Mapping[str, Encoding],
    categorical: Sequence[str],
    config: MeasureConfig = DEFAULT,
) -> SplitStatistics:
    """Measures a split in bounded memory; the result does not depend on who does the work.

    Args:
        dataset: The data set.
        split: Which part of it.
        encodings: How each column goes into the statistics.
        categorical: Columns of whole numbers that are names rather than amounts.
        config: What is measured, and by whom.

    Raises:
        ArtifactError: if the statistics do not cover each row that the manifest counts.
        ConfigError: if the config names a column that is not there or does not fit.
        DataError: if a row has no weight that can be used.
        StepError: if a process that shares the work fails or is killed.
    """
    plan = plan_of(dataset, split, encodings, categorical, config)
    result = measure_split(
        dataset,
        measurement_of(plan),
        processes=config.processes,
        beam_runner=config.beam_runner,
        beam_options=config.beam_options,
    )
    rows = dataset.rows(split)
    chosen = rows_chosen(rows, plan.sample_rate)
    check_rows(split, manifest=rows, read=result.rows, covered=result.covered, chosen=chosen)
    return result


def measurement_of(plan: StatisticsPlan) -> Measurement[SplitStatistics]:
    """Returns a plan as the engine takes it."""
    return Measurement(
        split=plan.split,
        columns=tuple(plan.encodings),
        start=partial(StatisticsAccumulator, plan),
        load=_load,
        width=len(plan.encodings),
        wide=tfdv.WIDE,
        cells_that_pay=CELLS_THAT_PAY,
        config="validate config",
        purpose=f"measure {plan.split}",
        done=f"measured {plan.split}",
    )


def plan_of(
    dataset: Dataset,
    split: str,
    encodings: Mapping[str, Encoding],
    categorical: Sequence[str],
    config: MeasureConfig,
) -> StatisticsPlan:
    """Settles how a split is measured.

    Raises:
        ConfigError: if the config names a column that is not there or does not fit.
    """
    types = {column.name: column.type for column in dataset.columns}
    if config.weight:
        check_column(config.weight, types, WEIGHTS, "weight")
    return StatisticsPlan(
        split=split,
        encodings={name: encodings[name] for name in types},
        categorical=tuple(categorical),
        weight=config.weight,
        slices=slices_of(dataset, config.slices),
        sample_rate=config.sample_rate,
        highest_hash=highest_hash(dataset.rows(split), sample_rows(len(types))),
    )


def check_rows(
    split: str, *, manifest: int, read: int, covered: int, chosen: int | None = None
) -> None:
    """Checks that no row was lost on the way into the statistics.

    Args:
        split: Which part of the data set.
        manifest: Its rows.
        read: The rows that were read.
        covered: The rows that the statistics count.
        chosen: The rows that the sample rate chooses; None: all.

    Raises:
        ArtifactError: if the counts differ.
    """
    chosen = manifest if chosen is None else chosen
    if manifest == read and chosen == covered:
        return
    sampled = f", of which the sample rate chooses {chosen:,}" if chosen != manifest else ""
    raise ArtifactError(
        f"the statistics of {split} do not cover its rows",
        cause=f"the manifest counts {manifest:,} rows{sampled}, {read:,} were read, "
        f"the statistics count {covered:,}",
        hint="make the data set again",
    )


def _load() -> tuple[type, ...]:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    tfdv.load()
    return SplitStatistics, Tally, statistics_pb2.DatasetFeatureStatisticsList
