"""A provider of messages over HTTP: what it is sent, and what its answers mean.

The provider is a server on loopback that does what a test says.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ringline.domain.conversations import ConversationChannel, MessageStatus, MessageType
from ringline.domain.events import MessageSent
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.messaging.http import HttpProvider
from ringline.messaging.providers import Providers
from ringline.messaging.sandbox import SandboxProvider
from ringline.ports import MessageRefused, OutgoingMessage, ProviderAway
from tests.carriers import API_KEY, a_carrier
from tests.clock import HandClock
from tests.database import TestDatabase
from tests.hook_receivers import Received, Receiver, Respond, receiver
from tests.threads import Desk, OneProvider

SMS, WHATSAPP = ConversationChannel.SMS, ConversationChannel.WHATSAPP
LIVE = Scope(UUID(int=1), Environment.LIVE)
OURS, THEIRS = "+2342013301234", "+2348031234567"
TEXT = 'Your code is "123"\n{to}'
RECEIPTS = "https://voice.example.com/v1/messaging/acme/receipts"

MESSAGE = OutgoingMessage(
    LIVE,
    UUID(int=5),
    SMS,
    from_number=OURS,
    to_number=THEIRS,
    message_type=MessageType.TEXT,
    text=TEXT,
    details={},
)


@asynccontextmanager
async def provider(
    path: Path, respond: Respond, *, within_s: float = 10
) -> AsyncIterator[tuple[HttpProvider, Receiver]]:
    async with receiver(respond) as server:
        one = HttpProvider(a_carrier(path, url=server.url), lambda: RECEIPTS, within_s=within_s)
        try:
            yield one, server
        finally:
            await one.close()


def answering(status: int, body: Any = None, **headers: str) -> Respond:
    async def respond(_: Received) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return respond


async def test_a_message_is_handed_over(tmp_path: Path) -> None:
    async with provider(tmp_path, answering(200, {"data": {"id": "acme-1"}})) as (one, server):
        assert await one.send(MESSAGE) == "acme-1"
        picture = replace(
            MESSAGE,
            message_type=MessageType.IMAGE,
            text="",
            details={"media_url": "https://a.example/p.png"},
        )
        assert await one.send(picture) == "acme-1"
    (text, image) = server.received
    assert text.headers["Authorization"] == f"Bearer {API_KEY}"
    assert text.headers["X-Profile"] == "main"
    assert text.headers["Content-Type"] == "application/json"
    reference = f"ringline:{format_id(Prefix.MESSAGE, MESSAGE.id)}"
    assert text.body == {
        "from": OURS,
        "to": [{"number": THEIRS}],
        "text": TEXT,
        "media": [],
        "reference": reference,
        "webhook": RECEIPTS,
        "flash": False,
    }
    assert image.body["media"] == ["https://a.example/p.png"]
    assert "text" not in image.body


@pytest.mark.parametrize("message_type", [MessageType.TEMPLATE, MessageType.INTERACTIVE])
async def test_a_type_without_a_placeholder_is_refused_unsent(
    message_type: MessageType, tmp_path: Path
) -> None:
    async with provider(tmp_path, answering(200)) as (one, server):
        with pytest.raises(MessageRefused) as caught:
            await one.send(replace(MESSAGE, message_type=message_type))
    assert caught.value.code == "UNSUPPORTED_MESSAGE_TYPE"
    assert server.received == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Invalid recipient", "Invalid recipient"),
        ("Invalid\nrecipient", "Invalid recipient"),
        ("x" * 999, "x" * 200),
        (f"{TEXT[:16]}…", "the provider refused it with status 422"),
        (f"{'x' * 190}{TEXT}", "the provider refused it with status 422"),
        (f"Cannot send {TEXT}", "the provider refused it with status 422"),
        (f"Bad key {API_KEY}", "the provider refused it with status 422"),
        (None, "the provider refused it with status 422"),
    ],
)
async def test_a_refusal_has_code_and_reason_without_content(
    said: str | None, reason: str, tmp_path: Path
) -> None:
    body = {"errors": [{"code": "40310", "title": said}]}
    async with provider(tmp_path, answering(422, body)) as (one, _):
        with pytest.raises(MessageRefused) as caught:
            await one.send(MESSAGE)
    assert (caught.value.code, caught.value.reason) == ("40310", reason)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 408, 429, 500, 502, 503])
async def test_a_provider_that_cannot_serve_is_away(status: int, tmp_path: Path) -> None:
    async with receiver() as elsewhere:
        respond = answering(status, {"data": {"id": "x"}}, Location=elsewhere.url)
        async with provider(tmp_path, respond) as (one, server):
            with capture_logs() as logs, pytest.raises(ProviderAway):
                await one.send(MESSAGE)
    assert len(server.received) == 1
    assert elsewhere.received == []
    assert [(line["event"], line["http_status"]) for line in logs] == [
        ("message_provider_failed", status)
    ]


async def test_a_provider_that_is_not_there_is_away(tmp_path: Path) -> None:
    async with receiver() as server:
        url = server.url
    one = HttpProvider(a_carrier(tmp_path, url=url), lambda: RECEIPTS)
    with pytest.raises(ProviderAway):
        await one.send(MESSAGE)
    await one.close()


async def test_a_provider_that_hangs_is_away(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def hang(_: Received) -> web.StreamResponse | None:
        await over.wait()
        return None

    async with provider(tmp_path, hang, within_s=0.05) as (one, server):
        with pytest.raises(ProviderAway):
            await one.send(MESSAGE)
        over.set()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "body", [b"x" * 10_000_000, b"<html>", b"", b'{"data": {"id": null}}', b'{"data": []}']
)
async def test_a_yes_is_a_yes_however_unreadable(body: bytes, tmp_path: Path) -> None:
    """To hand it over again would send it again, and again."""

    async def respond(_: Received) -> web.StreamResponse:
        return web.Response(status=200, body=body)

    async with provider(tmp_path, respond) as (one, server):
        with capture_logs() as logs:
            assert await one.send(MESSAGE) == str(MESSAGE.id)
    assert len(server.received) == 1
    assert [line["event"] for line in logs] == ["message_id_missing"]
    assert TEXT not in repr(logs)


async def test_a_yes_that_breaks_off_is_a_yes(tmp_path: Path) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(break_off, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        one = HttpProvider(a_carrier(tmp_path, url=f"http://127.0.0.1:{port}/m"), lambda: RECEIPTS)
        assert await one.send(MESSAGE) == str(MESSAGE.id)
        await one.close()


async def test_which_provider_carries_a_message(tmp_path: Path) -> None:
    providers = Providers([a_carrier(tmp_path)], lambda name: f"https://x/{name}")
    test = Scope(LIVE.workspace_id, Environment.TEST)
    assert isinstance(providers.find(test, SMS, from_number=OURS), SandboxProvider)
    found = providers.find(LIVE, SMS, from_number="+14155550100")
    assert found is not None
    assert found.name == "acme"
    assert API_KEY not in repr(found)
    assert providers.find(LIVE, WHATSAPP, from_number=OURS) is None
    assert providers.find(LIVE, SMS, from_number="+447700900123") is None
    await providers.close()


async def test_an_id_of_another_message_is_not_taken_over(database: TestDatabase) -> None:
    clock = HandClock(datetime(2026, 11, 30, 12, tzinfo=UTC))
    carrier = OneProvider(["same", "same", "other"])
    async with database.stores(now=clock) as stores:
        desk = await Desk.opened(stores, clock, providers=carrier)
        sent = [await desk.send(text) for text in ("one", "two", "three")]
        with capture_logs() as logs:
            await desk.serve_due()
        clock.advance(timedelta(minutes=5))
        assert await desk.serve_due() == []
        assert [message.text for message in carrier.handed] == ["one", "two", "three"]
        found = [await desk.messages.find(desk.scope, message.id) for message in sent]
        assert {message.status for message in found} == {MessageStatus.SENT}
        assert len(await desk.told(MessageSent)) == 3
    assert [line["message_id"] for line in logs] == [str(sent[1].id)]
