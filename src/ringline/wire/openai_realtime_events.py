"""What a provider that speaks OpenAI's realtime protocol sends us, as values.

Reading is lenient, so that one reader serves every dialect: names that some providers use for
the same event are read alike, ids that some leave out are "", and an event of no interest is
None. A frame that cannot be read is `Unreadable`, whose kind may be logged. No text of a
provider reaches a client: of its errors only the code is kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import msgspec

from ringline.domain.voice import ResponseEnd, Usage
from ringline.wire.openai_realtime import OUR_ID

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_Frame: TypeAlias = Mapping[str, Any]

NO_USAGE = Usage()


class Unreadable(Exception):
    """A frame that cannot be read; `kind` says why, in a word."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Opened:
    """The provider told of a session or conversation; `event` is which event it was.

    `expires_at` is when it will close the session, in Unix seconds, if it says so.
    """

    event: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller began to speak; at this position of the audio, if the provider says so.

    The position includes the `prefix_padding_ms` before the speech.
    """

    item_id: str
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller's turn is over: detected, or `committed` by order.

    The position includes the quiet that ended the turn.
    """

    item_id: str
    committed: bool = False
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The audio of the unfinished turn was discarded."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller said: all of it so far, or a further piece; None if it was not read."""

    item_id: str
    text: str | None
    piece: bool = False
    final: bool = False
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class ResponseBegan:
    """A response began; `our_id` is the id that we gave it, if the provider repeats it."""

    upstream_id: str
    our_id: str


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """A response has a further message."""

    upstream_id: str
    item_id: str


class SpeechDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a response's speech, and its base64 if the frame ends with it."""

    upstream_id: str
    item_id: str
    pcm: bytes
    base64: bytes | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of a response's text; `spoken` if it belongs to speech."""

    upstream_id: str
    item_id: str
    delta: str
    spoken: bool


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a tool; the arguments are None if they are no JSON object."""

    upstream_id: str
    call_id: str
    name: str
    arguments: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """A response is over; `code` says why it failed."""

    upstream_id: str
    end: ResponseEnd
    code: str = ""
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """An error; `event_id` is the frame of ours that caused it, if the provider says so."""

    code: str
    event_id: str


UpstreamEvent: TypeAlias = (
    Opened
    | SpeechBegan
    | SpeechEnded
    | AudioCleared
    | Heard
    | ResponseBegan
    | ItemAdded
    | SpeechDelta
    | TextDelta
    | ToolCalled
    | ResponseEnded
    | ErrorReported
)


class _SpeechFrame(msgspec.Struct, gc=False, tag_field="type", tag="response.output_audio.delta"):
    """What is read of a frame of speech."""

    response_id: str
    item_id: str
    delta: bytes


_read_speech = msgspec.json.Decoder(_SpeechFrame).decode
_SPEECH = b'"response.output_audio.delta"'
#: How its audio begins, as it is written with blanks and without, and how it ends.
_DELTA, _END = b'"delta": "', b'"}'
_DELTAS = (_DELTA, b'"delta":"')
#: Where the type of such a frame ends, with an id before it.
_TYPE_ENDS = 128


def read_event(frame: bytes) -> UpstreamEvent | None:
    """Read a frame; None if its event is of no interest. Raises Unreadable."""
    if frame.find(_SPEECH, 0, _TYPE_ENDS) > 0:  # most are, so they take a way of their own
        try:
            speech = _read_speech(frame)
        except ValueError:
            pass  # it has no ids, or what it lacks is told below
        else:
            pcm = speech.delta
            return SpeechDelta(
                speech.response_id, speech.item_id, pcm, _last_base64(frame, len(pcm))
            )
    try:
        event: object = msgspec.json.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(event, dict):
        raise Unreadable("not_an_object")
    members = cast("_Frame", event)
    read = READERS.get(_text(members, "type"))
    return None if read is None else read(members)


def _text(frame: _Frame, name: str) -> str:
    """Return a member that must be a text. Raises Unreadable."""
    value = frame.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"no_{name}")
    return value


def _optional(frame: _Frame, name: str) -> str:
    value = frame.get(name)
    return value if isinstance(value, str) else ""


def _object(frame: _Frame, name: str) -> _Frame:
    """Return a member that must be an object. Raises Unreadable."""
    value = frame.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"no_{name}")
    return cast("_Frame", value)


def _details(frame: _Frame, name: str) -> _Frame:
    """Return a member if it is an object, or an empty one."""
    value = frame.get(name)
    return cast("_Frame", value) if isinstance(value, dict) else {}


def _opened(frame: _Frame) -> Opened:
    return Opened(_text(frame, "type"), _position(_details(frame, "session"), "expires_at"))


def _position(frame: _Frame, name: str) -> float | None:
    value = frame.get(name)
    return float(value) if isinstance(value, int | float) and value >= 0 else None


def _speech_began(frame: _Frame) -> SpeechBegan:
    return SpeechBegan(_text(frame, "item_id"), _position(frame, "audio_start_ms"))


def _speech_ended(frame: _Frame) -> SpeechEnded:
    return SpeechEnded(_text(frame, "item_id"), at_ms=_position(frame, "audio_end_ms"))


def _heard(frame: _Frame) -> Heard:
    """Read a complete transcript; some providers send several, with a status."""
    item_id, transcript = _text(frame, "item_id"), _text(frame, "transcript")
    if frame.get("status") == "in_progress":
        return Heard(item_id, transcript)
    counted = _details(frame, "usage")
    seconds = counted.get("seconds")
    usage = usage_of(counted)
    if isinstance(seconds, int | float):
        usage = Usage(seconds=max(0.0, float(seconds)))
    return Heard(item_id, transcript, final=True, usage=usage)


def _heard_so_far(frame: _Frame) -> Heard:
    return Heard(_text(frame, "item_id"), _text(frame, "transcript"))


def _heard_further(frame: _Frame) -> Heard:
    return Heard(_text(frame, "item_id"), _optional(frame, "delta"), piece=True)


def _began(frame: _Frame) -> ResponseBegan:
    response = _object(frame, "response")
    return ResponseBegan(_text(response, "id"), _optional(_details(response, "metadata"), OUR_ID))


def _item_added(frame: _Frame) -> ItemAdded | None:
    item = _object(frame, "item")
    if item.get("type") != "message":
        return None
    return ItemAdded(_optional(frame, "response_id"), _text(item, "id"))


def _item_done(frame: _Frame) -> ToolCalled | None:
    """Read a complete item: a tool call has everything here too."""
    item = _object(frame, "item")
    if item.get("type") != "function_call":
        return None
    return _tool_called({**item, "response_id": frame.get("response_id")})


def _tool_called(frame: _Frame) -> ToolCalled | None:
    name = _optional(frame, "name")
    if not name:  # older servers name it in the item alone
        return None
    try:
        arguments: object = msgspec.json.decode(_optional(frame, "arguments") or "{}")
    except (msgspec.DecodeError, ValueError, RecursionError):
        arguments = None
    known = cast("dict[str, object]", arguments) if isinstance(arguments, dict) else None
    return ToolCalled(_optional(frame, "response_id"), _text(frame, "call_id"), name, known)


def _last_base64(frame: bytes, size: int) -> bytes | None:
    """Return the base64 of so many bytes, if a frame ends with them as its `delta`.

    To take it from there spares writing it anew. With an escape in it, it would be longer.
    """
    start = -len(_END) - (size + 2) // 3 * 4
    if frame[start - len(_DELTA) : start].endswith(_DELTAS) and frame.endswith(_END):
        return frame[start : -len(_END)]
    return None


def _speech(frame: _Frame) -> SpeechDelta:
    ids = _optional(frame, "response_id"), _optional(frame, "item_id")
    audio = _text(frame, "delta")
    try:
        return SpeechDelta(*ids, msgspec.convert(audio, bytes), audio.encode())
    except ValueError:
        raise Unreadable("bad_audio") from None


def _transcript(frame: _Frame) -> TextDelta:
    ids = _optional(frame, "response_id"), _optional(frame, "item_id")
    return TextDelta(*ids, _text(frame, "delta"), spoken=True)


def _written(frame: _Frame) -> TextDelta:
    ids = _optional(frame, "response_id"), _optional(frame, "item_id")
    return TextDelta(*ids, _text(frame, "delta"), spoken=False)


_ENDS = {"cancelled": ResponseEnd.CANCELLED, "failed": ResponseEnd.FAILED}


def _ended(frame: _Frame) -> ResponseEnded:
    response = _object(frame, "response")
    details = _details(response, "status_details")
    end = _ENDS.get(_optional(response, "status"), ResponseEnd.COMPLETED)
    if details.get("reason") == "turn_detected":  # some such responses are called incomplete
        end = ResponseEnd.CANCELLED
    code = ""
    if end is ResponseEnd.FAILED:
        code = error_code(_details(details, "error"))
    counted = _details(response, "usage") or _details(frame, "usage")
    return ResponseEnded(_text(response, "id"), end, code, usage_of(counted))


def usage_of(counted: _Frame) -> Usage:
    """Return what was used, in disjoint counts: the provider's are nested (upstreams, 1.8)."""
    into, out = _details(counted, "input_token_details"), _details(counted, "output_token_details")
    cached = _count(into, "cached_tokens")
    audio_cached = min(cached, _count(_details(into, "cached_tokens_details"), "audio_tokens"))
    audio_in = max(0, _count(into, "audio_tokens") - audio_cached)
    audio_out = _count(out, "audio_tokens")
    return Usage(
        audio_in_tokens=audio_in,
        audio_cached_tokens=audio_cached,
        audio_out_tokens=audio_out,
        text_in_tokens=max(0, _count(counted, "input_tokens") - cached - audio_in),
        text_cached_tokens=cached - audio_cached,
        text_out_tokens=max(0, _count(counted, "output_tokens") - audio_out),
    )


