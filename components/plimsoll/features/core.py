"""A dataset becomes a dataset with features: joined as of each row's time, measured, checked."""

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import ConfigError, DataError, GateError, PlimsollError, nearest
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.plans import ServicePlan, check_columns, plan_of
from plimsoll.feature_store.repository.registries import RegistryState
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.features import config as configs
from plimsoll.features import messages
from plimsoll.features.computing import FeatureAppender
from plimsoll.features.config import FeaturesConfig
from plimsoll.features.coverage import Coverage, check_named, too_low
from plimsoll.features.join import JoinRequest, joined_batches, limits_of
from plimsoll.features.leakage import LabelSample, leaking_features
from plimsoll.features.match_stats import measure
from plimsoll.features.model import JoinFindings
from plimsoll.features.point_in_time import PointInTimeCheck, point_in_time_error
from plimsoll.features.provenance import provenance_of
from plimsoll.features.report import report_html
from plimsoll.formats.dataset import Dataset, open_dataset, write_batches
from plimsoll.formats.feature_plan import write_plan
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage.files import move_folder, write_text
from plimsoll.storage.provenance import METADATA_KEY


@dataclass(frozen=True, kw_only=True)
class JoinResult:
    """A dataset that was joined."""

    dataset: Dataset
    notes: tuple[str, ...]
    provenance: tuple[dict[str, Any], ...]

    def metadata(self) -> dict[str, Any]:
        """Returns the artifact's metadata."""
        return {
            **{f"rows_{split}": self.dataset.rows(split) for split in SPLITS},
            "id": self.dataset.id,
            "notes": list(self.notes),
            METADATA_KEY: list(self.provenance),
        }


def join(
    dataset: Path, joined: Path, report: Path, repo: str = "", service: str = "", config: str = "{}"
) -> JoinResult:
    """Joins a dataset with a feature service, in memory that does not grow with its rows.

    Args:
        dataset: The dataset's folder.
        joined: Where the dataset with features comes to be.
        report: Where the page comes to be.
        repo: The Feast repository; empty: the problem names it.
        service: The feature service; empty: the problem names it.
        config: A ``FeaturesConfig`` as JSON.

    Raises:
        ConfigError: if neither names a repository and a service, or what they name does not fit
            the dataset.
        DataError: if rows or sources cannot be joined.
        GateError: if a feature knows what came after a row's time, has too few values, tells the
            label, or the registry is stale; the page is written nevertheless.
    """
    settings = configs.parse(config)
    opened = open_dataset(Path(dataset))
    where, name = _service_of(opened, repo, service)
    joined = Path(joined)
    joined.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".features-", dir=joined.parent) as scratch:
        repository = open_repository(where, Path(scratch) / "repository", settings.yaml)
        planned = _planned(opened, repository, name, settings)
        state = repository.registry_state(name)
        messages.check_registry(state, repository, settings)
        provenance = provenance_of(repository, planned.joins)
        made, findings = _join(opened, repository, planned, settings, Path(scratch), state)
        write_text(Path(report), report_html(findings))
        _check(findings)
        move_folder(Path(scratch) / "joined", joined)
    made = dataclasses.replace(made, folder=joined)
    return JoinResult(dataset=made, notes=messages.notes(findings), provenance=provenance)


def _service_of(dataset: Dataset, repo: str, service: str) -> tuple[str, str]:
    named = dataset.problem.features
    where = repo or (named.repo if named else "")
    name = service or (named.service if named else "")
    if not where or not name:
        raise ConfigError(
            "there is no feature service to join the dataset with",
            cause=f"the repository is {where!r}, the service {name!r}",
            hint="say so in the problem: features: {repo: feature_repo, service: flights_late_v1}",
        )
    if not dataset.problem.time:
        raise ConfigError(
            "the problem names no time column, so that nobody can say as of when features count",
            hint="say which column it is: time: COLUMN",
        )
    return where, name


def _planned(
    dataset: Dataset, repository: Repository, service: str, settings: FeaturesConfig
) -> ServicePlan:
    problem = dataset.problem
    planned = plan_of(repository, service, problem.time)
    columns = {column.name: column.type for column in dataset.columns}
    check_columns(planned, columns, problem.private)
    check_named(settings, planned.plan.columns)
    _check_problem(problem, [*columns, *planned.plan.columns])
    return planned


