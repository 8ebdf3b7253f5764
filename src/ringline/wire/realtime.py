"""The realtime voice socket's JSON text frames (realtime voice, 5, 6).

`decode` reads a client's frame, `encode` and `encode_audio` write the server's. Every result of
`encode` is the payload of one WebSocket text frame. Audio is base64 of PCM16, mono, little-endian;
`SampleAligner` turns it into whole samples.  The wording of errors matters: shipped clients hide
errors whose message contains certain words (5.2). In the table of errors only harmless errors
contain them.
"""

import binascii
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from ringline.domain import limits
from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk, bytes_of_ms
from ringline.domain.config_members import AUDIO_FORMAT, plain_config
from ringline.domain.ids import Prefix, format_id
from ringline.domain.leg import (
    AgentFinished,
    AgentSaid,
    AgentStarted,
    CallerStarted,
    CallerStopped,
    ConfigUpdated,
    HangUp,
    Hold,
    LegOrder,
    LimitWarned,
    RequestRefused,
    Resume,
    SendDigits,
    SessionResumed,
    SessionStarted,
    ToolCalled,
    Transfer,
    TurnTranscribed,
    UsageWritten,
    VoiceError,
)
from ringline.wire.realtime_errors import (
    ERRORS,
    REFUSALS,
    VOICE_TROUBLES,
    SessionProblem,
    ends_session,
    error_of,
)
from ringline.wire.strict_json import JsonProblem, NotJson, StrictDecoder, WrongShape
from ringline.wire.strict_json import encode as encode_json

_MAX_QUOTED = 64  # characters of a client's text that an error repeats
_LONG_AUDIO = f"one piece is at most {limits.AUDIO_PIECE_MS.most} ms"


class ClientFrame(msgspec.Struct, frozen=True, tag_field="type"):
    """A frame that a client may send; the class holds the event's name."""

    name: ClassVar[str]


class SessionStart(ClientFrame, frozen=True, tag="session.start"):
    """Open the session. `config` is not parsed yet; absent or null means empty."""

    name: ClassVar[str] = "session.start"
    config: dict[str, object] | None = None
    agent_id: str | None = None
    usage_events: bool | None = None


class AudioAppend(ClientFrame, frozen=True, tag="audio.append"):
    """A piece of the caller's audio, in base64, not decoded yet."""

    name: ClassVar[str] = "audio.append"
    audio: str


class AudioCommit(ClientFrame, frozen=True, tag="audio.commit"):
    """The caller's turn ends now, if one is in progress."""

    name: ClassVar[str] = "audio.commit"


class AudioClear(ClientFrame, frozen=True, tag="audio.clear"):
    """Discard the audio of the current turn."""

    name: ClassVar[str] = "audio.clear"


class TextInput(ClientFrame, frozen=True, tag="text.input"):
    """A turn that the caller typed; does not start a response."""

    name: ClassVar[str] = "text.input"
    text: str


class ResponseCreate(ClientFrame, frozen=True, tag="response.create"):
    """Respond now."""

    name: ClassVar[str] = "response.create"


class ResponseCancel(ClientFrame, frozen=True, tag="response.cancel"):
    """Stop the current response."""

    name: ClassVar[str] = "response.cancel"


class SessionUpdate(ClientFrame, frozen=True, tag="session.update"):
    """Change the config; members that are absent stay. `config` is not parsed yet."""

    name: ClassVar[str] = "session.update"
    config: dict[str, object]


class ToolResult(ClientFrame, frozen=True, tag="tool.result"):
    """The answer to a `tool.call`; any JSON."""

    name: ClassVar[str] = "tool.result"
    tool_call_id: str
    tool_result: object

    @property
    def text(self) -> str:
        """Return the result as text: a string as it is, anything else as JSON."""
        result = self.tool_result
        return result if isinstance(result, str) else encode_json(result).decode()


