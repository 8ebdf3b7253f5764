"""The SDK's voice part in a browser: its microphone, its player, and a conversation by voice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.database import TestDatabase
from tests.e2e.browser import Page, browsing
from tests.e2e.node import JS
from tests.e2e.sdk import build
from tests.pages import ROOT
from tests.serving import Service, serving

SPEECH = ROOT / "examples" / "demo-call.wav"


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, warm=True) as service:
        yield service


@asynccontextmanager
async def backend(service: Service | None = None) -> AsyncIterator[str]:
    """Run an application's backend, which serves the page and mints tickets."""

    async def ticket(_: web.Request) -> web.Response:
        assert service is not None
        return web.json_response(await service.mint())

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(JS / "voice_page.html")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_post("/ticket", ticket)
    app.router.add_static("/sdk", await asyncio.to_thread(build))
    async with TestServer(app, host="127.0.0.1") as server:
        url = server.make_url("/")
        yield str(url.with_query(server=service.base_url) if service else url)


@asynccontextmanager
async def opened(service: Service | None = None) -> AsyncIterator[Page]:
    async with backend(service) as url, browsing(url, SPEECH) as page:
        await page.until("(window.seen ?? []).length")
        yield page


async def seen(page: Page, what: str) -> list[dict[str, Any]]:
    return await page.evaluate(f"seen.filter((one) => one.what === {what!r})")


async def test_somebody_talks(service: Service) -> None:
    """The conversation of the demo: the caller asks, and interrupts the greeting by it."""
    async with opened(service) as page:
        await page.evaluate("talk()")
        (started,) = await seen(page, "started")
        assert started["rate"] == started["input"] == 16_000
        question = "what are your opening hours"
        await page.until(f"session.turns.some((turn) => turn.text === {question!r})")
        await page.until("session.turns.some((turn) => turn.role === 'agent' && turn.gapMs > 0)")
        await page.until("seen.some((one) => one.what === 'heard' && !one.flushed)")
        turns = await page.evaluate("session.turns")
        assert {turn["role"] for turn in turns} == {"user", "agent"}
        assert [turn["at"] for turn in turns] == sorted(turn["at"] for turn in turns)
        heard = [one for one in await seen(page, "heard") if not one["flushed"]]
        assert heard[0]["playedMs"] > 1000
        speech = await seen(page, "speech")
        assert [one["playing"] for one in speech] == [False] * len(speech)
        sizes = {one["bytes"] for one in await seen(page, "chunk")}
        assert sizes == {16_000 * 2 * 40 // 1000}  # 40 ms, and nothing else
        levels = [one["level"] for one in await seen(page, "level")]
        assert 0.01 < max(levels) <= 1
        await page.evaluate("session.close()")
        (end,) = await seen(page, "end")
        assert end["reason"] == "closed_by_us"


async def test_a_muted_microphone_sends_silence(service: Service) -> None:
    async with opened(service) as page:
        await page.evaluate("talk({ early: true, chunkMs: 100 })")
        (started,) = await seen(page, "started")
        assert started["rate"] == 16_000
        assert await page.evaluate("microphone.muted = true, microphone.muted") is True
        await page.until("seen.filter((one) => one.what === 'level').at(-1)?.level === 0")
        before = len(await seen(page, "chunk"))
        await page.until(f"seen.filter((one) => one.what === 'chunk').length > {before} + 5")
        assert await page.evaluate("microphone.level") == 0
        assert {one["bytes"] for one in await seen(page, "chunk")} == {3200}
        await page.evaluate("microphone.muted = false")
        await page.until("microphone.level > 0")
        await page.evaluate("microphone.close(), microphone.close()")


@pytest.mark.parametrize("late", [False, True])
async def test_a_microphone_that_serves_a_session_ends_with_it(
    service: Service, late: bool
) -> None:
    """Also where the session ended before the user allowed the microphone."""
    async with opened(service) as page:
        await page.evaluate(f"serve({{ late: {str(late).lower()} }})")
        if not late:
            await page.until("seen.filter((one) => one.what === 'chunk').length > 5")
            assert await page.evaluate("track.readyState") == "live"
            await page.evaluate("session.close()")
        await page.until("track.readyState === 'ended'")


async def test_microphones_and_their_errors() -> None:
    async with opened() as page:
        await page.evaluate("voice.Microphone.open().then((one) => one.close())")
        devices = await page.evaluate("voice.Microphone.devices()")
        assert devices
        assert set(devices[0]) == {"deviceId", "label"}
        chosen = devices[-1]["deviceId"]
        opens = f"voice.Microphone.open({{ deviceId: {chosen!r} }})"
        assert await page.evaluate(f"{opens}.then((one) => (one.close(), one.deviceId))") == chosen
        error = "voice.Microphone.open({ deviceId: 'x' }).catch((error) => error.code)"
        assert await page.evaluate(error) == "microphone_missing"
        refused = """
            navigator.mediaDevices.getUserMedia = async () => {
              throw new DOMException("Permission denied", "NotAllowedError");
            };
            voice.Microphone.open().catch((error) => [error.name, error.code, error.message])
        """
        assert await page.evaluate(refused) == [
            "VoiceError",
            "microphone_denied",
            "the microphone was not allowed",
        ]


async def test_the_player_leaves_no_gap_and_no_sample_out() -> None:
    async with opened() as page:
        lengths = [2400, 1, 999, 2401, 37, 4800]
        rendered = await page.evaluate(f"rendered({lengths})")
        assert rendered == list(range(1, sum(lengths) + 1))


async def test_the_player_knows_what_was_heard() -> None:
    async with opened() as page:
        await page.evaluate("void (window.one = scripted())")
        begin = "one.tell('response.started'); for (const _ of '123') one.tell('audio.delta');"
        assert await page.evaluate(f"{begin} one.player.bufferedMs") > 2000
        await page.until("one.player.playedMs > 200")
        await page.evaluate("one.tell('speech.started')")
        state = "[one.player.playing, one.player.bufferedMs, one.ended.length]"
        assert await page.evaluate(state) == [False, 0, 1]
        (cut,) = await page.evaluate("one.ended")
        assert cut["flushed"] is True
        assert 200 < cut["playedMs"] < 3000
        assert await page.evaluate("one.player.playedMs") == cut["playedMs"]
        await page.evaluate("one.tell('response.completed', { interrupted: true })")
        await page.evaluate("one.tell('response.started'), one.tell('audio.delta')")
        await page.evaluate("one.tell('response.completed')")
        await page.until("one.ended.length > 1")
        assert (await page.evaluate("one.ended"))[1:] == [{"playedMs": 1000, "flushed": False}]
        assert await page.evaluate("one.player.gaps") == 0


async def test_the_player_counts_a_pause_and_what_it_drops() -> None:
    async with opened() as page:
        await page.evaluate("void (window.one = scripted())")
        await page.evaluate("one.tell('response.started'), one.tell('audio.delta')")
        await page.until("!one.player.playing")
        assert await page.evaluate("one.ended") == []  # more may come
        await page.evaluate("one.tell('audio.delta')")
        assert await page.evaluate("one.player.gaps") == 1
        await page.evaluate("for (let at = 0; at < 130; at += 1) one.tell('audio.delta')")
        assert await page.evaluate("one.player.bufferedMs") <= 120_000
        assert await page.evaluate("one.player.droppedMs") >= 10_000
        played = await page.evaluate("one.player.flush()")
        assert 1000 <= played < 5000
        await page.evaluate("one.detach()")
        assert await page.evaluate("one.count()") == 0
        await page.evaluate("one.player.close(), one.player.close()")
