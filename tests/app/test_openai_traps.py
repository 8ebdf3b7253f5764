"""What broken and hostile clients of OpenAI's protocol send: it is refused, and harms nobody."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from ringline.domain import limits, openai_limits
from tests.database import TestDatabase
from tests.openai_session import Client, connected, talking, user_says
from tests.realtime_session import calls_of, until
from tests.said import Said
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet

ITEM = "conversation.item.create"
TOOL = {"type": "function", "name": "clock", "parameters": {"type": "object"}}


@pytest.fixture
async def other(service: Service, said: Said) -> AsyncIterator[Client]:
    """Give a session beside those of a case: it goes on, and nothing unusual is logged."""
    async with talking(service) as client:
        yield client
        await answers(client)
        assert client.of("error") == []
    told = said.text()
    assert "Traceback" not in told
    for level in ("[warning", "[error", "WARNING", "ERROR"):
        assert level not in told, told


async def answers(client: Client) -> None:
    """Hold that a session lives: it is asked, and it answers."""
    before = len(client.of("response.done"))
    await client.say("Hello?")
    while len(client.of("response.done")) == before:
        await client.until("response.done")
    assert client.of("response.done")[-1]["response"]["status"] == "completed"


async def refused(client: Client, kind: str, **members: object) -> str:
    """Send an event that cannot be; return the code of its error, which names the event."""
    event_id = f"event {len(client.events)}"
    await client.send(kind, event_id=event_id, **members)
    error = await client.error()
    assert error["event_id"] == event_id
    assert error["type"] == "invalid_request_error"
    return error["code"]


def cut(item_id: str, audio_end_ms: object = 1, content_index: object = 0) -> dict[str, object]:
    return {"item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms}


# -- out of order -------------------------------------------------------------------------


async def test_requests_before_there_is_anything_to_request_of(
    service: Service, other: Client
) -> None:
    async with connected(service) as client:
        await client.update(audio={"input": {"turn_detection": None}}, tools=[TOOL])
        output = {"type": "function_call_output", "call_id": "call_none", "output": "x"}
        told = [
            await refused(client, "input_audio_buffer.commit"),
            await refused(client, "conversation.item.truncate", **cut("item_none")),
            await refused(client, "conversation.item.retrieve", item_id="item_none"),
            await refused(client, "conversation.item.delete", item_id="item_none"),
            await refused(client, "response.cancel"),
            await refused(client, "response.cancel", response_id="resp_none"),
            await refused(client, ITEM, item=output),
        ]
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await answers(client)
    assert told == [
        "input_audio_buffer_commit_empty",
        "item_not_found",
        "item_not_found",
        "item_not_found",
        "response_cancel_not_active",
        "response_cancel_not_active",
        "tool_call_not_found",
    ]


async def test_requests_in_the_middle_of_a_response(service: Service, other: Client) -> None:
    async with talking(service, tools=[TOOL]) as client:
        await client.say('/tool clock {"tz": "UTC"}')
        called = await client.until("response.function_call_arguments.done")
        await client.until("response.done")
        output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
        await client.send(ITEM, item=output)
        assert await refused(client, ITEM, item=output) == "tool_call_not_found"
        await client.send(ITEM, item={"id": "mine", **user_says("word " * 40)})
        assert await refused(client, ITEM, item={"id": "mine", **user_says("x")}) == "invalid_value"
        await client.send("response.create")
        delta = await client.until("response.output_audio.delta")
        item_id = delta["item_id"]
        truncate = "conversation.item.truncate"
        told = [
            await refused(client, "response.create"),
            await refused(client, "conversation.item.delete", item_id="mine"),
            await refused(client, "conversation.item.delete", item_id=item_id),
            await refused(client, truncate, **cut(item_id, 10_000_000)),
            await refused(client, truncate, **cut(item_id, -1)),
            await refused(client, truncate, **cut(item_id, 1, content_index=1)),
            await refused(client, truncate, **cut("mine")),
            await refused(client, "session.update", session={"model": "mock/asym"}),
        ]
        await client.update(instructions="Now be long.")  # a change in the middle of a response
        await client.send("response.cancel")
        await client.until("response.done")
        assert await refused(client, "response.cancel") == "response_cancel_not_active"
        await answers(client)
    assert told == [
        "conversation_already_has_active_response",
        "item_in_use",
        "item_in_use",
        "invalid_value",
        "invalid_value",
        "item_not_found",
        "item_not_found",
        "immutable_field",
    ]


# -- unknown and wrong --------------------------------------------------------------------

UNREADABLE: list[tuple[str, str]] = [
    ("", "invalid_json"),
    ("\x00", "invalid_json"),
    ("{", "invalid_json"),
    ("null", "invalid_event"),
    ("[]", "invalid_event"),
    ("{}", "invalid_event"),
    ('{"type": null}', "invalid_event"),
    ('{"type": ["session.update"]}', "invalid_event"),
    ('{"type": "Session.Update", "session": {}}', "unknown_event"),
    ('{"type": "transcription_session.update", "session": {}}', "unknown_event"),
    ('{"type": "response.done"}', "unknown_event"),
    ('{"type": "output_audio_buffer.clear"}', "unsupported_event"),
    ('{"type": "session.update"}', "invalid_event"),
    ('{"type": "session.update", "session": []}', "invalid_event"),
    ('{"type": "session.update", "session": null}', "invalid_event"),
    ('{"type": "input_audio_buffer.append"}', "invalid_event"),
    ('{"type": "input_audio_buffer.append", "audio": {}}', "invalid_event"),
    ('{"type": "input_audio_buffer.append", "audio": "AAA"}', "invalid_audio"),
    ('{"type": "input_audio_buffer.append", "audio": "\\u00e9"}', "invalid_audio"),
    ('{"type": "conversation.item.create", "item": "x"}', "invalid_event"),
    ('{"type": "conversation.item.create", "item": {}}', "unsupported_item"),
    ('{"type": "conversation.item.create", "item": {"type": 1}}', "unsupported_item"),
    ('{"type": "conversation.item.create", "item": {"type": "message"}}', "invalid_value"),
    ('{"type": "conversation.item.truncate", "item_id": "x"}', "invalid_event"),
    ('{"type": "conversation.item.delete"}', "invalid_event"),
    ('{"type": "conversation.item.delete", "item_id": []}', "invalid_event"),
    ('{"type": "response.create", "response": "now"}', "invalid_event"),
    ('{"type": "response.create", "response": {"metadata": []}}', "invalid_value"),
    ('{"type": "response.create", "response": {"instructions": {}}}', "invalid_value"),
    ('{"type": "response.cancel", "response_id": 1}', "invalid_event"),
    ('{"type": "response.cancel", "event_id": 1}', "invalid_event"),
    ('{"type": "session.update", "session": {"audio": {"input": 1}}}', "invalid_value"),
    ('{"type":"session.update","session":{"audio":{"output":{"voice":{}}}}}', "invalid_value"),
    (
        '{"type":"session.update","session":{"audio":{"input":{"turn_detection":'
        '{"type":"server_vad","interrupt_response":"no"}}}}}',
        "invalid_value",
    ),
    ('{"type": "x", "deep": ' + "[" * 200 + "]" * 200 + "}", "invalid_json"),
    ('{"type": "x", "many": [' + "[]," * 100_000 + "1]}", "invalid_json"),
]


async def test_what_cannot_be_read_is_told_and_changes_nothing(
    service: Service, other: Client
) -> None:
    async with talking(service, instructions="before") as client:
        for frame, code in UNREADABLE:
            await client.socket.send_str(frame)
            error = await client.error()
            assert (error["code"], error["type"]) == (code, "invalid_request_error"), frame[:80]
            assert len(error["message"]) < 1_000
        assert (await client.update())["instructions"] == "before"
        await answers(client)
    assert len(client.of("error")) == len(UNREADABLE)


async def test_unknown_members_are_ignored_or_shown_back(service: Service, other: Client) -> None:
    more = {"of_tomorrow": [{"a": None}]}
    async with connected(service, judged=False) as client:
        await client.send("session.update", session={"type": "realtime", **more}, **more)
        assert (await client.until("session.updated"))["session"]["of_tomorrow"] == [{"a": None}]
        await client.send(ITEM, item={**user_says("Hello"), **more}, **more)
        await client.send("response.create", response=more, **more)
        await client.until("response.done")
        assert client.of("error") == []
    assert client.text() == "echo: Hello"


# -- large --------------------------------------------------------------------------------

MOST, MOST_IMAGE = limits.SESSION_FRAME_BYTES.most, limits.IMAGE_FRAME_BYTES.most


def padded(frame: str, size: int) -> str:
    """Return a frame of this size, by base64 in the place of `…`."""
    room = size - len(frame) + 1
    return frame.replace("…", "A" * (room - room % 4)) + " " * (room % 4)


#: A message with a picture, and events that may not be so large.
IMAGE = (
    '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":'
    '[{"type":"input_image","image_url":"data:image/png;base64,…"}]}}'
)
AUDIO = '{"type":"input_audio_buffer.append","audio":"…"}'
OUTPUT = '{"type":"conversation.item.create","item":{"type":"function_call_output","output":"…"}}'


async def test_frames_as_large_as_they_may_be(service: Service, other: Client) -> None:
    async with talking(service) as client:
        await client.socket.send_str(padded(IMAGE, MOST_IMAGE))
        await client.until("conversation.item.done")
        await client.socket.send_str(padded(AUDIO, MOST))
        assert (await client.error())["code"] == "invalid_audio"
        await client.socket.send_str(padded(OUTPUT, MOST))
        assert (await client.error())["code"] == "invalid_value"
        await answers(client)


@pytest.mark.parametrize(
    ("frame", "size"), [(AUDIO, MOST + 1), (OUTPUT, MOST + 1), (IMAGE, MOST_IMAGE + 1)]
)
@pytest.mark.parametrize("begun", [True, False])
async def test_a_frame_that_is_too_large_ends_its_session(
    service: Service, database: TestDatabase, other: Client, frame: str, size: int, begun: bool
) -> None:
    async with connected(service) as client:
        await client.until("session.created")
        if begun:
            await client.update()
        await client.socket.send_str(padded(frame, size))
        assert await client.closed() == 1009
    assert client.events[-1]["error"]["code"] == "frame_too_large"

    async def only_the_other_lives() -> bool:
        rows = await calls_of(service, database)
        return [row["status"] for row in rows].count("answered") == 1

    await until(only_the_other_lives)


# -- too many -----------------------------------------------------------------------------


async def test_floods_are_refused_and_harm_nobody_else(service: Service, other: Client) -> None:
    async def flood() -> None:
        async with talking(service) as client:
            for number in range(1_500):
                await client.socket.send_str("garbage" if number % 2 else '{"type":"x"}')
            codes: set[str] = set()
            while "rate_limit_exceeded" not in codes:
                codes.add((await client.error())["code"])
            assert codes == {"invalid_json", "unknown_event", "rate_limit_exceeded"}

    flooding = asyncio.create_task(flood())
    await answers(other)
    await flooding


async def test_items_without_a_request_are_bounded(database: TestDatabase, said: Said) -> None:
    """Clients may add what they like; beyond the bound the model is given it."""
    count = openai_limits.DELETABLE_ITEMS.most + 5
    async with (
        serving(database, rate_session_events_per_10_s=0) as service,
        talking(service) as client,
    ):
        for number in range(count):
            await client.send(ITEM, item={"id": f"item {number}", **user_says(f"{number}.")})
        for _ in range(count):
            await client.until("conversation.item.done")
        assert await refused(client, "conversation.item.delete", item_id="item 4") == "item_in_use"
        await client.send("conversation.item.delete", item_id="item 5")
        await client.until("conversation.item.deleted")
        await client.send("response.create")
        await client.until("response.done")
    echoed = "".join(f"echo: {number}.\n" for number in range(count) if number != 5).strip()
    assert client.text() == echoed
    assert "Traceback" not in said.text()


async def test_audio_comes_no_faster_than_twice_as_fast_as_time(
    service: Service, other: Client
) -> None:
    piece = base64.b64encode(quiet(10_000, 24_000)).decode()
    async with talking(service) as client:
        for _ in range(2):
            await client.send("input_audio_buffer.append", audio=piece)
        assert await refused(client, "input_audio_buffer.append", audio=piece) == "invalid_audio"
        await answers(client)


async def test_the_audio_of_messages_counts_as_audio(service: Service, other: Client) -> None:
    spoken = {"type": "input_audio", "audio": base64.b64encode(hum(9_000, 24_000)).decode()}
    item = {"type": "message", "role": "user", "content": [spoken]}
    async with talking(service) as client:
        heard = {"transcription": {"model": "any"}, "turn_detection": None}
        await client.update(audio={"input": heard})
        for _ in range(2):
            await client.send(ITEM, item=item)
            await client.until("conversation.item.input_audio_transcription.completed")
        assert await refused(client, ITEM, item=item) == "invalid_audio"
        # It lives on. An answer would say all of that audio back, for as long as it takes.
        assert (await client.update(instructions="Go on."))["instructions"] == "Go on."
