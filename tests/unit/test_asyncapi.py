"""docs/asyncapi.yaml is an AsyncAPI 3 document, and describes the messages as they are."""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgpack
import numpy
import pytest
import yaml
from hypothesis import given
from jsonschema import Draft7Validator, FormatChecker, ValidationError

from flowedge import MODES, NAME_SCHEMES
from flowedge.codec import CONTENT_TYPES, MAX_PARTS, encode_part, split
from flowedge.codec.limits import BODY_KEYS, HEAD_KEYS, MAX_COLUMNS, MAX_COUNTS, MAX_INTEGER, MAX_TEXT
from flowedge.edges import KINDS, EdgeList
from flowedge.edges.column import LETTERS

from .edge_lists import edge_lists, empty, three_flows, two_pairs
from .test_codec import META, STATS, STATUS

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
)
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]
# The fields that the AsyncAPI 3.0.0 specification and version 0.2.0 of its MQTT bindings define.
ROOT = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
CHANNEL = {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"}
OPERATION = {"action", "channel", "title", "summary", "description", "tags", "bindings", "messages", "reply"}
MESSAGE = {"headers", "payload", "contentType", "name", "title", "summary", "description", "bindings", "examples"}
BINDINGS = {
    "operations": {"qos", "retain", "messageExpiryInterval", "bindingVersion"},
    "messages": {"payloadFormatIndicator", "correlationData", "contentType", "responseTopic", "bindingVersion"},
}


def validator(schema: str) -> Draft7Validator:
    """AsyncAPI's schemas are JSON Schema draft 7."""
    return Draft7Validator(DOCUMENT | {"$ref": f"#/components/schemas/{schema}"}, format_checker=FormatChecker())


def as_json(payload: bytes) -> Any:
    """An edge list in msgpack, with what the description says stands for addresses and numbers there."""
    message = msgpack.unpackb(payload)
    message["nodes"] = [address(node) for node in message["nodes"]]
    message["cols"] = {name: column(*parts) for name, parts in message["cols"].items()}
    return message


def address(node: Any) -> Any:
    return [address(node[0]), node[1]] if isinstance(node, list) else str(ip_address(node))


def column(code: str, data: bytes, *offsets: bytes) -> list[Any]:
    return [code, numpy.frombuffer(data, code).tolist(), *(numpy.frombuffer(part, "<u4").tolist() for part in offsets)]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def resolved(reference: str) -> Any:
    value: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        value = value[step]
    return value


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert all(resolved(reference) for reference in found)
    for place in ("schemas", "messages", "parameters"):
        named = {f"#/components/{place}/{name}" for name in DOCUMENT["components"][place]}
        assert named <= found, "something is never used"


def test_the_document_has_the_fields_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= ROOT
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert all({"host", "protocol"} <= set(server) for server in DOCUMENT["servers"].values())
    assert all(set(channel) <= CHANNEL for channel in DOCUMENT["channels"].values())
    assert all(set(message) <= MESSAGE for message in MESSAGES.values())
    for operation in DOCUMENT["operations"].values():
        assert set(operation) <= OPERATION
        assert operation["action"] == "send"
        assert resolved(operation["channel"]["$ref"]) in DOCUMENT["channels"].values()


def test_the_bindings_are_those_of_mqtt() -> None:
    bound = [("operations", part) for part in DOCUMENT["operations"].values()]
    bound += [("messages", part) for part in MESSAGES.values() if "bindings" in part]
    for kind, part in bound:
        assert set(part["bindings"]) == {"mqtt"}
        assert set(part["bindings"]["mqtt"]) <= BINDINGS[kind]
        assert part["bindings"]["mqtt"]["bindingVersion"] == "0.2.0"


@pytest.mark.parametrize("channel", DOCUMENT["channels"])
def test_a_topics_parameters_are_described(channel: str) -> None:
    described = DOCUMENT["channels"][channel]
    assert set(re.findall(r"\{(\w+)\}", described["address"])) == set(described["parameters"])
    assert described["address"].split("/")[-1] == channel


def test_topics_quality_and_retention() -> None:
    said = {
        operation["channel"]["$ref"].split("/")[-1]: (
            operation["bindings"]["mqtt"]["qos"],
            operation["bindings"]["mqtt"]["retain"],
        )
        for operation in DOCUMENT["operations"].values()
    }
    assert said == {"status": (1, True), "meta": (1, True), "edges": (1, False), "stats": (0, False)}


def test_the_schemas_are_schemas() -> None:
    for schema in SCHEMAS.values():
        Draft7Validator.check_schema(schema)


def test_the_examples_are_valid() -> None:
    for message in MESSAGES.values():
        schema = message["payload"]["$ref"].split("/")[-1]
        for example in message.get("examples", ()):
            validator(schema).validate(example["payload"])


def test_limits_and_names_are_those_of_the_code() -> None:
    edges = SCHEMAS["edges"]
    assert set(edges["required"]) == set(edges["properties"]) == set(HEAD_KEYS + BODY_KEYS)
    assert SCHEMAS["column"]["items"][0]["enum"] == list(LETTERS)
    assert SCHEMAS["kind"]["enum"] == list(KINDS)
    assert SCHEMAS["name"]["maxLength"] == SCHEMAS["boot"]["maxLength"] == MAX_TEXT
    assert SCHEMAS["count"]["maximum"] == SCHEMAS["time"]["maximum"] == MAX_INTEGER
    assert SCHEMAS["counts"]["maxProperties"] == MAX_COUNTS
    assert edges["properties"]["parts"]["maximum"] == MAX_PARTS
    assert edges["properties"]["cols"]["maxProperties"] == MAX_COLUMNS
    assert SCHEMAS["meta"]["properties"]["mode"]["enum"] == list(MODES)
    assert SCHEMAS["meta"]["properties"]["names"]["enum"] == list(NAME_SCHEMES)
    assert {MESSAGES[f"edges{name.title()}"]["contentType"] for name in CONTENT_TYPES} == set(CONTENT_TYPES.values())


@pytest.mark.parametrize("edges", [three_flows(), two_pairs(), empty()], ids=["flows", "pairs", "empty"])
def test_edge_lists_are_as_described(edges: EdgeList) -> None:
    for payload in split(edges):
        validator("edges").validate(as_json(payload))
    for payload in split(edges, encoding="json"):
        validator("edges").validate(json.loads(payload))


@given(edge_lists())
def test_any_edge_list_is_as_described(edges: EdgeList) -> None:
    validator("edges").validate(json.loads(encode_part(edges, encoding="json")))


def test_other_messages_are_as_described() -> None:
    validator("status").validate(json.loads(STATUS.to_json()))
    validator("meta").validate(json.loads(META.to_json()))
    validator("stats").validate(json.loads(STATS.to_json()))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v", 2),
        ("part", 0),
        ("site", ""),
        ("kind", "flows"),
        ("nodes", ["no address"]),
        ("nodes", [["10.0.0.0", 129]]),
        ("cols", {"src": ["<u1", [0]]}),
        ("cols", {"src": ["<u1", [0]], "dst": ["<i1", [0]]}),
        ("cols", {"src": ["<u1", [0]], "dst": ["<u1", [0]], "x": ["<u1", [[1]]]}),
        ("drop", {"dropped": -1}),
    ],
)
def test_what_is_wrong_is_not_as_described(key: str, value: Any) -> None:
    message = json.loads(encode_part(two_pairs(), encoding="json")) | {key: value}
    with pytest.raises(ValidationError):
        validator("edges").validate(message)
