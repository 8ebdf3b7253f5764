"""OpenAI's client with every voice: an app changes its base URL, and nothing else.

The client is the package `openai`, unmodified. Every frame that it receives is judged by the
vendor's types as well, more strictly than the client itself does.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from ringline.wire.openai_server_session import full_model
from tests.contract.door.rows import Row, Talker, Trait, needs
from tests.openai_session import judge, user_says

CLOCK: Any = {"type": "function", "name": "clock", "parameters": {"type": "object"}}
#: A session as an app asks for it that was written for OpenAI's models alone.
ASKED: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Be brief.",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad"},
        },
        "output": {"voice": "marin"},
    },
}
BY_ORDER = {"input": {"transcription": {"model": "any"}, "turn_detection": None}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
HEARD = "conversation.item.input_audio_transcription.completed"


@dataclass
class Caller:
    """A connection of OpenAI's client, and the events that it has received."""

    connection: AsyncRealtimeConnection
    events: list[Any] = field(default_factory=list[Any])

    async def until(self, kind: str) -> Any:
        """Wait for an event of a type; none may be an error."""
        while True:
            frame = await self.connection.recv_bytes()
            judge([json.loads(frame)])
            event = self.connection.parse_event(frame)
            self.events.append(event)
            assert event.type != "error", event
            if event.type == kind:
                return event

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def say(self, text: str) -> None:
        """Type a message, and ask for a response."""
        await self.connection.conversation.item.create(item=item(user_says(text)))
        await self.connection.response.create()

    async def hear(self, pcm: bytes) -> None:
        """Say something, in pieces of 100 ms as a microphone gives them."""
        for start in range(0, len(pcm), 4_800):
            audio = base64.b64encode(pcm[start : start + 4_800]).decode()
            await self.connection.input_audio_buffer.append(audio=audio)

    async def answer(self) -> str:
        """Wait for the end of a response; return the transcript of its message."""
        done = (await self.until("response.done")).response
        assert done.status == "completed", done
        return "".join(message.content[0].transcript or "" for message in messages(done))


def item(members: dict[str, Any]) -> Any:
    return members


def hearing(**members: bool) -> Any:
    """Return the audio of a session whose turn detection has these members."""
    detection = {"type": "server_vad", **members}
    return {"input": {"transcription": {"model": "any"}, "turn_detection": detection}}


def messages(response: Any) -> list[Any]:
    return [one for one in response.output if one.type == "message"]


@asynccontextmanager
async def calling(talker: Talker, **session: Any) -> AsyncIterator[Caller]:
    """Open a session, and update it as an app does."""
    async with (
        AsyncOpenAI(api_key=await talker.key(), base_url=f"{talker.service.base_url}/v1") as client,
        client.realtime.connect(model=talker.model) as connection,
    ):
        caller = Caller(connection)
        await caller.until("session.created")
        await connection.session.update(session=item({**ASKED, **session}))
        await caller.until("session.updated")
        yield caller


async def test_a_message_and_a_spoken_turn_are_answered(talker: Talker) -> None:
    async with calling(talker) as caller:
        shown = caller.of("session.updated")[0].session
        assert shown.instructions == "Be brief."
        assert shown.audio.output.voice == talker.voice
        await caller.say(talker.text)
        assert re.search(talker.echoed, await caller.answer())
        await caller.hear(talker.turn)
        committed = await caller.until("input_audio_buffer.committed")
        assert re.search(talker.answer, await caller.answer())
        (heard,) = caller.of(HEARD)
        assert re.fullmatch(talker.heard, heard.transcript)
        assert heard.item_id == committed.item_id
        assert len(caller.of("response.created")) == 2
        assert caller.of("response.output_audio.delta")


@needs(Trait.TOOLS)
async def test_a_function_is_called_and_its_output_answered_once(talker: Talker) -> None:
    async with calling(talker, tools=[CLOCK]) as caller:
        await caller.say(talker.tool)
        called = await caller.until("response.function_call_arguments.done")
        assert (called.name, json.loads(called.arguments)) == ("clock", {"tz": "UTC"})
        await caller.answer()
        output = {"type": "function_call_output", "call_id": called.call_id, "output": "noon"}
        await caller.connection.conversation.item.create(item=item(output))
        await caller.connection.response.create()
        assert "noon" in await caller.answer()
        assert len(caller.of("response.created")) == 2


async def test_an_answer_is_cancelled_where_the_client_stopped_playing(talker: Talker) -> None:
    async with calling(talker) as caller:
        await caller.say(talker.long)
        delta = await caller.until("response.output_audio.delta")
        place = {"item_id": delta.item_id, "content_index": 0}
        await caller.connection.conversation.item.truncate(**place, audio_end_ms=1)
        await caller.connection.response.cancel()
        await caller.until("conversation.item.truncated")
        done = (await caller.until("response.done")).response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        await caller.say(talker.text)
        await caller.until("response.output_audio.delta")


async def test_speech_interrupts_an_answer_and_is_answered(talker: Talker) -> None:
    async with calling(talker) as caller:
        await caller.say(talker.long)
        await caller.until("response.output_audio.delta")
        await caller.hear(talker.turn)
        done = (await caller.until("response.done")).response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        await caller.until("response.output_audio.delta")


