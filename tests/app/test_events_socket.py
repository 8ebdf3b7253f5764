"""The events socket on the wire (events socket, 3 and 6; contract, 2 and 3)."""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from multidict import CIMultiDict
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from ringline.domain import socket_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.events import Event
from ringline.domain.ids import Prefix, format_id, parse_id, uuid7
from ringline.domain.log import Environment, Scope
from ringline.services.follow import Resolved, resolve
from ringline.web import events_session
from ringline.web.limits import SocketLimits, WebLimits
from ringline.wire import events_socket as wire_events_socket
from ringline.wire import phoenix_socket
from ringline.wire.phoenix import spell_subprotocols
from ringline.wire.session_token import new_token, sign
from tests.callers import LIMIT_S, calling, make_call
from tests.database import TestDatabase
from tests.serving import Service, serving, settings_for
from tests.watchers import DeafClient, EventsClient, Frame, events_client, socket_url

HEARTBEAT = [None, "9", "phoenix", "heartbeat", {}]
COMMON = {"eventId", "position", "occurredAt", "organisationId", "callUuid", "callId"}
#: The documented members of each event besides the common ones (6).
MEMBERS = {
    "incoming_call": {
        "direction",
        "fromNumber",
        "toNumber",
        "status",
        "startedAt",
        "callSource",
        "conversationId",
        "queueEntryId",
        "queueName",
        "contact",
    },
    "call_answered": {
        "status",
        "answeredAt",
        "fromNumber",
        "toNumber",
        "sipUsername",
        "answeredBy",
    },
    "call_participant_joined": {"participantId", "memberUuid", "role", "joinedAt"},
    "call_participant_left": {"participantId", "memberUuid", "role", "joinedAt", "leftAt"},
    "call_transcript_delta": {"itemId", "contentIndex", "role", "delta", "sequence"},
    "call_transcript_completed": {"itemId", "contentIndex", "role", "transcript", "transcriptId"},
    "call_ended": {
        "status",
        "endedAt",
        "durationSeconds",
        "fromNumber",
        "toNumber",
        "hangupCause",
    },
}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a server where callers may type as fast as they like."""
    async with serving(database, rate_session_events_per_10_s=0) as service:
        yield service


def offset(position: str) -> int:
    return int(position.split(":")[1])


def reply(ref: str, topic: str, status: str, response: Any, join: str | None = None) -> Frame:
    return [join, ref, topic, "phx_reply", {"status": status, "response": response}]


# -- the protocol, version 2 ------------------------------------------------------------


async def test_heartbeats_need_no_join(service: Service) -> None:
    async with events_client(service) as client:
        await client.send(*HEARTBEAT)
        assert await client.receive() == reply("9", "phoenix", "ok", {})


async def test_joins_and_leaves(service: Service) -> None:
    workspace = service.keys.workspace_id
    spellings = [
        "events",
        f"events:{workspace}",
        f"events:{format_id(Prefix.WORKSPACE, workspace)}",
    ]
    async with events_client(service) as client:
        for number, topic in enumerate(spellings):
            ref = str(number)
            response = await client.join(topic, ref)
            assert set(response) == {"position"}
            await client.send(ref, "7", topic, "phx_leave", {})
            assert await client.receive() == reply("7", topic, "ok", {}, ref)
            assert await client.receive() == [ref, ref, topic, "phx_close", {}]
            await client.send(ref, "8", topic, "phx_leave", {})
            assert await client.receive() == reply("8", topic, "ok", {}, ref)


async def test_topics_that_are_refused(service: Service) -> None:
    stranger = (await service.admin.workspaces.create("Stranger")).workspace_id
    async with events_client(service) as client:
        for topic in ("call", "event", "events2", "eventsx:1", "phoenix"):
            await client.send("1", "1", topic, "phx_join", {})
            unmatched = {"reason": "unmatched topic"}
            assert await client.receive() == reply("1", topic, "error", unmatched)
        for name in (str(stranger), format_id(Prefix.WORKSPACE, stranger), "", "mine"):
            await client.send("1", "1", f"events:{name}", "phx_join", {})
            refused = {"reason": "unauthorized"}
            assert await client.receive() == reply("1", f"events:{name}", "error", refused, "1")
        await client.join()


async def test_messages_to_a_channel(service: Service) -> None:
    async with events_client(service) as client:
        await client.send("1", "2", "events", "shout", {})
        unmatched = {"reason": "unmatched topic"}
        assert await client.receive() == reply("2", "events", "error", unmatched)
        await client.join(ref="3")
        await client.send("2", "4", "events", "stale", {})  # dropped
        unknown = {"reason": "unknown event"}
        for join in ("3", None):
            await client.send(join, "5", "events", "shout", {})
            assert await client.receive() == reply("5", "events", "error", unknown, join)
        push = bytes([0, 1, 1, 6, 3]) + b"36eventsbin" + b"\x01\x02\x03"
        await client.socket.send(push)
        assert await client.receive() == reply("6", "events", "error", unknown, "3")


async def test_a_second_join_takes_over(service: Service) -> None:
    async with events_client(service) as client:
        await client.join(ref="1")
        await client.send("2", "2", "events", "phx_join", {})
        assert (await client.receive())[:4] == ["2", "2", "events", "phx_reply"]
        assert await client.receive() == ["1", "1", "events", "phx_close", {}]
        await make_call(service, "once")
        told = await client.until("call_ended")
        assert [frame[3] for frame in told].count("call_transcript_completed") == 1


async def test_joins_that_overtake_each_other(service: Service) -> None:
    async with events_client(service) as client:
        for ref in ("1", "2", "3"):
            await client.send(ref, ref, "events", "phx_join", {"since": "0"})
        await client.send("3", "4", "events", "phx_leave", {})
        await client.send("5", "5", "events", "phx_join", {})
        await client.reply("5")
        await make_call(service, "once")
        told = await client.until("call_ended")
        assert [frame[3] for frame in told].count("call_transcript_completed") == 1
        assert [frame[3] for frame in told].count("phx_close") == 0


async def test_a_join_that_is_left_before_its_reply(service: Service) -> None:
    async with events_client(service) as client:
        await client.send("1", "1", "events", "phx_join", {})
        await client.send("1", "2", "events", "phx_leave", {})
        assert await client.receive() == reply("2", "events", "ok", {}, "1")
        await make_call(service)
        await client.send(*HEARTBEAT)
        assert await client.receive() == reply("9", "phoenix", "ok", {})


def spellings(service: Service) -> list[str]:
    """Spell the topic of a workspace's events in every way, and in cases of letters."""
    workspace = service.keys.workspace_id
    cased = [
        str(workspace)[:at].upper() + str(workspace)[at:]
        for at, letter in enumerate(str(workspace), 1)
        if letter.isalpha()
    ]
    return ["events", f"events:{format_id(Prefix.WORKSPACE, workspace)}"] + [
        f"events:{name}" for name in dict.fromkeys([str(workspace), *cased])
    ]


