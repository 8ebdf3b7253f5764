"""A server killed in the middle of its calls: the next one ends them, and has their usage."""

from pathlib import Path
from typing import Any

import aiohttp

from ringline.client.http import Api
from ringline.domain import call
from ringline.domain.call import Call, Moment
from ringline.domain.events import CallEnded
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.spelling import camel
from tests.database import NOW, OTHER, TestDatabase, a_call, new_id
from tests.faults.people import Caller, calling, watching
from tests.faults.processes import read_log, server_process
from tests.serving import serving


async def test_a_killed_server_ends_its_calls_at_the_next_start_and_keeps_its_ledger(
    parent: Path,
) -> None:
    async with aiohttp.ClientSession() as http, server_process(parent) as first:
        api = first.api(http)
        port = int(first.base_url.rsplit(":", 1)[1])
        async with (
            watching(api) as watcher,
            calling(api) as one,
            calling(api) as other,
            calling(api, model="mock/echo", usage_events=True) as third,
            calling(api, model="mock/echo", usage_events=True) as fourth,
        ):
            await one.ask()
            await ask_and_be_told(third, 1)
            await ask_and_be_told(fourth, 2)
            await watcher.until("call_answered", other.call_uuid)
            assert [member.name() for member in first.family()]
            await first.kill()

            async with server_process(parent, port=port) as second:
                callers = (one, other, third, fourth)
                for caller in callers:
                    await watcher.until("call_ended", caller.call_uuid)
                assert [join.recovered for join in watcher.joins] == [None, True]
                log = await read_log(second.dsn(), second.scope)
                told = watcher.durable
                assert {
                    row.offset: format_id(Prefix.EVENT, row.event.id)
                    for row in log
                    if row.offset in told
                } == told

                async with watching(second.api(http), "0") as late:
                    for caller in callers:
                        await late.until("call_ended", caller.call_uuid)
                    assert late.durable == told
                await check_ledger(second.api(http), [third, fourth])

                ends = [row.event.data for row in log if isinstance(row.event.data, CallEnded)]
                assert {(end.status, end.hangup_cause) for end in ends} == {
                    ("completed", "server_lost")
                }
                for caller in callers:
                    names = watcher.names(caller.call_uuid)
                    assert names[-3:] == [
                        "call_participant_left",
                        "call_participant_left",
                        "call_ended",
                    ]
                    assert names.count("call_ended") == 1
                assert await second.end() == 0


async def ask_and_be_told(caller: Caller, times: int) -> None:
    """Ask so often, and be told what each answer used; then begin one that is not told of."""
    for number in range(times):
        await caller.ask("Hello there")
        while len(told_to(caller)) <= number:  # it may come while the answer is still played
            await caller.hear("session.usage")
    await caller.send("text.input", text="/long 20000")
    await caller.send("response.create")
    await caller.hear("audio.delta")


def told_to(caller: Caller) -> list[dict[str, Any]]:
    return [frame for frame in caller.heard if frame["type"] == "session.usage"]


async def check_ledger(api: Api, callers: list[Caller]) -> None:
    """Check that the ledger has what callers were told, once; and that it goes on."""
    rows = await list_usage(api)
    for caller in callers:
        told = told_to(caller)
        kept = [row for row in rows if row["callUuid"] == caller.call_uuid]
        for name in ("text_in_tokens", "audio_out_tokens", "usd"):
            assert [row[camel(name)] for row in kept] == [frame[name] for frame in told]
    assert len({row["id"] for row in rows}) == len(rows) == 1 + 2
    async with calling(api, model="mock/echo", usage_events=True) as caller:
        await caller.ask("Hello there")
        while not told_to(caller):
            await caller.hear("session.usage")
    rows = await list_usage(api)
    (total,) = (await rpc(api, "sum_usage"))["totals"]
    for name in ("text_in_tokens", "audio_out_tokens"):
        assert total[name] == sum(row[camel(name)] for row in rows) > 0
    assert len(rows) == 1 + 2 + 1


async def rpc(api: Api, action: str, **request: object) -> Any:
    async with api.http.post(
        f"{api.url}/rpc/public/run", json={"action": action, **request}, headers=api.headers()
    ) as answer:
        body = await answer.json()
        assert body["success"], body
        return body["data"]


async def list_usage(api: Api) -> list[dict[str, Any]]:
    """Return the rows of the ledger about test voices, oldest first."""
    fields = ["id", "callUuid", "textInTokens", "audioOutTokens", "usd"]
    chosen = {"model": {"eq": "mock/echo"}}
    return await rpc(api, "list_usage", fields=fields, sort="occurredAt", filter=chosen)


async def test_a_call_that_was_never_answered_has_failed(database: TestDatabase) -> None:
    """External calls and calls that have ended are not swept."""
    async with serving(database) as before:
        scope = Scope(before.keys.workspace_id, Environment.LIVE)
    ringing, elsewhere = a_call(source="realtime"), a_call(source="api")
    async with database.stores(OTHER) as dead:
        for row in (ringing, elsewhere):
            entry = call.begin(Call(scope, row), Moment(NOW, new_id)).entry
            assert entry is not None
            await dead.log.commit([entry])
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.calls SET server_id = NULL WHERE id = $1", elsewhere.id
        )

    for _ in range(2):  # once, however often servers start
        async with serving(database):
            pass
    events = await read_log(database.app_dsn, scope)
    its = [row.event for row in events if row.event.call and row.event.call.id == ringing.id]
    assert [event.type for event in its][:1] == ["call.created"]
    assert [event.type for event in its].count("call.ended") == 1
    ended = its[-1].data
    assert isinstance(ended, CallEnded)
    assert (ended.status, ended.hangup_cause, ended.duration_seconds) == (
        "failed",
        "server_lost",
        0,
    )
    assert not [
        row
        for row in events
        if row.event.type == "call.ended"
        and row.event.call is not None
        and row.event.call.id == elsewhere.id
    ]
