"""The feature plan of a service: what a dataset is joined with, and a server looks up later."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, nearest, shortened
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.on_demand import checked_function
from plimsoll.feature_store.types import KEY_COLUMNS, value_type
from plimsoll.formats.feature_plan import COLUMN_TYPES, Feature, FeaturePlan, Key, OnDemand, View
from plimsoll.timestamps import MICROSECOND

FULL_NAME = "{view}__{feature}"


@dataclass(frozen=True, kw_only=True)
class Join:
    """One view of a service, as it is joined."""

    name: str
    """The view's name in the service, where it may be renamed."""
    view: View
    """What the plan says of it."""
    feast: Any
    """Feast's ``FeatureView`` with the service's projection."""

    @property
    def references(self) -> dict[str, str]:
        """Feast's reference of each feature (``view:feature``) -> the dataset's column."""
        return {f"{self.name}:{item.name}": item.column for item in self.view.features}

    @property
    def outputs(self) -> dict[str, str]:
        """Column that an offline store answers with, in full -> the dataset's column."""
        return {
            FULL_NAME.format(view=self.name, feature=item.name): item.column
            for item in self.view.features
        }


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """A plan, with what it was made of."""

    plan: FeaturePlan
    joins: tuple[Join, ...]
    """In the order of ``plan.views``."""
    files: Mapping[str, Path]
    """The Python files that the plan names -> where they lie."""
    input_types: Mapping[str, str]
    """Column that on-demand views take from the rows -> its declared value type."""


def plan_of(repository: Repository, service: str, time: str) -> ServicePlan:
    """Returns the plan of a feature service.

    A feature's column has the feature's name; where two views of the service have features of
    one name, those are called ``view__feature``, as Feast's full names are.

    Args:
        repository: The opened repository.
        service: The name of the feature service.
        time: The dataset's column that says as of when features are wanted.

    Raises:
        ConfigError: if there is no such service, or it has what a plan cannot hold: types that a
            dataset cannot keep, views without history, on-demand functions that do not stand
            alone.
    """
    feature_service = repository.service(service)
    projections = list(feature_service.feature_view_projections)
    columns = _columns_of(projections)
    joins, computed = [], []
    for projection in projections:
        view = repository.view_of(projection)
        if projection.name in repository.on_demand_views:
            computed.append((projection, view))
        else:
            joins.append(_join(projection, view, columns))
    parts, files, types = _on_demand(computed, joins, columns)
    plan = FeaturePlan(
        project=repository.project,
        service=service,
        registry_sha256=repository.registry_sha256(service),
        key_version=repository.key_version,
        time=time,
        views=tuple(join.view for join in joins),
        on_demand=parts,
    )
    return ServicePlan(plan=plan, joins=tuple(joins), files=files, input_types=types)


def check_columns(planned: ServicePlan, columns: Mapping[str, str], private: Sequence[str]) -> None:
    """Checks that a dataset has what a plan's features are joined by, and room for them.

    Args:
        planned: The plan.
        columns: The dataset's columns and their types.
        private: Columns of the source that the dataset does not have because they are private.

    Raises:
        ConfigError: if a column is missing or of another type, or a feature has its name.
    """
    plan = planned.plan
    _check_present(plan.time, "the time of a row", columns, private)
    if columns[plan.time] != "timestamp":
        raise ConfigError(
            f"the time column {plan.time!r} holds {columns[plan.time]}s, not timestamps",
            hint="name a column of dates and times as the problem's time",
        )
    for join in planned.joins:
        for key in join.view.keys:
            if key.column:
                _check_key(key, join, columns, private)
    for name, kind in planned.input_types.items():
        _check_present(name, "an on-demand feature", columns, private)
        wanted = (kind, "int") if kind == "float" else (kind,)
        if columns[name] not in wanted:
            raise ConfigError(
                f"an on-demand feature takes {name!r} as {kind}",
                cause=f"the dataset has it as {columns[name]}",
                hint="declare the type that the dataset has",
            )
    taken = [name for name in plan.columns if name in columns or name in private]
    if taken:
        raise ConfigError(
            f"the feature service {plan.service} has features named as columns of the data are: "
            f"{shortened(taken)}",
            hint="rename the feature in its view (a source's field_mapping does), take it out of "
            "the service, or take the column out of the data",
        )


def _columns_of(projections: Sequence[Any]) -> dict[tuple[str, str], str]:
    """Returns the column of each feature by the view's name in the service and its own name."""
    every = [
        (item.name_to_use(), feature.name) for item in projections for feature in item.features
    ]
    twice = sorted({f"{view}:{name}" for view, name in every if every.count((view, name)) > 1})
    if twice:
        raise ConfigError(
            f"the feature service takes {shortened(twice)} twice",
            hint="give one of the two views another name: view.with_name('other')",
        )
    names = [name for _, name in every]
    return {
        (view, name): name if names.count(name) == 1 else FULL_NAME.format(view=view, feature=name)
        for view, name in every
    }


