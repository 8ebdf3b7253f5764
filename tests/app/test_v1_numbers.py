"""The numbers of `/v1`, which are RPC's as well."""

from typing import Any
from uuid import UUID

import pytest

from ringline.domain.ids import Prefix, format_id
from ringline.domain.v1_limits import NUMBER_CHARACTERS
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.v1 import V1

NUMBER = "+2348031234567"
ALL = ["voice", "sms", "whatsapp"]


@pytest.fixture
def v1(service: Service) -> V1:
    return V1(service)


def agent_of(service: Service) -> str:
    return format_id(Prefix.AGENT, service.keys.agent_id)


async def rpc_numbers(service: Service, key: str | None = None) -> Any:
    fields = ["id", "phoneE164", "aiAgentId", "channels", "inboundEnabled"]
    return await Rpc(service, key or service.keys.secret_key).run(
        "list_phone_numbers", fields=fields
    )


async def test_a_number_is_added_and_is_rpcs_too(service: Service, v1: V1) -> None:
    agent_id = agent_of(service)
    answer = await v1.post(
        "/numbers", {"e164": NUMBER, "agent_id": agent_id, "channels": ["sms", "voice"]}
    )
    assert answer.status == 201
    number = answer.body
    assert number == {
        "number_id": number["number_id"],
        "e164": NUMBER,
        "type": "mobile_virtual",
        "status": "provisioned",
        "agent_id": agent_id,
        "channels": ["sms", "voice"],
        "mno": "MTN",
        "provisioned_at": number["provisioned_at"],
    }
    (row,) = await rpc_numbers(service)
    assert format_id(Prefix.PHONE_NUMBER, UUID(row.pop("id"))) == number["number_id"]
    assert row == {
        "phoneE164": NUMBER,
        "aiAgentId": str(service.keys.agent_id),
        "channels": ["sms", "voice"],
        "inboundEnabled": True,
    }
    assert (await v1.get("/numbers")).body == {"numbers": [number]}


async def test_the_least_is_the_number_as_it_is_written(v1: V1) -> None:
    number = await v1.new_number("+44 (0)20 7946 0958", agent_id=None, unknown={})
    assert (number["e164"], number["type"]) == ("+442079460958", "intl_did")
    assert (number["agent_id"], number["mno"], number["channels"]) == (None, None, ALL)


async def test_what_rpc_adds_is_in_the_inventory(service: Service, v1: V1) -> None:
    rpc = Rpc(service)
    given = {"phoneE164": "+2341000001234", "channels": ["whatsapp"]}
    await rpc.run("create_phone_number", input=given)
    await rpc.run("create_phone_number", input={"phoneE164": "+15550123"})
    fiction, lagos = (await v1.get("/numbers")).body["numbers"]
    assert (lagos["e164"], lagos["type"], lagos["mno"]) == ("+2341000001234", "geo_did", None)
    assert lagos["channels"] == ["whatsapp"]
    assert (fiction["type"], fiction["channels"]) == (None, ALL)
    for channels in ([], ["voice", "voice"], ["fax"], "voice"):
        bad = {"phoneE164": NUMBER, "channels": channels}
        error = await rpc.problem("create_phone_number", input=bad)
        assert (error["type"], error["fields"]) == ("invalid_attribute", ["channels"])


@pytest.mark.parametrize(
    "bad",
    [
        {"e164": None},
        {"e164": ""},
        {"e164": 2348031234567},
        {"e164": "08031234567"},
        {"e164": "+1234567890123456"},
        {"e164": "+999123456789"},
        {"e164": NUMBER.ljust(NUMBER_CHARACTERS.most, "0")},
        {"e164": "lobby"},
        {"agent_id": "agt_1"},
        {"agent_id": 7},
        {"channels": []},
        {"channels": ["fax"]},
        {"channels": ["voice", "voice"]},
        {"channels": "voice"},
        {"channels": [None]},
        {"channels": ["voice"] * 2_000},
    ],
    ids=lambda bad: str(bad)[:60],
)
async def test_bad_input(v1: V1, bad: dict[str, object]) -> None:
    answer = await v1.post("/numbers", {"e164": NUMBER, **bad})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(next(iter(bad)))
    number = await v1.new_number()
    if "e164" not in bad:
        answer = await v1.patch(f"/numbers/{number['number_id']}", bad)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert (await v1.get("/numbers")).body == {"numbers": [number]}


