"""Tables and queries of BigQuery, by the real clients over real sockets."""

import hashlib
import json

import grpc
import pyarrow as pa
import pytest

from ingest.sources.bigquery_double import Table, running
from plimsoll.errors import ConfigError, DataError
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources import bigquery, bigquery_rows
from plimsoll.ingest.sources.resolve import check_unchanged, resolve
from plimsoll.storage import gcs, retries
from plimsoll.storage.provenance import is_unchanged

COLUMNS = {"n": "INTEGER", "f": "FLOAT", "t": "STRING"}
ROWS = [(1, 0.5, "a"), (2, None, "é"), (None, -1.0, None), (4, 2.0, "d"), (5, 2.5, "e")]
READ = {
    "n": [1, 2, None, 4, 5],
    "f": [0.5, None, -1.0, 2.0, 2.5],
    "t": ["a", "é", None, "d", "e"],
}
TABLE = "bigquery://linear.d.flights"
SQL = "SELECT n, f, t FROM d.flights WHERE secret = 'x@example.com' ORDER BY n"
REST = "BigQuery was read through REST, which is slower: "


@pytest.fixture(scope="module")
def served():
    with running() as found:
        yield found


@pytest.fixture
def service(served, monkeypatch):
    service, rest, storage = served
    service.__init__()
    service.tables["flights"] = Table(COLUMNS, ROWS)
    service.queries[SQL] = Table(COLUMNS, ROWS)
    monkeypatch.setenv(bigquery_rows.REST_EMULATOR, rest)
    monkeypatch.setenv(bigquery_rows.STORAGE_EMULATOR, storage)
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.05)
    return service


@pytest.fixture
def get(service, tmp_path):
    def gotten(data, notes=None, **config):
        config = IngestConfig(**{"project": "linear", "retry_seconds": 1.0, **config})
        found = resolve(data, tmp_path / "scratch", [] if notes is None else notes, config)
        check_unchanged(found)
        (source,) = found.sources
        with pa.ipc.open_file(source.path) as reader:
            return found, reader.read_all().to_pydict()

    return gotten


def asked(service, part):
    return sum(part in request for request in service.requests)


def test_a_table_comes_by_storage_reads(service, get):
    notes = []
    found, rows = get(TABLE, notes)
    assert (rows, notes) == (READ, [])
    assert asked(service, "/flights/data") == 0
    (source,) = found.sources
    assert (source.kind, source.name, source.uri) == ("arrow", "linear.d.flights", TABLE)
    assert source.version == {"etag": "one", "modified": "2013-02-14T00:00:00+00:00"}
    assert source.sha256 == hashlib.sha256(source.path.read_bytes()).hexdigest()
    assert found.lineage == {"table": "linear.d.flights"}
    assert not is_unchanged(found.provenance), "what a database holds is asked again"


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE])
def test_rest_stands_in_where_storage_reads_cannot_be_used(service, get, code):
    service.refuses = code
    notes = []
    _, rows = get(TABLE, notes)
    assert rows == READ
    assert notes[0].startswith(REST)
    assert asked(service, "/flights/data") == 3, "five rows in pages of two"


def test_without_the_storage_client_rest_is_asked(service, get, monkeypatch):
    monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    notes = []
    assert get(TABLE, notes)[1] == READ
    assert notes[0].startswith(REST)


def test_the_file_is_the_same_whatever_way_it_came(service, get, monkeypatch):
    by_storage = get(TABLE)[0].sources[0].sha256
    service.page = 5
    assert get(TABLE)[0].sources[0].sha256 == by_storage
    monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    assert get(TABLE)[0].sources[0].sha256 == by_storage


def test_a_stream_that_is_cut_goes_on_where_it_was(service, get):
    service.cuts = [1, 0, 1]
    assert get(TABLE)[1] == READ
    assert service.offsets == [0, 2, 2, 4]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 7])
def test_the_files_chunks_are_even_however_the_rows_came(service, get, monkeypatch, page):
    monkeypatch.setattr(bigquery, "CHUNK_ROWS", 3)
    service.tables["flights"].rows = [(n, n / 2, str(n)) for n in range(8)]
    service.page = page
    found, rows = get(TABLE)
    assert rows["n"] == list(range(8))
    with pa.ipc.open_file(found.sources[0].path) as reader:
        sizes = [reader.get_batch(place).num_rows for place in range(reader.num_record_batches)]
    assert sizes == [3, 3, 2]


def test_a_stream_that_comes_on_is_not_given_up_however_often_it_is_cut(service, get, monkeypatch):
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.04)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.04)
    rows = [(n, n / 2, str(n)) for n in range(80)]
    service.tables["flights"].rows = rows
    service.page = 1
    service.cuts = [1] * 79
    notes = []
    assert get(TABLE, notes)[1]["n"] == list(range(80))
    assert notes == [], "waited longer than retry_seconds, but never without progress"


def test_a_stream_that_stays_cut_is_given_up(service, get):
    service.cuts = [0] * 10**5
    service.faults = [("/flights/data", 403)]
    with pytest.raises(DataError, match="no permission to read"):
        get(TABLE, retry_seconds=0.3)


