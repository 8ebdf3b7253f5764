"""Routing rules, in `/v1` and in RPC, and who would answer by them."""

from typing import Any
from uuid import UUID

import pytest

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.v1_limits import MATCH_VALUE, ROUTING_RULES
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.v1 import V1

RULE = {"priority": 1, "match_type": "keyword", "match_value": "Buy"}


class Office:
    """A workspace with a number and agents, its rules, and the two ways to them."""

    def __init__(self, service: Service, key: str | None = None) -> None:
        self.v1 = V1(service, key)
        self.rpc = Rpc(service, self.v1.key)
        self.number = ""
        self.agents: dict[str, str] = {}

    async def open(self) -> "Office":
        for name in ("Front", "Sales", "Billing"):
            made = await self.v1.post("/agents", {"display_name": name, "ai_provider": "local"})
            self.agents[name] = made.body["agent_id"]
        self.number = (await self.v1.new_number(agent_id=self.agents["Front"]))["number_id"]
        return self

    async def rule(self, target: str = "Sales", **given: object) -> Any:
        return await self.v1.new_rule(self.number, self.agents[target], **{**RULE, **given})

    async def refused(self, **given: object) -> Any:
        body = {"number_id": self.number, "target_agent_id": self.agents["Sales"], **RULE, **given}
        return await self.v1.post("/routing-rules", body)

    async def rules(self) -> list[Any]:
        return (await self.v1.get("/routing-rules", number_id=self.number)).body["routing_rules"]

    async def route(self, **query: str) -> Any:
        answer = await self.v1.get(f"/numbers/{self.number}/route", **query)
        assert answer.status == 200, answer.body
        return answer.body

    async def who(self, **query: str) -> tuple[str, str, str | None]:
        """Return what would become of a call, why, and the name of its agent."""
        route = await self.route(**query)
        names = {agent_id: name for name, agent_id in self.agents.items()}
        return route["outcome"], route["why"], names.get(route["agent_id"])

    async def disable(self, name: str) -> None:
        agent = parse_id(Prefix.AGENT, self.agents[name])
        given = {"enabled": False}
        await self.rpc.run("update_ai_agent", identity=str(agent), input=given, fields=["id"])


@pytest.fixture
async def office(service: Service) -> Office:
    return await Office(service).open()


