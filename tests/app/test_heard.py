"""What was heard of an agent's turn, and when turns were said: every surface says the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.realtime_session import Client, connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.voice_desk import hum, quiet
from tests.watchers import EventsClient, StreamClient, Transcript, events_client, stream_client
from tests.watchers import transcript as transcript_of

CAPTIONS = {"input_transcription": True, "output_transcription": True}
#: 600 characters in words of one letter and more: `mock/echo` speaks it for 12 s.
TEXT = " ".join("x" * (1 + at % 7) for at in range(120))
SPOKEN = f"echo: {TEXT}"


@dataclass
class Watched:
    """A session with `mock/echo`, and everybody who watches its call."""

    service: Service
    client: Client
    call_id: str
    call_uuid: str
    rpc: Rpc
    socket: EventsClient
    stream: StreamClient
    transcript: Transcript

    async def speak(self, after_ms: int) -> None:
        """Let the agent speak, until so much of its speech has come."""
        await self.client.send("text.input", text=TEXT)
        await self.client.send("response.create")
        while len(self.client.pcm()) < 2 * 24 * after_ms:
            await self.client.until("audio.delta")

    async def turns(self, count: int = 1) -> list[dict[str, Any]]:
        """Return the finished turns, once there are so many."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = await self._turns()
            return len(found) >= count

        await until(there)
        return found

    async def _turns(self) -> list[dict[str, Any]]:
        fields = ["role", "text", "interrupted", "spokenText", "latency", "occurredAt", "id"]
        asked = {"callUuid": {"eq": self.call_uuid}}
        return await self.rpc.run("list_call_transcripts", fields=fields, filter=asked)

    async def ended(self) -> dict[str, Any]:
        """Return the data of the call's last event, once there is one."""
        found: list[dict[str, Any]] = []

        async def over() -> bool:
            page = await self.rpc.run("list_events", input={"callUuid": self.call_uuid})
            found[:] = [event for event in page["events"] if event["type"] == "call.ended"]
            return bool(found)

        await until(over)
        return found[0]["data"]


@asynccontextmanager
async def watched(service: Service, **config: object) -> AsyncIterator[Watched]:
    key = service.keys.test_key
    async with (
        connected(service, headers=service.bearer(key)) as client,
        events_client(service, key) as socket,
    ):
        await socket.join()
        started = await client.start(config={"model": "mock/echo"} | CAPTIONS | config)
        call_id = started["call_id"]
        async with (
            stream_client(service, call_id, key) as stream,
            transcript_of(service, call_id, "?replay=1", key=key) as transcript,
        ):
            rpc, uuid = Rpc(service, key), started["call_uuid"]
            yield Watched(service, client, call_id, uuid, rpc, socket, stream, transcript)


async def said_everywhere(watched: Watched) -> dict[str, Any]:
    """Return the agent's interrupted turn; every surface has the same."""
    turn = next(turn for turn in await watched.turns(2) if turn["role"] == "assistant")
    text, spoken = turn["text"], turn["spokenText"]
    assert turn["interrupted"] is True

    pushes = await watched.socket.until("call_transcript_completed", watched.call_uuid)
    while pushes[-1][4]["role"] != "assistant":
        pushes = await watched.socket.until("call_transcript_completed", watched.call_uuid)
    pushed = pushes[-1][4]
    assert (pushed["transcript"], pushed["interrupted"]) == (text, True)
    assert (pushed["spokenText"], pushed["occurredAt"]) == (spoken, turn["occurredAt"])
    assert pushed["transcriptId"] == turn["id"]

    envelope = await watched.stream.receive()
    while envelope["event_type"] != "call.agent_response":
        if envelope["event_type"] == "call.barge_in":
            assert envelope["payload"]["spoken_text"] == spoken
        envelope = await watched.stream.receive()
    payload = envelope["payload"]
    assert (payload["text"], payload["interrupted"]) == (text, True)
    assert payload["spoken_text"] == spoken

    frame = await watched.transcript.frame()
    while frame["role"] != "agent" or not frame["is_final"]:
        frame = await watched.transcript.frame()
    assert (frame["text"], frame["interrupted"], frame["spoken_text"]) == (text, True, spoken)
    assert frame["ts"][:23] == turn["occurredAt"][:23]

    kind = "call.turn_completed"
    page = await watched.rpc.run("list_events", input={"callUuid": watched.call_uuid, "type": kind})
    (listed,) = [event for event in page["events"] if event["data"]["role"] == "assistant"]
    assert listed["occurredAt"] == turn["occurredAt"]
    data = listed["data"]
    assert (data["text"], data["interrupted"], data["spokenText"]) == (text, True, spoken)
    return turn


