"""The live streams of one call: its transcript (SSE) and its WebSocket (live streams, 2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from ringline.services.follow import Follower, Resolved, follow, resolve
from ringline.web import call_streams, stream_watch
from ringline.web.limits import StreamLimits, WebLimits
from tests.callers import LIMIT_S, Caller, calling, make_call
from tests.database import TestDatabase
from tests.serving import Service, serving
from tests.watchers import DeafClient, stream_client, transcript

FRAME = {"role", "text", "is_final", "turn_id", "ts"}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a server where callers may type as fast as they like."""
    async with serving(database, rate_session_events_per_10_s=0) as service:
        yield service


def hyphenated(call_id: str) -> str:
    """Return an id's other spelling."""
    found = parse_id(Prefix.CALL, call_id)
    assert found is not None
    return str(found)


# -- the transcript stream ------------------------------------------------------------


async def test_transcript_from_the_first_byte_to_the_end_of_the_call(service: Service) -> None:
    async with calling(service) as caller, transcript(service, caller.call_id) as stream:
        await caller.say("Good morning.")
        first = await stream.event()
        await caller.ask("How are you?")
        await caller.hang_up()
        events = [first]
        while (event := await stream.event()) is not None:
            events.append(event)
    frames = [json.loads(event.data) for event in events if event is not None]
    assert all(set(frame) == FRAME for frame in frames)
    assert {event.name for event in events if event is not None} == {"message"}
    assert [(frame["role"], frame["text"]) for frame in frames if frame["is_final"]] == [
        ("user", "Good morning."),
        ("user", "How are you?"),
        ("agent", "I did not get that."),
    ]
    answer = [frame for frame in frames if frame["role"] == "agent"]
    assert len({frame["turn_id"] for frame in answer}) == 1
    assert [frame["is_final"] for frame in answer] == [False] * (len(answer) - 1) + [True]
    assert len(answer) > 1, "the answer was told in parts as well"
    for part, whole in pairwise(answer):
        assert whole["text"].startswith(part["text"])
    # Only durable frames move the id; `ServerSentEvent` repeats the last one seen.
    assert stream.raw.count(b"id: ") == 1 + 3


async def test_a_replay_begins_with_the_finished_turns(service: Service) -> None:
    async with calling(service) as caller:
        async with transcript(service, caller.call_id) as stream:
            await caller.say("one", "two", "three")
            (first, _), (second, _), _ = await stream.finals(3)

        async def resumed(query: str, last: str | None = None) -> list[str]:
            headers = {} if last is None else {"Last-Event-ID": last}
            async with transcript(service, caller.call_id, query, headers) as again:
                return [text for _, text in await again.finals(1)]

        assert await resumed("?replay=1") == ["one"]
        assert await resumed(f"?since={first}&replay=1", last=second) == ["three"]
        assert await resumed(f"?since={first}&replay=1") == ["two"]
        for name in ("since", "lastEventId", "last_event_id"):
            assert await resumed(f"?{name}=&replay=1") == ["one"], "an empty one asks for nothing"


async def test_ended_calls_are_replayed_and_then_204(service: Service) -> None:
    caller = await make_call(service, "one", "two")
    async with transcript(service, caller.call_id, "?replay=1") as stream:
        finals = await stream.finals()
    assert [text for _, text in finals] == ["one", "two"]
    async with transcript(service, caller.call_id, f"?since={finals[0][0]}") as stream:
        assert [text for _, text in await stream.finals()] == ["two"]
    last = finals[-1][0]
    for query in ("", f"?since={last}", "?since=nonsense", "?since=zzzzzzzz:1"):
        assert await status_of(service, caller.call_id, query) == 204
    stopped = await status_of(service, caller.call_id, "?replay=1", {"Last-Event-ID": last})
    assert stopped == 204, "an EventSource that comes back for more stops quietly"
    foreign = await status_of(service, caller.call_id, "", service.bearer(service.keys.test_key))
    assert foreign == 404
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="revoked")
    revoked = service.bearer(await service.session_token(text))
    await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    assert await status_of(service, caller.call_id, "", revoked) == 401


async def test_an_event_id_resumes_as_well(service: Service) -> None:
    async with calling(service) as caller:
        async with stream_client(service, caller.call_id) as stream:
            await caller.say("one", "two")
            told = [await stream.receive() for _ in range(3)]
        query = f"?since={told[1]['event_id']}"
        async with transcript(service, caller.call_id, query) as again:
            assert [text for _, text in await again.finals(1)] == ["two"]


