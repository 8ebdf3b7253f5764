"""Examples of every event of the realtime voice socket, written by its own codec."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from ringline.domain import leg
from ringline.domain.allowance import LimitNear, LimitReason
from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.latency import Latency
from ringline.domain.voice import ResumeReason, Usage, UsageKind, VoiceFailure
from ringline.wire import realtime
from ringline.wire.realtime_errors import SessionProblem

#: Example frames of events, by event name.
Examples: TypeAlias = Mapping[str, tuple[str, ...]]

CALL_ID = UUID("019aa000-0000-7000-8000-000000000001")
_SOUND = Chunk(bytes.fromhex("0100feff"), 24_000)

_ASKED: tuple[realtime.ClientFrame, ...] = (
    realtime.SessionStart(config={"input_transcription": True, "output_transcription": True}),
    realtime.SessionUpdate(config={"instructions": "Be brief."}),
    realtime.AudioAppend(_SOUND.as_base64().decode()),
    realtime.AudioCommit(),
    realtime.AudioClear(),
    realtime.TextInput("When do you open?"),
    realtime.ImageInput("data:image/jpeg;base64,/9j/4AAQ", "auto", "the page"),
    realtime.ResponseCreate(),
    realtime.ResponseCancel(),
    realtime.ToolResult("call_1", {"time": "12:00"}),
)
_CONFIG = SessionConfig(model="mock/echo", voice="a", instructions="Be brief.")
_TOLD: tuple[leg.LegOrder | SessionProblem | Chunk, ...] = (
    leg.CallerStarted(),
    leg.CallerStopped(),
    leg.TurnTranscribed("When do you open?"),
    leg.TurnTranscribed(""),
    leg.AgentStarted(),
    leg.AgentSaid("We open "),
    _SOUND,
    leg.ToolCalled("call_1", "clock", {"tz": "UTC"}),
    leg.ConfigUpdated(_CONFIG, ('config has no member "voise"; did you mean "voice"?',)),
    leg.AgentFinished(),
    leg.AgentFinished(interrupted=True, spoken_text="We open at"),
    leg.AgentFinished(latency=Latency(total_ms=840, voice_ms=838, gateway_ms=2)),
    realtime.problem("unknown_event", type="session.end"),
    leg.VoiceError(VoiceFailure.UPSTREAM_ERROR, "the model is overloaded", "model_overloaded"),
    leg.LimitWarned(LimitNear(LimitReason.MAX_DURATION, 12.0)),
    leg.LimitWarned(LimitNear(LimitReason.BUDGET_EXHAUSTED, 188)),
    leg.SessionResumed(ResumeReason.ROLLOVER, "openai/gpt-realtime-2.1"),
    leg.UsageWritten(
        "mock/echo", UsageKind.RESPONSE, Usage(audio_in_tokens=12, audio_out_tokens=30), 0.00042
    ),
    leg.HangUp(EndCause.IDLE_TIMEOUT),
)


def _asked(frame: realtime.ClientFrame) -> bytes:
    written: dict[str, Any] = msgspec.to_builtins(frame)
    return msgspec.json.encode({key: value for key, value in written.items() if value is not None})


def _told(order: leg.LegOrder | SessionProblem | Chunk) -> bytes:
    if isinstance(order, Chunk):
        return realtime.encode_audio(order)
    if isinstance(order, SessionProblem):
        return realtime.encode_problem(order)
    return realtime.encode(order)


def _by_name(frames: list[bytes]) -> Examples:
    examples: dict[str, tuple[str, ...]] = {}
    for frame in frames:
        name = json.loads(frame)["type"]
        examples[name] = (*examples.get(name, ()), frame.decode())
    return examples


CLIENT_EXAMPLES = _by_name([_asked(frame) for frame in _ASKED])
_STARTED = realtime.encode_started(
    leg.SessionStarted(CALL_ID, str(CALL_ID)), input_hz=16_000, output_hz=24_000
)
_WARNED = realtime.encode_started(
    leg.SessionStarted(CALL_ID, "order-7"),
    input_hz=24_000,
    output_hz=24_000,
    warnings=('config has no member "voise"; did you mean "voice"?',),
)
SERVER_EXAMPLES = _by_name([_STARTED, *(_told(order) for order in _TOLD), _WARNED])
