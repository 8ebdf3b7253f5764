"""What the doctor says of providers and endpoints, which it dials and sends nothing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from ringline.cli.doctor_providers import check_carriers, check_cascades, check_providers, reach
from ringline.cli.findings import Finding, Grade
from ringline.config import Provider, Settings
from ringline.domain.cascade import Cascade, Endpoint
from tests.carriers import a_carrier
from tests.faults.test_database_refusals import certificate

KEY = SecretStr("sk-hush-hush")


@dataclass
class Host:
    """A host that accepts connections, and what it was sent."""

    port: int
    received: bytes = b""
    connections: int = 0


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    host = Host(0)
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        host.connections += 1
        host.received += await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        host.port = server.sockets[0].getsockname()[1]
        yield host
    await asyncio.gather(*(task for task in answering if task), return_exceptions=True)


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def told(provider: Provider, **environ: str) -> Finding:
    (finding,) = await check_providers([provider], environ)
    assert KEY.get_secret_value() not in finding.found + finding.advice
    return finding


async def test_a_provider_that_answers_is_sent_nothing() -> None:
    async with listening() as host:
        found = await told(Provider("openai", f"http://127.0.0.1:{host.port}/v1", KEY, True))
    assert (found.check, found.grade) == ("openai", Grade.GOOD)
    assert f"127.0.0.1:{host.port} answers, and a key is set" in found.found
    assert (host.connections, host.received) == (1, b"")


async def test_a_provider_that_does_not_answer_is_a_warning() -> None:
    port = unused_port()
    found = await told(Provider("xai", f"http://127.0.0.1:{port}/v1", KEY, True))
    assert found.grade is Grade.WARNING
    assert found.found == (
        f"a key is set, but 127.0.0.1:{port} cannot be reached: connection refused"
    )
    assert "RINGLINE_XAI_URL" in found.advice


async def test_a_provider_without_a_key_is_not_dialled() -> None:
    async with listening() as host:
        gemini = Provider("gemini", f"http://127.0.0.1:{host.port}", None, False)
        found = await told(gemini)
        assert found.grade is Grade.GOOD
        assert (
            "no key, so only workspaces with a key of their own are offered gemini/*" in found.found
        )
        assert "RINGLINE_GEMINI_API_KEY" in found.found
        half = await told(replace(gemini, url_is_set=True))
        assert half.grade is Grade.WARNING
        assert "RINGLINE_GEMINI_URL is set" in half.found
        assert half.advice == "Set RINGLINE_GEMINI_API_KEY."
        named = await told(gemini, GEMINI_API_KEY="sk-hush-hush")
        assert named.grade is Grade.WARNING
        assert "GEMINI_API_KEY is not read" in named.found
        assert "export RINGLINE_GEMINI_API_KEY=$GEMINI_API_KEY" in named.advice
    assert host.connections == 0


async def test_tls_is_shaken_hands_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(certificate("localhost", tmp_path)) as host:
        url = f"https://localhost:{host.port}/v1"
        assert "certificate is not trusted (self" in await reach(url, 5)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
        assert await reach(url, 5) == ""
        assert "not trusted" in await reach(f"https://127.0.0.1:{host.port}", 5), "another name"
    async with listening() as plain:
        assert (await reach(f"https://127.0.0.1:{plain.port}", 0.2)).startswith("no answer within")
    assert host.received == b""


async def test_whatever_answers_is_told_in_a_sentence() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await reach(f"https://127.0.0.1:{port}", 5) == (
            "what answers there does not speak TLS"
        )
    assert await reach("https://nowhere.invalid", 5) == "its name is not known"
    assert await reach(f"http://{'a' * 70}.example", 5) == "its name is not known"
    assert await reach(f"http://127.0.0.1:{unused_port()}", 5) == "connection refused"


async def test_each_endpoint_of_a_cascade_is_dialled() -> None:
    async with listening() as host, listening() as other:
        hears = Endpoint(f"http://127.0.0.1:{host.port}/v1", "w", KEY)
        speaks = Endpoint(f"http://127.0.0.1:{other.port}/v1", "k")
        house = Cascade("house", ("a",), hears, hears, speaks)
        lost = Endpoint(f"http://127.0.0.1:{unused_port()}/v1", "k")
        good, bad = await check_cascades([house, replace(house, name="other", chat=lost)])
    assert (good.check, good.grade) == ("cascade/house", Grade.GOOD)
    places = f"127.0.0.1:{host.port}, 127.0.0.1:{other.port}"
    assert good.found == f"its endpoints answer: {places}"
    assert (bad.check, bad.grade) == ("cascade/other", Grade.WARNING)
    assert bad.found.startswith("cannot be reached: chat at 127.0.0.1:")
    assert "RINGLINE_VOICES_FILE" in bad.advice
    assert host.received + other.received == b""


def test_the_settings_name_their_providers() -> None:
    chosen = {"openai_api_key": KEY, "xai_url": "https://proxy.example/x"}
    openai, xai, gemini = Settings.model_validate(chosen).providers
    assert (openai.name, openai.key, openai.url_is_set) == ("openai", KEY, False)
    assert openai.url == "https://api.openai.com/v1"
    assert (xai.name, xai.key, xai.url_is_set) == ("xai", None, True)
    assert (gemini.name, gemini.url_is_set) == ("gemini", False)


async def test_each_provider_of_messages_is_dialled(tmp_path: Path) -> None:
    async with listening() as host:
        there = a_carrier(tmp_path, url=f"http://127.0.0.1:{host.port}/messages")
        gone = a_carrier(tmp_path, url=f"http://127.0.0.1:{unused_port()}/messages")
        good, bad = await check_carriers([there, gone])
    assert (good.check, good.grade) == ("acme", Grade.GOOD)
    assert good.found == f"127.0.0.1:{host.port} answers, for messages (sms)"
    assert bad.grade is Grade.WARNING
    assert "cannot be reached: connection refused" in bad.found
    assert "RINGLINE_MESSAGING_FILE" in bad.advice
    assert host.received == b""