async def test_a_watcher_from_the_middle_hears_the_turn_in_flight(service: Service) -> None:
    async with calling(service) as caller, transcript(service, caller.call_id) as early:
        asking = asyncio.create_task(caller.ask("Are you there?"))
        frame = await early.frame()
        while frame["text"] != "I did not get that.":
            frame = await early.frame()
        assert not frame["is_final"], "it is still being spoken"
        async with transcript(service, caller.call_id) as late:
            assert await late.frame() == frame
        await asking


# -- the WebSocket -------------------------------------------------------------------


async def test_call_events_from_the_answer_to_the_end(service: Service) -> None:
    async with calling(service) as caller, stream_client(service, caller.call_id) as stream:
        await caller.ask("Good morning.")
        await caller.hang_up()
        told = await stream.rest()
        assert stream.closed == (1000, "")
    assert [event["event_type"] for event in told] == [
        "call.initiated",
        "call.transcription",
        "call.agent_response",
        "call.completed",
    ]
    for event in told:
        assert set(event) == {
            "event_id",
            "event_type",
            "channel",
            "agent_id",
            "number",
            "from",
            "timestamp",
            "payload",
        }
        assert event["payload"]["call_id"] == caller.call_id
        assert (event["channel"], event["from"]) == ("voice", "web:anonymous")
    assert [line["text"] for line in told[-1]["payload"]["transcript"]] == [
        "Good morning.",
        "I did not get that.",
    ]
    assert told[-1]["payload"]["status"] == "completed"


async def test_late_comers_hear_that_the_call_is_up(service: Service) -> None:
    async with calling(service) as caller:
        async with stream_client(service, caller.call_id, since="0") as stream:
            original = await stream.receive()
        await caller.say("one")
        async with transcript(service, caller.call_id, "?replay=1") as spoken:
            await spoken.finals(1)
        async with stream_client(service, caller.call_id) as stream:
            assert await stream.receive() == original
            await caller.say("two")
            assert (await stream.receive())["payload"]["text"] == "two"
    assert original["event_type"] == "call.initiated"


async def test_call_events_resume(service: Service) -> None:
    async with calling(service) as caller:
        async with stream_client(service, caller.call_id) as stream:
            await caller.say("one", "two")
            told = [await stream.receive() for _ in range(3)]
        async with stream_client(service, caller.call_id, since=told[1]["event_id"]) as again:
            assert await again.receive() == told[2]
        async with stream_client(service, caller.call_id, since="zzzzzzzz:1") as again:
            lost = await again.receive()
            assert lost["event_type"] == "stream.dropped"
            assert (await again.receive())["event_id"] == told[0]["event_id"]
    async with stream_client(service, caller.call_id, since=told[2]["event_id"]) as after:
        assert [event["event_type"] for event in await after.rest()] == ["call.completed"]
        assert after.closed == (1000, "")
    last = lost["payload"]["position"].split(":")[0] + ":999"
    for since in (None, "nonsense", last):
        with pytest.raises(InvalidStatus) as refused:
            async with stream_client(service, caller.call_id, since=since):
                pass
        assert refused.value.response.status_code == 404


async def test_what_clients_send_is_answered(service: Service) -> None:
    async with calling(service) as caller, stream_client(service, caller.call_id) as stream:
        await stream.receive()
        for text in ('{"action": "mute"}', "garbage", "x" * 64 * 1024):
            await stream.socket.send(text)
            answer = await stream.receive()
            assert set(answer) == {"event_type", "request_id", "timestamp", "payload"}
            assert answer["event_type"] == "command.error"
            assert answer["request_id"] is None
            assert answer["payload"]["error_code"] == "INVALID_ARGUMENT"
        await caller.say("still here")
        assert (await stream.receive())["payload"]["text"] == "still here"


@pytest.mark.parametrize(
    ("sent", "code"), [(b"binary", 1003), ("x" * (64 * 1024 + 1), 1009)], ids=["binary", "large"]
)
async def test_what_ends_the_socket_of_one_client(
    service: Service, sent: str | bytes, code: int
) -> None:
    async with calling(service) as caller, stream_client(service, caller.call_id) as other:
        async with stream_client(service, caller.call_id) as stream:
            await stream.receive()
            await stream.socket.send(sent)
            await stream.rest()
            assert stream.closed[0] == code
        await other.receive()
        await caller.say("unimpressed")
        assert (await other.receive())["payload"]["text"] == "unimpressed"


# -- refusals ------------------------------------------------------------------------


async def status_of(
    service: Service, call_id: str, query: str = "", headers: dict[str, str] | None = None
) -> int:
    url = f"{service.base_url}/v1/calls/{call_id}/transcript/stream{query}"
    async with service.http.get(url, headers=service.bearer() | (headers or {})) as answer:
        return answer.status


