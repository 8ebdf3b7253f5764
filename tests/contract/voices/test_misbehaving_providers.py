"""Providers that misbehave, down to their bytes: each way has the documented cause.

The table is the page's (docs/reference/voices.md). Whatever a provider does, its voice reports
one end, with a cause and nothing of what the provider wrote, and nothing after it.
"""

import asyncio
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddText,
    Respond,
    UpstreamLoss,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
)
from ringline.ports import OpenVoice, Voice, VoiceUnavailable
from ringline.voices import gemini, openai, openai_live, xai
from ringline.voices.detectors import DETECTORS
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream
from ringline.voices.upstream_voice import UpstreamVoices
from tests.misbehaving import (
    BINARY,
    CONTINUED,
    GEMINI,
    LIVE,
    OPENAI,
    PING,
    TEXT,
    XAI,
    Drive,
    Line,
    Tongue,
    misbehaving,
    untrusted,
)
from tests.upstream_corpus import CORPORA, frames_of
from tests.voice_desk import Recorder, feed, hum, with_key
from tests.voice_rules import check_reports

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "voices.md"
SECRET = "sk-secret"
MIB = 1024 * 1024
#: Causes that another connection to the same model would meet again.
FINAL = {"close_1007", "close_1008", "close_3000", "quota", "invalid_api_key", "model_not_found"}
FINAL |= {"content"}


def of_openai(upstream: Upstream) -> OpenVoice:
    return UpstreamVoices(upstream, openai.DIALECT, models=openai.MODELS).open


def of_xai(upstream: Upstream) -> OpenVoice:
    return UpstreamVoices(upstream, xai.DIALECT, models=xai.MODELS).open


def of_gemini(upstream: Upstream) -> OpenVoice:
    return GeminiVoices(upstream, gemini.MODELS, detector=DETECTORS["webrtc"]).open


def of_live(upstream: Upstream) -> OpenVoice:
    detector = DETECTORS["webrtc"]
    voices = LiveVoices(upstream, openai_live.MODELS, delegation_model="m", detector=detector)
    return voices.open


@dataclass(frozen=True)
class Provider:
    """A provider: how its voices are opened, and how it opens a session."""

    model: str
    opener: Callable[[Upstream], OpenVoice]
    tongue: Tongue
    corpus: str

    async def open(self, url: str, ear: Recorder, **patience: float) -> Voice:
        upstream = replace(Upstream(url, with_key(SECRET)), **patience)
        config = SessionConfig(model=self.model, voice="Puck" if self.corpus == "gemini" else "ash")
        return await self.opener(upstream)(VoiceOpening(config), ear)

    def running(self, fault: Drive) -> Drive:
        """Return how to drive a connection that misbehaves once its session is open."""

        async def drive(line: Line) -> None:
            await line.open(self.tongue)
            await fault(line)

        return drive


PROVIDERS = {
    "openai": Provider(next(iter(openai.MODELS)), of_openai, OPENAI, "openai"),
    "xai": Provider(next(iter(xai.MODELS)), of_xai, XAI, "xai"),
    "gemini": Provider(next(iter(gemini.MODELS)), of_gemini, GEMINI, "gemini"),
    "openai live": Provider(next(iter(openai_live.MODELS)), of_live, LIVE, "openai live"),
}
every = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)


# -- before a session is open -------------------------------------------------------------


