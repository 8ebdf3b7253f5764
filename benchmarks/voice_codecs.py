"""What a voice's codec costs for a frame of 40 ms, beside `json` and `base64` of the same one.

The frames are the providers' own, with random audio in them. What is ours begins and ends with
a `Chunk`: towards a provider it still has the base64 of the client that sent it, unless the
audio was resampled or the client is another leg; from a provider it is read up to its samples.
"""

from __future__ import annotations

import base64
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.voice_frames import Frames
from ringline.domain.audio import Chunk
from ringline.voices.openai_live_output import Output
from ringline.voices.upstream_responses import UpstreamResponse
from ringline.wire import gemini_live, openai_live, openai_realtime, transcriptions
from ringline.wire.gemini_reports import read_message
from ringline.wire.openai_live_events import Spoke
from ringline.wire.openai_live_events import read_event as read_live
from ringline.wire.openai_realtime_events import SpeechDelta, read_event
from ringline.wire.speech_synthesis import SpeechReader

ROUNDS, CALLS = 7, 5_000
#: A caller's turn of ten seconds: a cascade writes it in one go.
_TURN_FRAMES = 250
_LOW, _HIGH = Frames(16_000), Frames(24_000)


@dataclass(frozen=True, slots=True)
class Codec:
    """A direction of a provider: our work for a frame, and the same by the standard library."""

    name: str
    ours: Callable[[], object]
    plain: Callable[[], object]
    #: How many frames a call is for.
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frame costs, in µs, by round."""

    name: str
    ours: list[float]
    plain: list[float]


def codecs() -> list[Codec]:
    """Return every provider's codec, both ways."""
    noise = random.Random(1)
    low, high = noise.randbytes(_LOW.size), noise.randbytes(_HIGH.size)
    return [
        *_openai(high),
        *_openai_live(high),
        *_gemini(low, high),
        *_cascade(noise.randbytes(_LOW.size * _TURN_FRAMES), high),
    ]


def _openai(pcm: bytes) -> list[Codec]:
    text = base64.b64encode(pcm).decode()
    relayed, resampled = Chunk(pcm, _HIGH.rate_hz, text.encode()), Chunk(pcm, _HIGH.rate_hz)
    ids = {"event_id": "event_1", "response_id": "resp_1", "item_id": "item_1"}
    delta = {"type": "response.output_audio.delta", **ids, "output_index": 0, "content_index": 0}
    frame = json.dumps({**delta, "delta": text}).encode()
    response = UpstreamResponse("resp_ours")

    def write() -> bytes:
        audio = base64.b64encode(pcm).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio}).encode()

    def read() -> bytes:
        return base64.b64decode(json.loads(frame)["delta"])

    def ours() -> Chunk | None:
        event = read_event(frame)
        assert isinstance(event, SpeechDelta)
        return response.speech(event, _HIGH.rate_hz)

    def append(chunk: Chunk) -> bytes:
        return openai_realtime.append_audio(chunk.as_base64())

    return [
        Codec(
            "openai, xai: to the provider, as the client sent it", lambda: append(relayed), write
        ),
        Codec("openai, xai: to the provider, resampled", lambda: append(resampled), write),
        Codec("openai, xai: from the provider", ours, read),
    ]


def _openai_live(pcm: bytes) -> list[Codec]:
    text = base64.b64encode(pcm).decode()
    relayed = Chunk(pcm, _HIGH.rate_hz, text.encode())
    frame = json.dumps({"type": "session.output_audio.delta", "delta": text}).encode()
    output = Output()

    def write() -> bytes:
        audio = base64.b64encode(pcm).decode()
        return json.dumps({"type": "session.input_audio.append", "audio": audio}).encode()

    def ours() -> Chunk | None:
        event = read_live(frame)
        assert isinstance(event, Spoke)
        return output.take(event.audio)

    return [
        Codec(
            "openai, Live: to the provider, as the client sent it",
            lambda: openai_live.append_audio(relayed),
            write,
        ),
        Codec(
            "openai, Live: from the provider, with its pauses",
            ours,
            lambda: base64.b64decode(json.loads(frame)["delta"]),
        ),
    ]


def _gemini(low: bytes, high: bytes) -> list[Codec]:
    relayed = Chunk(low, _LOW.rate_hz, base64.b64encode(low))
    resampled = Chunk(low, _LOW.rate_hz)
    blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(high).decode()}
    turn = {"role": "model", "parts": [{"inlineData": blob}]}
    frame = json.dumps({"serverContent": {"modelTurn": turn}}).encode()

    def write() -> bytes:
        data = base64.b64encode(low).decode()
        audio = {"mimeType": "audio/pcm;rate=16000", "data": data}
        return json.dumps({"realtimeInput": {"audio": audio}}).encode()

    def read() -> bytes:
        (part,) = json.loads(frame)["serverContent"]["modelTurn"]["parts"]
        return base64.b64decode(part["inlineData"]["data"])

    return [
        Codec(
            "gemini: to the provider, as the client sent it",
            lambda: gemini_live.audio_frame(relayed),
            write,
        ),
        Codec(
            "gemini: to the provider, resampled", lambda: gemini_live.audio_frame(resampled), write
        ),
        Codec("gemini: from the provider", lambda: read_message(frame), read),
    ]


def _cascade(turn: bytes, high: bytes) -> list[Codec]:
    text = base64.b64encode(high).decode()
    frame = json.dumps({"type": "audio", "audio": text}).encode()
    reader = SpeechReader("audio/pcm")

    def body() -> bytes:
        return transcriptions.encode_transcription(turn, "m", language="", boundary="b" * 32)

    def write() -> bytes:
        return json.dumps({"file": base64.b64encode(turn).decode()}).encode()

    return [
        Codec("cascade: a turn of 10 s to the recogniser", body, write, _TURN_FRAMES),
        Codec(
            "cascade: from the synthesiser",
            lambda: Chunk(reader.feed(high), _HIGH.rate_hz),
            lambda: base64.b64decode(json.loads(frame)["audio"]),
        ),
    ]


def costs(*, tiny: bool = False) -> list[Cost]:
    """Measure every codec: ours and the plain one in turns, the median round counts."""
    calls, rounds = (20, 2) if tiny else (CALLS, ROUNDS)
    found = [Cost(codec.name, [], []) for codec in codecs()]
    for _ in range(rounds):
        for codec, cost in zip(codecs(), found, strict=True):
            number = max(1, calls // codec.frames)
            cost.ours.append(_timed_us(codec.ours, number) / codec.frames)
            cost.plain.append(_timed_us(codec.plain, number) / codec.frames)
    return found


def _timed_us(work: Callable[[], object], calls: int) -> float:
    """Return what a call takes, in µs of this process's own time: the median of ten parts."""
    parts: list[float] = []
    each = max(1, calls // 10)
    for _ in range(10):
        begun = time.process_time_ns()
        for _ in range(each):
            work()
        parts.append((time.process_time_ns() - begun) / 1000 / each)
    return statistics.median(parts)
