"""Schemathesis against a running server: no 5xx, and no answer that is not documented.

What it sends follows from the OpenAPI document, valid and invalid. It runs twice over the
surface: over every operation as it is, and over each action alone, because in a union of
all of them a single one is rarely chosen.
"""

import asyncio
import copy
import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ringline.domain.agent_templates import TEMPLATES
from ringline.domain.ids import Prefix, format_id
from ringline.rest.routes import ROUTES
from ringline.rpc.action import ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.rpc.openapi import RUN, make_rpc_document
from ringline.rpc.openapi_actions import request_name
from ringline.web import openapi_document
from tests.call_rows import live
from tests.callers import make_call
from tests.database import TestDatabase
from tests.message_rows import store_message
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.stored_recordings import store_recording
from tests.texting import THEIRS
from tests.v1 import V1
from tests.webhook_rows import make_events, owe

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
REST = {(route.method.lower(), route.path) for route in ROUTES}
DOCUMENT = openapi_document.make_document("1", "/")
#: What a live key cannot do without a telephone and a provider of messages, or may not at all.
SANDBOX = (
    ("POST", "/v1/calls"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/template"),
    ("POST", "/v1/sandbox/messages"),
)
OPERATIONS = tuple(
    path
    for path, methods in DOCUMENT["paths"].items()
    if "post" in methods and ("post", path) not in REST
)
#: What hypothesis says of large schemas; they are what they are.
UNMINDED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example)
EXAMPLES = 150  # per operation
EXAMPLES_OF_AN_ACTION = 6
EXAMPLES_OF_A_ROUTE = 16


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> Any:
    """Give a server without rate limits, with something of most kinds in its workspace."""
    async with serving(
        database,
        rate_rpc_per_second=0,
        rate_mint_per_second=0,
        rate_v1_per_minute=0,
        data_dir=tmp_path,
    ) as service:
        await make_call(service, "Good morning.")
        rpc = Rpc(service)
        contact = {"fullName": "Ada", "phoneE164": "+15550123", "notes": "…"}
        await rpc.run("create_contact", input=contact)
        await rpc.run("create_contact", input={"fullName": "Grace"})
        await rpc.run("create_gateway", input={"name": "g", "username": "u", "realm": "r"})
        await rpc.run("create_phone_number", input={"phoneE164": "+15550123"})
        yield service


async def test_every_operation(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/openapi.json") as answer:
        document = await answer.json()
    assert document["paths"] == DOCUMENT["paths"]
    for path in OPERATIONS:
        await asyncio.to_thread(examine, service, document, ("POST", path), EXAMPLES)


async def test_every_route_of_v1(service: Service, database: TestDatabase, tmp_path: Path) -> None:
    """Half of the requests name rows that exist; what deletes one comes last."""
    endpoint = (await V1(service).endpoint())["endpoint_id"]
    (event,) = await make_events(Rpc(service), 1)
    delivery = await owe(database, event, endpoint_id=endpoint, status="dead")
    key = (await V1(service).new_key("mine"))["key_id"]
    made = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}
    call = await Rpc(service).run("create_call", input=made, fields=["id"])
    number = (await V1(service).new_number())["number_id"]
    agent = format_id(Prefix.AGENT, service.keys.agent_id)
    ids = {
        "endpoint_id": endpoint,
        "delivery_id": delivery,
        "event_id": event,
        "key_id": key,
        "call_id": call["id"],
        "number_id": number,
        "rule_id": (await V1(service).new_rule(number, agent))["rule_id"],
        "agent_id": agent,
        "template_id": format_id(Prefix.TEMPLATE, TEMPLATES[0].id),
    }
    scope, agent_id = live(service), service.keys.agent_id
    ids["conversation_id"], ids["message_id"] = await store_message(database, scope, agent_id)
    ids["e164"] = THEIRS
    opted_out = {"agent_id": ids["agent_id"], "number": THEIRS, "channel": "sms"}
    await V1(service).post("/opt-outs", opted_out)
    recorded = await store_recording(database, live(service), tmp_path)
    for method, path in sorted(REST, key=lambda route: (route[0] == "delete", route)):
        if path.endswith("/recording"):
            ids["call_id"] = recorded.id
        succeeded = await asyncio.to_thread(
            examine, service, DOCUMENT, (method.upper(), path), EXAMPLES_OF_A_ROUTE, ids
        )
        assert succeeded or method != "get", "what is documented is accepted"


async def test_every_action_alone(service: Service) -> None:
    succeeded: set[str] = set()
    for name, document in alone(make_rpc_document("1")):
        if await asyncio.to_thread(
            examine, service, document, ("POST", RUN), EXAMPLES_OF_AN_ACTION
        ):
            succeeded.add(name)
    lists = {action.name for action in ACTIONS.values() if action.kind is ActionKind.LIST}
    assert lists <= succeeded, "what is documented is accepted"


def alone(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document once per action, with that one alone."""
    for action in ACTIONS.values():
        narrow = copy.deepcopy(document)
        schemas = narrow["components"]["schemas"]
        schemas["RpcRequest"] = {"$ref": f"#/components/schemas/{request_name(action)}"}
        if action.is_read:  # no branch requires them, and most requests would be without
            schemas[request_name(action)]["required"].append("fields")
        del narrow["paths"][RUN]["post"]["requestBody"]["content"]["application/json"]["examples"]
        yield action.name, narrow


def examine(
    service: Service,
    document: dict[str, Any],
    operation: tuple[str, str],
    examples: int,
    ids: Mapping[str, str] | None = None,
) -> int:
    """Send what follows from the document to one operation; return how often it succeeded.

    Every second request has the given ids in its path. What a live key has no telephone for is
    asked with a test key.
    """
    method, path = operation
    turns = itertools.count()
    succeeded = 0
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=service.base_url)
    keys = service.keys
    headers = {"x-api-key": keys.test_key if operation in SANDBOX else keys.secret_key}

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNMINDED,
    )
    def check(case: Case) -> None:
        if ids and next(turns) % 2:
            case.path_parameters = {name: ids[name] for name in case.path_parameters}
        response = case.call(session=session, headers=headers)
        case.validate_response(response, checks=CHECKS)
        nonlocal succeeded
        is_json = response.headers.get("Content-Type", [""])[0].startswith("application/json")
        said = response.json() if is_json and response.content else {}
        succeeded += response.status_code == 200 and said.get("success", True)
        for problem in said.get("errors", ()):
            is_defect = problem["message"] == "something went wrong here"
            assert not is_defect, (case.body, problem)

    with closing(requests_session()) as session:
        check()
    return succeeded


def requests_session() -> requests.Session:
    """Make a session that asks no environment for proxies."""
    session = requests.Session()
    session.trust_env = False
    return session