def _count(counted: _Frame, name: str) -> int:
    value = counted.get(name)
    return value if isinstance(value, int) and value > 0 else 0


#: Errors that some providers tell by a sentence alone, with the code that others have.
_SENTENCES = {
    "no active response": "response_cancel_not_active",
    "already has an active response": "conversation_already_has_active_response",
    "truncat": "item_truncate_invalid",
}


def error_code(error: _Frame) -> str:
    """Return an error's code, or its type; "unknown" if neither may be shown to a client."""
    message = _optional(error, "message").lower()
    for sentence, code in _SENTENCES.items():
        if sentence in message:
            return code
    for name in ("code", "type"):
        if _CODE.fullmatch(_optional(error, name)):
            return _optional(error, name)
    return "unknown"


def _error(frame: _Frame) -> ErrorReported:
    error = _object(frame, "error")
    return ErrorReported(error_code(error), _optional(error, "event_id"))


_INPUT, _ITEM = "input_audio_buffer", "conversation.item.input_audio_transcription"

#: What reads each event; all others are of no interest.
READERS: Mapping[str, Callable[[_Frame], UpstreamEvent | None]] = {
    "session.created": _opened,
    "session.updated": _opened,
    "conversation.created": _opened,
    f"{_INPUT}.speech_started": _speech_began,
    f"{_INPUT}.speech_stopped": _speech_ended,
    f"{_INPUT}.committed": lambda frame: SpeechEnded(_text(frame, "item_id"), committed=True),
    f"{_INPUT}.cleared": lambda _: AudioCleared(),
    f"{_ITEM}.delta": _heard_further,
    f"{_ITEM}.updated": _heard_so_far,
    f"{_ITEM}.completed": _heard,
    f"{_ITEM}.failed": lambda frame: Heard(_text(frame, "item_id"), None, final=True),
    "response.created": _began,
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.output_audio.delta": _speech,
    "response.audio.delta": _speech,
    "response.output_audio_transcript.delta": _transcript,
    "response.audio_transcript.delta": _transcript,
    "response.output_text.delta": _written,
    "response.text.delta": _written,
    "response.function_call_arguments.done": _tool_called,
    "response.done": _ended,
    "error": _error,
}
