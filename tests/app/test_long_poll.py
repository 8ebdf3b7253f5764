"""The events socket by long polling, on the wire (events socket, 3.8)."""

import asyncio
import io
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from ringline.domain import limits, socket_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.web import watchers
from ringline.web.limits import SocketLimits, WebLimits
from ringline.wire import long_poll
from ringline.wire.phoenix import PhoenixMessage, encode_binary_push
from tests.callers import LIMIT_S, calling, make_call
from tests.database import TestDatabase
from tests.polling import PATH, PollClient, Polled, arrived, poll_client, polling
from tests.serving import Service, serving
from tests.v1 import V1
from tests.watchers import events_client

HEARTBEAT = [None, "9", "phoenix", "heartbeat", {}]
ALIVE = [None, "9", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
JOIN = ["1", "1", "events", "phx_join", {}]
NOBODY = "x" * 43 + ".0"

#: A window and a life that a test can wait for.
SHORT = WebLimits(sockets=SocketLimits(poll_window_s=0.3, poll_gone_s=0.4))


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a server where callers may type as fast as they like."""
    async with serving(database, rate_session_events_per_10_s=0) as service:
        yield service


def beat(ref: object) -> list[Any]:
    return [None, str(ref), "phoenix", "heartbeat", {}]


# -- the table of 3.8 -------------------------------------------------------------------


async def test_every_step_of_a_session(service: Service) -> None:
    client = PollClient(service, await service.session_token())
    opened = await client.get()
    assert (opened.status, opened.messages) == (410, [])
    assert opened.token is not None
    assert len(opened.token) < 64
    client.token = opened.token
    assert await client.send(JOIN, HEARTBEAT) == 200
    replies = [await client.push() for _ in range(2)]
    assert sorted(frame[1] for frame in replies) == ["1", "9"]
    assert ALIVE in replies
    await make_call(service, "Good morning.")
    told = await client.until("call_ended")
    assert told[0][:4] == [None, None, "events", "incoming_call"]
    positions = [int(f[4]["position"].split(":")[1]) for f in told if "position" in f[4]]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
    assert await client.send(["1", "2", "events", "phx_leave", {}]) == 200
    assert [(await client.push())[3] for _ in range(2)] == ["phx_reply", "phx_close"]


async def test_every_answer_may_be_read_by_any_page_and_kept_by_nobody(service: Service) -> None:
    client = PollClient(service, await service.session_token())
    await client.open()
    stranger = PollClient(service, "nonsense")
    answers = [
        await client.get(),
        await stranger.get(),
        await client.post(json.dumps(HEARTBEAT)),
        await client.poll(),
        await client.post("", token=NOBODY),
        await client.post("@"),
        await client.post("x" * (socket_limits.POLL_BYTES.most + 1)),
    ]
    assert [answer.status for answer in answers] == [410, 403, 200, 200, 410, 400, 413]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_preflights_and_other_methods(service: Service) -> None:
    url = service.base_url + PATH
    asked = {"Origin": "https://a.example", "Access-Control-Request-Headers": "X-One, x-two"}
    async with service.http.options(url, headers=asked) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Headers"] == "X-One, x-two"
        assert answer.headers["Access-Control-Allow-Methods"] == "get, post, options"
        assert answer.headers["Access-Control-Max-Age"] == "3600"
    async with service.http.options(
        url, headers={"Access-Control-Request-Headers": "x<y>"}
    ) as answer:
        assert answer.status == 200
        assert "Access-Control-Allow-Headers" not in answer.headers
    for method in ("HEAD", "PUT", "PATCH", "DELETE", "TRACE"):
        async with service.http.request(method, url) as answer:
            assert (answer.status, await answer.read()) == (400, b""), method


async def test_who_is_refused(service: Service) -> None:
    good = await service.session_token()
    for token in (None, "x", good[:-4] + "AAAA", service.keys.secret_key):
        assert (await PollClient(service, token).get()).status == 403
    for vsn in ("3.0.0", "two"):
        assert (await PollClient(service, good, vsn).get()).status == 403
    twice = PollClient(service, f"{good}&session_token={good}x")
    assert (await twice.get()).status == 403
    for header in ("X-Phoenix-AuthToken", "Authorization"):
        said = f"Bearer {good}" if header == "Authorization" else good
        assert (await PollClient(service, None).get(**{header: said})).status == 410


async def test_the_long_poll_token_may_come_in_a_header(service: Service) -> None:
    async with poll_client(service) as client:
        named = {"x-phoenix-longpoll-token": client.token}
        body = json.dumps(HEARTBEAT)
        sent = await client.request(
            "POST", service.base_url + PATH, data=body.encode(), headers=named
        )
        assert sent.status == 200
        polled = await client.request("GET", service.base_url + PATH, headers=named)
        assert [json.loads(message) for message in polled.messages] == [ALIVE]
        both = await client.post(body, token=NOBODY, **named)
        assert both.status == 410, "two different tokens are none"


async def test_a_token_of_no_session(service: Service) -> None:
    """A poll is given a new session, as after a restart; a body is not taken."""
    client = PollClient(service, await service.session_token())
    for token in (NOBODY, "SFMyNTY.g2gDd", "null", "x" * 4000, "é"):
        answer = await client.get(token)
        assert (answer.status, answer.messages) == (410, [])
        assert answer.token
        assert (await client.post(json.dumps(HEARTBEAT), token=token)).status == 410
    assert (await PollClient(service, None).get(NOBODY)).status == 403


@pytest.mark.parametrize("vsn", ["1.0.0", None])
async def test_version_1(service: Service, vsn: str | None) -> None:
    async with poll_client(service, vsn=vsn) as client:
        frame = {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "1"}
        assert (await client.post(json.dumps(frame))).status == 200
        message = json.loads((await client.get(client.token)).messages[0])
        assert (message["event"], message["ref"]) == ("phx_reply", "1")


# -- polls ------------------------------------------------------------------------------


async def test_windows_and_the_end_of_a_session_that_is_not_polled(database: TestDatabase) -> None:
    defaults = SocketLimits()
    assert (defaults.poll_window_s, defaults.poll_gone_s) == (10, 15)
    async with serving(database, limits=SHORT) as service, poll_client(service) as client:
        before = client.token
        for _ in range(3):  # each longer than half a life
            polled = await client.poll()
            assert (polled.status, polled.messages, polled.token) == (204, [], before)
        await asyncio.sleep(0.8)
        assert (await client.post(json.dumps(HEARTBEAT))).status == 410
        answer = await client.get(client.token)
        assert answer.status == 410
        assert answer.token not in (None, before)


async def test_a_second_poll_ends_the_first(service: Service) -> None:
    async with poll_client(service) as client, polling(client) as first, polling(client) as second:
        async with asyncio.timeout(LIMIT_S):
            assert (await first).status == 204
        assert not second.done()
        assert await client.send(HEARTBEAT) == 200
        async with asyncio.timeout(LIMIT_S):
            assert (await second).status == 200
        assert client.pushed == [ALIVE]


async def test_a_client_that_leaves_while_it_polls_loses_nothing(service: Service) -> None:
    async with poll_client(service) as client:
        async with polling(client):
            pass
        await arrived(client)
        assert await client.send(HEARTBEAT) == 200
        assert await client.push() == ALIVE


async def test_an_answer_that_never_arrived_is_given_again(service: Service) -> None:
    async with poll_client(service) as client:
        assert await client.send(HEARTBEAT) == 200
        first = await client.get(client.token)
        again = await client.get(client.token)
        assert (first.status, first.token, first.messages) == (
            again.status,
            again.token,
            again.messages,
        )
        await client.poll()
        assert client.pushed == [ALIVE]
        async with polling(client):
            assert await client.send(beat("10")) == 200
            await arrived(client)
        assert [frame[1] for frame in client.pushed] == ["9", "10"]


async def test_an_older_token_does_not_disturb_the_session(service: Service) -> None:
    async with poll_client(service) as client:
        oldest = client.token
        assert await client.send(HEARTBEAT) == 200
        await client.poll()
        async with polling(client) as poll:  # it acknowledges
            assert (await client.get(oldest)).status == 410
            await arrived(client)
            assert not poll.done()
            assert (await client.post(json.dumps(beat("10")), token=oldest)).status == 200
            async with asyncio.timeout(LIMIT_S):
                assert (await poll).status == 200


async def test_an_event_is_framed_once_for_all_who_poll(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    framed: Counter[bytes] = Counter()

    def spell(payload: bytes) -> bytes:
        framed[payload] += 1
        return long_poll.spell_message(payload)

    monkeypatch.setattr(watchers, "spell_message", spell)
    async with (
        poll_client(service) as one,
        poll_client(service) as two,
        events_client(service) as other,
    ):
        for client in (one, two, other):
            await client.join()
        await make_call(service)
        told = [await client.until("call_ended") for client in (one, two, other)]
    assert told[0] == told[1] == told[2]
    assert len(framed) == len(told[0])
    assert set(framed.values()) == {1}


# -- bodies -----------------------------------------------------------------------------


async def test_text_and_binary_frames_in_one_body(service: Service) -> None:
    push = encode_binary_push(PhoenixMessage("1", "2", "events", "bin", b""), b"\x01\x02")
    lines = [json.dumps(HEARTBEAT), b64encode(push).decode(), "", json.dumps(beat("10"))]
    async with poll_client(service) as client:
        assert (await client.post("\n".join(lines) + "\n")).status == 200
        frames = [await client.push() for _ in range(3)]
        assert [frame[1] for frame in frames] == ["9", "2", "10"]
        assert frames[1][4]["response"] == {"reason": "unmatched topic"}
        assert (
            await client.post("\r\n".join(lines), kind="Application/X-NDJSON; a=b")
        ).status == 200
        assert [(await client.push())[1] for _ in range(3)] == ["9", "2", "10"]


async def test_a_body_of_another_type_is_one_frame(service: Service) -> None:
    pretty = json.dumps(HEARTBEAT, indent=1)
    assert "\n" in pretty
    push = encode_binary_push(PhoenixMessage("1", "2", "events", "bin", b""), b"")
    async with poll_client(service) as client:
        assert (await client.post(pretty, kind="application/json")).status == 200
        assert await client.push() == ALIVE
        assert (await client.post(b64encode(push), kind="text/plain")).status == 200
        assert (await client.push())[1] == "2"


LARGE = json.dumps(
    [None, "9", "phoenix", "heartbeat", {"x": "x" * socket_limits.WATCH_FRAME_BYTES.most}]
)
MANY = "\n".join(json.dumps(beat(number)) for number in range(socket_limits.POLL_FRAMES.most + 1))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * (socket_limits.POLL_BYTES.most + 1), 413),
        (LARGE, 413),
        (b64encode(b"\0" * (socket_limits.WATCH_FRAME_BYTES.most + 1)), 413),
        (MANY, 413),
        (b"\n" * 1000, 413),
        (json.dumps(HEARTBEAT) + "\nAAA", 400),
        (json.dumps(HEARTBEAT) + "\n!!!!", 400),
        (b'[null,"\xff","phoenix","heartbeat",{}]', 400),
        (b"", 200),
        (b"\n", 200),
    ],
)
async def test_bodies_that_are_refused_whole(
    service: Service, body: bytes | str, status: int
) -> None:
    async with poll_client(service) as client:
        assert (await client.post(body)).status == status
        assert await client.send(beat("10")) == 200
        assert (await client.push())[1] == "10", "the session goes on, and nothing was taken"


@pytest.mark.parametrize(
    "frame", ["[garbage", "{}", "null", "[1,1,1,1,1]", '["1","1","events"]', "CQ=="]
)
async def test_a_frame_that_is_no_message_ends_the_session(service: Service, frame: str) -> None:
    async with poll_client(service) as other, poll_client(service) as client:
        async with polling(client) as poll:
            assert (await client.post(frame)).status == 400
            async with asyncio.timeout(LIMIT_S):
                assert (await poll).status == 500
        assert (await client.post(frame)).status == 410
        assert (await client.get(client.token)).status == 410
        assert await other.send(HEARTBEAT) == 200
        assert await other.push() == ALIVE


async def test_bodies_that_http_refuses(service: Service) -> None:
    async with poll_client(service) as client:
        encoded = await client.post(b"x", **{"Content-Encoding": "gzip"})
        assert encoded.status == 415

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(socket_limits.POLL_BYTES.most // 100_000 + 2):
                yield b" " * 100_000

        url = f"{client.url}token={client.token}"
        assert (await client.request("POST", url, data=endless())).status == 413
        async with service.http.post(url, data=io.BytesIO(b"x"), headers={"Expect": "x"}) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": 500})
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert await client.send(HEARTBEAT) == 200


async def test_a_flood_of_frames_is_answered_whole_if_slowly(service: Service) -> None:
    total = socket_limits.FRAMES_BURST.most + 20
    async with poll_client(service) as client:

        async def send() -> None:
            for start in range(0, total, 100):
                some = [beat(number) for number in range(start, min(start + 100, total))]
                assert await client.send(*some) == 200

        sending = asyncio.create_task(send())
        replies = [await client.push() for _ in range(total)]
        await sending
    assert [frame[1] for frame in replies] == [str(number) for number in range(total)]


# -- slow clients -----------------------------------------------------------------------


async def test_a_client_that_does_not_poll_is_told_to_resume(service: Service) -> None:
    texts = [f"{number} {'x' * 4000}" for number in range(160)]
    async with (
        calling(service) as caller,
        events_client(service) as other,
        poll_client(service) as client,
    ):
        begun = await client.join()
        await other.join()
        told = []
        for start in range(0, len(texts), 20):
            some = texts[start : start + 20]
            await caller.say(*some)
            told += [await other.push() for _ in some]
        assert (await client.get(client.token)).status == 410
        async with poll_client(service) as again:
            answered = await again.join(since=begun["position"])
            assert answered["recovered"] is True
            assert [await again.push() for _ in told] == told


async def test_what_fits_waits_for_the_next_poll(service: Service) -> None:
    async with calling(service) as caller, poll_client(service) as client:
        await client.join()
        texts = [f"turn {number}" for number in range(limits.WAITING_FRAMES.most - 10)]
        async with events_client(service) as other:
            await other.join()
            await caller.say(*texts)
            for _ in texts:
                await other.push()
        polled = await client.poll()
        assert polled.status == 200
        assert [frame[4]["transcript"] for frame in client.pushed] == texts


# -- who may go on ----------------------------------------------------------------------


async def test_a_revoked_key_ends_its_sessions(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, secret = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="another")
    async with (
        poll_client(service, secret) as polls,
        poll_client(service, secret) as silent,
        poll_client(service) as other,
    ):
        for client in (polls, silent):
            await client.join()
        async with polling(polls) as poll:
            async with asyncio.timeout(1):
                await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
                assert (await poll).status == 403
        for client in (polls, silent):
            assert (await client.get(client.token)).status == 403
            assert (await client.post(json.dumps(HEARTBEAT))).status == 410
            without = PollClient(service, None)
            assert (await without.get(client.token)).status == 403, "nor by its token alone"
        assert await other.send(HEARTBEAT) == 200


async def test_sessions_of_one_key_are_bounded_with_its_sockets(database: TestDatabase) -> None:
    short = WebLimits(sockets=SocketLimits(poll_window_s=0.2, poll_gone_s=0.3))
    async with serving(database, limits=short, max_sockets_per_key=2) as service:
        client = PollClient(service, await service.session_token())
        async with events_client(service):
            await client.open()
            assert (await client.get()).status == 403
            async with asyncio.timeout(LIMIT_S):
                while (await client.get()).status == 403:  # the first ends: nobody polls
                    await arrived(client)


async def test_sessions_of_one_address_are_bounded(database: TestDatabase) -> None:
    async with serving(database, max_connections_per_address=3) as service:
        client = PollClient(service, await service.session_token())
        statuses = [(await client.get()).status for _ in range(4)]
    assert statuses == [410, 410, 410, 403]


async def test_origins_bind_every_request(database: TestDatabase) -> None:
    app, other = "https://app.example", "https://other.example"
    async with serving(database, allowed_origins=[app]) as service:
        client = PollClient(service, await service.session_token())
        assert (await client.get(Origin=other)).status == 403
        opened = await client.get(Origin=app)
        client.token = opened.token or ""
        assert (await client.post(json.dumps(HEARTBEAT), Origin=other)).status == 403
        assert (await client.post(json.dumps(HEARTBEAT), Origin=app)).status == 200
        assert (await client.get(client.token, Origin=other)).status == 403
        assert (await client.get(client.token, Origin=app)).status == 200
    async with serving(database) as service:
        changed = await V1(service, service.keys.secret_key).patch(
            "/workspace", {"allowed_origins": [app]}
        )
        assert changed.status == 200
        client = PollClient(service, await service.session_token())
        assert (await client.get(Origin=other)).status == 403
        client.token = (await client.get(Origin=app)).token or ""
        assert (await client.post(json.dumps(HEARTBEAT), Origin=other)).status == 403
        assert (await client.post(json.dumps(HEARTBEAT))).status == 200


async def test_a_server_that_stops_says_so(database: TestDatabase) -> None:
    async with aiohttp.ClientSession() as http:
        async with serving(database) as service:
            client = PollClient(Service(service.base_url, http, service.keys, service.admin), None)
            client.session_token = await service.session_token()
            await client.open()
            poll = asyncio.create_task(client.poll())
            await arrived(client)
        answer: Polled = await poll
    assert (answer.status, answer.token, answer.messages) == (410, None, [])