async def test_a_rule_is_created_and_is_rpcs_too(office: Office) -> None:
    rule = await office.rule()
    assert rule == {
        "rule_id": rule["rule_id"],
        "number_id": office.number,
        "target_agent_id": office.agents["Sales"],
        "created_at": rule["created_at"],
        **RULE,
    }
    assert await office.rules() == [rule]
    fields = [
        "id",
        "priority",
        "matchType",
        "matchValue",
        {"phoneNumber": ["phoneE164"]},
        {"targetAgent": ["name"]},
    ]
    (row,) = await office.rpc.run("list_routing_rules", fields=fields)
    assert format_id(Prefix.ROUTING_RULE, UUID(row.pop("id"))) == rule["rule_id"]
    assert row == {
        "priority": 1,
        "matchType": "keyword",
        "matchValue": "Buy",
        "phoneNumber": {"phoneE164": "+2348000001234"},
        "targetAgent": {"name": "Sales"},
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"number_id": None},
        {"number_id": "num_1"},
        {"priority": None},
        {"priority": -1},
        {"priority": 2**31},
        {"priority": 1.5},
        {"priority": True},
        {"match_type": None},
        {"match_type": "exact"},
        {"match_type": "KEYWORD"},
        {"match_value": None},
        {"match_value": " "},
        {"match_value": 7},
        {"match_value": "x" * (MATCH_VALUE.most + 1)},
        {"match_value": "(", "match_type": "regex"},
        {"match_value": "(?=buy)", "match_type": "regex"},
        {"match_value": r"(a)\1", "match_type": "regex"},
        {"match_value": r"\pL{100}", "match_type": "regex"},
        {"target_agent_id": None},
        {"target_agent_id": "agt_1"},
    ],
    ids=lambda bad: str(bad)[:60],
)
async def test_bad_input(office: Office, bad: dict[str, Any]) -> None:
    name = next(iter(bad))
    answer = await office.refused(**bad)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(name)
    assert await office.rules() == []
    if name == "number_id" or (bad[name] is None and name != "match_value"):
        return  # it cannot be changed, or stays as it is
    rule = await office.rule()
    answer = await office.v1.patch(f"/routing-rules/{rule['rule_id']}", bad)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert await office.rules() == [rule]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"matchType": "regex", "matchValue": "("}, "matchValue"),
        ({"matchType": "keyword", "matchValue": None}, "matchValue"),
        ({"priority": 1}, "priority"),
        ({"phoneNumberId": str(UUID(int=7))}, "phoneNumberId"),
        ({"targetAgentId": str(UUID(int=7))}, "targetAgentId"),
        ({"targetAgentId": None}, "targetAgentId"),
    ],
    ids=str,
)
async def test_rpc_has_the_same_rules(office: Office, given: dict[str, Any], field: str) -> None:
    before = await office.rule()
    good = {
        "phoneNumberId": office.number,
        "targetAgentId": office.agents["Sales"],
        "priority": 2,
        "matchType": "default",
    }
    error = await office.rpc.problem("create_routing_rule", input=good | given)
    assert error["type"] == (
        "required" if given[field] is None and field[0] == "t" else "invalid_attribute"
    )
    assert error["fields"] == [field]
    made = await office.rpc.run("create_routing_rule", input=good, fields=["id"])
    if field != "phoneNumberId":
        error = await office.rpc.problem(
            "update_routing_rule", identity=made["id"], input=given, fields=["id"]
        )
        assert error["fields"] == [field]
    first, second = await office.rules()
    assert first == before
    assert (second["priority"], second["match_type"]) == (2, "default")


async def test_a_default_needs_no_value_and_ignores_one(office: Office) -> None:
    bare = await office.rule(match_type="default", match_value=None)
    assert bare["match_value"] is None
    odd = await office.rule(priority=2, match_type="default", match_value="(")
    path = f"/routing-rules/{odd['rule_id']}"
    refused = await office.v1.patch(path, {"match_type": "regex"})
    assert (refused.code, refused.message.split()[0]) == ("INVALID_ARGUMENT", "match_value")
    changed = await office.v1.patch(path, {"match_type": "regex", "match_value": "^buy"})
    assert changed.body == odd | {"match_type": "regex", "match_value": "^buy"}
    refused = await office.v1.patch(path, {"match_value": None})
    assert refused.code == "INVALID_ARGUMENT"
    assert (await office.v1.patch(path, {})).body == changed.body


async def test_a_priority_is_taken_once_on_a_number(office: Office) -> None:
    first = await office.rule()
    second = await office.rule(priority=2)
    taken = await office.refused()
    assert (taken.status, taken.code) == (409, "ALREADY_EXISTS")
    path = f"/routing-rules/{second['rule_id']}"
    taken = await office.v1.patch(path, {"priority": 1})
    assert (taken.status, taken.code) == (409, "ALREADY_EXISTS")
    same = await office.v1.patch(path, {"priority": 2})
    assert same.body == second
    other = (await office.v1.new_number("+2341000001234"))["number_id"]
    await office.v1.new_rule(other, office.agents["Sales"], **RULE)
    assert (await office.v1.patch(path, {"priority": 0})).status == 200
    assert [one["priority"] for one in await office.rules()] == [0, 1]
    assert (await office.rules())[1] == first