def _check_problem(problem: Problem, known: Sequence[str]) -> None:
    """Checks what ingest could not: that names in the problem are columns or features."""
    for role in ("drop", "slices"):
        for name in getattr(problem, role):
            if name not in known:
                raise ConfigError(
                    f"problem: {role} names {name!r}, which is neither a column nor a feature",
                    cause=nearest(name, known),
                    choices=known,
                    hint="a column that ingest left out for its type need not be named",
                )


def _join(
    dataset: Dataset,
    repository: Repository,
    planned: ServicePlan,
    settings: FeaturesConfig,
    scratch: Path,
    state: RegistryState,
) -> tuple[Dataset, JoinFindings]:
    _check_times(dataset, planned.plan.time)
    limits = limits_of(repository, settings.memory_limit, scratch)
    request = JoinRequest(
        repository=repository,
        joins=planned.joins,
        created=settings.filter_by_created_timestamp,
        limits=limits,
        batch_rows=settings.batch_rows,
    )
    features = planned.plan.columns
    coverage = Coverage(features=features)
    label = dataset.problem.label
    sample = LabelSample(dataset.rows("train"), label, features)
    appender = FeatureAppender(dataset, planned)
    check = PointInTimeCheck(dataset, planned, request)
    answers = check.checked(joined_batches(dataset, planned, request))
    write_plan(scratch / "plan", planned.plan, planned.files)
    made = write_batches(
        scratch / "joined",
        appender.schema,
        _counted(appender.batches(answers, settings.batch_rows), coverage, sample),
        dataset.problem,
        dataset.inferred,
        {**dataset.lineage, "features": _lineage(planned)},
        scratch / "plan",
    )
    stats = measure(
        dataset,
        planned.joins,
        planned.plan.time,
        repository.folder,
        limits,
        created=settings.filter_by_created_timestamp,
    )
    strengths = {} if settings.telling == "off" else sample.strengths(dataset.problem.task)
    return made, JoinFindings(
        dataset=dataset,
        planned=planned,
        config=settings,
        coverage=coverage,
        match_stats=stats,
        strengths=strengths,
        leaking=leaking_features(strengths, settings.telling_from),
        point_in_time=check,
        registry=state,
    )


def _counted(
    pieces: Iterator[tuple[str, pa.RecordBatch]], coverage: Coverage, sample: LabelSample
) -> Iterator[tuple[str, pa.RecordBatch]]:
    for split, batch in pieces:
        coverage.add(split, batch)
        if split == "train":
            sample.add(batch)
        yield split, batch


def _check_times(dataset: Dataset, time: str) -> None:
    """Checks that every row has a time.

    Raises:
        DataError: if one has none, or there are no rows.
    """
    rows, lacking = 0, {}
    for split in SPLITS:
        rows += dataset.rows(split)
        nulls = sum(batch.column(0).null_count for batch in dataset.batches(split, [time]))
        if nulls:
            lacking[split] = nulls
    if lacking:
        counts = ", ".join(f"{count:,} of {split}" for split, count in lacking.items())
        raise DataError(
            f"{sum(lacking.values()):,} rows have no time, and so no features as of then",
            cause=f"the column {time!r} is null: {counts}",
            hint="leave such rows out of the data",
        )
    if not rows:
        raise DataError("the dataset has no rows to join")


def _lineage(planned: ServicePlan) -> dict[str, Any]:
    plan = planned.plan
    return {
        "service": plan.service,
        "project": plan.project,
        "registry_sha256": plan.registry_sha256,
        "views": [*(item.name for item in planned.joins), *(item.name for item in plan.on_demand)],
    }


def _check(findings: JoinFindings) -> None:
    """Raises the first error of what was measured."""
    errors: list[PlimsollError | None] = [
        point_in_time_error(findings.point_in_time, findings.alike),
        too_low(findings.coverage, findings.config),
    ]
    if findings.leaking and findings.config.telling == "fail":
        errors.append(_label_leakage_error(findings))
    for error in errors:
        if error is not None:
            raise error


def _label_leakage_error(findings: JoinFindings) -> GateError:
    best = findings.leaking[0]
    return GateError(
        f"the feature {best.feature!r} tells the label by itself",
        cause="\n".join(
            f"{item.feature}: {item.strength:.4f} of 1" for item in findings.leaking[:8]
        ),
        hint="check what its source knows when; telling: warn in the features config goes on",
    )
