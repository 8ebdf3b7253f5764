"""Sessions of the OpenAI-compatible surface, every frame judged by the vendor's own types."""

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.openai_session import MODEL, connected, mint, talking, user_says
from tests.realtime_session import calls_of, until
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet

TURN = hum(400, 24_000) + quiet(800, 24_000)
TOOL = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


async def ended_call(service: Service, database: TestDatabase) -> dict[str, Any]:
    """Wait until the workspace's only call has ended; return its row."""

    async def over() -> bool:
        calls = await calls_of(service, database)
        return bool(calls) and calls[0]["ended_at"] is not None

    await until(over)
    (call,) = await calls_of(service, database)
    return call


async def turns_of(service: Service, database: TestDatabase) -> list[dict[str, Any]]:
    """Return the stored turns, in spoken order."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT * FROM ringline.call_transcripts WHERE workspace_id = $1 ORDER BY occurred_at",
            service.keys.workspace_id,
        )
    return [dict(row) for row in rows]


# -- a conversation -----------------------------------------------------------------------


async def test_a_session_begins_by_itself_with_its_defaults(service: Service) -> None:
    async with connected(service) as client:
        session = (await client.until("session.created"))["session"]
    assert session["id"].startswith("sess_")
    assert session["model"] == MODEL
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["output"]["voice"] == "a"
    heard = session["audio"]["input"]
    assert heard["turn_detection"]["type"] == "server_vad"
    assert heard["turn_detection"]["silence_duration_ms"] == 500
    assert heard["transcription"] is None


async def test_a_typed_message_is_answered_aloud(service: Service) -> None:
    async with talking(service) as client:
        await client.say("Hello there")
        done = (await client.until("response.done"))["response"]
    assert done["status"] == "completed"
    used = done["usage"]
    assert used["output_token_details"]["audio_tokens"] > 0
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"]
    (message,) = done["output"]
    assert message["content"] == [{"type": "output_audio", "transcript": "echo: Hello there"}]
    assert client.text() == "echo: Hello there"
    assert len(client.pcm()) == 2 * 24_000 * 20 * len("Hello there") // 1000
    assert client.kinds()[2:8] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert client.kinds()[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    said, answered = client.of("conversation.item.added")
    assert answered["previous_item_id"] == said["item"]["id"]
    assert answered["item"]["id"] == message["id"]


async def test_a_spoken_turn_is_an_item_with_a_transcript(service: Service) -> None:
    async with talking(service) as client:
        await client.hear(TURN)
        await client.until("response.done")
    started = client.of("input_audio_buffer.speech_started")[0]
    stopped = client.of("input_audio_buffer.speech_stopped")[0]
    committed = client.of("input_audio_buffer.committed")[0]
    heard = client.of("conversation.item.input_audio_transcription.completed")[0]
    assert len({event["item_id"] for event in (started, stopped, committed, heard)}) == 1
    assert 0 <= started["audio_start_ms"] < stopped["audio_end_ms"] <= 1_200
    assert heard["transcript"] == "heard 400 ms"
    assert client.text() == "echo: heard 400 ms"
    kinds = client.kinds()
    assert kinds.index("input_audio_buffer.committed") < kinds.index("response.created")


async def test_transcripts_are_for_those_who_ask(service: Service) -> None:
    async with connected(service) as client:
        await client.update()
        await client.hear(TURN)
        await client.until("response.done")
    kinds = client.kinds()
    assert "input_audio_buffer.committed" in kinds
    assert "conversation.item.input_audio_transcription.completed" not in kinds


async def test_an_answer_can_be_text_alone(service: Service) -> None:
    async with talking(service, output_modalities=["text"]) as client:
        await client.say("Hello")
        done = (await client.until("response.done"))["response"]
    assert client.pcm() == b""
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "echo: Hello"}]
    assert client.of("response.output_text.done")[0]["text"] == "echo: Hello"


async def test_a_tool_call_is_answered_and_followed_up_once(service: Service) -> None:
    async with talking(service, tools=[TOOL]) as client:
        await client.say('/tool clock {"tz": "UTC"}')
        called = await client.until("response.function_call_arguments.done")
        first = (await client.until("response.done"))["response"]
        output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        second = (await client.until("response.done"))["response"]
        await client.say("Thanks")
        await client.until("response.done")
    assert (called["name"], json.loads(called["arguments"])) == ("clock", {"tz": "UTC"})
    (call,) = [item for item in first["output"] if item["type"] == "function_call"]
    assert call["call_id"] == called["call_id"]
    assert second["output"][0]["content"][0]["transcript"] == "tool clock returned noon"
    assert len(client.of("response.created")) == 3
    assert client.of("error") == []


async def test_speech_over_the_agent_cuts_its_response_off(
    service: Service, database: TestDatabase
) -> None:
    async with talking(service) as client:
        await client.say("word " * 40)
        await client.until("response.output_audio.delta")
        await client.hear(TURN)
        cut = (await client.until("response.done"))["response"]
        await client.until("response.done")
    assert cut["status"] == "cancelled"
    assert cut["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert cut["output"][0]["status"] == "incomplete"
    kinds = client.kinds()
    assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
    await ended_call(service, database)
    spoken = next(turn for turn in await turns_of(service, database) if turn["role"] == "agent")
    assert spoken["interrupted"]


async def test_the_client_moves_the_playback_clock(
    service: Service, database: TestDatabase
) -> None:
    """It has played less than we sent: what was heard ends where it says."""
    async with talking(service) as client:
        await client.say("word " * 40)
        item = (await client.until("response.output_audio.delta"))["item_id"]
        while len(client.pcm()) < 2 * 24 * 350:
            await client.until("response.output_audio.delta")
        await client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=200
        )
        await client.send("response.cancel")
        truncated = await client.until("conversation.item.truncated")
        cut = (await client.until("response.done"))["response"]
    assert truncated["audio_end_ms"] == 200
    assert cut["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    await ended_call(service, database)
    _, said = await turns_of(service, database)
    assert said["interrupted"]
    # 200 ms are ten characters of the text that was typed.
    assert said["spoken_text"] == "echo: word"


async def test_an_item_can_be_retrieved_as_it_was_heard(service: Service) -> None:
    async with talking(service) as client:
        await client.say("word " * 40)
        item = (await client.until("response.output_audio.delta"))["item_id"]
        while len(client.pcm()) < 2 * 24 * 350:
            await client.until("response.output_audio.delta")
        await client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=200
        )
        await client.send("response.cancel")
        await client.until("response.done")
        await client.send("conversation.item.retrieve", item_id=item)
        retrieved = (await client.until("conversation.item.retrieved"))["item"]
        await client.send("conversation.item.retrieve", item_id="none", event_id="mine")
        error = await client.error()
    assert retrieved["status"] == "incomplete"
    assert retrieved["content"] == [{"type": "output_audio", "transcript": "echo: word"}]
    assert (error["code"], error["event_id"]) == ("item_not_found", "mine")


async def test_a_client_that_ends_turns_itself(service: Service) -> None:
    async with connected(service) as client:
        session = await client.update(audio={"input": {"turn_detection": None}})
        assert session["audio"]["input"]["turn_detection"] is None
        await client.send("input_audio_buffer.commit", event_id="nothing yet")
        empty = await client.error()
        assert empty["code"] == "input_audio_buffer_commit_empty"
        assert empty["event_id"] == "nothing yet"
        await client.hear(TURN)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        committed = await client.until("input_audio_buffer.committed")
        await client.until("response.done")
        await client.say("again")
        await client.until("response.done")
    assert client.of("input_audio_buffer.speech_stopped") == []
    added = client.of("conversation.item.added")[0]["item"]
    assert (added["id"], added["role"]) == (committed["item_id"], "user")
    assert len(client.of("response.created")) == 2


async def test_nothing_is_answered_that_was_not_requested(service: Service) -> None:
    detection = {"type": "server_vad", "create_response": False}
    async with connected(service) as client:
        session = await client.update(
            audio={"input": {"turn_detection": detection, "transcription": {"model": "any"}}},
            tools=[TOOL],
        )
        assert session["audio"]["input"]["turn_detection"]["create_response"] is False
        await client.hear(TURN)
        await client.until("conversation.item.input_audio_transcription.completed")
        await client.say("/tool clock {}", response={"metadata": {"number": "1"}})
        called = await client.until("response.function_call_arguments.done")
        await client.until("response.done")
        output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
        await client.send("conversation.item.create", item=output)
        await client.until("conversation.item.done")
        await client.send("response.create", response={"metadata": {"number": "2"}})
        await client.until("response.done")
    begun = [event["response"]["metadata"] for event in client.of("response.created")]
    assert begun == [{"number": "1"}, {"number": "2"}]
    assert client.text() == "echo: heard 400 ms" + "tool clock returned noon"


async def test_a_cleared_turn_is_no_item(service: Service) -> None:
    async with talking(service) as client:
        await client.hear(hum(400, 24_000))
        await client.until("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await client.until("input_audio_buffer.speech_stopped")
        await client.say("Still there?")
        await client.until("response.done")
    assert "input_audio_buffer.committed" not in client.kinds()
    assert client.text() == "echo: Still there?"


async def test_audio_has_24_khz_whatever_the_voice_hears(service: Service) -> None:
    async with connected(service, model="mock/asym") as client:
        await client.update(audio={"input": {"transcription": {"model": "any"}}})
        await client.hear(hum(1_200, 24_000) + quiet(800, 24_000))
        await client.until("response.done")
    heard = client.of("conversation.item.input_audio_transcription.completed")[0]
    assert heard["transcript"] == "heard 1200 ms"


async def test_a_message_may_hold_images(service: Service) -> None:
    content = [
        {"type": "input_image", "image_url": PIXEL, "detail": "low"},
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_text", "text": "And where?"},
    ]
    item = {"id": "mine", "type": "message", "role": "user", "content": content}
    async with talking(service) as client:
        await client.send("conversation.item.create", item=item, previous_item_id="root")
        await client.send("response.create")
        await client.until("response.done")
        await client.say("/images")
        await client.until("response.done")
    added = client.of("conversation.item.added")[0]["item"]
    assert added["id"] == "mine"
    assert added["content"][0] == {"type": "input_image", "detail": "low"}
    assert client.text().startswith("echo: What is this?\nAnd where?")


async def test_context_is_given_to_the_model_and_is_no_turn(
    service: Service, database: TestDatabase
) -> None:
    output = [{"type": "output_text", "text": "Good day."}]
    async with talking(service) as client:
        said = {"type": "message", "role": "assistant", "content": output}
        await client.send("conversation.item.create", item=said)
        await client.send("conversation.item.create", item={**user_says("Bo"), "role": "system"})
        await client.send("response.create", response={"instructions": "Greet."})
        await client.until("response.done")
    items = [event["item"]["role"] for event in client.of("conversation.item.done")]
    assert items == ["assistant", "system", "assistant"]
    assert client.text() == "echo: [assistant] Good day.\necho: [system] Bo\necho: [system] Greet."
    await ended_call(service, database)
    assert [turn["role"] for turn in await turns_of(service, database)] == ["agent"]


async def test_metadata_of_a_response_is_shown_back(service: Service) -> None:
    async with talking(service) as client:
        await client.say("Hi", response={"metadata": {"mine": "1"}})
        begun = (await client.until("response.created"))["response"]
        done = (await client.until("response.done"))["response"]
        await client.say("Hi again")
        other = (await client.until("response.created"))["response"]
        await client.until("response.done")
    assert begun["metadata"] == done["metadata"] == {"mine": "1"}
    assert "metadata" not in other


# -- the session object -------------------------------------------------------------------


async def test_what_maps_counts_and_the_rest_is_shown_back(service: Service) -> None:
    unknown = {"tracing": "auto", "max_output_tokens": 100, "of_tomorrow": {"a": [1]}}
    async with connected(service, judged=False) as client:
        session = await client.update(
            instructions="Be brief.",
            tools=[{**TOOL, "description": "Tells the time."}],
            audio={"output": {"voice": "b", "speed": 1.5}},
            reasoning={"effort": "low"},
            **unknown,
        )
        later = await client.update(audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert {name: session[name] for name in unknown} == unknown
    assert session["instructions"] == "Be brief."
    assert session["tools"] == [{**TOOL, "description": "Tells the time."}]
    assert session["audio"]["output"]["voice"] == "b"
    assert session["audio"]["output"]["speed"] == 1.5
    assert later["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    assert later["audio"]["output"] == session["audio"]["output"]
    assert {name: later[name] for name in unknown} == unknown


async def test_what_openais_models_have_is_replaced_by_what_this_one_has(service: Service) -> None:
    detection = {"type": "semantic_vad", "eagerness": "high"}
    audio = {"output": {"voice": "marin"}, "input": {"turn_detection": detection}}
    async with connected(service) as client:
        session = await client.update(audio=audio, reasoning={"effort": "xhigh"})
        await client.hear(TURN)
        await client.until("response.done")
    assert session["audio"]["output"]["voice"] == "a"
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"tool_choice": "required"}, "unsupported_value", "session.tool_choice"),
        ({"tools": [{"type": "mcp"}]}, "unsupported_value", "session.tools[0]"),
        ({"tools": 7}, "invalid_config", "session.tools"),
        ({"instructions": ["no"]}, "invalid_config", "session.instructions"),
        ({"model": "gpt-realtime-2"}, "immutable_field", "session.model"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"audio": []}, "invalid_value", "session.audio"),
        (
            {"audio": {"output": {"voice": "nobody"}}},
            "unsupported_voice",
            "session.audio.output.voice",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
            "unsupported_audio_format",
            "session.audio.input.format",
        ),
        (
            {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8_000}}}},
            "unsupported_audio_format",
            "session.audio.output.format",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "invalid_config",
            "session.audio.input.turn_detection",
        ),
        ({"type": "transcription"}, "unsupported_value", "session.type"),
    ],
)
async def test_a_session_that_cannot_be_leaves_it_as_it_was(
    service: Service, session: dict[str, Any], code: str, param: str
) -> None:
    async with connected(service) as client:
        await client.update(instructions="before")
        changed = {"type": "realtime", **session}
        await client.send("session.update", event_id="mine", session=changed)
        error = await client.error()
        assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
        assert error["type"] == "invalid_request_error"
        assert (await client.update())["instructions"] == "before"
        await client.say("Hello")
        await client.until("response.done")
    assert client.text() == "echo: Hello"


async def test_a_session_does_not_grow_without_a_bound(service: Service) -> None:
    async with connected(service, judged=False) as client:
        await client.update(one="x" * 600_000)
        changed = {"type": "realtime", "two": "y" * 600_000}
        await client.send("session.update", event_id="mine", session=changed)
        error = await client.error()
        assert (error["code"], error["param"]) == ("invalid_value", "session")
        assert "two" not in await client.update(one="z" * 900_000)


# -- what cannot be -----------------------------------------------------------------------

SPOKEN = {"type": "input_audio", "audio": "AQD+/w=="}
ITEM = "conversation.item.create"


@pytest.mark.parametrize(
    ("kind", "members", "code"),
    [
        (
            ITEM,
            {"item": {"type": "function_call", "name": "x", "arguments": ""}},
            "unsupported_item",
        ),
        (ITEM, {"item": {**user_says("x"), "role": "nobody"}}, "invalid_value"),
        (ITEM, {"item": {**user_says("x"), "role": "assistant"}}, "invalid_value"),
        (ITEM, {"item": {**user_says("x" * 32_001), "role": "system"}}, "invalid_value"),
        (ITEM, {"item": {**user_says("x"), "content": []}}, "invalid_value"),
        (ITEM, {"item": {**user_says("x"), "content": [7]}}, "invalid_value"),
        (ITEM, {"item": {**user_says("x"), "id": ""}}, "invalid_value"),
        (ITEM, {"item": user_says("x" * 32_001)}, "invalid_value"),
        (ITEM, {"item": user_says("")}, "invalid_value"),
        (
            ITEM,
            {"item": {"type": "function_call_output", "call_id": 1, "output": ""}},
            "invalid_value",
        ),
        (
            ITEM,
            {"item": {"type": "function_call_output", "call_id": "late", "output": "x"}},
            "tool_call_not_found",
        ),
        (ITEM, {"item": 7}, "invalid_event"),
        (ITEM, {}, "invalid_event"),
        ("conversation.item.delete", {"item_id": "x"}, "item_not_found"),
        ("conversation.item.delete", {"item_id": 7}, "invalid_event"),
        ("output_audio_buffer.clear", {}, "unsupported_event"),
        (ITEM, {"item": {**user_says("x"), "content": [SPOKEN]}}, "unsupported_value"),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0, "audio_end_ms": 1},
            "item_not_found",
        ),
        ("response.cancel", {}, "response_cancel_not_active"),
        ("response.cancel", {"response_id": "resp_other"}, "response_cancel_not_active"),
        ("response.create", {"response": {"conversation": "none"}}, "unsupported_value"),
        ("response.create", {"response": {"input": []}}, "unsupported_value"),
        ("response.create", {"response": {"metadata": {"a": 1}}}, "invalid_value"),
        ("response.create", {"response": []}, "invalid_event"),
        ("input_audio_buffer.append", {"audio": "???"}, "invalid_audio"),
        ("input_audio_buffer.append", {"audio": None}, "invalid_event"),
        ("no.such.event", {}, "unknown_event"),
    ],
)
async def test_what_cannot_be_is_an_error_and_the_session_lives(
    service: Service, kind: str, members: dict[str, Any], code: str
) -> None:
    async with talking(service) as client:
        await client.send(kind, event_id="mine", **members)
        error = await client.error()
        assert (error["code"], error["event_id"]) == (code, "mine")
        await client.say("Hello")
        await client.until("response.done")
    assert client.text() == "echo: Hello"


async def test_a_second_response_at_once_is_refused(service: Service) -> None:
    async with talking(service) as client:
        await client.say("word " * 40)
        await client.until("response.output_audio.delta")
        await client.send("response.create", event_id="again")
        error = await client.error()
        assert error["code"] == "conversation_already_has_active_response"
        assert error["event_id"] == "again"
        await client.send("response.cancel")
        await client.until("response.done")


async def test_frames_that_cannot_be_read(service: Service) -> None:
    async with talking(service) as client:
        for frame in ("{", "[]", '"text"', "{}", '{"type": 7}'):
            await client.socket.send_str(frame)
            assert (await client.error())["code"] in ("invalid_json", "invalid_event")
        await client.say("Hello")
        await client.until("response.done")
        for _ in range(2):
            await client.socket.send_bytes(b"audio")
            assert (await client.error())["code"] == "binary_not_supported"
        await client.socket.send_bytes(b"audio")
        assert await client.closed() == 1003
    assert client.events[-1]["error"]["code"] == "binary_not_supported"


async def test_a_flood_of_events_is_refused(database: TestDatabase) -> None:
    async with (
        serving(database, rate_session_events_per_10_s=5) as service,
        talking(service) as client,
    ):
        for number in range(10):
            await client.send("input_audio_buffer.clear", event_id=f"event {number}")
        error = await client.error()
        assert error["code"] == "rate_limit_exceeded"
        assert error["event_id"] == "event 5"


async def test_a_frame_is_as_large_as_an_image_only_if_it_may_hold_one(service: Service) -> None:
    image = "data:image/png;base64," + base64.b64encode(bytes(1_500_000)).decode()
    content = [{"type": "input_image", "image_url": image}]
    item = {"type": "message", "role": "user", "content": content}
    async with talking(service) as client:
        await client.send("conversation.item.create", item=item)
        await client.until("conversation.item.done")
        output = {"type": "function_call_output", "call_id": "x", "output": image}
        await client.send("conversation.item.create", item=output)
        assert await client.closed() == 1009
    assert client.events[-1]["error"]["code"] == "frame_too_large"


# -- a call like any other ----------------------------------------------------------------


async def test_the_session_is_a_call(service: Service, database: TestDatabase) -> None:
    async with talking(service) as client:
        await client.say("Hello")
        await client.until("response.done")
        session_id = client.of("session.created")[0]["session"]["id"]
        (call,) = await calls_of(service, database)
        assert (call["call_source"], call["status"]) == ("realtime", "answered")
        url = f"{service.base_url}/v3/realtime-sessions/{session_id}"
        headers = service.bearer(service.keys.test_key)
        async with service.http.delete(url, headers=headers) as answer:
            assert answer.status == 204
        assert await client.closed() == 1000
    assert client.events[-1]["error"]["code"] == "revoked"
    call = await ended_call(service, database)
    assert call["hangup_cause"] == "revoked"
    turns = await turns_of(service, database)
    assert [turn["text"] for turn in turns] == ["Hello", "echo: Hello"]


async def test_a_leash_holds_here_too(service: Service) -> None:
    status, minted = await mint(
        service,
        {"session": {"type": "realtime", "model": MODEL}, "budget": {"audio_seconds": 0.5}},
    )
    assert status == 200
    async with connected(service, minted["value"]) as client:
        await client.say("word " * 40)
        assert await client.closed() == 1000
    assert client.events[-1]["error"]["code"] == "budget_exhausted"


async def test_a_voice_that_is_lost_ends_it(service: Service) -> None:
    async with talking(service) as client:
        for wait_s in (1, 0):  # nothing tells of the voice that replaces it, and is lost too
            await client.send("conversation.item.create", item=user_says("/drop"))
            await client.send("input_audio_buffer.commit")  # so that the voice is given it
            await asyncio.sleep(wait_s)
        assert await client.closed() == 1011
    error = client.events[-1]["error"]
    assert (error["type"], error["code"]) == ("server_error", "upstream_closed")


async def test_an_error_of_the_voice_is_told(service: Service) -> None:
    async with talking(service) as client:
        await client.say("/error quota")
        error = await client.error()
        assert (error["type"], error["code"]) == ("server_error", "upstream_error")
        await client.until("response.done")
        await client.say("Hello")
        await client.until("response.done")