class ImageInput(ClientFrame, frozen=True, tag="image.input"):
    """An image of the conversation; `image_url` is not checked yet (`check_image`)."""

    name: ClassVar[str] = "image.input"
    image_url: object
    image_detail: str | None = None
    text: str | None = None


ClientEvent: TypeAlias = (
    SessionStart
    | SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | TextInput
    | ImageInput
    | ResponseCreate
    | ResponseCancel
    | ToolResult
)

#: Every event a client may send, by name; a test compares it with the reference.
CLIENT_EVENTS: dict[str, type[ClientFrame]] = {
    event.name: event
    for event in (
        SessionStart,
        SessionUpdate,
        AudioAppend,
        AudioCommit,
        AudioClear,
        TextInput,
        ImageInput,
        ResponseCreate,
        ResponseCancel,
        ToolResult,
    )
}


class _Typed(msgspec.Struct, frozen=True):
    type: str


_client_event = StrictDecoder[Any](cast("Any", ClientEvent))
_typed = StrictDecoder(_Typed)


def decode(frame: str | bytes) -> ClientEvent | SessionProblem:
    """Decode a client's text frame, or return the problem to answer with (6.1)."""
    try:
        event: ClientEvent = _client_event.decode(frame)
    except NotJson as problem_:
        return problem("invalid_json", reason=problem_.message)
    except WrongShape as problem_:
        return _explain(frame, problem_)
    if type(event) is AudioAppend:
        return event
    match event:
        case TextInput(text) if not 0 < len(text) <= limits.TYPED_CHARACTERS.most:
            reason = f"text.input: text must have 1 to {limits.TYPED_CHARACTERS.most} characters"
            return problem("invalid_event", reason=reason)
        case ImageInput(text=str(text)) if len(text) > limits.TYPED_CHARACTERS.most:
            reason = f"image.input: text has at most {limits.TYPED_CHARACTERS.most} characters"
            return problem("invalid_event", reason=reason)
        case _:
            return event


def decode_start(frame: str | bytes) -> SessionStart | SessionProblem:
    """Decode a client's first frame, which must be `session.start` (O1).

    Any problem ends the session, even one that a running session would survive.
    """
    event = decode(frame) if isinstance(frame, str) else None
    match event:
        case SessionStart():
            return event
        case SessionProblem(code) if ends_session(code, starting=True):
            return event
        case _:
            return problem("session_not_started")


def may_be_large(frame: str) -> bool:
    """Return whether a frame is an `image.input`: only these may be large (6.3)."""
    try:
        return _typed.decode(frame).type == ImageInput.name
    except JsonProblem:
        return False


def _explain(frame: str | bytes, wrong: WrongShape) -> SessionProblem:
    """Distinguish an unknown event from a known one with a wrong member."""
    try:
        name = _typed.decode(frame).type
    except NotJson as not_json:  # there may be worse problems after the first
        return problem("invalid_json", reason=not_json.message)
    except WrongShape as without_type:
        return problem("invalid_event", reason=without_type.message)
    if name not in CLIENT_EVENTS:
        return problem("unknown_event", type=name[:_MAX_QUOTED])
    if name == SessionStart.name:
        return problem("invalid_config", reason=f"session.start: {wrong.message}")
    return problem("invalid_event", reason=f"{name}: {wrong.message}")


def problem(code: str, **facts: object) -> SessionProblem:
    """Make an error from the table; `facts` fill in its message."""
    return SessionProblem(code, ERRORS[code].message.format(**facts))


def check_image(image: ImageInput) -> SessionProblem | None:
    """Return what is wrong with an image: it must be a base64 `data:image/…` URI."""
    url = image.image_url
    if not isinstance(url, str):
        return problem("invalid_image", reason="image_url is no text")
    head, comma, data = url.partition(",")
    kind, _, encoding = head.partition(";")
    if not comma or not kind.startswith("data:image/") or encoding != "base64":
        return problem("invalid_image", reason="image_url is no base64 data:image URI")
    if not data or len(data) % 4:
        return problem("invalid_image", reason="it is not base64")
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        return problem("invalid_image", reason="it is not base64")
    return None