async def test_a_socket_has_one_channel_however_the_topic_is_spelt(service: Service) -> None:
    topics = spellings(service)
    assert len(topics) > 5
    async with events_client(service) as client:
        await client.join(topics[0], "0")
        for number, (before, topic) in enumerate(pairwise(topics), 1):
            await client.join(topic, str(number))
            closed = str(number - 1)
            assert await client.receive() == [closed, closed, before, "phx_close", {}]
        await make_call(service)
        told = await client.until("call_ended")
        await client.send(*HEARTBEAT)
        assert await client.receive() == reply("9", "phoenix", "ok", {}), "nothing comes twice"
    assert {frame[2] for frame in told} == {topics[-1]}


async def test_an_event_is_encoded_once_however_its_topic_is_spelt(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: Counter[UUID] = Counter()

    def count(event: Event) -> Any:
        encoded[event.id] += 1
        return frame_members(event)

    frame_members = wire_events_socket.frame_members
    monkeypatch.setattr(wire_events_socket, "frame_members", count)
    topics = spellings(service)[:4]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(events_client(service)) for _ in topics]
        for client, topic in zip(clients, topics, strict=True):
            await client.join(topic)
        await make_call(service)
        told = [await client.until("call_ended") for client in clients]
    assert [frames[-1][2] for frames in told] == topics
    assert len({json.dumps([frame[3:] for frame in frames]) for frames in told}) == 1
    assert set(encoded.values()) == {1}