async def refusal(
    service: Service, path: str, key: str, *, upgrade: bool = False
) -> tuple[int, dict[str, str]]:
    """Return status and body, without what names the request."""
    headers = service.bearer(key)
    if upgrade:
        headers |= {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
    async with service.http.get(service.base_url + path, headers=headers) as answer:
        body = await answer.json()
        assert body.pop("request_id") == answer.headers["X-Request-Id"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        return answer.status, body


@pytest.mark.parametrize("path", ["transcript/stream", "stream"])
async def test_foreign_calls_look_like_unknown_ones(service: Service, path: str) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    nobody = format_id(Prefix.CALL, stranger.workspace_id)
    upgrade = path == "stream"
    async with calling(service) as caller:
        spellings = [caller.call_id, hyphenated(caller.call_id)]
        for own in spellings:  # it is there for who may see it
            if path == "stream":
                async with stream_client(service, own) as stream:
                    await stream.receive()
            else:
                async with transcript(service, own):
                    pass
        unknown = await refusal(
            service, f"/v1/calls/{nobody}/{path}", service.keys.secret_key, upgrade=upgrade
        )
        assert unknown[0] == 404
        for key in (service.keys.test_key, stranger.secret_key, stranger.test_key):
            for call_id in (
                *spellings,
                nobody,
                hyphenated(nobody),
                "call_",
                "%00",
                "call_" + "z" * 22,
            ):
                seen = await refusal(service, f"/v1/calls/{call_id}/{path}", key, upgrade=upgrade)
                assert seen == unknown


async def test_a_plain_get_of_the_websocket(service: Service) -> None:
    async with calling(service) as caller:
        path = f"/v1/calls/{caller.call_id}/stream"
        status, body = await refusal(service, path, service.keys.secret_key)
        assert (status, body["error_code"]) == (426, "UPGRADE_REQUIRED")
        url = service.base_url + path
        async with service.http.get(url, headers=service.bearer()) as answer:
            assert answer.headers["Sec-WebSocket-Version"] == "13"
            assert (answer.headers["Upgrade"], answer.headers["Connection"]) == (
                "websocket",
                "upgrade, close",
            )  # RFC 9110, 15.5.22


async def test_watchers_of_a_call_are_counted(database: TestDatabase) -> None:
    two = WebLimits(streams=StreamLimits(watchers=2))
    async with serving(database, limits=two) as service, calling(service) as caller:
        path = f"/v1/calls/{caller.call_id}/transcript/stream"
        async with transcript(service, caller.call_id) as first:
            await first.raw_until(b"\n\n")
            async with stream_client(service, caller.call_id):
                url = service.base_url + path
                async with service.http.get(url, headers=service.bearer()) as answer:
                    assert answer.status == 429
                    assert int(answer.headers["Retry-After"]) > 0
                    assert (await answer.json())["error_code"] == "RATE_LIMITED"
        async with asyncio.timeout(LIMIT_S):
            while await is_full(service, path):  # noqa: ASYNC110 - the server hears of a close a moment later
                await asyncio.sleep(0.01)


async def is_full(service: Service, path: str) -> bool:
    async with service.http.get(service.base_url + path, headers=service.bearer()) as answer:
        return answer.status == 429


def test_fifty_may_watch_a_call() -> None:
    assert StreamLimits().watchers == 50


# -- calls that end meanwhile ----------------------------------------------------------


async def test_a_call_that_ends_while_a_stream_begins(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def once_over(caller: Caller) -> None:
        async with stream_client(service, caller.call_id) as other:
            await caller.hang_up()
            assert (await other.rest())[-1]["event_type"] == "call.completed"

    async with calling(service) as caller:

        async def end_after_resolving(*given: Any, **chosen: Any) -> Resolved:
            start = await resolve(*given, **chosen)
            monkeypatch.undo()
            await once_over(caller)
            return start

        monkeypatch.setattr(call_streams, "resolve", end_after_resolving)
        assert await status_of(service, caller.call_id) == 204

    async with calling(service) as caller:

        async def end_before_following(*given: Any, **named: Any) -> Follower:
            monkeypatch.undo()
            await caller.say("the last word")
            await once_over(caller)
            return await follow(*given, **named)

        monkeypatch.setattr(stream_watch, "follow", end_before_following)
        async with transcript(service, caller.call_id) as stream:
            assert [text for _, text in await stream.finals()] == ["the last word"]

    async with calling(service) as caller:
        monkeypatch.setattr(stream_watch, "follow", end_before_following)
        async with stream_client(service, caller.call_id) as events:
            names = [event["event_type"] for event in await events.rest()]
            assert names == ["call.initiated", "call.transcription", "call.completed"]
            assert events.closed == (1000, "")


# -- the end of the server ------------------------------------------------------------


async def test_watchers_are_told_of_calls_that_end_with_the_server(database: TestDatabase) -> None:
    async with AsyncExitStack() as clients:
        http = await clients.enter_async_context(aiohttp.ClientSession())
        async with serving(database) as service:
            service = replace(service, http=http)
            caller = await clients.enter_async_context(calling(service))
            stream = await clients.enter_async_context(stream_client(service, caller.call_id))
            spoken = await clients.enter_async_context(transcript(service, caller.call_id))
            await spoken.raw_until(b"\n\n")
        assert await spoken.event() is None
        assert (await stream.rest())[-1]["event_type"] == "call.completed"
        assert stream.closed == (1000, "")


async def test_watchers_of_calls_that_live_elsewhere_are_told_of_the_servers_end(
    database: TestDatabase,
) -> None:
    async with AsyncExitStack() as clients:
        http = await clients.enter_async_context(aiohttp.ClientSession())
        async with serving(database) as service:
            service = replace(service, http=http)
            call_id = await a_call_elsewhere(service, database)
            stream = await clients.enter_async_context(stream_client(service, call_id))
            spoken = await clients.enter_async_context(transcript(service, call_id))
            await spoken.raw_until(b"\n\n")
        goodbye = await spoken.event()
        assert goodbye is not None
        assert goodbye.name == "error"
        assert set(json.loads(goodbye.data)) == {"error_code", "message"}
        assert json.loads(goodbye.data)["error_code"] == "UNAVAILABLE"
        assert await spoken.event() is None
        assert await stream.rest() == []
        assert stream.closed == (1001, "UNAVAILABLE")


async def a_call_elsewhere(service: Service, database: TestDatabase) -> str:
    """Record a call that no process runs, in a live environment; return its id."""
    call_id = uuid4()
    async with database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO ringline.calls (workspace_id, environment, id, call_uuid, direction,
                from_number, to_number, call_source, transport, status, started_at)
            VALUES ($1, 'live', $2, $3, 'inbound', '+1', '+2', 'api', 'sip', 'ringing', now())
            """,
            service.keys.workspace_id,
            call_id,
            str(call_id),
        )
    return format_id(Prefix.CALL, call_id)


# -- slow listeners -------------------------------------------------------------------

LONG = "x" * 4000
MANY = [f"{number} {LONG}" for number in range(160)]


def batched(texts: list[str]) -> list[list[str]]:
    """Cut into as many as a listener that reads takes at once: its buffer is bounded too."""
    return [texts[start : start + 20] for start in range(0, len(texts), 20)]


async def test_a_socket_that_is_not_read_is_told_what_it_missed(service: Service) -> None:
    async with calling(service) as caller:
        path = f"/v1/calls/{caller.call_id}/stream"
        deaf = await DeafClient.open(service, path, upgrade=True, key=service.keys.secret_key)
        async with stream_client(service, caller.call_id) as other:
            told = [await other.receive()]
            for some in batched(MANY):
                await caller.say(*some)
                told += [await other.receive() for _ in some]
            assert [event["payload"]["text"] for event in told[1:]] == MANY
        await caller.hang_up()
        seen, code = await deaf.messages()
        deaf.close()
    names = [event["event_type"] for event in seen]
    count = names.index("stream.dropped")
    assert 64 <= count < len(MANY)
    assert seen[:count] == told[:count], "what was taken before the gap is whole"
    since = seen[count]["payload"]["position"]
    async with stream_client(service, caller.call_id, since=since) as again:
        missed = await again.rest()
    assert missed[:-1] == told[count:]
    assert missed[-1]["event_type"] == "call.completed"
    assert code == 1000


async def test_a_client_that_answers_no_ping_is_cut_off(database: TestDatabase) -> None:
    hasty = WebLimits(streams=StreamLimits(ping_every_s=0.1, silent_s=1))
    async with (
        serving(database, limits=hasty) as service,
        calling(service) as caller,
        stream_client(service, caller.call_id) as lively,
    ):
        path = f"/v1/calls/{caller.call_id}/stream"
        deaf = await DeafClient.open(service, path, upgrade=True, key=service.keys.secret_key)
        with pytest.raises((EOFError, ConnectionError)):
            await deaf.messages()
        deaf.close()
        await lively.receive()
        await caller.say("still here")
        assert (await lively.receive())["payload"]["text"] == "still here"
