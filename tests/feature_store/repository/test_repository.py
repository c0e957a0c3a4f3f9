"""Feast repositories: opened, applied, compared with their registry, hashed."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from features.written import DEFINITIONS, ON_DEMAND, SERVICE, SERVICES, write_repository
from plimsoll.errors import ConfigError, DataError
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.registries import registry_lock
from plimsoll.feature_store.repository.repository import open_repository

Open = Callable[[Path | str], Repository]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    count = iter(range(100))
    return lambda where: open_repository(str(where), tmp_path / f"scratch-{next(count)}")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return write_repository(tmp_path / "repo")


def test_a_repository_is_opened_by_folder_or_configuration(repo: Path, opened: Open) -> None:
    (repo / "feature_store.other.yaml").write_text(
        (repo / "feature_store.yaml").read_text().replace("data/online.db", "data/other.db")
    )
    for where in (repo, repo / "feature_store.yaml", repo / "feature_store.other.yaml"):
        found = opened(where)
        assert found.project == "flights"
        assert sorted(found.services) == ["flights_v1", "keyed", "plain"]
        assert sorted(found.views) == ["delays", "everywhere", "weather"]
        assert list(found.on_demand_views) == ["on_demand"]
        assert found.yaml.name == (where.name if where.suffix else "feature_store.yaml")


def test_opening_leaves_nothing_behind(
    repo: Path, opened: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    before, path = set(repo.rglob("*")), list(sys.path)
    modules, here = set(sys.modules), Path.cwd()
    opened(repo)
    assert set(repo.rglob("*")) == before
    assert sys.path == path
    assert Path.cwd() == here
    assert not {"views", "request_time"} & (set(sys.modules) - modules)
    assert capfd.readouterr().out == ""


def test_two_repositories_with_modules_of_one_name(tmp_path: Path, opened: Open) -> None:
    one = write_repository(tmp_path / "one")
    other = write_repository(
        tmp_path / "other", definitions=(DEFINITIONS + SERVICES).replace("flights_v1", "others_v1")
    )
    assert "flights_v1" in opened(one).services
    assert "others_v1" in opened(other).services
    assert "flights_v1" in opened(one).services


def test_what_is_not_there_is_told(tmp_path: Path, repo: Path, opened: Open) -> None:
    with pytest.raises(ConfigError, match="no feature repository"):
        opened(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no feature repository") as caught:
        open_repository(str(repo), tmp_path / "scratch", "feature_stor.yaml")
    assert "feature_store.yaml" in caught.value.choices
    assert "did you mean" in caught.value.cause
    with pytest.raises(ConfigError, match="no feature service 'flight_v1'") as caught:
        opened(repo).service("flight_v1")
    assert "did you mean 'flights_v1'?" in caught.value.cause


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("project: [", "does not hold"),
        ("provider: local", "project"),
        ("project: p\nregistry: r.db\noffline_store: {type: no.such.Store}", "does not hold"),
        ("project: p\nregistry: r.db\nonline_store: {type: redis, nothing: 1}", "nothing"),
    ],
)
def test_a_wrong_configuration_is_told(repo: Path, opened: Open, text: str, said: str) -> None:
    (repo / "feature_store.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        opened(repo)
    assert caught.value.headline.startswith("the configuration feature_store.yaml")


@pytest.mark.parametrize("text", ["['localhost,password=hunter2']}", "localhost,password=hunter2]"])
def test_a_password_in_a_configuration_is_never_told(repo: Path, opened: Open, text: str) -> None:
    (repo / "feature_store.yaml").write_text(
        f"project: p\nregistry: r.db\nonline_store: {{type: redis, connection_string: {text}"
    )
    with pytest.raises(ConfigError) as caught:
        opened(repo)
    assert "hunter2" not in str(caught.value)


def test_definitions_that_fail_are_told_with_file_and_line(repo: Path, opened: Open) -> None:
    (repo / "views.py").write_text("x = 1\ny = x + nothing\n")
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        opened(repo)
    assert caught.value.cause.startswith("views.py, line 2: NameError")


def test_a_file_with_a_module_name_that_is_taken(repo: Path, opened: Open) -> None:
    (repo / "json.py").write_text("")
    with pytest.raises(ConfigError, match="name that is taken"):
        opened(repo)


def test_runs_in_the_folder_of_the_repository_are_no_definitions(repo: Path, opened: Open) -> None:
    for name in ("runs/cache/code/1/plimsoll/network.py", "runs/datasets/a/features/on_demand.py"):
        (repo / name).parent.mkdir(parents=True)
        (repo / name).write_text("import a_package_of_another_role\n")
    assert sorted(opened(repo).views) == ["delays", "everywhere", "weather"]


@pytest.mark.parametrize(
    ("what", "more"),
    [
        ("feature service 'plain'", "FeatureService(name='plain', features=[delays])"),
        ("feature view 'weather'", "FeatureView(name='weather', source=delays.batch_source)"),
        ("entity 'airport'", "Entity(name='airport', join_keys=['other'])"),
    ],
)
def test_two_that_differ_and_have_one_name_are_refused(
    repo: Path, opened: Open, what: str, more: str
) -> None:
    imports = "from feast import Entity, FeatureService, FeatureView\nfrom views import delays\n"
    (repo / "zz_more.py").write_text(f"{imports}again = {more}\n")
    with pytest.raises(ConfigError, match=f"{what} twice"):
        opened(repo)


def test_another_project_is_refused(repo: Path, opened: Open) -> None:
    with (repo / "views.py").open("a") as file:
        file.write("\nfrom feast import Project\nhere = Project(name='trains')\n")
    with pytest.raises(ConfigError, match="'trains'"):
        opened(repo)


def test_a_source_that_types_are_inferred_from_is_missing(repo: Path, opened: Open) -> None:
    text = (repo / "views.py").read_text()
    (repo / "views.py").write_text(text.replace('schema=[Field(name="fuel", dtype=Float64)],', ""))
    (repo / "data" / "everywhere.parquet").unlink()
    with pytest.raises(DataError, match="do not hold together"):
        opened(repo)


def test_apply_is_idempotent(repo: Path, opened: Open) -> None:
    found = opened(repo)
    assert found.registry_state().status == "missing"
    assert {item.what for item in found.apply()} == {"new"}
    assert found.registry_state().status == "equal"
    before = (repo / "data" / "registry.db").read_bytes()
    assert found.apply() == ()
    assert opened(repo).apply() == ()
    assert (repo / "data" / "registry.db").read_bytes() == before
    (repo / "data" / "online.db").unlink()
    opened(repo).apply()
    assert (repo / "data" / "online.db").exists()


def test_a_changed_definition_makes_a_registry_stale(repo: Path, opened: Open) -> None:
    opened(repo).apply()
    text = (repo / "views.py").read_text()
    (repo / "views.py").write_text(text.replace("hours=6", "hours=7"))
    found = opened(repo)
    state = found.registry_state()
    assert state.status == "stale"
    assert [str(item) for item in state.differences] == [
        "the feature view 'delays' is not as it is defined"
    ]
    assert found.registry_state("plain").status == "stale"
    (repo / "views.py").write_text(text.replace("plain = ", "no = ").replace('"plain"', '"other"'))
    found = opened(repo)
    assert found.registry_state(SERVICE).status == "equal"
    assert {(item.name, item.what) for item in found.apply()} == {
        ("other", "new"),
        ("plain", "gone"),
    }
    assert opened(repo).registry_state().status == "equal"


def test_a_disk_that_is_full_leaves_the_registry_as_it_was(
    repo: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    opened(repo).apply()
    before = (repo / "data" / "registry.db").read_bytes()
    text = (repo / "views.py").read_text()
    (repo / "views.py").write_text(text.replace("hours=6", "hours=7"))
    found = opened(repo)
    with monkeypatch.context() as during:
        during.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="could not be applied"):
            found.apply()
    assert (repo / "data" / "registry.db").read_bytes() == before
    assert opened(repo).registry_state().status == "stale"
    opened(repo).apply()
    assert opened(repo).registry_state().status == "equal"


def test_what_says_nothing_of_values_makes_nothing_stale(repo: Path, opened: Open) -> None:
    opened(repo).apply()
    before = opened(repo).registry_sha256(SERVICE)
    text = (repo / "views.py").read_text()
    (repo / "views.py").write_text(
        text.replace('name="delays",', 'name="delays", description="how late", owner="me",')
    )
    assert opened(repo).registry_state().status == "equal"
    assert opened(repo).registry_sha256(SERVICE) == before


def test_a_digest_is_the_same_wherever_the_repository_is(tmp_path: Path, opened: Open) -> None:
    text = (DEFINITIONS + SERVICES).replace(
        'path="data/delays', 'path=str(Path(__file__).parent / "data") + "/delays'
    )
    text = "from pathlib import Path\n" + text
    one = write_repository(tmp_path / "one", definitions=text)
    other = write_repository(tmp_path / "far" / "away", definitions=text, offline="duckdb")
    digest = opened(one).registry_sha256(SERVICE)
    assert opened(other).registry_sha256(SERVICE) == digest
    assert opened(one).registry_sha256("plain") != digest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hours=6", "hours=7"),
        ("dtype=Float32", "dtype=Float64"),
        ('field_mapping={"deg": "temp"}', 'field_mapping={"deg": "temp", "a": "b"}'),
        ('created_timestamp_column="created",', ""),
        ('{"faa": "dest"}', '{"faa": "origin"}'),
        ("data/everywhere.parquet", "data/weather.parquet"),
        ("value_type=ValueType.STRING", "value_type=ValueType.INT64"),
    ],
)
def test_a_digest_tells_what_decides_values(
    repo: Path, opened: Open, before: str, after: str
) -> None:
    digest = opened(repo).registry_sha256(SERVICE)
    text = (repo / "views.py").read_text()
    assert before in text
    (repo / "views.py").write_text(text.replace(before, after, 1))
    assert opened(repo).registry_sha256(SERVICE) != digest


def test_a_digest_tells_the_code_of_on_demand_features(repo: Path, opened: Open) -> None:
    digest = opened(repo).registry_sha256(SERVICE)
    plain = opened(repo).registry_sha256("plain")
    (repo / "request_time.py").write_text(ON_DEMAND.replace("far * 2", "far * 2.0"))
    assert opened(repo).registry_sha256(SERVICE) != digest
    assert opened(repo).registry_sha256("plain") == plain


def test_a_locked_registry_is_told(repo: Path, opened: Open) -> None:
    found = opened(repo)
    found.apply()
    with (repo / "data" / ".registry.db.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match=r"the registry registry\.db is locked"):
            found.apply(seconds=0.2)
        with (
            pytest.raises(DataError, match="locked"),
            registry_lock(found.store, found.folder, 0.1, write=False),
        ):
            pytest.fail("the lock was not held")
    assert found.apply() == ()


def _apply(where: str, scratch: str) -> None:
    open_repository(where, Path(scratch)).apply()


def test_two_that_apply_at_once_lose_nothing(repo: Path, tmp_path: Path, opened: Open) -> None:
    halves = []
    for name in ("flights_v1", "plain"):
        half = tmp_path / name
        shutil.copytree(repo, half)
        text = (half / "views.py").read_text().replace('"data/registry.db"', "")
        (half / "views.py").write_text(text)
        settings = (half / "feature_store.yaml").read_text()
        settings = settings.replace("project: flights", f"project: {name}")
        settings = settings.replace("data/registry.db", str(tmp_path / "shared.db"))
        (half / "feature_store.yaml").write_text(settings)
        halves.append(half)
    context = multiprocessing.get_context("spawn")
    running = [
        context.Process(target=_apply, args=(str(half), str(tmp_path / f"scratch-of-{half.name}")))
        for half in halves
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    assert [opened(half).registry_state().status for half in halves] == ["equal", "equal"]


def test_a_damaged_registry_is_told(repo: Path, opened: Open) -> None:
    opened(repo).apply()
    (repo / "data" / "registry.db").write_bytes(b"\xff\xff\xffnot a registry")
    with pytest.raises(DataError, match="cannot be read"):
        opened(repo).registry_state()


def test_a_repository_without_definitions_is_its_registry(repo: Path, opened: Open) -> None:
    whole = opened(repo)
    whole.apply()
    (repo / "views.py").unlink()
    (repo / "request_time.py").unlink()
    found = opened(repo)
    assert found.definitions is None
    assert found.registry_state().status == "only"
    assert found.registry_sha256("plain") == whole.registry_sha256("plain")
    assert sorted(found.views) == ["delays", "everywhere", "weather"]
    with pytest.raises(ConfigError, match="no definitions to apply"):
        found.apply()
    (repo / "data" / "registry.db").unlink()
    with pytest.raises(ConfigError, match="neither definitions nor a registry"):
        opened(repo)


def test_functions_of_a_registry_are_never_run(repo: Path, tmp_path: Path, opened: Open) -> None:
    from feast.protos.feast.core.Registry_pb2 import Registry

    opened(repo).apply()
    path, marked = repo / "data" / "registry.db", tmp_path / "ran"
    proto = Registry()
    proto.ParseFromString(path.read_bytes())
    for item in proto.on_demand_feature_views:
        function = item.spec.feature_transformation.user_defined_function
        # Feast runs the text, and where there is none the pickle.
        function.body_text = f"open({str(marked)!r}, 'w')\ndef times(inputs): ...\n"
        function.body = f"cos\nsystem\n(S'touch {marked}'\ntR.".encode()
    # Something to write, so that Feast compares what is there.
    proto.feature_views[0].spec.ttl.seconds += 1
    path.write_bytes(proto.SerializeToString())
    found = opened(repo)
    assert found.registry_state().status == "stale"
    found.apply()
    (repo / "views.py").rename(tmp_path / "views.py")
    path.write_bytes(proto.SerializeToString())
    assert "on_demand" in opened(repo).on_demand_views
    assert not marked.exists()


def test_a_bucket_is_fetched(monkeypatch: pytest.MonkeyPatch, repo: Path, opened: Open) -> None:
    from plimsoll.storage import gcs

    def fetched(uri: str, folder: Path, seconds: float = 0) -> tuple[gcs.Object, ...]:
        assert uri == "gs://bucket/repo"
        shutil.copytree(repo, folder)
        return (
            gcs.Object(bucket="bucket", name="repo/views.py", generation=1, bytes=1, crc32c=""),
        )

    monkeypatch.setattr(gcs, "fetch_folder", fetched)
    found = opened("gs://bucket/repo")
    assert found.registry_sha256(SERVICE) == opened(repo).registry_sha256(SERVICE)
    assert opened("gs://bucket/repo/feature_store.yaml").objects
    with pytest.raises(ConfigError, match="a file beside it"):
        found.apply()
