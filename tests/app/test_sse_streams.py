"""What every stream of server-sent events does, of a call and of a thread (live streams, 2.2)."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote, quote_from_bytes

import pytest

from ringline.web.limits import StreamLimits, WebLimits
from tests.callers import LIMIT_S
from tests.database import TestDatabase
from tests.followed import FOLLOWED, Followed, following
from tests.serving import Service, serving
from tests.watchers import DeafClient

#: Callers may type as fast as they like, and a message of ours arrives at once.
QUICK = {"rate_session_events_per_10_s": 0, "sandbox_clock_scale": 0.01}
LONG = "x" * 4000
MANY = [f"{number} {LONG}" for number in range(160)]


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, **QUICK) as service:
        yield service


@pytest.fixture(params=FOLLOWED)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def followed(service: Service, kind: str) -> AsyncIterator[Followed]:
    async with FOLLOWED[kind](service) as followed:
        yield followed


def texts(told: Sequence[tuple[str, str]]) -> list[str]:
    return [text for _, text in told]


async def test_headers_and_first_bytes(service: Service, followed: Followed) -> None:
    async with following(service, followed) as stream:
        assert stream.answer.content_type == "text/event-stream"
        assert stream.answer.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Access-Control-Allow-Origin"] == "*"
        assert stream.answer.headers["Referrer-Policy"] == "no-referrer"
        opening = await stream.raw_until(b"\n\n")
        assert opening == f": ok\nid: {stream.decoder.last_event_id}\n\n".encode()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/calls/call_0000000000000000000000/transcript/stream",
        "/v1/conversations/conv_0000000000000000000000/stream",
    ],
    ids=FOLLOWED,
)
async def test_a_browser_that_asks_first_may_send_what_streams_read(
    service: Service, path: str
) -> None:
    """What a script's `fetch` of a stream with headers of its own asks (Fetch, 4.8)."""
    wanted = ("authorization", "x-api-key", "last-event-id", "cache-control")
    asked = {
        "Origin": "https://dashboard.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": ",".join(wanted),
    }
    async with service.http.options(service.base_url + path, headers=asked) as answer:
        allowed = {
            name: answer.headers[f"Access-Control-Allow-{name}"]
            for name in ("Origin", "Methods", "Headers")
        }
        assert answer.status == 204
    assert allowed["Origin"] == "*"
    assert "GET" in allowed["Methods"].split(", ")
    assert set(wanted) <= set(allowed["Headers"].split(", "))


async def test_heartbeats(database: TestDatabase, kind: str) -> None:
    often = WebLimits(streams=StreamLimits(heartbeat_s=0.02))
    async with (
        serving(database, limits=often, **QUICK) as service,
        FOLLOWED[kind](service) as followed,
        following(service, followed) as stream,
    ):
        raw = await stream.raw_until(b": hb\n\n: hb\n\n")
        assert raw.split(b"\n\n")[1:] == [b": hb", b": hb", b""]


async def test_old_clients_of_http(service: Service, followed: Followed) -> None:
    host, port = service.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET {followed.path} HTTP/1.0\r\nx-api-key: {followed.key}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(LIMIT_S):
        answered = await reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200")  # ours (RFC 9110, 2.5)
        assert b"chunked" not in answered
        assert (await reader.readuntil(b"\n\n")).startswith(b": ok\nid: ")
        await followed.say("hello")
        assert (await reader.readuntil(b"\n\n")).startswith(b"id: ")
    writer.close()


# -- positions ------------------------------------------------------------------------


async def test_a_client_cut_before_its_first_event_resumes(
    service: Service, followed: Followed
) -> None:
    async with following(service, followed) as stream:
        await stream.raw_until(b"\n\n")
    await followed.say("missed")
    async with following(service, followed, last=stream.decoder.last_event_id) as again:
        assert texts(await again.texts(followed, 1)) == ["missed"]


async def test_resume_by_every_means(service: Service, followed: Followed) -> None:
    async with following(service, followed) as stream:
        await followed.say("one", "two", "three")
        (first, _), (second, _), _ = await stream.texts(followed, 3)

    async def resumed(query: str, last: str | None = None) -> str:
        async with following(service, followed, query, last) as again:
            ((_, text),) = await again.texts(followed, 1)
            return text

    assert await resumed("", last=second) == "three"
    assert await resumed(f"?since={first}", last=second) == "three", "the header wins"
    for name in ("since", "lastEventId", "last_event_id"):
        assert await resumed(f"?{name}={first}") == "two"
        assert await resumed(f"?{name}={second}") == "three"
        assert await resumed(f"?{name}=0") == "one"