def _join(projection: Any, view: Any, columns: Mapping[tuple[str, str], str]) -> Join:
    what, name = f"the feature view {projection.name!r}", projection.name_to_use()
    if projection.version_tag is not None:
        raise ConfigError(
            f"the feature service pins version {projection.version_tag} of {what}",
            hint="take the view as it is defined; a model's features are pinned by its package",
        )
    if view.batch_source is None:
        raise ConfigError(
            f"{what} has no batch source, so that there is no history to join",
            hint="give its push source a batch_source",
        )
    if not projection.features:
        raise ConfigError(f"{what} has no features", hint="name them in its schema")
    features = tuple(
        Feature(name=field.name, column=columns[name, field.name], type=value_type(field, what))
        for field in projection.features
    )
    made = View(
        name=projection.name,
        keys=tuple(_keys(projection, view, what)),
        features=features,
        ttl_us=0 if view.ttl is None else view.ttl // MICROSECOND,
    )
    return Join(name=name, view=made, feast=view.with_projection(projection))


def _keys(projection: Any, view: Any, what: str) -> Iterator[Key]:
    from feast.feature_view import DUMMY_ENTITY_ID

    for field in view.entity_columns:
        kind = value_type(field, what)
        if kind not in KEY_COLUMNS:
            raise ConfigError(
                f"{what} is keyed by {field.name!r}, a {kind}",
                cause="a key has to be found again exactly",
                choices=tuple(KEY_COLUMNS),
            )
        column = projection.join_key_map.get(field.name, field.name)
        dummy = field.name == DUMMY_ENTITY_ID
        yield Key(column="" if dummy else column, join_key=field.name, type=kind)


def _on_demand(
    computed: Sequence[tuple[Any, Any]],
    joins: Sequence[Join],
    columns: Mapping[tuple[str, str], str],
) -> tuple[tuple[OnDemand, ...], dict[str, Path], dict[str, str]]:
    feature_columns = {
        (join.view.name, item.name): item.column for join in joins for item in join.view.features
    }
    parts: list[OnDemand] = []
    files: dict[str, Path] = {}
    types: dict[str, str] = {}
    for projection, view in computed:
        what = f"the on-demand feature view {view.name!r}"
        wanted = dict(_request_inputs(view, what))
        types |= {name: COLUMN_TYPES[kind] for name, kind in wanted.items()}
        function = checked_function(view, what)
        file = function.path.name
        if files.get(file, function.path) != function.path:
            file = f"{view.name}.py"
        files[file] = function.path
        features = tuple(
            Feature(
                name=field.name,
                column=columns[projection.name_to_use(), field.name],
                type=value_type(field, what),
            )
            for field in projection.features
        )
        inputs = (*wanted, *_feature_inputs(view, what, feature_columns))
        parts.append(
            OnDemand(
                name=view.name, file=file, function=function.name, inputs=inputs, features=features
            )
        )
    return tuple(parts), files, types


def _request_inputs(view: Any, what: str) -> Iterator[tuple[str, str]]:
    for source in view.source_request_sources.values():
        for field in source.schema:
            yield field.name, value_type(field, what)


def _feature_inputs(
    view: Any, what: str, feature_columns: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    for projection in view.source_feature_view_projections.values():
        for field in projection.features:
            column = feature_columns.get((projection.name, field.name))
            if column is None:
                raise ConfigError(
                    f"{what} takes {projection.name}:{field.name}, which its service leaves out",
                    hint=f"add {projection.name}[[{field.name!r}]] to the feature service",
                )
            if column != field.name:
                raise ConfigError(
                    f"{what} takes {field.name!r}, a name that two views of its service have",
                    hint="rename one of the two features in its view",
                )
            yield field.name


def _check_key(key: Key, join: Join, columns: Mapping[str, str], private: Sequence[str]) -> None:
    what = f"the feature view {join.name!r}"
    _check_present(key.column, f"the key of {what}", columns, private)
    if columns[key.column] not in KEY_COLUMNS[key.type]:
        raise ConfigError(
            f"{what} is keyed by {key.column!r} as {key.type}",
            cause=f"the dataset has it as {columns[key.column]}, and keys are compared exactly",
            choices=KEY_COLUMNS[key.type],
            hint="give the entity the value type that the data has, or the data the entity's",
        )


def _check_present(
    name: str, what: str, columns: Mapping[str, str], private: Sequence[str]
) -> None:
    if name in columns:
        return
    if name in private:
        raise ConfigError(
            f"the column {name!r} is {what}, and private",
            cause="private columns are not in a dataset, so that nothing can be joined by them",
            hint="take it out of the problem's private columns, or the feature out of the service",
        )
    raise ConfigError(
        f"the dataset has no column {name!r}, which is {what}",
        cause=nearest(name, columns),
        choices=tuple(columns),
        hint="name the column as the entity's join key, or map it in the service: "
        "view.with_join_key_map({join_key: column})",
    )
