"""What a server refuses: 400, with what was wrong and what to do; never 500."""

import json

import pytest

from serving.made_package import INSTANCES

GOOD = INSTANCES[0]
V1 = "/v1/models/arrived_late:predict"
V2 = "/v2/models/arrived_late/infer"


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


def tensors(**changes):
    good = {
        "distance": {"datatype": "FP64", "shape": [1], "data": [1.0]},
        "hour": {"datatype": "INT64", "shape": [1], "data": [6]},
        "carrier": {"datatype": "BYTES", "shape": [1], "data": ["UA"]},
        "weekend": {"datatype": "BOOL", "shape": [1], "data": [True]},
        "at": {"datatype": "BYTES", "shape": [1], "data": ["2013-10-01"]},
    }
    merged = {name: {**tensor, **changes.get(name, {})} for name, tensor in good.items()}
    return {"inputs": [{"name": name, **tensor} for name, tensor in merged.items()]}


@pytest.mark.parametrize(
    ("instance", "said"),
    [
        (without("carrier"), ["'carrier' is missing"]),
        ({**GOOD, "carrrier": "UA"}, ["no column 'carrrier'", "did you mean 'carrier'?"]),
        ({**GOOD, "distance": "far"}, ["'distance' has a wrong value", "a number or null"]),
        ({**GOOD, "distance": "12"}, ["write 12 without quotes"]),
        ({**GOOD, "hour": 6.5}, ["'hour'", "a whole number"]),
        ({**GOOD, "weekend": 1}, ["'weekend'", "true, false or null"]),
        ({**GOOD, "carrier": 3}, ["'carrier'", 'in quotes: "3"']),
        ({**GOOD, "at": "yesterday"}, ["'at'", "ISO 8601"]),
        ({**GOOD, "at": 12}, ["'at'"]),
        ({**GOOD, "distance": [1]}, ["'distance'"]),
        ({**GOOD, "distance": 10**400}, ["error"]),
        ({}, ["is missing"]),
        ("text", ["instances[0] must be an object"]),
        (None, ["instances[0] must be an object"]),
        ([1, 2], ["instances[0] must be an object"]),
    ],
)
def test_a_bad_instance(server, instance, said):
    status, content = server.ask([instance])
    assert status == 400
    assert list(content) == ["error"]
    for text in said:
        assert text in content["error"] or text == "error"


