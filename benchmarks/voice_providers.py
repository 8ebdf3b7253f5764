"""Providers to measure voices with, in one process: each speaks its protocol, and little of it.

The fakes of the tests judge each frame by its vendor's types, which takes longer than what is
measured here. These confirm a config, note the age of each frame of the caller's, and once they
are asked say a frame of 40 ms every 40 ms without end. Each line on the standard input names a
file, into which the ages since the last one are written (ms).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.exceptions import ConnectionClosed

from benchmarks.voice_frames import FRAME_S, Frames

#: How often a provider tells the end of a response, if a session's instructions are one of
#: these; whether it tells with it what the response used.
REPORTS_EVERY_S = 0.2
REPORTS = {"Tell what you use.": True, "Do not tell what you use.": False}
_USAGE = {
    "input_tokens": 900,
    "output_tokens": 200,
    "total_tokens": 1_100,
    "input_token_details": {"text_tokens": 100, "audio_tokens": 800, "cached_tokens": 600},
    "output_token_details": {"text_tokens": 40, "audio_tokens": 160},
}

_HEARS_GEMINI = Frames(16_000)
_SAYS = Frames(24_000)
_SAYS_ALOUD = Frames(24_000, loud=True)

_ages: list[float] = []


def _note(message: str, member: str, frames: Frames) -> None:
    """Note the age of a frame, whose audio is a member of a message.

    Silence that a voice makes up, where the caller sends nothing, tells no moment.
    """
    start = message.index('"', message.index(member) + len(member)) + 1
    head = message[start : start + 64]
    if head.strip("A="):
        _ages.append(frames.age_of_text_ms(head))


async def _paced(
    connection: ServerConnection, before: str, after: str, frames: Frames = _SAYS
) -> None:
    """Send a frame every 40 ms, between what stands before and after its base64."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    try:
        while True:
            await connection.send(f"{before}{frames.base64_of_now()}{after}")
            due += FRAME_S
            await asyncio.sleep(due - loop.time())
    except ConnectionClosed:
        pass


async def openai(connection: ServerConnection) -> None:
    """Speak one of OpenAI's protocols, by the path."""
    assert connection.request is not None
    of_live = connection.request.path.endswith("/live/sessions")
    await (live(connection) if of_live else realtime(connection))


async def realtime(connection: ServerConnection) -> None:
    """Speak OpenAI's realtime protocol, in xAI's dialect as well."""
    for kind in ("session.created", "conversation.created"):
        await connection.send(json.dumps({"type": kind, "session": {}, "conversation": {}}))
    speaking: asyncio.Task[None] | None = None
    reporting: asyncio.Task[None] | None = None
    ids = {"response_id": "resp_1", "item_id": "item_1"}
    try:
        async for message in connection:
            text = message if isinstance(message, str) else message.decode()
            if '.append"' in text[:64]:  # a client's `audio.append` too, if passed on as it is
                _note(text, '"audio":', _SAYS)
                continue
            frame = json.loads(text)
            if frame["type"] == "session.update":
                told = REPORTS.get(frame["session"].get("instructions", ""))
                if told is not None and reporting is None:
                    reporting = asyncio.create_task(_report(connection, metered=told))
                await connection.send(json.dumps({"type": "session.updated", "session": {}}))
            elif frame["type"] == "response.create" and speaking is None:
                metadata = frame.get("response", {}).get("metadata", {})
                response = {"id": "resp_1", "metadata": metadata, "status": "in_progress"}
                await connection.send(
                    json.dumps({"type": "response.created", "response": response})
                )
                item = {"id": "item_1", "type": "message", "role": "assistant"}
                added = {"type": "response.output_item.added", "item": item}
                await connection.send(json.dumps({**added, **ids, "output_index": 0}))
                delta = {"type": "response.output_audio.delta", "event_id": "event_1", **ids}
                head = json.dumps({**delta, "output_index": 0, "content_index": 0})
                speaking = asyncio.create_task(
                    _paced(connection, head.removesuffix("}") + ', "delta": "', '"}')
                )
    except ConnectionClosed:
        pass
    finally:
        await _stop(speaking)
        await _stop(reporting)


