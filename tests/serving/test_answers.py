"""What a server answers, over both protocols."""

import json
import struct
import subprocess
import threading
import time

import pytest

from plimsoll.formats.package import open_package
from serving.made_package import INSTANCES


def v2(instances, **extra):
    """Returns a v2 request, one tensor a raw column."""
    types = {
        "distance": "FP64",
        "hour": "INT64",
        "carrier": "BYTES",
        "weekend": "BOOL",
        "at": "BYTES",
    }
    inputs = [
        {
            "name": name,
            "datatype": datatype,
            "shape": [len(instances)],
            "data": [row[name] for row in instances],
        }
        for name, datatype in types.items()
    ]
    return json.dumps({"inputs": inputs, **extra}).encode()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_v1_gives_the_recorded_answers(servers, packages, task):
    _, answers = open_package(packages[task]).warmup()
    status, content = servers[task].ask(INSTANCES)
    assert status == 200
    assert list(content) == ["predictions"]
    assert content["predictions"] == answers


def test_a_row_is_answered_the_same_alone(server):
    _, batch = server.ask(INSTANCES)
    for instance, answer in zip(INSTANCES, batch["predictions"], strict=True):
        _, alone = server.ask([instance])
        assert alone["predictions"][0]["label"] == answer["label"]
        assert alone["predictions"][0]["probability"] == pytest.approx(answer["probability"])


def test_the_answer_of_a_binary_model_names_the_positive_class(server):
    _, content = server.ask(INSTANCES)
    for answer in content["predictions"]:
        assert answer["probability"] == answer["probabilities"]["true"]
        assert answer["label"] is (answer["probability"] >= 0.5)
        assert sum(answer["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_v2_gives_labels_and_probabilities(servers, packages, task):
    package = open_package(packages[task])
    _, answers = package.warmup()
    status, content = servers[task].send("/v2/models/arrived_late/infer", v2(INSTANCES, id="7"))
    assert status == 200
    assert content["id"] == "7"
    assert content["model_version"] == package.version
    label, probabilities = content["outputs"]
    assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [4])
    texts = [json.dumps(answer["label"]).strip('"') for answer in answers]
    assert label["data"] == texts
    assert probabilities["name"] == "probabilities"
    assert probabilities["datatype"] == "FP64"
    assert probabilities["shape"] == [4, len(package.classes)]
    flat = [share for answer in answers for share in answer["probabilities"].values()]
    assert probabilities["data"] == pytest.approx(flat)


def test_v2_gives_values_for_regression(servers, packages):
    _, answers = open_package(packages["regression"]).warmup()
    _, content = servers["regression"].send("/v2/models/arrived_late/infer", v2(INSTANCES))
    (value,) = content["outputs"]
    assert (value["name"], value["datatype"], value["shape"]) == ("value", "FP64", [4])
    assert value["data"] == pytest.approx([answer["value"] for answer in answers])


def test_v2_takes_columns_of_shape_n_by_1_and_binary_tensors(server):
    rows = INSTANCES[:2]
    content = json.loads(v2(rows))
    for tensor in content["inputs"]:
        tensor["shape"] = [2, 1]
        tensor["data"] = [[value] for value in tensor["data"]]
    nested = server.send("/v2/models/arrived_late/infer", json.dumps(content).encode())[1]

    raw = struct.pack("<2d", *(row["distance"] for row in rows))
    content["inputs"][0] = {
        "name": "distance",
        "datatype": "FP64",
        "shape": [2],
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps(content).encode()
    binary = server.send(
        "/v2/models/arrived_late/infer",
        head + raw,
        Content_Type="application/octet-stream",
        Inference_Header_Content_Length=str(len(head)),
    )[1]
    flat = server.send("/v2/models/arrived_late/infer", v2(rows))[1]
    assert nested["outputs"] == flat["outputs"] == binary["outputs"]


def test_v2_gives_only_the_outputs_asked_for(server):
    body = v2(INSTANCES, outputs=[{"name": "label"}])
    _, content = server.send("/v2/models/arrived_late/infer", body)
    assert [output["name"] for output in content["outputs"]] == ["label"]


def test_v2_metadata_lists_each_raw_column(server):
    _, content = server.send("/v2/models/arrived_late", None)
    assert {item["name"]: item["datatype"] for item in content["inputs"]} == {
        "distance": "FP64",
        "hour": "INT64",
        "carrier": "BYTES",
        "weekend": "BOOL",
        "at": "BYTES",
    }
    assert content["outputs"] == [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
    ]


def test_the_model_says_that_it_is_ready(server):
    assert server.send("/v2/models/arrived_late/ready", None)[1]["ready"] is True


def test_an_unknown_category_is_answered_as_unknown(server):
    odd = [{**INSTANCES[0], "carrier": carrier} for carrier in ("??", "another", None)]
    status, content = server.ask(odd)
    assert status == 200
    one, other, missing = (answer["probability"] for answer in content["predictions"])
    assert one == pytest.approx(other)
    assert one != pytest.approx(missing)


def test_a_column_of_the_data_set_that_is_no_feature_may_be_there(server):
    with_it = server.ask([{**INSTANCES[0], "tailnum": "N14228"}])
    assert with_it == server.ask([INSTANCES[0]])
    assert with_it[0] == 200


def test_the_curl_line_works_when_pasted(server):
    done = subprocess.run(["bash", "-c", server.curl], capture_output=True, text=True, check=True)
    _, content = server.ask(INSTANCES[:1])
    assert json.loads(done.stdout) == content


def test_a_body_without_a_json_content_type_is_read_all_the_same(server):
    body = json.dumps({"instances": INSTANCES}).encode()
    for kind in ("application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        given = server.send("/v1/models/arrived_late:predict", body, Content_Type=kind)
        assert given == server.ask(INSTANCES)
    given = server.send(
        "/v2/models/arrived_late/infer", v2(INSTANCES, id="1"), Content_Type="text/x"
    )
    assert given == server.send("/v2/models/arrived_late/infer", v2(INSTANCES, id="1"))


def test_a_long_request_does_not_keep_probes_waiting(servers):
    server = servers["regression"]
    long = threading.Thread(target=server.ask, args=(INSTANCES * 2500,))
    long.start()
    waits = []
    while long.is_alive():
        began = time.perf_counter()
        assert server.send("/v2/models/arrived_late/ready", None)[0] == 200
        waits.append(time.perf_counter() - began)
    long.join()
    assert len(waits) > 2


def test_requests_leave_no_line_in_the_log(servers):
    server = servers["multiclass"]
    server.ask(INSTANCES)
    server.ask([{"distance": "far"}])
    server.send("/v1/models/nobody:predict", b"{}")
    assert server.log.read_text() == ""