async def test_too_many_channels(database: TestDatabase) -> None:
    assert SocketLimits().channels == socket_limits.CHANNELS.most == phoenix_socket.MAX_CHANNELS
    two = WebLimits(sockets=SocketLimits(channels=2))
    async with serving(database, limits=two) as service, events_client(service) as client:
        first, second, third, *_ = spellings(service)
        for topic in (first, second, third):  # none of which is answered yet
            await client.send("1", "1", topic, "phx_join", {})
        refused = {"reason": "too many channels joined"}
        assert await client.receive() == reply("1", third, "error", refused, "1")


async def test_a_flood_of_frames_is_answered_whole_if_slowly(service: Service) -> None:
    frames = socket_limits.FRAMES_BURST.most + 20
    async with events_client(service) as client:
        for number in range(frames):
            await client.send(None, str(number), "phoenix", "heartbeat", {})
        for number in range(frames):
            assert await client.receive() == reply(str(number), "phoenix", "ok", {})


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("garbage", 1011),
        ("{}", 1011),
        ('["1","1","events","phx_join"]', 1011),
        ("[1,1,1,1,1]", 1011),
        (b"\x09", 1011),
        ('[null,"1","phoenix","heartbeat",[%s1]]' % ("[]," * 10_000), 1011),
        ('[null,"%s","phoenix","heartbeat",{}]' % ("1" * 256), 1011),
        ('["%s","1","events","phx_join",{}]' % ("1" * 256), 1011),
        ('["1","1","%s","phx_join",{}]' % ("e" * 1026), 1011),
        (b"\x00\x01\x00\x00\x00\xff", 1007),
    ],
)
async def test_what_cannot_be_decoded(service: Service, frame: str | bytes, code: int) -> None:
    async with events_client(service) as other, events_client(service) as client:
        await client.socket.send(frame)
        assert await client.closed() == code
        await other.send(*HEARTBEAT)
        assert await other.receive() == reply("9", "phoenix", "ok", {})


async def test_a_silent_client_is_let_go(database: TestDatabase) -> None:
    assert SocketLimits().silent_s == 60.0
    hasty = WebLimits(sockets=SocketLimits(silent_s=0.05))
    async with serving(database, limits=hasty) as service, events_client(service) as client:
        await client.join()
        assert await client.closed() == 1001


# -- version 1 --------------------------------------------------------------------------


@pytest.mark.parametrize("vsn", ["1.0.0", None])
async def test_version_1(service: Service, vsn: str | None) -> None:
    async def receive(client: EventsClient) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            return json.loads(await client.socket.recv())

    def frame(topic: str, event: str, payload: Any, ref: str | None) -> dict[str, Any]:
        return {"topic": topic, "event": event, "payload": payload, "ref": ref}

    async with events_client(service, vsn=vsn) as client:
        await client.socket.send(json.dumps(frame("phoenix", "heartbeat", {}, "1")))
        ok = {"status": "ok", "response": {}}
        assert await receive(client) == frame("phoenix", "phx_reply", ok, "1")
        await client.socket.send(json.dumps(frame("events", "phx_join", {}, "2")))
        joined = await receive(client)
        assert (joined["event"], joined["ref"]) == ("phx_reply", "2")
        assert await receive(client) == frame("events", "presence_state", {}, None)
        await make_call(service)
        pushed = await receive(client)
        assert set(pushed) == {"topic", "event", "payload", "ref"}
        assert (pushed["event"], pushed["ref"]) == ("incoming_call", None)


# -- who may connect --------------------------------------------------------------------


async def refused(url: str, subprotocols: list[str] | None = None) -> tuple[int, bytes]:
    offered = [Subprotocol(name) for name in subprotocols] if subprotocols else None
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, subprotocols=offered):
            pass
    return refusal.value.response.status_code, bytes(refusal.value.response.body)