def test_the_instance_that_is_wrong_is_named(server):
    _, content = server.ask([GOOD, GOOD, without("hour")])
    assert "instances[2]" in content["error"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cannot be read"),
        (b"instances", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"{" * 5000, "cannot be read"),
        (b"[1]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "no 'instances'"),
        (b'{"instance": []}', "did you mean 'instances'?"),
        (b'{"instances": []}', "has no rows"),
        (b'{"instances": {}}', "not a list"),
        (b'{"instances": "x"}', "not a list"),
        (b'{"instances": null}', "not a list"),
        (b'{"instances": [NaN]}', "cannot be read"),
    ],
)
def test_a_bad_v1_body(server, body, said):
    status, content = server.send(V1, body)
    assert (status, list(content)) == (400, ["error"])
    assert said in content["error"]
    assert "next: " in content["error"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "inputs: Field required"),
        ({"inputs": []}, "has no inputs"),
        ({"inputs": {}}, "v2 protocol"),
        ({"inputs": [{"name": "hour"}]}, "shape: Field required"),
        (tensors(hour={"data": [6, 7]}), "'hour' holds 2 values"),
        (tensors(hour={"shape": [2], "data": [6, 7]}), "different numbers of values"),
        (tensors(hour={"shape": [1, 2]}), "has shape [1, 2]"),
        (tensors(hour={"shape": []}), "has shape []"),
        (tensors(hour={"shape": [-1]}), "holds 1 values"),
        (tensors(hour={"datatype": "BYTES", "data": ["6"]}), "has datatype BYTES"),
        (tensors(carrier={"datatype": "FP64", "data": [6]}), "has datatype FP64"),
        (tensors(hour={"datatype": "FP16"}), "FP16"),
        (tensors(hour={"data": ["six"]}), "'hour' has a wrong value"),
        (tensors(hour={"data": [{"a": 1}]}), "'hour' has a wrong value"),
        ({"inputs": tensors()["inputs"][1:]}, "'distance' is missing"),
        ({"inputs": tensors()["inputs"] * 2}, "comes twice"),
        ({**tensors(), "outputs": [{"name": "labels"}]}, "did you mean 'label'?"),
        (
            {
                "inputs": [
                    *tensors()["inputs"],
                    {"name": "x", "datatype": "FP64", "shape": [1], "data": [1]},
                ]
            },
            "column 'x'",
        ),
    ],
)
def test_a_bad_v2_body(server, content, said):
    status, answer = server.send(V2, json.dumps(content).encode())
    assert (status, list(answer)) == (400, ["error"])
    assert said in answer["error"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"no", {}),
        (b'"text"', {}),
        (b"\xff", {}),
        (b'{"inputs": [', {}),
        (b"no", {"Inference_Header_Content_Length": "2"}),
        (b"{}", {"Inference_Header_Content_Length": "2"}),
        (b"{}", {"Inference_Header_Content_Length": "two"}),
        (b'{"inputs": [1]}', {"Inference_Header_Content_Length": "15"}),
        (
            json.dumps(
                {
                    "inputs": [
                        {
                            "name": "hour",
                            "datatype": "INT64",
                            "shape": [1],
                            "parameters": {"binary_data_size": 8},
                        }
                    ]
                }
            ).encode(),
            {"Inference_Header_Content_Length": "104"},
        ),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_a_v2_body_that_is_not_even_json(server, body, headers, kind):
    status, answer = server.send(V2, body, Content_Type=kind, **headers)
    assert (status, list(answer)) == (400, ["error"])


def test_half_a_cloud_event(server):
    status, answer = server.send(
        V1, b"{", ce_id="1", ce_source="x", ce_type="y", ce_specversion="9.9"
    )
    assert (status, list(answer)) == (400, ["error"])


def test_more_rows_than_the_limit(server):
    status, content = server.ask([GOOD] * 6)
    assert status == 400
    assert "has 6 rows" in content["error"]
    assert "5 at most" in content["error"]
    assert server.ask([GOOD] * 5)[0] == 200


def test_a_body_longer_than_the_limit(server):
    body = json.dumps({"instances": [{**GOOD, "carrier": "x" * 100_000}]}).encode()
    for path in (V1, V2):
        status, content = server.send(path, body)
        assert status == 413
        assert "longer than this server takes" in content["error"]


def test_a_chunked_body_longer_than_the_limit(server):
    from http.client import HTTPConnection

    host = server.url.removeprefix("http://")
    for path in (V1, V2):
        connection = HTTPConnection(host, timeout=60)
        chunks = (b" " * 30_000 for _ in range(4))
        connection.request(
            "POST", path, body=chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        response = connection.getresponse()
        assert response.status == 413
        assert "longer than this server takes" in json.loads(response.read())["error"]
        connection.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/nobody:predict", 404),
        ("/v2/models/nobody/infer", 404),
        ("/nothing", 404),
        ("/v1/models/arrived_late:explain", 501),
        ("/v2/models/arrived_late/versions/1/infer", 501),
        ("/v2/models/arrived_late/ready", 405),
        ("/v2/repository/models/arrived_late/unload", 400),
        ("/v2/repository/models/arrived_late/load", 400),
    ],
)
def test_what_is_not_served(server, path, status):
    body = json.dumps(tensors()).encode()
    found, content = server.send(path, body)
    assert (found, list(content)) == (status, ["error"])
    assert server.send("/v2/models/arrived_late/ready", None)[0] == 200


def test_a_request_of_the_wrong_type_does_not_repeat_values_of_others(server):
    secret = {**GOOD, "carrier": "a private value"}
    _, content = server.ask([secret, without("hour")])
    assert "a private value" not in content["error"]