#: How a frame of audio ends, after its base64.
_AUDIO_TAIL = b'"}'
_read_base64 = msgspec.json.Decoder(bytes).decode


class SampleAligner:
    """Aligns audio to whole samples, carrying an odd byte to the next piece (5.1).

    A piece that is already aligned keeps its base64. `event` is the name of the event that
    brings audio in its member `audio`.
    """

    def __init__(self, rate_hz: int, *, event: str = AudioAppend.name) -> None:
        # How most clients write it: as `JSON.stringify` does, or as Python's `json` does.
        self._head = f'{{"type":"{event}","audio":"'.encode()
        self._other_head = f'{{"type": "{event}", "audio": "'.encode()
        self._rate_hz = rate_hz
        self._limit = bytes_of_ms(limits.AUDIO_PIECE_MS.most, rate_hz)
        self._carry = b""

    def read(self, frame: bytearray) -> Chunk | None:
        """Return the audio of a frame as most clients write it; None for any other frame.

        If what stands there is base64, the frame is valid and need not be parsed: no character
        of base64 ends or escapes anything in JSON. If not, others say what is wrong with it.
        """
        if not frame.startswith(self._head):
            self._head, self._other_head = self._other_head, self._head
            if not frame.startswith(self._head):
                return None
        quoted = bytes(memoryview(frame)[len(self._head) - 1 : -1])
        try:
            pcm = _read_base64(quoted)  # as strict as binascii, and a third of its time
        except ValueError:
            return None
        if len(pcm) % BYTES_PER_SAMPLE or not 0 < len(pcm) <= self._limit:
            return None
        if self._carry or not frame.endswith(_AUDIO_TAIL) or b"\\" in quoted:
            return None
        return Chunk(pcm, self._rate_hz, quoted[1:-1])

    def append(self, audio: str) -> Chunk | SessionProblem | None:
        """Add base64 audio; None if there is no whole sample yet."""
        if not audio:
            return None
        rate_hz, limit = self._rate_hz, self._limit
        if len(audio) // 4 * 3 > limit + 3:
            return problem("invalid_audio", reason=_LONG_AUDIO)
        try:
            pcm = msgspec.convert(audio, bytes)
        except ValueError:
            return problem("invalid_audio", reason="it is not base64")
        if len(pcm) > limit:
            return problem("invalid_audio", reason=_LONG_AUDIO)
        if not self._carry and len(pcm) % BYTES_PER_SAMPLE == 0:
            return Chunk(pcm, rate_hz, audio.encode("ascii"))
        pcm = self._carry + pcm
        whole = len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
        self._carry = pcm[whole:]
        return Chunk(pcm[:whole], rate_hz) if whole else None

    def clear(self) -> None:
        """Discard the carried byte."""
        self._carry = b""


def encode_audio(chunk: Chunk) -> bytes:
    """Encode `audio.delta`: whole samples, at least one (K4)."""
    assert chunk.pcm, "clients cannot play a chunk of no length"
    assert len(chunk.pcm) % BYTES_PER_SAMPLE == 0, "clients read whole samples"
    return b'{"type":"audio.delta","audio":"%b"}' % (chunk.base64 or chunk.as_base64())


_SPEECH_STARTED = b'{"type":"speech.started"}'
_SPEECH_STOPPED = b'{"type":"speech.stopped"}'
_RESPONSE_STARTED = b'{"type":"response.started"}'
_RESPONSE_COMPLETED = b'{"type":"response.completed"}'