def refuse(status: int) -> Drive:
    async def drive(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        body = f"the key {SECRET} is no good"
        line.raw(f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    return drive


def answer(data: bytes) -> Drive:
    async def drive(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.raw(data)
        line.writer.close()

    return drive


def shaken(*, close: int | None = None, garbage: int = 0) -> Drive:
    """Return a provider that opens the connection, and no session."""

    async def drive(line: Line) -> None:
        await line.shake_hands()
        for _ in range(garbage):
            line.text(SECRET)
        if close:
            line.close(close, SECRET)

    return drive


OPENINGS: dict[str, tuple[Drive, str]] = {
    **{
        f"status {status}": (refuse(status), f"http_{status}")
        for status in (400, 401, 403, 404, 429, 500, 502, 503, 504)
    },
    "no HTTP": (answer(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "connect"),
    "half a head": (answer(b"HTTP/1.1 101 Switching"), "connect"),
    "no head": (answer(b""), "connect"),
    "a wrong accept": (
        answer(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: nonsense\r\n\r\n"
        ),
        "http_101",
    ),
    "silence": (shaken(), "timeout"),
    "garbage": (shaken(garbage=60), "unreadable"),
    **{
        f"close {code}": (shaken(close=code), f"close_{code}")
        for code in (1000, 1001, 1007, 1008, 1011, 1013, 1015, 3000)
    },
}


async def unavailable(provider: Provider, url: str, **patience: float) -> str:
    """Return why a voice cannot be opened."""
    with pytest.raises(VoiceUnavailable) as caught:
        await provider.open(url, Recorder(), **patience)
    assert SECRET not in str(caught.value)
    lost = caught.value.lost
    assert lost is not None
    again = lost.cause not in FINAL and not re.fullmatch(r"http_[1-4]\d\d", lost.cause)
    assert lost == UpstreamLoss(provider.model, lost.cause, again)
    return lost.cause


@every
@pytest.mark.parametrize(("drive", "cause"), OPENINGS.values(), ids=OPENINGS)
async def test_a_session_that_is_never_open(provider: Provider, drive: Drive, cause: str) -> None:
    async with misbehaving(drive) as url:
        ready_s = 0.3 if cause == "timeout" else 15.0
        assert await unavailable(provider, url, ready_s=ready_s) == cause


@every
async def test_a_provider_whose_certificate_nobody_trusts(
    provider: Provider, tmp_path: Path
) -> None:
    async with misbehaving(shaken(), untrusted(tmp_path)) as url:
        assert await unavailable(provider, url) == "connect"


@every
async def test_a_provider_without_tls_where_there_should_be(provider: Provider) -> None:
    async def speak_plainly(line: Line) -> None:
        await line.reader.read(100)
        line.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with misbehaving(speak_plainly) as url:
        assert await unavailable(provider, url.replace("http", "https")) == "connect"


# -- while a session runs -----------------------------------------------------------------


def closing(code: int | None, reason: str = SECRET) -> Drive:
    async def drive(line: Line) -> None:
        line.close(code, reason)

    return drive


def sending(*frames: tuple[int, bytes, int]) -> Drive:
    """Return a fault that sends frames: opcode, payload and the bits before the opcode."""

    async def drive(line: Line) -> None:
        for opcode, payload, first in frames:
            line.frame(opcode, payload, first=first)
            await line.drain()

    return drive


def ending(data: bytes) -> Drive:
    async def drive(line: Line) -> None:
        line.raw(data)
        await line.drain()
        line.writer.close()

    return drive


async def aborting(line: Line) -> None:
    line.writer.transport.abort()


FAULTS: dict[str, tuple[Drive, str]] = {
    **{
        f"close {code}": (closing(code), f"close_{code}")
        for code in (1000, 1001, 1006, 1007, 1008, 1011, 1012, 1013, 1015, 3000, 4000)
    },
    "a close without a code": (closing(None, ""), "close_1005"),
    "a used up quota": (closing(1011, f"RESOURCE_EXHAUSTED: {SECRET}"), "quota"),
    "the end": (ending(b""), "close_1006"),
    "a reset": (aborting, "close_1006"),
    "half a head of a frame": (ending(b"\x81\x7e\x01"), "close_1006"),
    "half a frame": (ending(b"\x81\x7e\x01\x00{"), "close_1006"),
    "garbage": (sending(*[(TEXT, SECRET.encode(), 0x80)] * 50), "unreadable"),
    "binary garbage": (sending(*[(BINARY, b"\xff\xfe", 0x80)] * 50), "unreadable"),
    "a frame that is too large": (
        ending(b"\x81\x7f" + (17 * MIB).to_bytes(8, "big")),
        "unreadable",
    ),
    "a message without an end": (
        sending((TEXT, b"x" * MIB, 0), *[(CONTINUED, b"x" * MIB, 0)] * 16),
        "unreadable",
    ),
    "an unknown opcode": (sending((3, b"{}", 0x80)), "unreadable"),
    "a reserved bit": (sending((TEXT, b"{}", 0xA0)), "unreadable"),
    "a large ping": (sending((PING, b"x" * 126, 0x80)), "unreadable"),
}


async def failure(ear: Recorder, provider: Provider) -> str:
    """Wait until the voice is lost; return why."""
    while not (lost := [told for told in ear.all(VoiceFailed) if not told.recoverable]):
        await ear.until(VoiceFailed, len(ear.all(VoiceFailed)) + 1)
    (failed,) = lost
    assert failed.code is VoiceFailure.UPSTREAM_CLOSED
    assert failed.lost is not None
    again = failed.lost.cause not in FINAL
    assert failed.lost == UpstreamLoss(provider.model, failed.lost.cause, again)
    assert SECRET not in repr(ear.reports)
    check_reports(ear.reports)
    return failed.lost.cause


@every
@pytest.mark.parametrize(("fault", "cause"), FAULTS.values(), ids=FAULTS)
async def test_a_session_that_breaks(provider: Provider, fault: Drive, cause: str) -> None:
    ear = Recorder()
    async with misbehaving(provider.running(fault)) as url:
        voice = await provider.open(url, ear)
        assert await failure(ear, provider) == cause
        feed(voice, hum(100, voice.capabilities.input_hz))
        voice.send(Respond("late"))
        await voice.close()
    assert isinstance(ear.reports[-1], VoiceFailed), "nothing follows"


@every
async def test_a_provider_that_stalls(provider: Provider) -> None:
    ear = Recorder()
    async with misbehaving(provider.running(sending())) as url:
        voice = await provider.open(url, ear, stall_s=0.2)
        voice.send(Respond("r"))
        assert await failure(ear, provider) == "stalled"
        await voice.close()


@every
async def test_a_provider_that_answers_no_ping(provider: Provider) -> None:
    ear = Recorder()
    async with misbehaving(provider.running(sending())) as url:
        voice = await provider.open(url, ear, pong_s=0.1)
        assert await failure(ear, provider) == "timeout"
        await voice.close()


@every
async def test_a_provider_that_does_not_read(provider: Provider) -> None:
    async def read_nothing(_: Line) -> None:
        await asyncio.Event().wait()

    ear = Recorder()
    async with misbehaving(provider.running(read_nothing)) as url:
        voice = await provider.open(url, ear)
        feed(voice, hum(15_000, voice.capabilities.input_hz))  # the oldest is dropped
        assert ear.all(VoiceFailed) == []
        for _ in range(40):
            voice.send(AddText("x" * MIB))
            voice.send(Respond("r"))
        assert await failure(ear, provider) == "stalled"
        await voice.close()


@every
async def test_a_flood_of_what_is_of_no_interest(provider: Provider) -> None:
    async def flood(line: Line) -> None:
        for number in range(2_000):
            line.text('{"type": "an.event.of.tomorrow", "aMessageOfTomorrow": {}}')
            if number % 20 == 0:
                line.frame(PING, b"?")
                line.text('{"type": "response.output_audio.delta", "delta": "AAAA"}')
            await line.drain()
        line.close(1000)

    ear = Recorder()
    async with misbehaving(provider.running(flood)) as url:
        voice = await provider.open(url, ear)
        assert await failure(ear, provider) == "close_1000", "it was all read"
        assert len([one for one in ear.reports if not isinstance(one, UsageReported)]) == 1
        await voice.close()


def test_the_page_names_every_cause() -> None:
    section = PAGE.read_text("utf-8").partition("## When a provider fails")[2]
    named = set(re.findall(r"`([a-z_]+)`", section.partition("\n## ")[0]))
    causes = {cause for _, cause in [*OPENINGS.values(), *FAULTS.values()]}
    assert {cause for cause in causes if not re.fullmatch(r"(http|close)_\d+", cause)} <= named


# -- anything at all ----------------------------------------------------------------------


@every
def test_any_bytes_on_the_line_have_a_documented_outcome(provider: Provider) -> None:
    section = PAGE.read_text("utf-8").partition("## When a provider fails")[2]
    named = set(re.findall(r"`([a-z_]+)`", section.partition("\n## ")[0]))
    legal = frames_of(CORPORA[provider.corpus])
    pieces = st.one_of(st.binary(max_size=30), st.tuples(st.integers(0, 15), legal), legal)

    @settings(max_examples=40)
    @given(st.lists(pieces, max_size=12))
    def play(pieces: list[bytes | tuple[int, bytes]]) -> None:
        cause = asyncio.run(outcome(provider, pieces))
        assert cause in named or re.fullmatch(r"close_\d{4,5}", cause), cause

    play()


async def outcome(provider: Provider, pieces: list[bytes | tuple[int, bytes]]) -> str:
    """Send these bytes and frames on an open line, then close it; return why it was lost."""
    send = functools.partial(_send, pieces)
    ear = Recorder()
    async with misbehaving(provider.running(send)) as url:
        voice = await provider.open(url, ear)
        voice.send(Respond("r1"))
        try:
            return await failure(ear, provider)
        finally:
            await voice.close()


async def _send(pieces: list[bytes | tuple[int, bytes]], line: Line) -> None:
    for piece in pieces:
        match piece:
            case (int() as opcode, bytes() as payload):
                line.frame(opcode, payload)
            case bytes() if piece.startswith(b"{"):
                line.frame(TEXT, piece)
            case _:
                line.raw(piece)
        await line.drain()
    line.writer.close()
