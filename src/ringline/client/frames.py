"""The client's side of the realtime voice protocol (realtime voice, 5).

The protocol says what a client must ignore: unknown events and unknown members. A known
event that cannot be decoded is the server's fault.
"""

from typing import TypeAlias, cast

import msgspec

from ringline.domain.latency import Latency
from ringline.wire.realtime import AudioAppend, SessionStart, ToolResult
from ringline.wire.strict_json import JsonProblem, StrictDecoder, encode


class ServerFrame(msgspec.Struct, frozen=True, tag_field="type"):
    """A frame that a server may send; the tag is the event's name."""


class SessionStarted(ServerFrame, frozen=True, tag="session.started"):
    """The session is open: its rates in Hz, and its call."""

    session_id: str
    input_sample_rate: int
    output_sample_rate: int
    call_id: str = ""
    call_uuid: str = ""


class SpeechStarted(ServerFrame, frozen=True, tag="speech.started"):
    """The server hears the caller speak: playback must stop."""


class SpeechStopped(ServerFrame, frozen=True, tag="speech.stopped"):
    """The server considers the caller's turn over."""


class TranscriptCommitted(ServerFrame, frozen=True, tag="transcript.committed"):
    """What the caller was understood to say."""

    transcript: str


class ResponseStarted(ServerFrame, frozen=True, tag="response.started"):
    """The agent begins an answer."""


class TextDelta(ServerFrame, frozen=True, tag="text.delta"):
    """A piece of what the agent says."""

    delta: str


class AudioDelta(ServerFrame, frozen=True, tag="audio.delta"):
    """A piece of the agent's speech."""

    audio: bytes  # msgspec reads base64


class ToolCall(ServerFrame, frozen=True, tag="tool.call"):
    """The agent asks the client to run a tool."""

    tool_call_id: str


class ResponseCompleted(ServerFrame, frozen=True, tag="response.completed"):
    """The answer is over, or was cut off; the server says how long it took to begin."""

    latency: Latency | None = None


class ErrorDetail(msgspec.Struct, frozen=True):
    """Why something was refused."""

    code: str = "unknown"
    message: str = ""


class Error(ServerFrame, frozen=True, tag="error"):
    """Something was refused; the session continues."""

    error: ErrorDetail


class SessionWarning(ServerFrame, frozen=True, tag="session.warning"):
    """A limit of the session is nearly reached."""

    reason: str
    remaining: float


class SessionTerminating(ServerFrame, frozen=True, tag="session.terminating"):
    """The session's last event."""

    error: ErrorDetail


ServerEvent: TypeAlias = (
    SessionStarted
    | SpeechStarted
    | SpeechStopped
    | TranscriptCommitted
    | ResponseStarted
    | TextDelta
    | AudioDelta
    | ToolCall
    | ResponseCompleted
    | Error
    | SessionWarning
    | SessionTerminating
)

_NAMES = frozenset(
    {
        "session.started",
        "speech.started",
        "speech.stopped",
        "transcript.committed",
        "response.started",
        "text.delta",
        "audio.delta",
        "tool.call",
        "response.completed",
        "error",
        "session.warning",
        "session.terminating",
    }
)


class _Typed(msgspec.Struct, frozen=True):
    type: str


_typed = StrictDecoder(_Typed, marks=None)
_event = StrictDecoder(cast("type[ServerEvent]", ServerEvent), marks=None)


class FrameProblem(ValueError):
    """A frame breaks the protocol; the error's text does not quote it."""


def read_frame(text: str) -> ServerEvent | None:
    """Decode a server's frame; None for an event that this client does not know.

    Raises FrameProblem.
    """
    try:
        return _event.decode(text) if _typed.decode(text).type in _NAMES else None
    except JsonProblem as problem:
        raise FrameProblem(str(problem)) from None


def write_start(agent_id: str | None = None) -> str:
    """Encode the first frame; pass `agent_id` only if the ticket bound none."""
    return encode(SessionStart(config={}, agent_id=agent_id)).decode()


def write_audio(audio_base64: str) -> str:
    """Encode a piece of the caller's audio."""
    return encode(AudioAppend(audio=audio_base64)).decode()


def write_no_tool(tool_call_id: str) -> str:
    """Encode the answer to a tool call of a client that runs no tools."""
    refusal = {"error": "this client runs no tools"}
    return encode(ToolResult(tool_call_id=tool_call_id, tool_result=refusal)).decode()
