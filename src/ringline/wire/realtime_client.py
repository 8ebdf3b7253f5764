"""The realtime voice socket from its client's side (realtime voice, 5.1, 5.2).

What a client sends is encoded from the structs that the server decodes; what it receives
is decoded here. Events that this client does not know are nothing to it, as the surface
asks of every client.
"""

import binascii
from typing import Any, TypeAlias, cast

import msgspec

from ringline.wire.realtime import ClientEvent
from ringline.wire.strict_json import JsonProblem, StrictDecoder, encode


class ServerFrame(msgspec.Struct, frozen=True, tag_field="type"):
    """What a server sends."""


class Started(ServerFrame, frozen=True, tag="session.started"):
    """The session is ready; the microphone may open."""

    session_id: str
    input_sample_rate: int
    output_sample_rate: int
    audio_format: str
    call_id: str = ""
    call_uuid: str = ""


class SpeechStarted(ServerFrame, frozen=True, tag="speech.started"):
    """The caller began to speak: stop playing at once."""


class SpeechStopped(ServerFrame, frozen=True, tag="speech.stopped"):
    """The caller stopped speaking."""


class TranscriptCommitted(ServerFrame, frozen=True, tag="transcript.committed"):
    """What the caller said."""

    transcript: str


class ResponseStarted(ServerFrame, frozen=True, tag="response.started"):
    """A response began."""


class TextDelta(ServerFrame, frozen=True, tag="text.delta"):
    """A piece of what the agent says."""

    delta: str


class AudioDelta(ServerFrame, frozen=True, tag="audio.delta"):
    """A piece of speech, in base64; `pcm` reads it."""

    audio: str

    @property
    def pcm(self) -> bytes:
        """Return the samples. Raises ServerProblem."""
        try:
            return binascii.a2b_base64(self.audio, strict_mode=True)
        except ValueError:
            raise ServerProblem("audio.delta: it is not base64") from None


class ResponseCompleted(ServerFrame, frozen=True, tag="response.completed"):
    """The response is over."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The code and the sentence of an error."""

    code: str
    message: str


class Error(ServerFrame, frozen=True, tag="error"):
    """A recoverable problem."""

    error: ErrorBody


class Terminating(ServerFrame, frozen=True, tag="session.terminating"):
    """The session is about to end, for this reason."""

    error: ErrorBody


ServerEvent: TypeAlias = (
    Started
    | SpeechStarted
    | SpeechStopped
    | TranscriptCommitted
    | ResponseStarted
    | TextDelta
    | AudioDelta
    | ResponseCompleted
    | Error
    | Terminating
)

_KNOWN = frozenset(
    cast("str", event.__struct_config__.tag) for event in ServerFrame.__subclasses__()
)


class _Typed(msgspec.Struct, frozen=True):
    type: str


_server_event = StrictDecoder[Any](cast("Any", ServerEvent))
_typed = StrictDecoder(_Typed)


class ServerProblem(ValueError):
    """A frame of the server that does not follow the protocol."""


def encode_client(event: ClientEvent) -> bytes:
    """Write a client's frame; members that are None are left out."""
    members = msgspec.to_builtins(event)
    return encode({name: value for name, value in members.items() if value is not None})


def decode_server(frame: str | bytes) -> ServerEvent | None:
    """Read a server's frame; None for an event this client does not know.

    Raises ServerProblem.
    """
    try:
        if _typed.decode(frame).type not in _KNOWN:
            return None
        return _server_event.decode(frame)
    except JsonProblem as problem:
        raise ServerProblem(str(problem)) from None