async def test_connections_that_are_refused(service: Service, database: TestDatabase) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, _ = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="another")
    secret_text = settings_for(database).signing_secrets[0]
    now = datetime.now(UTC)

    def token(age_s: int = 0, signing: str = secret_text) -> str:
        made = new_token(
            scope,
            key.id,
            token_id=uuid7(0, 1),
            now=now - timedelta(seconds=age_s),
            ttl_s=60,
            operator=None,
        )
        return sign(made, signing)

    good = token()
    async with connect(socket_url(service, good)):
        pass
    for bad in (None, "x", token(age_s=61), token(signing="another"), good[:-4] + "AAAA"):
        assert await refused(socket_url(service, bad)) == (403, b"")
    for vsn in ("3.0.0", "2.1.0", "two", "2"):
        assert await refused(socket_url(service, good, vsn)) == (403, b"")
    for key_text in (service.keys.secret_key, service.keys.management_key):
        assert await refused(socket_url(service, key_text)) == (403, b"")
    await service.admin.rows.revoke_key(key.id, now, end_calls=False)
    assert await refused(socket_url(service, good)) == (403, b"")


async def test_header_fields_in_several_lines_are_one_list(service: Service) -> None:
    url = socket_url(service, None).replace("ws:", "http:", 1)
    offered = spell_subprotocols(await service.session_token())
    lines = [
        ("Connection", "keep-alive"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        *(("Sec-WebSocket-Protocol", name) for name in offered),
    ]
    async with service.http.get(url, headers=CIMultiDict(lines)) as answer:
        assert answer.status == 101
        assert answer.headers["Sec-WebSocket-Protocol"] == "phoenix"
    old = CIMultiDict((name, "8" if name.endswith("Version") else one) for name, one in lines)
    async with service.http.get(url, headers=old) as answer:
        assert (answer.status, answer.headers["Sec-WebSocket-Version"]) == (400, "13")


async def test_only_get_upgrades(service: Service) -> None:
    url = socket_url(service, await service.session_token()).replace("ws:", "http:", 1)
    for method in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"):
        async with service.http.request(method, url) as answer:
            assert (answer.status, await answer.read()) == (400, b""), method


async def test_the_token_may_come_as_subprotocol_or_bearer(service: Service) -> None:
    token = await service.session_token()
    encoded = b64encode(token.encode()).decode().rstrip("=")
    offered = [Subprotocol("phoenix"), Subprotocol(f"base64url.bearer.phx.{encoded}")]
    async with connect(socket_url(service, None), subprotocols=offered) as socket:
        assert socket.subprotocol == "phoenix"
    async with connect(
        socket_url(service, None), additional_headers={"Authorization": f"Bearer {token}"}
    ):
        pass
    async with connect(socket_url(service, token), subprotocols=offered[:1]) as socket:
        assert socket.subprotocol == "phoenix"
    wrong = ["phoenix", "base64url.bearer.phx.AAAA"]
    assert await refused(socket_url(service, None), wrong) == (403, b"")


# -- events -----------------------------------------------------------------------------


async def test_events_of_a_whole_call(service: Service, database: TestDatabase) -> None:
    async with events_client(service) as client:
        joined = await client.join()
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        told = await client.until("call_ended", caller.uuid)
    assert all(frame[:3] == [None, None, "events"] for frame in told)
    events = [(frame[3], frame[4]) for frame in told]
    assert [name for name, _ in events if name != "call_transcript_delta"] == [
        "incoming_call",
        "call_answered",
        "call_participant_joined",
        "call_participant_joined",
        "call_transcript_completed",
        "call_transcript_completed",
        "call_participant_left",
        "call_participant_left",
        "call_ended",
    ]
    for name, payload in events:
        durable = name != "call_transcript_delta"
        common = COMMON if durable else COMMON - {"eventId", "position"}
        assert set(payload) == common | MEMBERS[name], name
        assert payload["organisationId"] == str(service.keys.workspace_id)
        assert payload["callUuid"] == caller.uuid
        assert format_id(Prefix.CALL, parse_id(Prefix.CALL, payload["callId"])) == caller.call_id  # type: ignore[arg-type]
    positions = [payload["position"] for _, payload in events if "position" in payload]
    first = offset(joined["position"])
    offsets = [offset(position) for position in positions]
    assert offsets == list(range(first + 1, first + 1 + len(offsets)))
    deltas = [payload for name, payload in events if name == "call_transcript_delta"]
    assert [delta["sequence"] for delta in deltas] == list(range(len(deltas)))
    final = next(p for _, p in events if p.get("transcript") and p["role"] == "assistant")
    assert "".join(delta["delta"] for delta in deltas) == final["transcript"]
    assert {delta["itemId"] for delta in deltas} == {final["itemId"]}


async def test_what_is_told_is_committed(service: Service, database: TestDatabase) -> None:
    async with (
        database.stores(claim=False) as beside,
        events_client(service) as client,
        calling(service) as caller,
    ):
        await client.join(since="0")
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        for number in range(20):
            await caller.say(f"turn {number}")
            frame = await client.push()
            while frame[3] != "call_transcript_completed":
                frame = await client.push()
            event_id = parse_id(Prefix.EVENT, frame[4]["eventId"])
            assert event_id is not None
            found = await beside.log.find(scope, [event_id])
            assert found == {event_id: offset(frame[4]["position"])}


async def test_environments_and_workspaces_never_meet(service: Service) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    keys = [
        service.keys.secret_key,
        service.keys.test_key,
        stranger.secret_key,
        stranger.test_key,
    ]
    async with AsyncExitStack() as open_sockets:
        clients = [await open_sockets.enter_async_context(events_client(service, k)) for k in keys]
        for client in clients:
            await client.join()
        calls = [await make_call(service, "mine", key=key) for key in keys]
        for client, call in zip(clients, calls, strict=True):
            told = await client.until("call_ended")
            assert {frame[4]["callUuid"] for frame in told} == {call.uuid}
            positions = [offset(frame[4]["position"]) for frame in told]
            assert positions == list(range(1, len(told) + 1))
            await client.send(*HEARTBEAT)
            assert (await client.receive())[1] == "9", "nothing of the others came after it"


# -- resuming ---------------------------------------------------------------------------


async def test_resume_from_everything_that_is_a_position(service: Service) -> None:
    async with events_client(service) as client:
        begun = await client.join()
        await make_call(service, "one", "two")
        told = await client.until("call_ended")
    middle = told[3][4]
    for since, rest in (
        (middle["position"], told[4:]),
        (middle["eventId"], told[4:]),
        (begun["position"], told),
        ("0", told),
        (told[-1][4]["position"], []),
    ):
        async with events_client(service) as client:
            response = await client.join(since=since)
            assert response["recovered"] is True
            assert offset(response["position"]) == offset(told[-1][4]["position"]) - len(rest)
            assert [await client.push() for _ in rest] == rest
            await client.send(*HEARTBEAT)
            assert (await client.receive())[1] == "9"


async def test_what_cannot_be_resumed_is_said(service: Service) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    async with events_client(service, stranger.secret_key) as client:
        await client.join()
        await make_call(service, key=stranger.secret_key)
        foreign = (await client.until("call_ended"))[-1][4]
    async with events_client(service) as client:
        await client.join()
        await make_call(service)
        head = (await client.until("call_ended"))[-1][4]["position"]
    epoch = head.split(":")[0]
    for since in (
        foreign["position"],
        foreign["eventId"],
        f"{epoch}:{offset(head) + 1}",
        format_id(Prefix.EVENT, stranger.workspace_id),
        "nonsense",
        "",
        "-1",
        "1",
        5,
        True,
        {},
        [head],
    ):
        async with events_client(service) as client:
            assert await client.join(since=since) == {"position": head, "recovered": False}
    async with events_client(service) as client:
        assert await client.join(since=None) == {"position": head}


async def test_how_far_a_resume_goes_back(database: TestDatabase) -> None:
    assert SocketLimits().replay_events == 10_000
    four = WebLimits(sockets=SocketLimits(replay_events=4))
    async with serving(database, limits=four) as service:
        async with events_client(service) as client:
            await client.join()
            await make_call(service, "one")
            position = (await client.until("call_ended"))[-1][4]["position"]
        epoch, head = position.partition(":")[0], offset(position)
        assert head > 5
        far, near = f"{epoch}:{head - 5}", f"{epoch}:{head - 4}"
        for since, recovered in (("0", False), (far, False), (near, True)):
            async with events_client(service) as client:
                assert (await client.join(since=since))["recovered"] is recovered


async def test_a_resume_while_calls_run_loses_and_doubles_nothing(service: Service) -> None:
    await asyncio.gather(*(make_call(service, *"abcdefgh") for _ in range(5)))
    before = 5 * (4 + 8 + 3)
    async with AsyncExitStack() as open_sockets:
        clients = [await open_sockets.enter_async_context(events_client(service)) for _ in range(5)]
        running = [asyncio.create_task(make_call(service, *"ijklmnop")) for _ in range(5)]
        for client in clients:
            await client.send("1", "1", "events", "phx_join", {"since": "0"})
        await asyncio.gather(*running)
        for client in clients:
            assert (await client.reply("1"))[4]["response"]["recovered"] is True
            told: list[Frame] = []
            while sum(frame[3] == "call_ended" for frame in told) < 10:
                told.append(await client.push())
            durable = [frame[4] for frame in told]
            assert [offset(payload["position"]) for payload in durable] == list(
                range(1, 2 * before + 1)
            )
            assert len({payload["eventId"] for payload in durable}) == 2 * before


async def test_a_rejoin_goes_on_exactly_behind_its_reply(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, go_on = asyncio.Event(), asyncio.Event()

    async def resolve_slowly(*given: Any, **chosen: Any) -> Resolved:
        start = await resolve(*given, **chosen)
        resolved.set()
        await go_on.wait()
        return start

    async with (
        calling(service) as caller,
        events_client(service) as client,
        events_client(service) as other,
    ):
        await client.join(ref="1")
        await other.join()
        monkeypatch.setattr(events_session, "resolve", resolve_slowly)
        await client.send("2", "2", "events", "phx_join", {})
        await resolved.wait()
        await caller.say("during the join")
        during = await other.push()
        go_on.set()
        assert (await client.receive())[:4] == ["2", "2", "events", "phx_reply"]
        assert await client.receive() == ["1", "1", "events", "phx_close", {}]
        assert await client.receive() == during
        await client.send(*HEARTBEAT)
        assert (await client.receive())[1] == "9"


# -- slow listeners ---------------------------------------------------------------------


async def test_a_client_that_does_not_read_is_told_to_resume(service: Service) -> None:
    token = await service.session_token()
    texts = [f"{number} {'x' * 4000}" for number in range(160)]
    async with calling(service) as caller, events_client(service) as other:
        path = f"/socket/websocket?session_token={token}&vsn=2.0.0"
        deaf = await DeafClient.open(service, path, upgrade=True, key=token)
        await deaf.send_text('["1","1","events","phx_join",{}]')
        for name in ("phx_reply", "presence_state"):
            assert json.loads((await deaf.frame())[1])[3] == name
        await other.join()
        told: list[Frame] = []
        for start in range(0, len(texts), 20):
            some = texts[start : start + 20]
            await caller.say(*some)
            told += [await other.push() for _ in some]
        assert [frame[4]["transcript"] for frame in told] == texts
        seen, code = await deaf.messages()
        deaf.close()
        assert code == 4001
        assert 0 < len(seen) < len(texts)
        assert seen == told[: len(seen)]
        async with events_client(service) as again:
            answered = await again.join(since=seen[-1][4]["position"])
            assert answered["recovered"] is True
            assert [await again.push() for _ in told[len(seen) :]] == told[len(seen) :]


# -- the end of the server --------------------------------------------------------------


async def test_a_server_that_stops_says_so(database: TestDatabase) -> None:
    async with AsyncExitStack() as clients:
        http = await clients.enter_async_context(aiohttp.ClientSession())
        async with serving(database) as service:
            client = await clients.enter_async_context(events_client(replace(service, http=http)))
            await client.join()
        assert await client.closed() == 1012