def check_cut(turn: dict[str, Any], heard_ms: float) -> None:
    """Check a turn's words against how much of them must have been heard, to 200 ms."""
    assert SPOKEN.startswith(turn["text"])
    assert turn["text"].startswith(turn["spokenText"])
    last_word_ms = 20 * 8
    assert abs(20 * len(turn["spokenText"]) - heard_ms) <= 200 + last_word_ms


async def barge_in(watched: Watched) -> None:
    await watched.client.hear(hum(200, 24_000))
    await watched.client.until("speech.started")


async def cancel(watched: Watched) -> None:
    await watched.client.send("response.cancel")


@pytest.mark.parametrize("cut", [barge_in, cancel])
async def test_an_interrupted_turn_is_cut_where_it_was_heard(
    service: Service, cut: Callable[[Watched], Awaitable[None]]
) -> None:
    async with watched(service) as session:
        await session.speak(1_500)
        await cut(session)
        done = await session.client.until("response.completed")
        turn = await said_everywhere(session)
        assert done["interrupted"] is True
        assert done["spoken_text"] == turn["spokenText"]
        assert session.client.text().startswith(turn["text"])
        # The last piece came when it began to play.
        check_cut(turn, len(session.client.pcm()) / 48 - 100)
    (line,) = [line for line in (await session.ended())["transcript"] if line["interrupted"]]
    assert (line["text"], line["spokenText"]) == (turn["text"], turn["spokenText"])
    assert line["at"] == turn["occurredAt"]


async def test_a_caller_who_hangs_up_has_heard_what_was_played(service: Service) -> None:
    async with watched(service) as session:
        await session.speak(1_500)
        await session.client.socket.close()
        ended = await session.ended()
        turn = await said_everywhere(session)
        check_cut(turn, len(session.client.pcm()) / 48 - 100)
        (line,) = [line for line in ended["transcript"] if line["interrupted"]]
        assert line["spokenText"] == turn["spokenText"]
        last = (await session.stream.rest())[-1]
        (spelt,) = [line for line in last["payload"]["transcript"] if line["role"] == "agent"]
        assert (spelt["spoken_text"], spelt["interrupted"]) == (turn["spokenText"], True)


async def test_a_turn_that_was_played_says_nothing_of_it(service: Service) -> None:
    async with watched(service) as session:
        await session.client.send("text.input", text="Hello")
        await session.client.send("response.create")
        done = await session.client.until("response.completed")
        assert done == {"type": "response.completed"}
        (_, turn) = await session.turns(2)
        assert (turn["text"], turn["interrupted"], turn["spokenText"]) == (
            "echo: Hello",
            False,
            None,
        )
        (push,) = [
            frame[4]
            for frame in await session.socket.until("call_transcript_completed")
            + await session.socket.until("call_transcript_completed")
            if frame[4].get("role") == "assistant" and "transcript" in frame[4]
        ]
        assert not {"interrupted", "spokenText"} & push.keys()


async def test_transcripts_that_the_client_does_not_want_are_not_sent(service: Service) -> None:
    async with watched(service, output_transcription=False) as session:
        await session.speak(500)
        await cancel(session)
        done = await session.client.until("response.completed")
        assert done == {"type": "response.completed", "interrupted": True}
        turn = await said_everywhere(session)
        assert turn["spokenText"]