@needs(Trait.UNINTERRUPTED)
async def test_speech_over_an_answer_is_answered_after_it(talker: Talker) -> None:
    async with calling(talker, audio=hearing(interrupt_response=False)) as caller:
        await caller.say(talker.sentence)
        await caller.until("response.output_audio.delta")
        await caller.hear(talker.turn)
        assert await caller.answer()
        assert caller.of("input_audio_buffer.speech_started")
        assert re.search(talker.answer, await caller.answer())
        assert len(caller.of("response.created")) == 2


async def test_a_message_that_was_deleted_is_not_answered(talker: Talker) -> None:
    async with calling(talker) as caller:
        create = caller.connection.conversation.item
        await create.create(item=item({"id": "mine", **user_says(talker.long)}))
        await create.delete(item_id="mine")
        assert (await caller.until("conversation.item.deleted")).item_id == "mine"
        await caller.say(talker.text)
        assert re.fullmatch(talker.echoed, await caller.answer())


@needs(Trait.TURNS_BY_ORDER)
async def test_the_speech_of_a_message_is_heard(talker: Talker) -> None:
    async with calling(talker, audio=BY_ORDER) as caller:
        audio = base64.b64encode(talker.speech).decode()
        spoken = {"type": "input_audio", "audio": audio}
        message = {"id": "mine", "type": "message", "role": "user", "content": [spoken]}
        await caller.connection.conversation.item.create(item=item(message))
        await caller.connection.response.create()
        assert re.search(talker.answer, await caller.answer())
        (heard,) = caller.of(HEARD)
        assert heard.item_id == "mine"
        assert re.fullmatch(talker.heard, heard.transcript)


@needs(Trait.TURNS_BY_ORDER)
async def test_the_client_ends_turns_by_itself(talker: Talker) -> None:
    async with calling(talker, audio=BY_ORDER) as caller:
        assert caller.of("session.updated")[0].session.audio.input.turn_detection is None
        await caller.hear(talker.speech)
        await caller.connection.input_audio_buffer.commit()
        await caller.connection.response.create()
        assert re.search(talker.answer, await caller.answer())
        assert re.fullmatch(talker.heard, caller.of(HEARD)[0].transcript)
        assert len(caller.of("response.created")) == 1


@needs(Trait.WAITS)
async def test_a_turn_is_answered_on_request_only(talker: Talker) -> None:
    async with calling(talker, audio=hearing(create_response=False)) as caller:
        await caller.hear(talker.turn)
        await caller.until(HEARD)
        await caller.connection.response.create(response={"metadata": {"number": "1"}})
        assert re.search(talker.answer, await caller.answer())
        (begun,) = caller.of("response.created")
        assert begun.response.metadata == {"number": "1"}


@needs(Trait.TEXT)
async def test_an_answer_can_be_text_alone(talker: Talker) -> None:
    async with calling(talker, output_modalities=["text"]) as caller:
        await caller.say(talker.text)
        done = (await caller.until("response.done")).response
        assert re.search(talker.echoed, done.output[0].content[0].text)
        assert caller.of("response.output_audio.delta") == []


@needs(Trait.IMAGES)
async def test_a_picture_is_shown(talker: Talker) -> None:
    async with calling(talker) as caller:
        content = [{"type": "input_image", "image_url": PIXEL}, *user_says(talker.text)["content"]]
        shown = {"type": "message", "role": "user", "content": content}
        await caller.connection.conversation.item.create(item=item(shown))
        await caller.connection.response.create()
        assert re.search(talker.echoed, await caller.answer())


async def test_a_client_secret_binds_what_every_model_has(talker: Talker) -> None:
    url = f"{talker.service.base_url}/v1"
    async with AsyncOpenAI(api_key=talker.secret_key, base_url=url) as client:
        minted = await client.realtime.client_secrets.create(
            session=item(ASKED), extra_body=talker.bound
        )
    secret = AsyncOpenAI(api_key=minted.value, base_url=url)
    async with secret as client, client.realtime.connect(model=talker.model) as connection:
        caller = Caller(connection)
        created = await caller.until("session.created")
        assert created.session.instructions == "Be brief."
        await caller.say(talker.text)
        await caller.until("response.output_audio.delta")


async def test_a_row_lacks_what_its_model_lacks(talker: Talker, row: Row) -> None:
    url = f"{talker.service.base_url}/v3/models?type=realtime"
    headers = {"Authorization": f"Bearer {talker.secret_key}"}
    async with talker.service.http.get(url, headers=headers) as answer:
        models = {model["id"]: model for model in (await answer.json())["models"]}
    model = models[full_model(talker.model)]
    able = {Trait(name) for name in model["capabilities"] if name in tuple(Trait)}
    if "none" in model["params"]["realtime"]["turn_detection"]:
        able.add(Trait.TURNS_BY_ORDER)
    listed = {Trait.TOOLS, Trait.IMAGES, Trait.TEXT, Trait.TURNS_BY_ORDER}
    assert listed - row.lacks.keys() == able
    assert all(reason for reason in row.lacks.values())
