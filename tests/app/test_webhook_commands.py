"""`ringline webhooks` and `ringline why`, against a server in the same process."""

import asyncio
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ringline.cli.options import Target
from ringline.cli.program import main
from ringline.cli.webhooks import forward_events, tail_deliveries
from ringline.client.events import Away
from ringline.client.forwarding import Forwarder, Shape
from ringline.client.http import Api, ApiProblem, open_api
from ringline.client.log import Gap, Logged, LogItem, Unread, follow_log, head_of_log
from ringline.client.webhooks import Attempted, Happened, Owed, follow_deliveries
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Position, Scope
from ringline.services.id_generator import new_id
from ringline.wire.message_payloads import THREAD_EVENTS
from ringline.wire.webhook_signature import endpoint_key, new_endpoint_secret
from tests.callers import LIMIT_S
from tests.database import TestDatabase
from tests.hook_receivers import Received, receiver
from tests.payload_examples import EPOCH, STORED
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1
from tests.webhook_rows import make_events

SECRET = new_endpoint_secret(bytes(range(32)))
Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, webhook_allow_private=True) as service:
        yield service


@pytest.fixture
def run(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("RINGLINE_URL", service.base_url)
    monkeypatch.setenv("RINGLINE_KEY", service.keys.secret_key)

    async def run(*words: object) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, [str(word) for word in words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run a command's endless work for the length of a block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError), end


async def fail(_: Received) -> web.StreamResponse | None:
    return web.Response(status=500, text="the disk is full")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def attempted(v1: V1, event_id: str) -> None:
    """Wait until every delivery of an event has been attempted."""

    async def done() -> bool:
        found = (await v1.get(f"/events/{event_id}/deliveries")).body["webhooks"]
        return bool(found) and all(row["attempt_log"] for row in found)

    await until(done)


# -- why -------------------------------------------------------------------------------------


async def test_why_shows_where_an_event_went_and_what_comes_next(
    service: Service, run: Run
) -> None:
    v1, rpc = V1(service), Rpc(service)
    async with receiver() as good, receiver(fail) as bad:
        accepts = await v1.endpoint(good.url)
        refuses = await v1.endpoint(bad.url)
        gone = await v1.endpoint("http://127.0.0.1:9/", events=["contact.*"])
        (event_id,) = await make_events(rpc, 1)
        await attempted(v1, event_id)
    code, out, err = await run("why", event_id)
    assert (code, err) == (0, "")
    blocks = out.split("\n\n")
    assert blocks[0].startswith(f"contact.created  {event_id}\n  happened ")
    by_endpoint = {
        one["endpoint_id"]: next(block for block in blocks if one["endpoint_id"] in block)
        for one in (accepts, refuses, gone)
    }
    delivered = by_endpoint[accepts["endpoint_id"]]
    assert f"→ {good.url}: delivered\n    attempt 1, " in delivered
    assert ": 200, " in delivered
    assert "again: ringline webhooks redeliver del_" in delivered
    pending = by_endpoint[refuses["endpoint_id"]]
    assert ": pending, next attempt " in pending
    assert ": 500, " in pending
    assert "“the disk is full”" in pending
    nobody = by_endpoint[gone["endpoint_id"]]
    assert " refused, " in nobody
    assert "nothing listens there" in nobody


async def test_why_finds_events_of_both_environments_with_a_management_key(
    service: Service, run: Run
) -> None:
    (event_id,) = await make_events(Rpc(service, service.keys.test_key), 1)
    code, out, err = await run("why", event_id)
    assert (code, out) == (1, "")
    assert err == (
        f"ringline: There is no event {event_id} here: the key's workspace does not know it.\n"
    )
    code, out, _ = await run("why", event_id, "--key", service.keys.management_key)
    assert code == 0
    assert "It was not owed to any receiver" in out
    assert "This server knows of no listener." in out
    code, out, _ = await run("why", event_id, "--key", service.keys.management_key, "--json")
    assert json.loads(out)["webhooks"] == []
    assert json.loads(out)["event_type"] == "contact.created"


async def test_why_refuses_what_cannot_be_an_event(service: Service, run: Run) -> None:
    for wrong in ("call_0000000000000000000000", "evt_1", "../calls", "ä"):
        code, out, err = await run("why", wrong)
        assert (code, out) == (1, "")
        assert "no event's id" in err
    code, _, err = await run("why", format_id(Prefix.EVENT, new_id()))
    assert (code, "There is no event" in err) == (1, True)
    unknown = format_id(Prefix.EVENT, new_id())
    code, _, err = await run("why", unknown, "--key", "sk_live_nobody")
    assert (code, "401" in err) == (1, True)


async def test_a_delivery_is_sent_again(service: Service, run: Run) -> None:
    v1, rpc = V1(service), Rpc(service)
    async with receiver() as hook:
        await v1.endpoint(hook.url)
        (event_id,) = await make_events(rpc, 1)
        await hook.until_accepted(1)
        await attempted(v1, event_id)
        (row,) = (await v1.get(f"/events/{event_id}/deliveries")).body["webhooks"]
        code, out, _ = await run("webhooks", "redeliver", row["delivery_id"])
        assert code == 0
        assert out.startswith(f"contact.created  {event_id}  {row['delivery_id']} to endpoint ")
        assert "pending" in out
        await hook.until(lambda one: one.events()[event_id] == 2)
    code, out, err = await run("webhooks", "redeliver", "del_0000000000000000000000")
    assert (code, out) == (1, "")
    assert "404" in err


# -- tail ------------------------------------------------------------------------------------


async def test_tail_shows_deliveries_and_attempts_as_they_happen(service: Service) -> None:
    v1, rpc = V1(service), Rpc(service)
    found: list[Happened] = []
    async with receiver() as good, receiver(fail) as bad:
        one, two = await v1.endpoint(good.url), await v1.endpoint(bad.url)
        (earlier,) = await make_events(rpc, 1)
        await attempted(v1, earlier)
        api = Api(service.base_url, service.keys.secret_key, service.http)

        async def watch() -> None:
            async for happened in follow_deliveries(api, {}, poll_s=0.05):
                found.append(happened)

        async with running(watch()):
            await asyncio.sleep(0.3)  # the first look, which only learns what is there
            (event_id,) = await make_events(rpc, 1)

            async def seen() -> bool:
                of_this = [h for h in found if isinstance(h, Attempted)]
                return len({h.delivery.delivery_id for h in of_this}) == 2

            await until(seen)
    assert {h.delivery.event_id for h in found if not isinstance(h, Away)} == {event_id}
    owed = [h.delivery.endpoint_id for h in found if isinstance(h, Owed)]
    assert sorted(map(str, owed)) == sorted((one["endpoint_id"], two["endpoint_id"]))
    codes = {
        h.delivery.endpoint_id: h.attempt.response_code for h in found if isinstance(h, Attempted)
    }
    assert codes == {one["endpoint_id"]: 200, two["endpoint_id"]: 500}


async def test_tail_prints_lines(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    v1, rpc = V1(service), Rpc(service)
    target = Target(service.base_url, service.keys.secret_key)
    told = ""

    async def shown() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return "attempt 1" in told or '"attempt"' in told

    async with receiver(fail) as hook:
        endpoint = await v1.endpoint(hook.url)
        only = {"endpoint_id": endpoint["endpoint_id"]}
        for as_json in (False, True):
            told = ""
            async with running(tail_deliveries(target, only, json=as_json)):
                await asyncio.sleep(0.5)
                (event_id,) = await make_events(rpc, 1)
                await until(shown)
            if as_json:
                rows = [json.loads(line) for line in told.splitlines()]
                assert [set(row) for row in rows] == [{"delivery"}, {"delivery", "attempt"}]
                assert rows[1]["attempt"]["response_code"] == 500
                assert rows[1]["delivery"]["event_id"] == event_id
            else:
                owed, attempt = told.splitlines()
                assert owed.startswith(f"contact.created  {event_id}  del_")
                assert ": 500, " in attempt
                assert attempt.endswith(tuple("0123456789"))  # when the next attempt is


async def test_tail_says_why_it_is_refused(service: Service) -> None:
    stranger = Api(service.base_url, "sk_live_nobody", service.http)
    with pytest.raises(ApiProblem, match="401"):
        await anext(follow_deliveries(stranger, {}))
    api = Api(service.base_url, service.keys.secret_key, service.http)
    with pytest.raises(ApiProblem, match="400"):
        await anext(follow_deliveries(api, {"endpoint_id": "nobody"}))


async def test_tail_waits_for_a_server_that_is_away(unused_tcp_port: int) -> None:
    async with open_api(f"http://127.0.0.1:{unused_tcp_port}", "sk_live_x") as api:
        stream = follow_deliveries(api, {}, poll_s=0.01)
        assert isinstance(await anext(stream), Away)
        assert isinstance(await anext(stream), Away)
        await stream.aclose()


# -- forward ---------------------------------------------------------------------------------


async def test_what_is_forwarded_is_what_the_server_sends(service: Service) -> None:
    """The same bytes and headers, but for the time and the signature."""
    v1, rpc = V1(service), Rpc(service)
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    async with (
        receiver() as registered,
        receiver() as local,
        open_api(service.base_url, service.keys.secret_key) as api,
    ):
        await v1.endpoint(registered.url)
        forwarder = Forwarder(local.url, Shape.ENDPOINT, secret=SECRET, scope=scope)
        work = forward_events(api, forwarder, since=None, wanted=["*"], json=False)
        async with running(work):
            await asyncio.sleep(0.5)
            await make_events(rpc, 2)
            made = await rpc.run(
                "create_call",
                input={
                    "callUuid": "order-7",
                    "direction": "inbound",
                    "fromNumber": "+4930111",
                    "toNumber": "+4930222",
                    "status": "answered",
                },
                fields=["id"],
            )
            await rpc.run(
                "update_call",
                identity=made["id"],
                input={"status": "completed"},
                fields=["id"],
            )
            await registered.until_accepted(5)
            await local.until_accepted(5)
    sent = {one.event_id: one for one in registered.accepted}
    assert {one.body["type"] for one in sent.values()} >= {"contact.created", "call.ended"}
    own = {"webhook-signature", "webhook-timestamp", "Host", "Content-Length", "Accept-Encoding"}
    for one in local.accepted:
        there = sent[one.event_id]
        assert one.raw == there.raw
        assert {name: value for name, value in one.headers.items() if name not in own} == {
            name: value for name, value in there.headers.items() if name not in own
        }
        signed = f"{one.event_id}.{one.headers['webhook-timestamp']}.".encode() + one.raw
        expected = b64encode(hmac.digest(endpoint_key(SECRET), signed, "sha256")).decode()
        assert one.headers["webhook-signature"] == f"v1,{expected}"
    offsets = [one.headers["X-Ringline-Position"].partition(":")[2] for one in local.accepted]
    assert offsets == sorted(offsets, key=int)


async def test_answers_are_shown_beside_the_events(
    service: Service, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    rpc = Rpc(service)
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    events = await make_events(rpc, 2)
    told = ""

    async def shown() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return told.count("\n") >= 2

    async with (
        receiver(fail) as local,
        open_api(service.base_url, service.keys.secret_key) as api,
    ):
        for where, outcome in (
            (local.url, "500"),
            (f"http://127.0.0.1:{unused_tcp_port}/", "nothing listens there"),
        ):
            forwarder = Forwarder(where, Shape.ENDPOINT, secret=SECRET, scope=scope)
            told = ""
            async with running(
                forward_events(api, forwarder, since="0", wanted=["contact.*"], json=False)
            ):
                await until(shown)
            lines = told.splitlines()
            assert [line.split()[:2] for line in lines] == [
                ["contact.created", event_id] for event_id in events
            ]
            assert all(f"→ {outcome}  " in line for line in lines)
        told = ""
        forwarder = Forwarder(local.url, Shape.ENDPOINT, secret=SECRET, scope=scope)
        async with running(
            forward_events(api, forwarder, since=events[0], wanted=["*"], json=True)
        ):
            async with asyncio.timeout(LIMIT_S):
                while "\n" not in told:
                    await asyncio.sleep(0.05)
                    told += capsys.readouterr().out
        (line,) = told.splitlines()
        row = json.loads(line)
        assert (row["event_id"], row["status"], row["body"]) == (
            events[1],
            500,
            "the disk is full",
        )
    assert len(local.received) == 3  # a failure is not attempted again


async def test_an_agents_format_has_the_calls_and_threads_of_agents_alone() -> None:
    forwarder = Forwarder(
        "http://127.0.0.1:1/",
        Shape.AGENT,
        secret="rlsec_x",
        scope=Scope(new_id(), Environment.LIVE),
    )
    shown = {
        stored.event.type
        for stored in STORED
        if forwarder.encode(Logged(stored, head(stored.offset))) is not None
    }
    assert shown == {
        "call.answered",
        "call.turn_completed",
        "call.barge_in",
        "call.idle_silence",
        "call.held",
        "call.resumed",
        "call.transferred",
        "call.ended",
        *(kind.type for kind in THREAD_EVENTS),
    }


def head(offset: int) -> Position:
    return Position(EPOCH, offset)


async def test_what_cannot_be_forwarded_is_told(service: Service, run: Run) -> None:
    for words, why in (
        (("--to", "localhost:3000"), "is no URL to post to"),
        (("--to", "http://127.0.0.1:1/", "--since", "yesterday"), "is not a position"),
        (("--to", "http://127.0.0.1:1/", "--events", "call.started"), "does not exist"),
        (("--to", "http://127.0.0.1:1/", "--events", ","), "names nothing"),
        (("--to", "http://127.0.0.1:1/", "--secret", "hunter2"), "--secret is invalid"),
        (("--to", "http://127.0.0.1:1/", "--key", "sk_live_nobody"), "401"),
    ):
        code, out, err = await run("webhooks", "forward", *words)
        assert (code, out) == (1, "")
        assert why in err
        assert "hunter2" not in err
    code, _, err = await run("webhooks", "forward", "--to", "x", "--envelope", "letter")
    assert code == 2


async def test_a_workspace_is_known_by_its_key(service: Service) -> None:
    for key, environment in (
        (service.keys.secret_key, "live"),
        (service.keys.test_key, "sandbox"),
    ):
        found = await Api(service.base_url, key, service.http).organisation()
        assert (found.id, found.environment) == (service.keys.workspace_id, environment)


async def test_the_log_is_followed_across_pages_and_a_lost_server(service: Service) -> None:
    """A proxy loses the server for a while, between two pages."""
    rpc = Rpc(service)
    await make_events(rpc, 150)
    asked: list[Any] = []

    async def pass_on(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        asked.append(body["input"]["after"])
        if len(asked) in (2, 3):
            return web.Response(status=503)
        async with rpc.post(body) as answer:
            return web.Response(body=await answer.read(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/rpc/public/run", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found: list[LogItem] = []
    try:
        host, port = runner.addresses[0][:2]
        async with open_api(f"http://{host}:{port}", service.keys.secret_key) as api:
            stream = follow_log(api, "0", poll_s=0.01)
            async for item in stream:
                found.append(item)
                if sum(isinstance(one, Logged) for one in found) == 150:
                    break
            await stream.aclose()
    finally:
        await runner.cleanup()
    offsets = [item.stored.offset for item in found if isinstance(item, Logged)]
    assert offsets == list(range(1, 151))
    assert [type(item) for item in found if not isinstance(item, Logged)] == [Away, Away]
    assert asked[1] == asked[2] == asked[3]


async def test_what_the_log_has_lost_or_this_version_does_not_know_is_told() -> None:
    pages = [
        {
            "events": [{"type": "moon.landed", "position": f"{EPOCH}:9"}],
            "position": f"{EPOCH}:9",
            "hasMore": False,
            "recovered": False,
        }
    ]

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"success": True, "data": pages[0]})

    app = web.Application()
    app.router.add_post("/rpc/public/run", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        async with open_api(f"http://{host}:{port}", "sk_live_x") as api:
            stream = follow_log(api, f"{EPOCH}:1")
            assert [await anext(stream), await anext(stream)] == [Gap(), Unread("moon.landed")]
            await stream.aclose()
            pages[0] = {"moon": "cheese"}
            with pytest.raises(ApiProblem, match="is no Ringline"):
                async for _ in follow_log(api, "0"):
                    pass
    finally:
        await runner.cleanup()


async def test_the_head_of_the_log(service: Service) -> None:
    api = Api(service.base_url, service.keys.secret_key, service.http)
    before = await head_of_log(api)
    await make_events(Rpc(service), 1)
    after = await head_of_log(api)
    assert int(after.partition(":")[2]) == int(before.partition(":")[2]) + 1
