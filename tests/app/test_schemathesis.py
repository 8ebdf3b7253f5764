"""Schemathesis against a running server: no 5xx, and no answer that is not documented.

What it sends follows from the OpenAPI document, valid and invalid. It runs twice over the
surface: over every operation as it is, and over each action alone, because in a union of
all of them a single one is rarely chosen. The routes of `/v1` are asked with a key of each
environment: with a test key, calls are placed, run and are controlled.
"""

import asyncio
import copy
import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
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
from tests.realtime_session import until
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.stored_recordings import store_recording
from tests.texting import THEIRS
from tests.v1 import V1
from tests.webhook_rows import make_events, owe

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
REST = {(route.method.lower(), route.path) for route in ROUTES}
DOCUMENT = openapi_document.make_document("1", "/")
#: What a call's hold is refused with in the wrong state: a 500 that is documented.
STATES = ("the call is held already", "the call is not held")
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
EXAMPLES = 50  # per operation
EXAMPLES_OF_AN_ACTION = 6
EXAMPLES_OF_A_ROUTE = 12
EXAMPLES_IN_THE_SANDBOX = 6
#: So slow that no scripted call ends while it is asked for something.
SLOW = 60.0
FROM, TO = "+2348000001234", "+2348031234567"


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> Any:
    """Give a server without rate limits, with something of most kinds in its workspace."""
    async with serving(
        database,
        rate_rpc_per_second=0,
        rate_mint_per_second=0,
        rate_v1_per_minute=0,
        sandbox_clock_scale=SLOW,
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
    await every_route_of_live(service, database, tmp_path=tmp_path)
    await every_route_of_the_sandbox(service)


async def every_route_of_live(service: Service, database: TestDatabase, *, tmp_path: Path) -> None:
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


async def every_route_of_the_sandbox(service: Service) -> None:
    """Each route finds a call that runs, which it may end."""
    v1 = V1(service, service.keys.test_key)
    attendant = format_id(Prefix.AGENT, service.keys.test_agent_id)
    numbers = {"from_number": FROM, "to_number": TO}
    ours = {"display_name": "Ours", "ai_provider": "mock", "ai_model": "echo"}

    async def place() -> str:
        placed = await v1.post("/calls", {"agent_id": attendant, **numbers})
        assert placed.status == 200, placed.body
        call_id = placed.body["call_id"]

        async def is_answered() -> bool:
            return (await v1.get(f"/calls/{call_id}")).body["status"] == "in_progress"

        await until(is_answered)
        return call_id

    ids = {
        "endpoint_id": (await v1.endpoint())["endpoint_id"],
        "key_id": (await v1.new_key("ours"))["key_id"],
        "template_id": format_id(Prefix.TEMPLATE, TEMPLATES[0].id),
        "destination": TO,
        "digits": "12#",
        "agent_id": (await v1.post("/agents", ours)).body["agent_id"],
        **numbers,
    }
    for method, path in sorted(REST, key=lambda route: (route[0] == "delete", route)):
        call_id = await place() if "{call_id}" in path else ""
        succeeded = await asyncio.to_thread(
            examine,
            service,
            DOCUMENT,
            (method.upper(), path),
            EXAMPLES_IN_THE_SANDBOX,
            {**ids, "call_id": call_id},
            v1.key,
        )
        if path.startswith("/v1/calls") and not path.endswith(("/recording", "/resume")):
            assert succeeded, (method, path)


async def test_every_action_alone(service: Service) -> None:
    succeeded: set[str] = set()
    for name, document in alone(make_rpc_document("1")):
        if await asyncio.to_thread(
            examine, service, document, ("POST", RUN), EXAMPLES_OF_AN_ACTION
        ):
            succeeded.add(name)
    lists = {
        action.name
        for action in ACTIONS.values()
        if action.kind is ActionKind.LIST and not action.people  # which no key may call
    }
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
    key: str | None = None,
) -> int:
    """Send what follows from the document to one operation; return how often it succeeded.

    Every second request has the given ids in its path and its body. They are asked with the live
    key, unless another is given.
    """
    method, path = operation
    turns = itertools.count()
    succeeded = 0
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=service.base_url)
    keys = service.keys
    headers = {"x-api-key": keys.test_key if operation in SANDBOX else keys.secret_key}
    if key is not None:
        headers = {"x-api-key": key}

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
            known = {name: ids[name] for name in case.path_parameters if name in ids}
            case.path_parameters = {**case.path_parameters, **known}
            if key is not None and isinstance(case.body, dict):
                body = cast("dict[str, Any]", case.body)
                body |= {name: ids[name] for name in body if name in ids}
        response = case.call(session=session, headers=headers)
        case.validate_response(response, checks=CHECKS)
        nonlocal succeeded
        is_json = response.headers.get("content-type", [""])[0].startswith("application/json")
        said = response.json() if is_json and response.content else {}
        if response.status_code >= 500:
            documented = said.get("error_code") == "INTERNAL" and said["message"] in STATES
            assert documented, (case, response.status_code, said)
        succeeded += response.status_code in (200, 201, 204) and said.get("success", True)
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
