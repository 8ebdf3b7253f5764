"""The client against a server in the same process: calls, events and transcripts."""

import asyncio
from array import array
from contextlib import aclosing
from math import pi, sin
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from ringline.client.conversation import Note, Started
from ringline.client.events import Away, Joined, SocketEvent, follow_events
from ringline.client.http import Api, ApiProblem, open_api
from ringline.client.realtime import CallProblem, Patience, place_call
from ringline.client.sound import load_sound
from ringline.client.transcript import TranscriptFrame, follow_transcript
from ringline.wire.wav import Wav
from tests.serving import Service

CALL = Path(__file__).parents[2] / "examples" / "demo-call.wav"
IMPATIENT = Patience(greeting_ms=0, greeting_end_ms=0, last_answer_ms=500)


@pytest.fixture
def api(service: Service) -> Api:
    return Api(service.base_url, service.keys.secret_key, service.http)


def first_turn() -> Wav:
    call = load_sound(CALL)
    return Wav(call.rate_hz, 1, call.pcm[: 3 * 2 * call.rate_hz])


def hum(duration_s: float, rate_hz: int) -> Wav:
    samples = (
        int(3000 * sin(2 * pi * 200 * n / rate_hz)) for n in range(int(duration_s * rate_hz))
    )
    return Wav(rate_hz, 1, array("h", samples).tobytes())


async def events_until_end(api: Api, since: str | None) -> list[SocketEvent]:
    """Follow the events up to the end of a call."""
    found: list[SocketEvent] = []
    async with aclosing(follow_events(api, since)) as stream:
        async for watched in stream:
            if isinstance(watched, SocketEvent):
                found.append(watched)
                if watched.name == "call_ended":
                    return found
    raise AssertionError("the stream has no end")


async def test_a_call_watched_on_both_streams(api: Api, service: Service) -> None:
    notes: list[Note] = []
    frames: list[TranscriptFrame] = []
    transcripts: list[asyncio.Task[None]] = []

    async def read(call_id: str) -> None:
        async with aclosing(follow_transcript(api, call_id)) as stream:
            async for frame in stream:
                frames.append(frame)

    def tell(note: Note) -> None:
        notes.append(note)
        if isinstance(note, Started):
            transcripts.append(asyncio.create_task(read(note.call_id)))

    watching = asyncio.create_task(events_until_end(api, "0"))
    report = await place_call(api, first_turn(), tell=tell, agent_id=service.agent_id)
    assert report.understood
    assert not report.lost
    assert report.ended_by_server is None
    greeting, turn = report.turns
    assert (greeting.heard, greeting.latency_ms) == (None, None)
    assert turn.heard == "what are your opening hours"
    assert turn.latency_ms is not None
    assert turn.latency_ms > 0
    assert report.recording.channels == 2
    assert report.recording.duration_ms > first_turn().duration_ms

    events = await watching
    assert [event.name for event in events if event.position][:2] == [
        "incoming_call",
        "call_answered",
    ]
    said = [e.text("transcript") for e in events if e.name == "call_transcript_completed"]
    assert said == [greeting.answer.strip(), turn.heard, turn.answer.strip()]
    await asyncio.gather(*transcripts)  # a stream of a call that is over ends
    assert [frame.text for frame in frames if frame.is_final] == said

    async with aclosing(follow_transcript(api, report.started.call_id, replay=True)) as again:
        assert [frame.text async for frame in again] == said
    positions = [event.position for event in events if event.position]
    assert [e.position for e in await events_until_end(api, positions[2])] == positions[3:]


async def test_a_call_at_another_rate_hung_up_by_its_caller(api: Api, service: Service) -> None:
    report = await place_call(
        api, hum(0.4, 11_025), tell=lambda _: None, agent_id=service.agent_id, patience=IMPATIENT
    )
    assert not report.understood
    assert report.recording.rate_hz == report.started.output_hz
    left = report.recording.pcm[0::4]
    assert any(left)


async def test_refusals_are_sentences(api: Api, service: Service) -> None:
    with pytest.raises(ApiProblem, match=r"The server refused \(400\): ") as refused:
        await place_call(api, hum(0.1, 8000), tell=lambda _: None, model="no/such-model")
    assert not refused.value.retry
    with pytest.raises(CallProblem, match=r"The call was refused: "):
        await place_call(api, hum(0.1, 8000), tell=lambda _: None)  # names neither agent nor model
    stranger = Api(service.base_url, "sk_live_nobody", service.http)
    with pytest.raises(ApiProblem, match="401"):
        await stranger.mint_session_token()
    with pytest.raises(ApiProblem, match="401"):
        await anext(follow_events(stranger))
    with pytest.raises(ApiProblem, match="404"):
        await anext(follow_transcript(api, "call_0000000000000000000000"))


async def test_nobody_there(api: Api, unused_tcp_port: int) -> None:
    nobody = Api(f"http://127.0.0.1:{unused_tcp_port}", "sk_live_x", api.http)
    with pytest.raises(ApiProblem, match="is it running") as refused:
        await nobody.mint_session_token()
    assert refused.value.retry
    async with aclosing(follow_events(nobody)) as stream:
        first, second = await anext(stream), await anext(stream)
    assert isinstance(first, Away)
    assert isinstance(second, Away)
    assert first.again_in_s < second.again_in_s


async def test_something_else_there() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    other = web.Application()
    other.router.add_route("*", "/{path:.*}", hello)
    runner = web.AppRunner(other)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with open_api(f"http://127.0.0.1:{port}/", "sk_live_x") as api:
            with pytest.raises(ApiProblem, match="is no Ringline"):
                await api.mint_ticket({})
    finally:
        await runner.cleanup()


async def test_a_socket_that_is_cut_is_joined_again_where_it_was(
    api: Api, service: Service
) -> None:
    """A connection through a proxy of ours is cut; what happened meanwhile comes once."""
    connections: set[asyncio.StreamWriter] = set()
    host, port = service.base_url.removeprefix("http://").split(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        connections.update((writer, upstream_writer))
        await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))

    proxy = await asyncio.start_server(relay, "127.0.0.1", 0)
    address = proxy.sockets[0].getsockname()
    async with aiohttp.ClientSession() as http:
        through = Api(f"http://127.0.0.1:{address[1]}", api.key, http)
        async with aclosing(follow_events(through, "0")) as stream:
            joined = await anext(stream)
            assert isinstance(joined, Joined)
            for _ in range(2):  # the second join resumes behind what was seen in between
                await place_call(
                    api,
                    hum(0.1, 8000),
                    tell=lambda _: None,
                    agent_id=service.agent_id,
                    patience=IMPATIENT,
                )
                for writer in list(connections):
                    writer.transport.abort()
                connections.clear()
            positions: list[str] = []
            ends, joins = 0, 0
            async for watched in stream:
                match watched:
                    case SocketEvent(name) if watched.position is not None:
                        positions.append(watched.position)
                        ends += name == "call_ended"
                    case Joined(_, recovered):
                        joins += 1
                        assert recovered is True
                    case _:
                        pass
                if ends == 2:
                    break
    proxy.close()
    await proxy.wait_closed()
    assert joins >= 1
    offsets = [int(position.partition(":")[2]) for position in positions]
    assert offsets == sorted(set(offsets))
