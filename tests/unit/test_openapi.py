"""The OpenAPI document is valid, and says what the tables say."""

import json
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from ringline.domain.permissions import lowest_role
from ringline.rpc.action import Action, ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.rpc.examples import example_of
from ringline.rpc.openapi import make_rpc_document
from ringline.rpc.openapi_actions import request_name, response_name
from ringline.rpc.resources import RESOURCES
from ringline.wire.errors import RPC_ERRORS, refuse_rpc
from ringline.wire.rpc import INTERNAL_REASONS, PROBLEMS, answer_problems, internal_problem, problem

DOCUMENT = make_rpc_document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]


def accepts(name: str, value: Any) -> bool:
    """Tell whether a component describes a value."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def refs_of(value: Any) -> set[str]:
    match value:
        case {"$ref": str(target), **rest}:
            return {target} | refs_of(rest)
        case dict():
            return set().union(*map(refs_of, value.values()))
        case list():
            return set().union(*map(refs_of, value))
        case _:
            return set()


def test_the_document_is_valid() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))


def test_the_names_that_clients_know() -> None:
    paths = DOCUMENT["paths"]
    assert paths["/rpc/public/run"]["post"]["operationId"] == "publicRpcRun"
    assert paths["/rpc/public/validate"]["post"]["operationId"] == "publicRpcValidate"
    assert DOCUMENT["components"]["securitySchemes"]["ApiKeyAuth"]["name"] == "x-api-key"
    assert SCHEMAS["RpcRequest"]["required"] == ["action"]
    assert SCHEMAS["RpcValidationRequest"] == {
        "allOf": [{"$ref": "#/components/schemas/RpcRequest"}]
    }
    assert [way["$ref"].rpartition("/")[2] for way in SCHEMAS["ValidationResponse"]["oneOf"]] == [
        "ValidationSuccessResponse",
        "RpcErrorResponse",
    ]
    assert {"RpcInput", "RpcIdentity", "RpcRunResponse"} <= SCHEMAS.keys()


def test_every_reference_leads_somewhere() -> None:
    for target in refs_of(DOCUMENT):
        found: Any = DOCUMENT
        for step in target.removeprefix("#/").split("/"):
            found = found[step]


def test_no_component_is_left_over() -> None:
    used = {target.rpartition("/")[2] for target in refs_of(DOCUMENT)}
    assert set(SCHEMAS) <= used


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
class TestEveryAction:
    def test_is_a_branch_of_the_request(self, action: Action) -> None:
        reference = f"#/components/schemas/{request_name(action)}"
        assert SCHEMAS["RpcRequest"]["discriminator"]["mapping"][action.name] == reference
        assert {"$ref": reference} in SCHEMAS["RpcRequest"]["oneOf"]
        answer = {"$ref": f"#/components/schemas/{response_name(action)}"}
        assert answer in SCHEMAS["RpcRunResponse"]["anyOf"]

    def test_requires_the_action_and_never_fields(self, action: Action) -> None:
        branch = SCHEMAS[request_name(action)]
        assert branch["properties"]["action"]["const"] == action.name
        assert "action" in branch["required"]
        assert "fields" not in branch["required"]

    def test_takes_its_example(self, action: Action) -> None:
        example = example_of(action)
        assert accepts("RpcRequest", example), example
        assert "'" not in json.dumps(example), "it stands in a shell's quotes"

    def test_refuses_unknown_input(self, action: Action) -> None:
        if action.inputs:
            example = example_of(action)
            unknown = {**example, "input": {**example.get("input", {}), "nope": 1}}
            assert not accepts("RpcRequest", unknown)


@pytest.mark.parametrize("name", RESOURCES)
class TestEveryResource:
    def test_record(self, name: str) -> None:
        resource = RESOURCES[name]
        nulls = {one.name: None for one in resource.fields if one.null}
        assert accepts(name, nulls)
        assert accepts(name, {})
        assert not accepts(name, {"nope": 1})
        for one in resource.fields:
            assert one.null or not accepts(name, {one.name: None}), one.name

    def test_fields(self, name: str) -> None:
        resource = RESOURCES[name]
        everything: list[object] = [one.name for one in resource.fields]
        if resource.relationships:
            everything.append({one.name: ["id"] for one in resource.relationships})
        assert accepts(f"{name}Fields", everything)
        assert not accepts(f"{name}Fields", [])
        assert not accepts(f"{name}Fields", ["nope"])


def test_the_lowest_role_of_each_action_is_said() -> None:
    said = {
        name: SCHEMAS[request_name(action)]["x-lowest-role"] for name, action in ACTIONS.items()
    }
    assert said == {name: lowest_role(name) for name in ACTIONS}
    assert (said["list_calls"], said["end_call"], said["create_key"]) == (
        "member",
        "operator",
        "admin",
    )
    assert said["accept_team_invitation"] is None


def test_lenient_values() -> None:
    def call(**given: object) -> object:
        return {"action": "update_call", "identity": {"callUuid": "c"}, "input": given}

    assert accepts("RpcRequest", call(durationSeconds="12", endedAt=None))
    assert not accepts("RpcRequest", call(durationSeconds=-1))
    assert not accepts("RpcRequest", call(durationSeconds=2**31))
    assert not accepts("RpcRequest", call(status=None))
    assert not accepts("RpcRequest", call(status="sleeping"))


def test_one_of_several_inputs() -> None:
    body = {
        "action": "accept_call_queue_entry",
        "identity": "0" * 8 + "-0000-7000-8000-" + "0" * 12,
    }
    assert accepts("RpcRequest", {**body, "input": {"agentName": "a"}})
    assert not accepts("RpcRequest", {**body, "input": {}})


def test_filters() -> None:
    def filtered(**said: object) -> bool:
        return accepts("RpcRequest", {"action": "list_calls", "fields": ["id"], "filter": said})

    assert filtered(status="ringing", conversation={"aiAgent": {"name": {"contains": "a"}}})
    assert filtered(**{"or": [{"not": {"durationSeconds": {"greaterThan": 3}}}, {}]})
    assert not filtered(nope=1)
    assert not filtered(conversation={"nope": 1})
    assert not filtered(callUuid={"greaterThan": "a"})


def test_pages() -> None:
    def paged(action: str, **page: object) -> bool:
        return accepts("RpcRequest", {"action": action, "fields": ["id"], "page": page})

    assert paged("list_contacts", limit=20, offset=0, count=True)
    assert paged("list_contacts", limit=20, after=None)
    assert not paged("list_contacts", limit=20, offset=0, after="c")
    assert not paged("list_contacts", limit=0)
    without = [a.name for a in ACTIONS.values() if a.kind is ActionKind.LIST and not a.pages]
    assert "page" not in SCHEMAS[request_name(ACTIONS[without[0]])]["properties"]


@pytest.mark.parametrize("type_", PROBLEMS)
def test_every_problem_is_described(type_: str) -> None:
    told = json.loads(answer_problems([problem(type_, variables={"field": "a"}, details={})]))
    assert accepts("RpcErrorResponse", told)
    assert accepts("ValidationResponse", told)


@pytest.mark.parametrize("reason", sorted(INTERNAL_REASONS))
def test_every_internal_problem_is_described(reason: str) -> None:
    assert accepts("RpcErrorResponse", json.loads(answer_problems([internal_problem(reason)])))


@pytest.mark.parametrize("code", RPC_ERRORS)
def test_every_refusal_is_described(code: str) -> None:
    content = DOCUMENT["components"]["responses"][code]["content"]["application/json"]
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(refuse_rpc(code).body))
