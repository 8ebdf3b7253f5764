"""A session with real speech both ways (realtime voice, O1 to O5, O9, K4, K5, K9, K10)."""

import asyncio
import json

from tests.realtime_session import Client, opened
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.voice_desk import buzz, speak

RATE_HZ = 16_000
PIECE_MS = 40
PIECE_BYTES = PIECE_MS * RATE_HZ // 1000 * 2


async def microphone(client: Client, speech: bytes) -> None:
    """Send speech and then silence, as a browser does, until cancelled."""
    pcm = speech + bytes(PIECE_BYTES - len(speech) % PIECE_BYTES)
    for at in range(0, len(pcm), PIECE_BYTES):
        await client.hear(pcm[at : at + PIECE_BYTES])
        await asyncio.sleep(PIECE_MS / 1000)
    while True:
        await client.hear(bytes(PIECE_BYTES))
        await asyncio.sleep(PIECE_MS / 1000)


async def test_a_turn_that_interrupts_the_greeting(service: Service) -> None:
    question = await speak("What are your opening hours?")
    async with opened(service) as client:
        await client.start(config={"input_transcription": True, "output_transcription": True})
        await client.until("audio.delta")  # the greeting plays
        speaking = asyncio.create_task(microphone(client, question))
        try:
            await client.until("speech.started")
            await client.until("response.completed")
            cut_off = len(client.events)
            await client.until("response.completed")
        finally:
            speaking.cancel()
        kinds = client.kinds()
        at = kinds.index("speech.started")
        # O5 and K10: the interruption first, then the end, and nothing more of the response.
        assert kinds[:2] == ["session.started", "response.started"]
        assert set(kinds[2:at]) == {"text.delta", "audio.delta"}
        assert kinds[at : at + 5] == [
            "speech.started",
            "response.completed",
            "speech.stopped",
            "transcript.committed",
            "response.started",
        ]  # O3, O4
        assert set(kinds[at + 5 : -1]) == {"text.delta", "audio.delta"}
        assert kinds[-1] == "response.completed"
        heard = next(event for event in client.events if event["type"] == "transcript.committed")
        assert heard["transcript"] == "what are your opening hours"
        answer = Client(client.socket, client.events[cut_off:])
        assert answer.text() == "We are open every day from nine in the morning until ten at night."
        assert len(answer.pcm()) > 2 * RATE_HZ  # more than a second of it


async def test_a_typed_question_is_answered_beside_a_sound_that_does_not_end(
    service: Service,
) -> None:
    async with opened(service) as client:
        await client.start(config={"output_transcription": True})
        await client.until("response.completed")  # the greeting
        await client.hear(buzz(10_000))
        await client.until("speech.started")
        await client.send("text.input", text="What are your opening hours?")
        await client.send("response.create")
        before = len(client.events)
        await client.hear(buzz(9_000))
        noise = asyncio.create_task(microphone(client, buzz(10_000)))
        try:
            answered = await client.until("response.completed")
        finally:
            noise.cancel()
        answer = Client(client.socket, client.events[before:])
        assert answer.kinds()[:2] == ["speech.stopped", "response.started"]
        assert answer.text().startswith("We are open every day from nine")
        assert "interrupted" not in answered
        assert "speech.started" not in answer.kinds()


async def test_a_turn_that_nobody_could_read_leaves_a_trace_on_every_surface(
    service: Service,
) -> None:
    gibberish = await speak("Xylophonic bazooka plutonium")
    rpc = Rpc(service)
    async with opened(service) as client:
        started = await client.start(config={"input_transcription": True})
        await client.until("response.completed")  # the greeting
        speaking = asyncio.create_task(microphone(client, gibberish))
        try:
            heard = await client.until("transcript.committed")
        finally:
            speaking.cancel()
        assert (heard["transcript"], heard["recognized"]) == ("", False)
    call_uuid = started["call_uuid"]
    lines: list[object] = []
    while not lines:  # the session is told before the journal has written it
        lines = await rpc.run(
            "list_call_transcripts",
            fields=["role", "text", "recognized"],
            filter={"callUuid": {"eq": call_uuid}, "role": {"eq": "user"}},
        )
        await asyncio.sleep(0.02)
    assert lines == [{"role": "user", "text": "", "recognized": False}]
    listed = await rpc.run("list_events", input={"callUuid": call_uuid})
    unread = [one for one in listed["events"] if one["data"].get("recognized") is False]
    assert [(one["type"], one["data"]["text"]) for one in unread] == [("call.turn_completed", "")]
    url = f"{service.base_url}/v1/calls/{call_uuid}/transcript/stream"
    headers = {"Authorization": f"Bearer {service.keys.secret_key}"}
    async with service.http.get(url, params={"replay": "1"}, headers=headers) as stream:
        body = await stream.text()
    frames = [json.loads(line[5:]) for line in body.splitlines() if line.startswith("data:")]
    assert [frame["text"] for frame in frames if frame.get("recognized") is False] == [""]