async def test_a_number_is_taken_once_in_an_environment(service: Service, v1: V1) -> None:
    await v1.new_number(NUMBER)
    for again in (NUMBER, "+234 803-123 4567"):
        taken = await v1.post("/numbers", {"e164": again})
        assert (taken.status, taken.code) == (409, "ALREADY_EXISTS")
        assert again not in taken.message
    error = await Rpc(service).problem("create_phone_number", input={"phoneE164": NUMBER})
    assert (error["type"], error["message"]) == ("invalid_attribute", "has already been taken")
    await V1(service, service.keys.test_key).new_number(NUMBER)
    other = await service.admin.workspaces.create("Theirs")
    await V1(service, other.secret_key).new_number(NUMBER)


async def test_a_key_makes_a_number_once(v1: V1) -> None:
    once = {"Idempotency-Key": "a"}
    first = await v1.ask("POST", "/numbers", {"e164": NUMBER}, headers=once)
    again = await v1.ask("POST", "/numbers", {"e164": NUMBER}, headers=once)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await v1.ask("POST", "/numbers", {"e164": "+15550100"}, headers=once)
    assert other.code == "IDEMPOTENCY_CONFLICT"


async def test_a_number_is_changed(service: Service, v1: V1) -> None:
    number = await v1.new_number()
    path, agent_id = f"/numbers/{number['number_id']}", agent_of(service)
    changed = await v1.patch(path, {"agent_id": agent_id})
    assert changed.body == {**number, "agent_id": agent_id}
    changed = await v1.patch(path, {"channels": ["voice"]})
    assert changed.body == {**number, "agent_id": agent_id, "channels": ["voice"]}
    assert (await v1.patch(path, {})).body == changed.body
    assert (await v1.patch(path, {"channels": None})).body == changed.body
    changed = await v1.patch(path, {"agent_id": None, "e164": "+15550100"})
    assert changed.body == {**number, "channels": ["voice"]}
    (row,) = await rpc_numbers(service)
    assert (row["aiAgentId"], row["channels"]) == (None, ["voice"])


async def test_an_agent_that_is_not_there(v1: V1) -> None:
    number = await v1.new_number()
    nobody = {"agent_id": f"agt_{'0' * 22}"}
    for answer in (
        await v1.post("/numbers", {"e164": NUMBER, **nobody}),
        await v1.patch(f"/numbers/{number['number_id']}", nobody),
    ):
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
        assert answer.message == "the agent was not found"


async def test_a_number_is_released(service: Service, v1: V1) -> None:
    number = await v1.new_number(NUMBER)
    path = f"/numbers/{number['number_id']}"
    assert (await v1.delete(path)).status == 204
    for answer in (await v1.delete(path), await v1.patch(path, {})):
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert (await v1.get("/numbers")).body == {"numbers": []}
    assert await rpc_numbers(service) == []
    assert (await v1.new_number(NUMBER))["number_id"] != number["number_id"]


async def test_a_deleted_agent_leaves_its_numbers(v1: V1) -> None:
    agent = await v1.post("/agents", {"display_name": "Kim", "ai_provider": "local"})
    number = await v1.new_number(agent_id=agent.body["agent_id"])
    assert (await v1.delete(f"/agents/{agent.body['agent_id']}")).status == 204
    assert (await v1.get("/numbers")).body == {"numbers": [{**number, "agent_id": None}]}


async def test_pages(v1: V1) -> None:
    made = [await v1.new_number(f"+234803123456{digit}") for digit in range(5)]
    seen: list[Any] = []
    query: dict[str, str | int] = {"page_size": 2}
    while True:
        page = (await v1.get("/numbers", **query)).body
        seen += page["numbers"]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert seen == made[::-1]
    bad = await v1.get("/numbers", page_size=3, page_token=str(query["page_token"]))
    assert bad.code == "INVALID_ARGUMENT"
