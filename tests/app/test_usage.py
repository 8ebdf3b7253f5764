"""The ledger of usage over the real socket and RPC: test voices, events, lists, sums, leashes."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ringline.app import server as app
from ringline.domain.spelling import camel
from ringline.domain.usage import UNITS
from tests.database import TestDatabase
from tests.realtime_session import Client, connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service, serving

ECHO = {"model": "mock/echo", "modalities": ["text"]}
FIELDS = ["id", "callId", "callUuid", "agentId", "model", "kind", "usd", "pricesDate", "occurredAt"]
FIELDS += [camel(unit) for unit in UNITS]
THIS_MONTH = datetime.now(UTC).strftime("%Y-%m")


@asynccontextmanager
async def started(
    service: Service, body: Mapping[str, object] | None = None, **start: object
) -> AsyncIterator[tuple[Client, dict[str, Any]]]:
    """Open a session with a ticket of the test environment and start it."""
    minted = await service.mint({"config": ECHO} | dict(body or {}), service.keys.test_key)
    async with connected(service, minted["client_secret"]) as client:
        yield client, await client.start(**start)


async def say(client: Client, text: str) -> None:
    await client.send("text.input", text=text)
    await client.send("response.create")
    await client.until("response.completed")


def usage_of(client: Client) -> list[dict[str, Any]]:
    return [event for event in client.events if event["type"] == "session.usage"]


def rpc_of(service: Service) -> Rpc:
    return Rpc(service, service.keys.test_key)


async def listed(service: Service, **request: object) -> Any:
    return await rpc_of(service).run("list_usage", fields=FIELDS, **request)


async def rows(service: Service, count: int) -> list[dict[str, Any]]:
    """Wait until the ledger has so many rows."""
    found: list[dict[str, Any]] = []

    async def enough() -> bool:
        found[:] = await listed(service)
        return len(found) >= count

    await until(enough)
    assert len(found) == count
    return found


async def sums(service: Service, **given: object) -> list[dict[str, Any]]:
    answer = await rpc_of(service).run("sum_usage", input=given)
    assert answer["month"] == given.get("month", THIS_MONTH)
    return answer["totals"]


def added(rows: list[dict[str, Any]], named: dict[str, str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for row in rows:
        for unit, name in named.items():
            counted[unit] += round(row[name] * 1e9)
    return counted


IN_RPC = {unit: camel(unit) for unit in (*UNITS, "usd")}
IN_SNAKE = {unit: unit for unit in (*UNITS, "usd")}


async def test_each_response_is_a_row_and_an_event(service: Service) -> None:
    async with started(service, usage_events=True) as (client, session):
        await say(client, "Hello")  # 2 tokens read, 3 written
        told = await client.until("session.usage")
        await say(client, "Hello again")
        await client.until("session.usage")
    first, second = await rows(service, 2)
    assert told == {
        "type": "session.usage",
        "model": "mock/echo",
        "kind": "response",
        **dict.fromkeys(UNITS, 0),
        "seconds": 0.0,
        "text_in_tokens": 2,
        "text_out_tokens": 3,
        "usd": pytest.approx(0.00005),
    }
    assert (first["textInTokens"], first["textOutTokens"], first["audioInTokens"]) == (2, 3, 0)
    assert first["usd"] == pytest.approx(0.00005)
    assert (first["model"], first["kind"], first["agentId"]) == ("mock/echo", "response", None)
    assert first["callUuid"] == second["callUuid"] == session["call_uuid"]
    assert first["pricesDate"] == "2026-11-28"
    assert first["occurredAt"] < second["occurredAt"]
    (total,) = await sums(service)
    assert (total["agent_id"], total["model"]) == (None, "mock/echo")
    assert added([total], IN_SNAKE) == added([first, second], IN_RPC)
    assert added(usage_of(client), IN_SNAKE) == added([first, second], IN_RPC)


async def test_nobody_is_told_who_did_not_ask(service: Service) -> None:
    async with started(service) as (client, _):
        await say(client, "Hello")
        await rows(service, 1)
        await say(client, "Hello")
        assert "session.usage" not in client.kinds()


@pytest.mark.parametrize(
    ("minted", "asked", "comes"),
    [
        (True, None, True),
        (True, False, True),
        (False, True, False),
        (None, True, True),
        (None, False, False),
    ],
)
async def test_what_the_mint_says_is_bound(
    service: Service, minted: bool | None, asked: bool | None, comes: bool
) -> None:
    start = {} if asked is None else {"usage_events": asked}
    async with started(service, {"usage_events": minted}, **start) as (client, _):
        await say(client, "Hello")
        await rows(service, 1)
        await client.send("session.update", config={})
        await client.until("session.updated")
        assert bool(usage_of(client)) is comes


@pytest.mark.parametrize("bad", [1, "true", []])
async def test_a_bad_wish_is_refused(service: Service, bad: object) -> None:
    url, headers = f"{service.base_url}/v3/realtime-sessions", service.bearer()
    async with service.http.post(url, json={"usage_events": bad}, headers=headers) as answer:
        told = (await answer.json())["error"]
    assert (answer.status, told["code"]) == (400, "invalid_request")
    assert told["message"].startswith("usage_events")
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        await client.send("session.start", config=ECHO, usage_events=bad)
        assert await client.closed() == 1008
        assert client.events[-1]["error"]["code"] == "invalid_config"


async def test_the_last_event_comes_before_the_end(service: Service) -> None:
    async with started(service, {"max_duration_seconds": 1}, usage_events=True) as (client, _):
        await say(client, "Hello")
        assert await client.closed() == 1000
    *_, last, terminating = client.events
    assert terminating["error"]["code"] == "max_duration"
    assert (last["type"], last["kind"], last["model"]) == ("session.usage", "session", "mock/echo")
    assert not any(last[unit] for unit in (*UNITS, "usd"))  # all was told before
    assert added(usage_of(client), IN_SNAKE) == added(await rows(service, 1), IN_RPC)


async def test_a_response_that_is_cut_off_by_the_end_is_paid_for(service: Service) -> None:
    body = {"config": ECHO | {"modalities": ["audio"]}, "budget": {"audio_seconds": 1.0}}
    async with started(service, body, usage_events=True) as (client, _):
        await client.send("text.input", text="/long 20000")
        await client.send("response.create")
        assert await client.closed() == 1000
    (row,) = await rows(service, 1)
    assert row["kind"] == "response"
    assert row["audioOutTokens"] >= 20  # a second of speech at least
    assert added(usage_of(client), IN_SNAKE) == added([row], IN_RPC)


async def test_a_leash_reads_the_same_account(service: Service) -> None:
    async with started(service, {"budget": {"tokens": 12}}, usage_events=True) as (client, _):
        await say(client, "Hello")
        await say(client, "Hello")
        await client.send("text.input", text="Hello")
        await client.send("response.create")
        assert await client.closed() == 1000
    assert client.events[-1]["error"]["code"] == "budget_exhausted"
    ledger = await rows(service, 3)
    assert sum(row["textInTokens"] + row["textOutTokens"] for row in ledger) == 15
    assert added(usage_of(client), IN_SNAKE) == added(ledger, IN_RPC)


async def test_the_list_filters_sorts_and_pages(service: Service) -> None:
    calls: list[str] = []
    for texts in (["a", "bb bb bb bb"], ["ccc ccc ccc ccc ccc ccc"]):
        async with started(service) as (client, session):
            calls.append(session["call_uuid"])
            for text in texts:
                await say(client, text)
    ledger = await rows(service, 3)
    assert [row["callUuid"] for row in ledger] == [calls[0], calls[0], calls[1]]
    of_one = await listed(service, filter={"call": {"callUuid": calls[1]}})
    assert of_one == await listed(service, filter={"callUuid": calls[1]}) == ledger[2:]
    assert await listed(service, filter={"textInTokens": {"gt": 1}}) == ledger[1:]
    assert await listed(service, filter={"usd": {"lt": ledger[1]["usd"]}}) == ledger[:1]
    assert await listed(service, filter={"kind": "session"}) == []
    assert await listed(service, sort="-occurredAt") == ledger[::-1]
    page = await listed(service, sort="-usd", page={"limit": 2})
    assert page["results"] == [ledger[2], ledger[1]]
    more = await listed(service, sort="-usd", page={"limit": 2, "after": page["nextPage"]})
    assert more["results"] == ledger[:1]
    selected = ["kind", {"call": ["callUuid"]}]
    (nested,) = await rpc_of(service).run(
        "list_usage", fields=selected, filter={"callUuid": calls[1]}
    )
    assert nested == {"kind": "response", "call": {"callUuid": calls[1]}}


async def test_environments_and_operators_see_nothing_of_it(service: Service) -> None:
    async with started(service) as (client, _):
        await say(client, "Hello")
    await rows(service, 1)
    live = Rpc(service)
    assert await live.run("list_usage", fields=["id"]) == []
    assert (await live.run("sum_usage"))["totals"] == []


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-1", "0000-01", "2026-01-01", 5, ""])
async def test_a_month_that_is_none_is_refused(service: Service, month: object) -> None:
    if month == "":
        assert await sums(service) == []  # blank is absent
        return
    problem = await rpc_of(service).problem("sum_usage", input={"month": month})
    assert (problem["type"], problem["fields"]) == ("invalid_argument", ["month"])


async def test_months_are_summed_apart(service: Service) -> None:
    async with started(service) as (client, _):
        await say(client, "Hello")
    await rows(service, 1)
    assert len(await sums(service, month=THIS_MONTH)) == 1
    assert await sums(service, month="2001-02") == []


async def test_the_current_month_ends_at_midnight_utc(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    started_at, real_now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC), datetime.now
    clock = {"off_by": started_at - real_now(UTC)}
    monkeypatch.setattr(app, "now", lambda: real_now(UTC) + clock["off_by"])
    ledger: dict[str, list[dict[str, Any]]] = {}
    async with serving(database) as service:
        for month, text in (("2026-12", "One"), ("2027-01", "Two two two")):
            async with started(service, usage_events=True) as (client, _):
                await say(client, text)
                await client.until("session.usage")
            current = await rpc_of(service).run("sum_usage")
            assert current["month"] == month
            ledger[month] = await listed(
                service, filter={"callUuid": client.events[0]["call_uuid"]}
            )
            assert added(current["totals"], IN_SNAKE) == added(ledger[month], IN_RPC)
            clock["off_by"] += timedelta(hours=1)
        for month, rows_of_month in ledger.items():
            assert {row["occurredAt"][:7] for row in rows_of_month} == {month}
            assert added(await sums(service, month=month), IN_SNAKE) == added(rows_of_month, IN_RPC)


async def test_a_model_without_a_price_is_in_the_ledger_for_nothing(
    database: TestDatabase, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('date = "2026-10-01"\n["mock/slow"]\ntext_in = 1\n', "utf-8")
    async with serving(database, prices_file=prices) as service:
        with capture_logs() as log:
            for _ in range(2):
                async with started(service, usage_events=True) as (client, _):
                    await say(client, "Hello")
                    assert (await client.until("session.usage"))["usd"] == 0
        ledger = await rows(service, 2)
        (total,) = await sums(service)
    assert [(row["usd"], row["textInTokens"]) for row in ledger] == [(0, 2)] * 2
    assert {row["pricesDate"] for row in ledger} == {"2026-10-01"}
    assert (total["usd"], total["text_in_tokens"]) == (0, 4)
    lines = [line for line in log if line["event"] == "model_without_price"]
    assert [line["model"] for line in lines] == ["mock/echo"]
