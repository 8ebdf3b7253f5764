"""Tools, images and config changes over the socket, against the voice `mock/echo`.

A fuzzer plays clients that send anything at any time; whatever they do, the server keeps its
side of the protocol (K1 to K11, O1 to O10).
"""

import asyncio
import json
import random
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import jsonschema
import pytest

from ringline.web.member_schemas import written
from ringline.wire.realtime_errors import ERRORS
from ringline.wire.realtime_events import SERVER
from tests.realtime_session import WAIT_S, Client, Event, connected
from tests.serving import Service

MODEL = "mock/echo"
CLOCK = {"name": "clock", "description": "the time", "parameters": {"type": "object"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


async def start(client: Client, **config: object) -> Event:
    captions = {"input_transcription": True, "output_transcription": True}
    return await client.start(config={"tools": [CLOCK]} | captions | config)


def echo(service: Service, ticket: str) -> AbstractAsyncContextManager[Client]:
    return connected(service, ticket)


async def ticket_for(service: Service, **config: object) -> str:
    body = {"config": {"model": MODEL} | config}
    return (await service.mint(body, service.keys.test_key))["client_secret"]


async def say(client: Client, text: str) -> None:
    await client.send("text.input", text=text)
    await client.send("response.create")


async def answered(client: Client) -> str:
    """Wait for the end of a response; return its text."""
    before = len(client.events)
    await client.until("response.completed")
    deltas = [event["delta"] for event in client.events[before:] if event["type"] == "text.delta"]
    return "".join(deltas)


async def test_a_tool_is_called_and_its_result_is_told(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await start(client)
        await say(client, '/tool clock {"tz": "UTC"}')
        call = await client.until("tool.call")
        assert call["tool_name"] == "clock"
        assert call["tool_arguments"] == {"tz": "UTC"}
        answer = {"tool_call_id": call["tool_call_id"], "tool_result": {"time": "12:00"}}
        await client.send("tool.result", **answer)
        await client.until("response.completed")
        assert await answered(client) == 'tool clock returned {"time":"12:00"}'
        await client.send("tool.result", **answer)
        assert (await client.until("error"))["error"]["code"] == "tool_call_not_found"


async def test_several_calls_have_one_follow_up(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await start(client)
        await say(client, "/tool clock\n/tool clock\n/tool clock")
        calls = [await client.until("tool.call") for _ in range(3)]
        assert len({call["tool_call_id"] for call in calls}) == 3
        await client.until("response.completed")
        for call in reversed(calls):
            await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result="noon")
            await client.send("response.create")  # from a client that does not know better
        text = await answered(client)
        assert text.count("tool clock returned noon") == 3
        await say(client, "and then?")
        assert await answered(client) == "echo: and then?"
        assert [event["type"] for event in client.events].count("response.started") == 3
        codes = {event["error"]["code"] for event in client.events if event["type"] == "error"}
        assert codes <= {"conversation_already_has_active_response"}


async def test_a_tool_that_the_config_lacks_is_not_called(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await start(client, tools=[])
        await say(client, "/tool clock")
        assert await answered(client) == "no tool clock"
        await client.send("session.update", config={"tools": [CLOCK]})
        assert (await client.until("session.updated"))["config"]["tools"][0]["name"] == "clock"
        await say(client, "/tool clock")
        await client.until("tool.call")


async def test_images_start_no_response_and_are_in_context(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await client.send("session.start", config={"output_transcription": True})
        await client.send("image.input", image_url=PIXEL)  # before it has started
        await client.until("session.started")
        await client.send("image.input", image_url=PIXEL, image_detail="low", text="a page")
        await client.send("image.input", image_url="https://example.com/a.png")
        assert (await client.until("error"))["error"]["code"] == "invalid_image"
        await say(client, "/image")
        assert await answered(client) == "2 images"


async def test_a_large_image_is_taken(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await start(client)
        await client.send("image.input", image_url="data:image/jpeg;base64," + "A" * (8 << 20))
        await say(client, "/image")
        assert await answered(client) == "1 images"


async def test_a_model_without_images_says_so(service: Service) -> None:
    body = {"config": {"model": "mock/asym"}}
    ticket = (await service.mint(body, service.keys.test_key))["client_secret"]
    async with echo(service, ticket) as client:
        started = await client.start(config={})
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (16_000, 24_000)
        assert "sample_rate" not in started  # K3
        await client.send("image.input", image_url=PIXEL)
        error = (await client.until("error"))["error"]
        assert (error["code"], "image input" in error["message"]) == (
            "image_input_unsupported",
            True,
        )


async def test_an_update_changes_what_the_ticket_leaves_open(service: Service) -> None:
    ticket = await ticket_for(service, voice="b", instructions="be kind")
    async with echo(service, ticket) as client:
        await start(client)
        await client.send(
            "session.update", config={"voice": "a", "reasoning_effort": "low", "speed": 2}
        )
        updated = await client.until("session.updated")
        assert (updated["config"]["voice"], updated["config"]["reasoning_effort"]) == ("b", "low")
        assert ["speed" in warning for warning in updated["warnings"]] == [True]
        await say(client, "/config")
        assert json.loads(await answered(client))["reasoning_effort"] == "low"
        await client.send("session.update", config={"reasoning_effort": "xhigh"})
        error = (await client.until("error"))["error"]
        assert error["code"] == "unsupported_reasoning_effort"


async def test_a_commit_of_nothing_is_a_harmless_error(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await start(client, turn_detection={"type": "none"})
        await client.send("audio.commit")
        error = (await client.until("error"))["error"]
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert "buffer too small" in error["message"]


async def test_the_text_of_a_response_that_only_writes(service: Service) -> None:
    async with echo(service, await ticket_for(service)) as client:
        await client.start(config={"modalities": ["text"]})
        await say(client, "hello")
        assert await answered(client) == "echo: hello"
        assert "audio.delta" not in client.kinds()


# A fuzzer.

_TEXTS = ("hello", "/tool clock", "/tool clock\n/tool other {}", "/image", "/error x", "/long 300")
_GARBAGE = ("", "{", "[]", "null", '{"type": 1}', '{"type": "no.such"}', '"\\ud800"')


def frames(chance: random.Random, calls: list[str]) -> Iterator[str | bytes]:
    """Yield what a client without manners sends."""

    def event(kind: str, **members: object) -> str:
        return json.dumps({"type": kind, **members})

    loud = b"\x00\x40" * 1_920  # 80 ms
    while True:
        match chance.randrange(12):
            case 0:
                yield chance.choice(_GARBAGE)
            case 1:
                yield event("text.input", text=chance.choice(_TEXTS))
            case 2 | 3:
                yield event("response.create")
            case 4:
                yield event("response.cancel")
            case 5 if calls:
                call_id = calls.pop(chance.randrange(len(calls)))
                yield event(
                    "tool.result", tool_call_id=call_id, tool_result=chance.choice([1, "x"])
                )
            case 6:
                yield event("tool.result", tool_call_id="late", tool_result=None)
            case 7:
                yield event("image.input", image_url=chance.choice([PIXEL, "x", 7]))
            case 8:
                effort = chance.choice(["low", "none", 7])
                yield event("session.update", config={"reasoning_effort": effort})
            case 9:
                yield event(chance.choice(["audio.commit", "audio.clear", "session.start"]))
            case _:
                audio = chance.choice([loud, bytes(len(loud)), b"\x01"])
                yield event("audio.append", audio=_base64(audio))


def _base64(pcm: bytes) -> str:
    return b64encode(pcm).decode()


def check_frames(events: list[Event]) -> None:
    """Check the server's side of the protocol, whatever the client did."""
    schemas = {name: written(row.members) for name, row in SERVER.items()}
    assert events[0]["type"] == "session.started"  # O2
    running = silenced = False
    for event in events:
        kind = event["type"]
        members = {name: value for name, value in event.items() if name != "type"}
        jsonschema.Draft202012Validator(schemas[kind]).validate(members)
        match kind:
            case "response.started":
                assert not running, "K9"
                running, silenced = True, False
            case "response.completed":
                assert running, "K9"
                running = False
            case "audio.delta" | "text.delta" | "tool.call":
                assert running
                assert not silenced, "K10"
            case "speech.started":
                silenced = True
            case "error" | "session.terminating":
                assert event["error"]["code"] in ERRORS
            case _:
                pass


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_a_client_sends_the_server_keeps_its_side(
    service: Service, seed: int
) -> None:
    chance = random.Random(seed)
    async with echo(service, await ticket_for(service)) as client:
        await start(client)
        calls: list[str] = []

        async def read() -> None:
            while (event := await client.next()) is not None:
                if event["type"] == "tool.call":
                    calls.append(event["tool_call_id"])
                if event["type"] == "text.delta" and "the end" in client.text():
                    return

        reading = asyncio.create_task(read())
        sent: Iterator[Any] = frames(chance, calls)
        for number in range(90):
            await client.socket.send_str(next(sent))
            if number % 10 == 0:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # turns end a second after the last audio
        await client.send("response.cancel")
        await client.send("text.input", text="the end")
        await client.send("response.create")
        async with asyncio.timeout(WAIT_S):
            await reading
        check_frames(client.events)