def encode(order: LegOrder) -> bytes:
    """Encode an order as a frame for the client.

    The leg decides whether transcripts are wanted (`input_transcription`,
    `output_transcription`).
    """
    match order:
        case Hold() | Resume() | Transfer() | SendDigits():
            raise AssertionError("a realtime session has no line to control")
        case SessionStarted():
            raise AssertionError("the rates of a session are its leg's: encode_started")
        case CallerStarted():
            return _SPEECH_STARTED
        case CallerStopped():
            return _SPEECH_STOPPED
        case TurnTranscribed(text):
            unread = {} if text else {"recognized": False}
            return encode_json({"type": "transcript.committed", "transcript": text} | unread)
        case AgentStarted():
            return _RESPONSE_STARTED
        case AgentSaid(delta):
            return encode_json({"type": "text.delta", "delta": delta})
        case ToolCalled(tool_call_id, name, arguments):
            call = {"tool_call_id": tool_call_id, "tool_name": name, "tool_arguments": arguments}
            return encode_json({"type": "tool.call"} | call)
        case ConfigUpdated(config, warnings):
            given = {"warnings": warnings} if warnings else {}
            return encode_json({"type": "session.updated", "config": plain_config(config)} | given)
        case AgentFinished(False, latency=None):
            return _RESPONSE_COMPLETED
        case AgentFinished(interrupted, spoken_text, latency):
            found: dict[str, object] = {
                "interrupted": interrupted or None,
                "spoken_text": spoken_text,
                "latency": latency,
            }
            known = {name: value for name, value in found.items() if value is not None}
            return encode_json({"type": "response.completed"} | known)
        case RequestRefused(refusal):
            return encode_problem(REFUSALS[refusal])
        case VoiceError(failure, message, details):
            return _encode_error("error", VOICE_TROUBLES[failure], message=message, details=details)
        case LimitWarned(near):
            warning = {"reason": near.reason.value, "remaining": near.remaining}
            return encode_json({"type": "session.warning"} | warning)
        case SessionResumed(reason, model):
            return encode_json({"type": "session.resumed", "reason": reason, "model": model})
        case UsageWritten(model, kind, usage, usd):
            used = {"model": model, "kind": kind.value} | asdict(usage) | {"usd": usd}
            return encode_json({"type": "session.usage"} | used)
        case HangUp(cause, message, lost):
            details = None if lost is None else {"model": lost.model, "cause": lost.cause}
            code = error_of(cause).code
            return _encode_error("session.terminating", code, message=message, details=details)


def encode_problem(problem_: SessionProblem) -> bytes:
    """Encode the error that answers a client's frame; the session continues (6.1)."""
    return _encode_error("error", problem_.code, message=problem_.message)


def encode_refusal(problem_: SessionProblem) -> bytes:
    """Encode the last frame of a session that does not start (6.2)."""
    if not ends_session(problem_.code, starting=True):
        raise AssertionError(f"a session is not refused for {problem_.code}")
    return _encode_error("session.terminating", problem_.code, message=problem_.message)


def _encode_error(
    event: str, code: str, *, message: str, details: str | dict[str, str] | None = None
) -> bytes:
    """Encode an error with its own message, or the table's."""
    error: dict[str, object] = {"code": code, "message": message or ERRORS[code].message}
    if details:
        error["details"] = details
    return encode_json({"type": event, "error": error})


def encode_started(
    started: SessionStarted, *, input_hz: int, output_hz: int, warnings: Sequence[str] = ()
) -> bytes:
    """Encode `session.started`, with `warnings` if there are any (contract, 11)."""
    event: dict[str, object] = {
        "type": "session.started",
        "session_id": format_id(Prefix.SESSION, started.call_id),
        "input_sample_rate": input_hz,
        "output_sample_rate": output_hz,
        "audio_format": AUDIO_FORMAT,  # clients require this word (K1)
        "call_id": format_id(Prefix.CALL, started.call_id),
        "call_uuid": started.call_uuid,
    }
    if input_hz == output_hz:  # one client only reads this old name (K3)
        event["sample_rate"] = input_hz
    if warnings:
        event["warnings"] = tuple(warnings)
    return encode_json(event)