async def test_a_number_has_so_many_rules(office: Office) -> None:
    for priority in range(ROUTING_RULES.most):
        await office.rule(priority=priority)
    over = await office.refused(priority=1_000)
    assert (over.status, over.code) == (400, "INVALID_ARGUMENT")
    given = {"phoneNumberId": office.number, "targetAgentId": office.agents["Sales"]}
    error = await office.rpc.problem(
        "create_routing_rule", input=given | {"priority": 1_000, "matchType": "default"}
    )
    assert error["type"] == "invalid_changes"
    # Lists are paged, in the sequence in which the rules are tried.
    seen: list[int] = []
    query: dict[str, str | int] = {"number_id": office.number, "page_size": 20}
    while True:
        page = (await office.v1.get("/routing-rules", **query)).body
        seen += [one["priority"] for one in page["routing_rules"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert seen == list(range(ROUTING_RULES.most))


async def test_what_is_not_there(office: Office) -> None:
    nothing = "0" * 22
    for given, message in (
        ({"number_id": f"num_{nothing}"}, "the number was not found"),
        ({"target_agent_id": f"agt_{nothing}"}, "the agent was not found"),
    ):
        answer = await office.refused(**given)
        assert (answer.status, answer.code, answer.message) == (404, "NOT_FOUND", message)
    rule = await office.rule()
    nobody = {"target_agent_id": f"agt_{nothing}"}
    answer = await office.v1.patch(f"/routing-rules/{rule['rule_id']}", nobody)
    assert (answer.status, answer.message) == (404, "the agent was not found")
    unknown = f"/routing-rules/rule_{nothing}"
    for answer in (
        await office.v1.patch(unknown, {}),
        await office.v1.delete(unknown),
        await office.v1.get(f"/numbers/num_{nothing}/route"),
    ):
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_a_key_makes_a_rule_once(office: Office) -> None:
    body = {"number_id": office.number, "target_agent_id": office.agents["Sales"], **RULE}
    once = {"Idempotency-Key": "a"}
    first = await office.v1.ask("POST", "/routing-rules", body, headers=once)
    again = await office.v1.ask("POST", "/routing-rules", body, headers=once)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_rule_is_deleted_and_goes_with_its_number(office: Office) -> None:
    first, _ = await office.rule(), await office.rule(priority=2)
    path = f"/routing-rules/{first['rule_id']}"
    assert (await office.v1.delete(path)).status == 204
    assert (await office.v1.delete(path)).status == 404
    assert len(await office.rules()) == 1
    assert (await office.v1.delete(f"/numbers/{office.number}")).status == 204
    assert await office.rules() == []
    assert await office.rpc.run("list_routing_rules", fields=["id"]) == []


# -- who would answer -------------------------------------------------------------------------


async def test_who_would_answer(office: Office) -> None:
    assert await office.who() == ("agent", "number", "Front")
    sales = await office.rule()
    await office.rule("Billing", priority=2, match_type="regex", match_value="(?i)bill|pay")
    assert await office.who() == ("wait", "listening", "Front")
    assert await office.who(utterance="May I BUY it, and pay?") == ("agent", "keyword", "Sales")
    assert await office.who(utterance="My Bill") == ("agent", "regex", "Billing")
    assert await office.who(utterance="Hello", channel="sms") == ("agent", "number", "Front")
    for silence in ({"silent": "true"}, {"utterance": "Hello"}):
        menu = await office.route(**silence)
        assert (menu["outcome"], menu["why"], menu["rule_id"]) == ("menu", "no_match", None)
        assert menu["choices"] == [office.agents["Sales"], office.agents["Billing"]]
    default = await office.rule("Front", priority=0, match_type="default", match_value=None)
    assert await office.who(silent="true") == ("agent", "default", "Front")
    chosen = await office.route(utterance="buy")
    assert (chosen["rule_id"], chosen["choices"]) == (sales["rule_id"], [])
    assert (await office.route(utterance="Hello"))["rule_id"] == default["rule_id"]


async def test_agents_that_are_disabled_or_deleted(office: Office) -> None:
    await office.rule()
    await office.rule("Billing", priority=2, match_type="default", match_value=None)
    await office.disable("Sales")
    assert await office.who(utterance="buy") == ("agent", "default", "Billing")
    await office.disable("Billing")
    assert await office.who() == ("agent", "number", "Front")
    await office.disable("Front")
    assert await office.who() == ("nobody", "agent_disabled", None)
    for name in ("Sales", "Front"):
        assert (await office.v1.delete(f"/agents/{office.agents[name]}")).status == 204
    assert await office.who(utterance="buy") == ("nobody", "no_agent", None)
    assert [one["target_agent_id"] for one in await office.rules()] == [
        None,
        office.agents["Billing"],
    ]


async def test_a_number_says_what_it_takes_in(office: Office) -> None:
    await office.v1.patch(f"/numbers/{office.number}", {"channels": ["sms"]})
    assert await office.who() == ("nobody", "channel_not_enabled", None)
    assert await office.who(channel="sms") == ("agent", "number", "Front")
    given = {"inboundEnabled": False}
    await office.rpc.run("update_phone_number", identity=office.number, input=given)
    assert await office.who(channel="sms") == ("nobody", "inbound_disabled", None)


async def test_rpc_explains_the_same(office: Office) -> None:
    sales = await office.rule()
    number = {"phoneE164": "+234 800 000 1234"}
    for one in (number, {"phoneNumberId": office.number}):
        said = await office.rpc.run("explain_route", input={**one, "utterance": "buy"})
        assert said == {
            "outcome": "agent",
            "why": "keyword",
            "agent_id": str(parse_id(Prefix.AGENT, office.agents["Sales"])),
            "rule_id": str(parse_id(Prefix.ROUTING_RULE, sales["rule_id"])),
            "choices": [],
        }
    waiting = await office.rpc.run("explain_route", input=number)
    assert (waiting["outcome"], waiting["rule_id"]) == ("wait", None)
    menu = await office.rpc.run("explain_route", input={**number, "silent": True})
    assert len(menu["choices"]) == 1
    text = await office.rpc.run("explain_route", input={**number, "silent": True, "channel": "sms"})
    assert (text["outcome"], text["why"]) == ("agent", "number")
    error = await office.rpc.problem("explain_route", input={"phoneE164": "+442079460958"})
    assert error["type"] == "not_found"
    error = await office.rpc.problem("explain_route", input={"utterance": "buy"})
    assert error["type"] == "required"
    both = {**number, "silent": True, "utterance": "buy"}
    error = await office.rpc.problem("explain_route", input=both)
    assert (error["type"], error["fields"]) == ("invalid_argument", ["silent"])


@pytest.mark.parametrize(
    "query",
    [
        {"channel": "email"},
        {"silent": "perhaps"},
        {"silent": "true", "utterance": "buy"},
        {"utterance": "x" * 4_000},
        {"utterance": "\0"},
    ],
    ids=lambda query: str(query)[:40],
)
async def test_bad_questions(office: Office, query: dict[str, str]) -> None:
    answer = await office.v1.get(f"/numbers/{office.number}/route", **query)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(next(iter(query)))


async def test_the_worst_patterns_are_searched_for_beside_other_work(office: Office) -> None:
    for priority in range(ROUTING_RULES.most):
        await office.rule(
            priority=priority, match_type="regex", match_value=f"(.?){{{150 + priority}}}q"
        )
    assert await office.who(utterance="ab é" * 200) == ("menu", "no_match", None)


async def test_rules_of_the_other_environment_are_its_own(service: Service, office: Office) -> None:
    await office.rule()
    test = await Office(service, service.keys.test_key).open()
    assert (await test.v1.get("/routing-rules")).body == {"routing_rules": []}
    assert await test.who(utterance="buy") == ("agent", "number", "Front")
    foreign = await test.v1.get(f"/numbers/{office.number}/route")
    assert (foreign.status, foreign.code) == (404, "NOT_FOUND")