async def test_of_text_alone_nothing_is_known(service: Service) -> None:
    async with watched(service, modalities=["text"]) as session:
        await session.client.send("text.input", text="/wait 100\n" + TEXT)
        await session.client.send("response.create")
        await session.client.until("response.started")
        await cancel(session)
        done = await session.client.until("response.completed")
        assert "spoken_text" not in done


async def test_turns_are_listed_in_the_order_in_which_they_were_said(service: Service) -> None:
    async with watched(service) as session:
        client = session.client
        await client.hear(hum(600, 24_000) + quiet(600, 24_000))
        await client.until("response.completed")
        await client.send("text.input", text="Typed")
        await client.send("response.create")
        await client.until("response.completed")
        turns = await session.turns(4)
        assert [turn["text"] for turn in turns] == [
            "heard 600 ms",
            "echo: heard 600 ms",
            "Typed",
            "echo: Typed",
        ]
        times = [turn["occurredAt"] for turn in turns]
        assert times == sorted(times)
        key = session.service.keys.test_key
        async with transcript_of(service, session.call_id, "?replay=1", key=key) as again:
            texts = [text for _, text in await again.finals(4)]
        assert texts == [turn["text"] for turn in turns]
        asked = {"callUuid": {"eq": session.call_uuid}}
        fields = ["text", "occurredAt"]
        (call,) = await session.rpc.run(
            "list_calls", fields=[{"transcripts": fields}], filter=asked
        )
        assert [turn["text"] for turn in call["transcripts"]] == texts
    assert [line["text"] for line in (await session.ended())["transcript"]] == texts


async def test_how_long_an_answer_took_is_the_same_everywhere(service: Service) -> None:
    async with watched(service) as session:
        await session.client.hear(hum(600, 24_000) + quiet(600, 24_000))
        done = await session.client.until("response.completed")
        await session.client.send("text.input", text="Typed")
        await session.client.send("response.create")
        assert await session.client.until("response.completed") == {"type": "response.completed"}
        asked, answer, typed, echoed = await session.turns(4)
        assert [turn["latency"] for turn in (asked, typed, echoed)] == [None, None, None]
        took = answer["latency"]
        # All audio came at once, so no quiet was waited for: it was heard, not timed.
        assert took["totalMs"] == took["voiceMs"] + took["gatewayMs"]
        assert min(took["voiceMs"], took["gatewayMs"]) >= 0

        pushed = [
            frame[4]
            for _ in range(4)
            for frame in await session.socket.until("call_transcript_completed")
            if frame[3] == "call_transcript_completed"
        ]
        said = {push["transcript"]: push for push in pushed}
        assert said[answer["text"]]["latency"] == took
        assert "latency" not in said[echoed["text"]].keys() | said[asked["text"]].keys()

        snake = dict(zip(("total_ms", "voice_ms", "gateway_ms"), took.values(), strict=True))
        assert list(took) == ["totalMs", "voiceMs", "gatewayMs"]
        assert done == {"type": "response.completed", "latency": snake}
        envelope = await session.stream.receive()
        while envelope["event_type"] != "call.agent_response":
            envelope = await session.stream.receive()
        assert envelope["payload"]["latency"] == snake
        frame = await session.transcript.frame()
        while frame["role"] != "agent" or not frame["is_final"]:
            frame = await session.transcript.frame()
        assert frame["latency"] == snake


async def test_the_quiet_that_ends_a_turn_is_the_voices(service: Service) -> None:
    async with watched(service) as session:
        await session.client.hear(hum(400, 24_000))  # then nothing: the clock ends the turn
        await session.client.until("response.completed")
        _, answer = await session.turns(2)
        took = answer["latency"]
        assert took["voiceMs"] > 900, "twice the quiet of 500 ms, where no audio comes"
        assert took["gatewayMs"] < took["voiceMs"]