def test_pages_are_asked_again_on_errors_that_pass(service, get, monkeypatch):
    monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    service.faults = [
        ("/flights/data", 503),
        ("pageToken=2", 429),
        ("pageToken=4", 500),
        ("/tables/f", 502),
    ]
    assert get(TABLE)[1] == READ
    assert service.faults == []


def test_what_stays_broken_is_given_up_with_the_last_answer(service, get, monkeypatch):
    monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    service.faults = [("/flights/data", 503)] * 10**5
    with pytest.raises(DataError, match="cannot be reached") as caught:
        get(TABLE, retry_seconds=0.3)
    assert "Service Unavailable" in caught.value.cause


def test_a_query_comes_with_its_job_and_without_its_text(service, get):
    service.faults = [("POST", 503), ("/jobs?", 503)]
    found, rows = get(f"bigquery:{SQL}")
    assert rows == READ
    assert found.lineage == {
        "query_sha256": hashlib.sha256(SQL.encode()).hexdigest(),
        "tables": ["linear.d.flights"],
    }
    (source,) = found.sources
    assert source.version["job"] in service.jobs
    assert source.version["bytes_billed"] == "4096"
    assert source.lasting_version == {}, "a job is another one each time"
    assert "x@example.com" not in repr(found)


def test_a_job_that_fails_on_their_side_is_started_anew(service, get):
    service.fails = ["backendError", "backendError"]
    assert get(f"bigquery:{SQL}")[1] == READ
    assert len(service.jobs) == 3
    service.fails = ["invalidQuery"]
    with pytest.raises(DataError, match="BigQuery refuses the query") as caught:
        get(f"bigquery:{SQL}")
    assert "the job failed" in caught.value.cause


@pytest.mark.parametrize("fault", [-1, 503])
def test_a_service_that_stays_away_is_given_up_in_time(service, get, fault):
    service.faults = [("POST", fault)] * 10**5
    with pytest.raises(DataError, match="the query cannot be reached"):
        get(f"bigquery:{SQL}", retry_seconds=0.3)


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An account of a person, who has no project."""
    names = {"client_id": "x", "client_secret": "secret", "refresh_token": "secret"}
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"type": "authorized_user", **names}))
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", bigquery_rows.REST_EMULATOR):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(gcs.EMULATOR, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.filterwarnings("ignore:Your application has authenticated")
def test_an_account_without_a_project_is_told_to_name_one(account, tmp_path):
    with pytest.raises(ConfigError, match="BigQuery needs a project") as caught:
        resolve(TABLE, tmp_path, [])
    assert "project" in caught.value.hint
    gcs.GcsClient()


def test_a_view_is_asked_what_it_answers(service, get):
    service.tables["view"] = Table(COLUMNS, [], kind="VIEW")
    service.queries["SELECT * FROM `linear.d.view`"] = Table(COLUMNS, ROWS)
    found, rows = get("bigquery://linear.d.view")
    assert rows == READ
    assert found.sources[0].name == "linear.d.view"


def test_what_is_no_select_does_not_run(service, get):
    service.kinds["DROP TABLE d.flights"] = "DROP_TABLE"
    with pytest.raises(ConfigError, match="the query is no SELECT") as caught:
        get("bigquery:DROP TABLE d.flights")
    assert "DROP_TABLE" in caught.value.cause
    assert service.jobs == {}


def test_a_query_that_costs_too_much_does_not_run(service, get):
    with pytest.raises(DataError, match="would read 4,096 bytes"):
        get(f"bigquery:{SQL}", max_bytes_billed=4095)
    assert service.jobs == {}
    get(f"bigquery:{SQL}", max_bytes_billed=4096)


def test_a_query_that_does_not_parse_is_told(service, get):
    with pytest.raises(DataError, match="BigQuery refuses the query") as caught:
        get("bigquery:SELEC 1")
    assert caught.value.cause == "Syntax error: Unexpected identifier at [1:1]"


def test_a_table_that_changes_while_it_is_read_is_told(service, get, monkeypatch):
    monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    service.before["pageToken=4"] = lambda: setattr(service.tables["flights"], "etag", "two")
    with pytest.raises(DataError, match=f"{TABLE} changed while it was read") as caught:
        get(TABLE)
    assert caught.value.cause == "its etag was one and is two"


def test_fewer_rows_than_there_are_is_not_whole(service, get):
    service.tables["flights"].told = 6
    with pytest.raises(DataError, match="did not come whole") as caught:
        get(TABLE)
    assert caught.value.cause == "5 of 6 rows came"


@pytest.mark.parametrize("storage", [True, False])
def test_an_empty_table_keeps_its_columns(service, get, monkeypatch, storage):
    if not storage:
        monkeypatch.delenv(bigquery_rows.STORAGE_EMULATOR)
    service.tables["flights"].rows = []
    assert get(TABLE)[1] == {"n": [], "f": [], "t": []}


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("bigquery://linear.d.flihgts", "did you mean 'flights'?"),
        ("bigquery://linear.other.flights", "there is no dataset linear.other"),
    ],
)
def test_a_table_that_is_not_there_is_told_with_what_is_near(service, get, data, cause):
    with pytest.raises(DataError, match="there is no table linear") as caught:
        get(data)
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    "data", ["bigquery://d.flights", "bigquery://p`x.d.t", "bigquery:", "bigquery: "]
)
def test_what_is_no_table_and_no_query(service, get, data):
    with pytest.raises(ConfigError):
        get(data)
