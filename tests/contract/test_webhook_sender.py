"""One attempt at a webhook: receivers that behave, and each way in which others do not."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringline.domain.webhooks import Asked, AttemptError, Question, SendResult
from ringline.hooks.resolver import (
    Address,
    AddressNotAllowed,
    CheckedResolver,
    allow_all,
    look_up,
)
from ringline.hooks.sender import SendLimits, WebhookSender
from tests.misbehaving import untrusted
from tests.receivers import MANY_BYTES, Connection, answering, pouring, receiving

HEADERS = {"Content-Type": "application/json", "User-Agent": "Test/1", "X-Voicebip-Attempt": "1"}
BODY = b'{"event_id":"evt_1"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" + b'{"received":true}'
QUICK = SendLimits(attempt_s=0.4)


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(allow_private=True)
    yield sender
    await sender.close()


@pytest.fixture
async def impatient() -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(allow_private=True, limits=QUICK)
    yield sender
    await sender.close()


async def attempt(sender: WebhookSender, url: str) -> SendResult:
    return await sender.send(url, HEADERS, BODY)


def said(result: SendResult) -> tuple[int | None, str | None]:
    return result.response_code, result.error


async def test_a_receiver_gets_exactly_what_was_signed(sender: WebhookSender) -> None:
    async with receiving(answering(OK)) as receiver:
        result = await attempt(sender, receiver.url)
    assert said(result) == (200, None)
    assert result.body == '{"received":true}'
    assert result.duration_ms >= 0
    (post,) = receiver.posts
    assert post.line == "POST /hook HTTP/1.1"
    assert post.body == BODY
    assert {name: post.headers[name.lower()] for name in HEADERS} == {
        name: value.lower() for name, value in HEADERS.items()
    }
    assert post.headers["accept-encoding"] == "identity"
    assert "cookie" not in post.headers


@pytest.mark.parametrize("status", [204, 299, 400, 404, 410, 429, 500, 503])
async def test_an_answer_in_full_is_no_error(sender: WebhookSender, status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".encode()
    async with receiving(answering(answer)) as receiver:
        result = await attempt(sender, receiver.url)
    assert (*said(result), result.retry_after, result.body) == (status, None, "7", "")


async def test_connections_are_used_again_and_cookies_forgotten(sender: WebhookSender) -> None:
    answer = OK.replace(b"\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n", 1)
    async with receiving(answering(answer)) as receiver:
        for _ in range(3):
            assert said(await attempt(sender, receiver.url)) == (200, None)
    assert len(receiver.connections) == 1
    assert not any("cookie" in post.headers for post in receiver.posts)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(sender: WebhookSender, status: int) -> None:
    async with receiving(answering(OK)) as elsewhere:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        async with receiving(answering(head.encode())) as receiver:
            assert said(await attempt(sender, receiver.url)) == (status, AttemptError.REDIRECT)
    assert not elsewhere.connections


async def test_a_receiver_that_hangs(impatient: WebhookSender) -> None:
    async def hang(connection: Connection) -> None:
        await connection.read()
        await asyncio.sleep(60)

    async with receiving(hang) as receiver:
        assert said(await attempt(impatient, receiver.url)) == (None, AttemptError.TIMEOUT)
        assert len(receiver.posts) == 1


async def test_a_receiver_that_does_not_read(impatient: WebhookSender) -> None:
    async def stare(connection: Connection) -> None:
        await asyncio.sleep(60)

    async with receiving(stare) as receiver:
        result = await impatient.send(receiver.url, HEADERS, bytes(32 * 1024 * 1024))
        assert said(result) == (None, AttemptError.TIMEOUT)


async def test_a_receiver_that_trickles(impatient: WebhookSender) -> None:
    async def trickle(connection: Connection) -> None:
        await connection.read()
        await connection.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await connection.answer(b".")
            await asyncio.sleep(0.05)

    async with receiving(trickle) as receiver:
        result = await attempt(impatient, receiver.url)
        assert said(result) == (None, AttemptError.TIMEOUT)
        assert set(result.body) == {"."}


async def test_a_receiver_that_trickles_its_head(impatient: WebhookSender) -> None:
    async def trickle(connection: Connection) -> None:
        await connection.read()
        await connection.answer(b"HTTP/1.1 200 OK\r\n")
        while True:
            await connection.answer(b"X-A: b\r\n")
            await asyncio.sleep(0.02)

    async with receiving(trickle) as receiver:
        assert said(await attempt(impatient, receiver.url)) in {
            (None, AttemptError.TIMEOUT),
            (None, AttemptError.CLOSED),  # too many headers
        }


async def test_an_answer_after_the_time_does_not_count(impatient: WebhookSender) -> None:
    late = asyncio.Event()

    async def answer_late(connection: Connection) -> None:
        await connection.read()
        await late.wait()
        await connection.answer(OK)

    async with receiving(answer_late) as receiver:
        assert said(await attempt(impatient, receiver.url)) == (None, AttemptError.TIMEOUT)
        late.set()
        # The late answer is nobody's: the next attempt has a connection of its own.
        assert said(await attempt(impatient, receiver.url)) == (200, None)
        assert len(receiver.connections) == 2


async def test_a_long_answer_is_cut_off(sender: WebhookSender) -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with receiving(pouring(left)) as receiver:
        result = await attempt(sender, receiver.url)
        assert said(result) == (200, None)
        assert result.body == "x" * 2048
        assert await left < MANY_BYTES


async def test_a_gzip_bomb_is_not_unpacked(sender: WebhookSender) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    async with receiving(answering(head.encode() + bomb)) as receiver:
        result = await attempt(sender, receiver.url)
    assert said(result) == (200, None)
    assert len(result.body) <= 2048
    assert "\0" not in result.body


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 99999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_ends_early_or_is_none(sender: WebhookSender, part: bytes) -> None:
    async def close(connection: Connection) -> None:
        await connection.read()
        await connection.answer(part)

    async with receiving(close) as receiver:
        assert said(await attempt(sender, receiver.url)) == (None, AttemptError.CLOSED)


async def test_a_receiver_that_resets(sender: WebhookSender) -> None:
    async def reset(connection: Connection) -> None:
        await connection.read()
        connection.reset()

    async with receiving(reset) as receiver:
        assert said(await attempt(sender, receiver.url)) == (None, AttemptError.RESET)


async def test_a_kept_connection_that_was_closed_is_no_failure(sender: WebhookSender) -> None:
    """The receiver closes just when the second request arrives."""

    async def once(connection: Connection) -> None:
        await connection.read()
        await connection.answer(OK)
        await connection.reader.readuntil(b"\r\n\r\n")

    async with receiving(once) as receiver:
        for _ in range(3):
            assert said(await attempt(sender, receiver.url)) == (200, None)
        assert len(receiver.connections) == 3


async def test_nobody_listens(sender: WebhookSender) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert said(await attempt(sender, url)) == (None, AttemptError.REFUSED)


async def test_a_certificate_that_nobody_trusts(sender: WebhookSender, tmp_path: Path) -> None:
    async with receiving(answering(OK), tls=untrusted(tmp_path)) as receiver:
        assert said(await attempt(sender, receiver.url)) == (None, AttemptError.TLS)
        assert not receiver.posts


async def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    tls = untrusted(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "provider.pem"))
    resolver = CheckedResolver(allow_all, lambda _, __: [Address("127.0.0.1", socket.AF_INET)])
    sender = WebhookSender(allow_private=True, tls=trusting, resolver=resolver)
    async with receiving(answering(OK), tls=tls) as receiver:
        assert said(await attempt(sender, receiver.url)) == (200, None)
        other = receiver.url.replace("127.0.0.1", "another.example")
        assert said(await attempt(sender, other)) == (None, AttemptError.TLS)
        await sender.close()


async def test_a_receiver_without_tls(sender: WebhookSender) -> None:
    async def talk_http(connection: Connection) -> None:
        await connection.reader.read(100)
        await connection.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with receiving(talk_http) as receiver:
        url = receiver.url.replace("http:", "https:")
        assert said(await attempt(sender, url)) == (None, AttemptError.TLS)


async def test_a_name_without_an_address(sender: WebhookSender) -> None:
    result = await attempt(sender, "https://nobody.invalid/")
    assert said(result) == (None, AttemptError.DNS)


async def test_a_look_up_that_hangs_is_a_timeout() -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_: str, __: int) -> list[Address]:
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result(20)
        return []

    sender = WebhookSender(
        allow_private=True, limits=QUICK, resolver=CheckedResolver(allow_all, hang)
    )
    assert said(await attempt(sender, "https://slow.example/")) == (None, AttemptError.TIMEOUT)
    done.set()
    await sender.close()


async def test_the_environments_proxy_is_not_used(
    sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(answering(OK)) as proxy, receiving(answering(OK)) as receiver:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert said(await attempt(sender, receiver.url)) == (200, None)
        assert not proxy.connections
        assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/",
        "https://127.0.0.1:{}/",
        "https://localhost:{}/",
        "https://[::ffff:127.0.0.1]:{}/",
        "https://2130706433:{}/",
        "https://[::1]:{}/",
        "https://①②⑦.⓪.⓪.①:{}/",
    ],
)
async def test_a_private_address_is_never_dialled(url: str) -> None:
    guarded = WebhookSender()
    async with receiving(answering(OK)) as receiver:
        result = await attempt(guarded, url.format(receiver.port))
        assert said(result) == (None, AttemptError.ADDRESS_NOT_ALLOWED)
        assert not receiver.connections
    await guarded.close()


async def test_a_name_that_leads_to_a_private_address_is_not_dialled() -> None:
    guarded = WebhookSender(
        resolver=CheckedResolver(look_up=lambda _, __: [Address("127.0.0.1", socket.AF_INET)])
    )
    async with receiving(answering(OK)) as receiver:
        result = await attempt(guarded, f"https://harmless.example:{receiver.port}/")
        assert said(result) == (None, AttemptError.ADDRESS_NOT_ALLOWED)
        assert not receiver.connections
    await guarded.close()


async def test_an_address_that_changes_between_look_ups() -> None:
    """The first look-up leads to a receiver, the second to one that must not be dialled."""
    answers = [Address("127.0.0.1", socket.AF_INET), Address("127.0.0.2", socket.AF_INET)]
    asked: list[str] = []

    def change(host: str, _: int) -> list[Address]:
        asked.append(host)
        return [answers[min(len(asked) - 1, 1)]]

    def only_the_first(address: str) -> str | None:
        return None if address == "127.0.0.1" else "private"

    sender = WebhookSender(
        allow_private=True,
        limits=SendLimits(name_kept_s=0),
        resolver=CheckedResolver(only_the_first, change),
    )
    closing = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    async with (
        receiving(answering(closing)) as public,
        receiving(answering(OK), host="127.0.0.2", port=public.port) as private,
    ):
        url = f"http://rebound.example:{public.port}/"
        assert said(await attempt(sender, url)) == (200, None)
        assert said(await attempt(sender, url)) == (None, AttemptError.ADDRESS_NOT_ALLOWED)
        assert len(public.posts) == 1
        assert not private.connections
    await sender.close()
    assert asked == ["rebound.example"] * 2


async def test_every_address_of_an_answer_is_checked() -> None:
    mixed = [Address("8.8.8.8", socket.AF_INET), Address("fd00::1", socket.AF_INET6)]
    resolver = CheckedResolver(look_up=lambda _, __: mixed)
    with pytest.raises(AddressNotAllowed):
        await resolver.resolve("mixed.example", 443)
    public = await resolver.resolve("mixed.example", 443, socket.AF_INET)
    assert [(found["host"], found["port"]) for found in public] == [("8.8.8.8", 443)]


async def test_the_machines_own_look_up_is_checked() -> None:
    with pytest.raises(AddressNotAllowed):
        await CheckedResolver().resolve("localhost", 443)
    allowed = await CheckedResolver(allow_all).resolve("localhost", 443)
    assert {found["host"] for found in allowed} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "..", "nobody.invalid"])
async def test_a_name_that_nothing_can_look_up_is_an_oserror(name: str) -> None:
    with pytest.raises(OSError) as failed:  # noqa: PT011 (each resolver words it its own way)
        await CheckedResolver(allow_all).resolve(name, 443)
    assert not isinstance(failed.value, AddressNotAllowed)


async def test_look_ups_under_way_are_bounded_and_one_that_nobody_awaits_makes_room() -> None:
    release, full = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    running: list[str] = []

    def slow(host: str, _: int) -> list[Address]:
        running.append(host)
        if len(running) == 64:
            loop.call_soon_threadsafe(full.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        return [Address("8.8.8.8", socket.AF_INET)]

    resolver = CheckedResolver(look_up=slow)
    asking = [asyncio.create_task(resolver.resolve(f"{n}.example", 443)) for n in range(70)]
    await full.wait()
    asking[0].cancel()
    await asyncio.sleep(0.05)
    assert len(running) == 64
    release.set()
    ends: list[Any] = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(end, asyncio.CancelledError) for end in ends) == 1
    assert len(running) == 70


async def test_a_sender_may_be_closed_twice_and_unused() -> None:
    sender = WebhookSender(allow_private=True)
    await sender.close()
    await sender.close()
    assert look_up("127.0.0.1", 1)[0].host == "127.0.0.1"


# Questions, whose answers count.


async def ask(
    sender: WebhookSender, url: str, *, within_s: float = 10.0, answer_bytes: int = 64 * 1024
) -> Asked:
    return await sender.ask(Question(url, HEADERS, BODY, within_s, answer_bytes))


@pytest.mark.parametrize(("size", "too_long"), [(0, False), (64 * 1024, False), (65_537, True)])
async def test_an_answer_is_whole_up_to_a_bound(
    sender: WebhookSender, size: int, too_long: bool
) -> None:
    head = f"HTTP/1.1 201 X\r\nContent-Length: {size}\r\n\r\n".encode()
    async with receiving(answering(head + b"x" * size)) as receiver:
        asked = await ask(sender, receiver.url)
    assert (asked.status, asked.error, asked.too_long) == (201, None, too_long)
    assert too_long or asked.body == b"x" * size
    (post,) = receiver.posts
    assert post.body == BODY


async def test_of_ten_megabytes_little_is_read(sender: WebhookSender) -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with receiving(pouring(left)) as receiver:
        assert (await ask(sender, receiver.url)).too_long
        assert await left < MANY_BYTES


@pytest.mark.parametrize("status", [302, 307])
async def test_an_answer_from_elsewhere_is_none(sender: WebhookSender, status: int) -> None:
    async with receiving(answering(OK)) as elsewhere:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        async with receiving(answering(head.encode())) as receiver:
            assert await ask(sender, receiver.url) == Asked(None, AttemptError.REDIRECT)
    assert not elsewhere.connections


async def test_a_question_has_its_own_time(sender: WebhookSender) -> None:
    async def drip(connection: Connection) -> None:
        await connection.read()
        await connection.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await connection.answer(b".")
            await asyncio.sleep(0.05)

    async with receiving(drip) as receiver:
        assert await ask(sender, receiver.url, within_s=0.3) == Asked(None, AttemptError.TIMEOUT)


async def test_a_question_that_nobody_asks_any_more_is_closed(sender: WebhookSender) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hang(connection: Connection) -> None:
        await connection.read()
        asked.set()
        assert await connection.reader.read() == b""
        gone.set()

    async with receiving(hang) as receiver:
        asking = asyncio.create_task(ask(sender, receiver.url))
        await asked.wait()
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.wait_for(gone.wait(), 10)


async def test_a_question_reaches_no_private_address() -> None:
    guarded = WebhookSender()
    async with receiving(answering(OK)) as receiver:
        asked = await ask(guarded, receiver.url)
        assert asked == Asked(None, AttemptError.ADDRESS_NOT_ALLOWED)
        assert not receiver.connections
    await guarded.close()