async def _report(connection: ServerConnection, *, metered: bool) -> None:
    """Tell, again and again, that a response is over which the gateway did not ask for."""
    number = 1
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(REPORTS_EVERY_S)
            number += 1
            response: dict[str, object] = {"id": f"resp_{number}", "status": "completed"}
            if metered:
                response["usage"] = _USAGE
            await connection.send(json.dumps({"type": "response.done", "response": response}))


async def live(connection: ServerConnection) -> None:
    """Speak a Live session of OpenAI's."""
    speaking: asyncio.Task[None] | None = None
    try:
        async for message in connection:
            text = message if isinstance(message, str) else message.decode()
            if '"session.input_audio.append"' in text[:64]:
                _note(text, '"audio":', _SAYS)
                continue
            kind = json.loads(text)["type"]
            if kind == "session.start":
                session = {"expires_at": 4_102_444_800}
                await connection.send(json.dumps({"type": "session.started", "session": session}))
            elif kind == "session.commentary.append" and speaking is None:
                before = '{"type":"session.output_audio.delta","delta":"'
                speaking = asyncio.create_task(_paced(connection, before, '"}', _SAYS_ALOUD))
            elif kind == "session.close":
                closed = {"reason": "close_requested", "usage": {"seconds": 1}}
                await connection.send(json.dumps({"type": "session.closed", **closed}))
    except ConnectionClosed:
        pass
    finally:
        await _stop(speaking)


async def gemini(connection: ServerConnection) -> None:
    """Speak Gemini Live."""
    speaking: asyncio.Task[None] | None = None
    before, after = json.dumps(_speech_of_gemini("|")).split("|")
    try:
        async for message in connection:
            text = message if isinstance(message, str) else message.decode()
            if text.startswith('{"realtimeInput":{"audio"'):
                _note(text, '"data":', _HEARS_GEMINI)
                continue
            frame = json.loads(text)
            if "setup" in frame:
                await connection.send(json.dumps({"setupComplete": {}}))
            elif frame.get("clientContent", {}).get("turnComplete") and speaking is None:
                speaking = asyncio.create_task(_paced(connection, before, after))
    except ConnectionClosed:
        pass
    finally:
        await _stop(speaking)


def _speech_of_gemini(audio: str) -> dict[str, object]:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": audio}
    return {"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# A cascade's endpoints.


async def chat(request: web.Request) -> web.Response:
    """Answer every chat with one sentence."""
    await request.read()
    choice = {"index": 0, "delta": {"content": "I speak without end."}, "finish_reason": "stop"}
    chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    return web.Response(text=body, content_type="text/event-stream")


async def speech(request: web.Request) -> web.StreamResponse:
    """Speak without end."""
    await request.read()
    answer = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await answer.prepare(request)
    loop = asyncio.get_running_loop()
    due = loop.time()
    try:
        while True:
            await answer.write(_SAYS.pcm_of_now())
            due += FRAME_S
            await asyncio.sleep(due - loop.time())
    except (ConnectionError, asyncio.CancelledError):
        return answer


def endpoints() -> web.Application:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/v1/audio/speech", speech)
    return app


def _write(path: Path) -> None:
    path.write_text(json.dumps(_ages))
    _ages.clear()
    print("written", flush=True)


async def serve() -> None:
    """Run all of them; print their URLs as a line of JSON."""
    runner = web.AppRunner(endpoints(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with (
        websocket_server(openai, "127.0.0.1", 0, compression=None) as of_openai,
        websocket_server(gemini, "127.0.0.1", 0, compression=None) as of_gemini,
    ):
        urls = {
            "realtime": f"http://127.0.0.1:{next(iter(of_openai.sockets)).getsockname()[1]}/v1",
            "gemini": f"http://127.0.0.1:{next(iter(of_gemini.sockets)).getsockname()[1]}",
            "endpoints": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
        }
        print(json.dumps(urls), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _write(Path(line.strip()))
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