@pytest.mark.parametrize("since", ["nonsense", "zzzzzzzz:1", "ahead", "evt_" + "0" * 22])
async def test_what_cannot_be_resumed_is_said(
    service: Service, followed: Followed, since: str
) -> None:
    async with following(service, followed) as stream:
        await followed.say("before")
        ((position, _),) = await stream.texts(followed, 1)
    if since == "ahead":
        since = position.split(":")[0] + ":999"
    async with following(service, followed, f"?since={since}") as again:
        opening = f": ok\nid: {position}\n\n: not recovered\n\n".encode()
        assert await again.raw_until(b"recovered\n\n") == opening
        await followed.say("after")
        assert texts(await again.texts(followed, 1)) == ["after"]


def odd_positions() -> list[str]:
    """Return what stands after `since=`: bytes, texts, and nearly positions."""
    drawn = random.Random(24)
    odd = [quote_from_bytes(drawn.randbytes(drawn.randint(1, 40))) for _ in range(20)]
    odd += [quote("".join(drawn.choices("0123456789:abcz_-+eE. ", k=12))) for _ in range(20)]
    return [*odd, "-1", "00", "0:0", ":1", "9" * 400, "%00", "evt_", "٣", "aaaaaaaa:1e3"]


async def test_any_position_is_answered(service: Service, followed: Followed) -> None:
    async with following(service, followed) as stream:
        head = (await stream.raw_until(b"\n\n")).decode()
    for since in odd_positions():
        for query, last in ((f"?since={since}", None), ("", since)):
            if last is not None and not last.isascii():
                continue
            async with following(service, followed, query, last) as again:
                said = (await again.raw_until(b"recovered\n\n")).decode()
                assert said == f"{head}: not recovered\n\n", since


# -- bounds ---------------------------------------------------------------------------


async def is_full(service: Service, followed: Followed) -> bool:
    url, headers = service.base_url + followed.path, service.bearer(followed.key)
    async with service.http.get(url, headers=headers) as answer:
        return answer.status == 429


async def has_room(service: Service, followed: Followed) -> None:
    """Wait until another may follow; the server hears of a close a moment later."""
    async with asyncio.timeout(LIMIT_S):
        while await is_full(service, followed):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_watchers_are_counted(database: TestDatabase, kind: str) -> None:
    two = WebLimits(streams=StreamLimits(watchers=2))
    async with (
        serving(database, limits=two, **QUICK) as service,
        FOLLOWED[kind](service) as followed,
    ):
        async with following(service, followed), following(service, followed):
            url, headers = service.base_url + followed.path, service.bearer(followed.key)
            async with service.http.get(url, headers=headers) as answer:
                assert answer.status == 429
                assert int(answer.headers["Retry-After"]) > 0
                assert (await answer.json())["error_code"] == "RATE_LIMITED"
        await has_room(service, followed)


async def test_a_client_that_does_not_read_goes_on_without_ids(
    service: Service, followed: Followed
) -> None:
    deaf = await DeafClient.open(service, followed.path, upgrade=False, key=followed.key)
    assert (await deaf.chunk()).startswith(b": ok\nid: ")
    async with following(service, followed) as other:
        # As many at once as a listener that reads takes: its buffer is bounded too.
        for some in (MANY[start : start + 20] for start in range(0, len(MANY), 20)):
            await followed.say(*some)
            assert texts(await other.texts(followed, len(some))) == some
        reading = asyncio.create_task(read_until(deaf, b"the last word"))
        while not reading.done():  # until it has read, this is lost on it too
            await followed.say("the last word")
            await other.texts(followed, 1)
    body = await reading
    deaf.close()
    events = [event for event in body.split(b"\n\n") if event]
    with_ids = [event.startswith(b"id: ") for event in events]
    count = with_ids.index(False)
    assert 64 <= count < len(MANY)
    assert not any(with_ids[count:]), "no id stands behind the gap"
    said, dropped = events[count].split(b": dropped ")
    assert said == b""
    assert int(dropped) >= len(MANY) - count, "it is told how much it lost"
    last = events[count - 1].split(b"\n")[0].removeprefix(b"id: ").decode()
    async with following(service, followed, last=last) as again:
        missed = MANY[count:]
        assert texts(await again.texts(followed, len(missed))) == missed


async def read_until(client: DeafClient, last: bytes) -> bytes:
    body = b""
    while last not in body:
        body += await client.chunk()
    return body


async def test_a_client_that_never_reads_is_cut_off(database: TestDatabase, kind: str) -> None:
    hasty = WebLimits(streams=StreamLimits(watchers=1, heartbeat_s=0.1))
    async with (
        serving(database, limits=hasty, **QUICK) as service,
        FOLLOWED[kind](service) as followed,
    ):
        deaf = await DeafClient.open(service, followed.path, upgrade=False, key=followed.key)
        assert await is_full(service, followed)
        for start in range(0, len(MANY), 20):
            await followed.say(*MANY[start : start + 20])
        await has_room(service, followed)
        deaf.close()
