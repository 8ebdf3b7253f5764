"""What a Live session of OpenAI sends, as values. Pure.

The events of a backend model, to which work is delegated, come in envelopes
(`response.event`). Left out on purpose: what only acknowledges a frame of ours,
`session.delegation.created` (it holds no task; the backend's own events follow), and
everything that comes on other connections than ours. No text of the service reaches a client:
of its errors only the code is kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, cast

import msgspec

from ringline.domain.voice import Usage
from ringline.wire.openai_realtime_events import ErrorReported, Unreadable, error_code

#: The end of a delegated run, and whether what it asked for still counts.
_RUN_ENDS = {"response.completed": True, "response.incomplete": False, "response.failed": False}


@dataclass(frozen=True, slots=True)
class Started:
    """The session is ready; it ends at this time at the latest, in seconds since 1970."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class Spoke:
    """A piece of the model's audio, in base64: speech or silence."""

    audio: str


@dataclass(frozen=True, slots=True)
class Words:
    """A further piece of what one side says, by its place in the session, in milliseconds."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Heard(Words):
    """A further piece of what the caller says."""


@dataclass(frozen=True, slots=True)
class Said(Words):
    """A further piece of what the model says."""


@dataclass(frozen=True, slots=True)
class RunBegan:
    """The backend model works for a delegation, which may have no id."""

    delegation_id: str


@dataclass(frozen=True, slots=True)
class FunctionCalled:
    """The backend model calls a function; the arguments are None if they are no JSON object."""

    delegation_id: str
    call_id: str
    name: str
    arguments: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The backend model has finished; if not `completed`, its calls do not count.

    The run's own id tells whether the same end comes again; "" if it has none.
    """

    delegation_id: str
    completed: bool
    usage: Usage
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Metered:
    """How much the session has cost so far, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over; `reason` is the service's own word."""

    reason: str
    seconds: float


Report: TypeAlias = (
    Started
    | Spoke
    | Heard
    | Said
    | RunBegan
    | FunctionCalled
    | RunEnded
    | Metered
    | Closed
    | ErrorReported
)


class _Event(msgspec.Struct, frozen=True):
    type: str


class _Session(msgspec.Struct, frozen=True):
    expires_at: int


class _Started(msgspec.Struct, frozen=True):
    session: _Session


class _Audio(msgspec.Struct, frozen=True):
    delta: str


class _Words(msgspec.Struct, frozen=True):
    delta: str
    start_ms: int
    end_ms: int


class _Seconds(msgspec.Struct, frozen=True):
    seconds: float


class _Metered(msgspec.Struct, frozen=True):
    usage: _Seconds


class _Closed(msgspec.Struct, frozen=True):
    reason: str
    usage: _Seconds


class _Error(msgspec.Struct, frozen=True):
    error: dict[str, Any]
    client_event_id: str | None = None


class _Envelope(msgspec.Struct, frozen=True):
    event: dict[str, Any]
    delegation_id: str | None = None


class _Call(msgspec.Struct, frozen=True):
    call_id: Annotated[str, msgspec.Meta(min_length=1)]
    name: Annotated[str, msgspec.Meta(min_length=1)]
    arguments: str = "{}"


class _Cached(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Tokens(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _Cached | None = None


_event = msgspec.json.Decoder(_Event)


def read_event(frame: bytes) -> Report | None:
    """Read a frame; None if its event is of no interest. Raises Unreadable."""
    try:
        read = _READERS.get(_event.decode(frame).type)
        return None if read is None else read(frame)
    except msgspec.ValidationError:
        raise Unreadable("shape") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable("not_json") from None


def _reader(
    shape: type[Any], report: Callable[[Any], Report | None]
) -> Callable[[bytes], Report | None]:
    decoder = msgspec.json.Decoder(shape)
    return lambda frame: report(decoder.decode(frame))


def _error(error: _Error) -> ErrorReported:
    cause = error.client_event_id or error.error.get("client_event_id")
    return ErrorReported(error_code(error.error), cause if isinstance(cause, str) else "")


def _enveloped(envelope: _Envelope) -> Report | None:
    event, delegation_id = envelope.event, envelope.delegation_id or ""
    kind: object = event.get("type")
    if kind == "response.created":
        return RunBegan(delegation_id)
    if kind == "response.output_item.done":
        item: object = event.get("item")
        if isinstance(item, dict) and cast("dict[str, Any]", item).get("type") == "function_call":
            return _called(delegation_id, msgspec.convert(item, _Call))
    if isinstance(kind, str) and kind in _RUN_ENDS:
        response: object = event.get("response")
        return RunEnded(delegation_id, _RUN_ENDS[kind], _usage(response), _id_of(response))
    return None


def _id_of(response: object) -> str:
    found: object = None
    if isinstance(response, dict):
        found = cast("dict[str, Any]", response).get("id")
    return found if isinstance(found, str) else ""


def _called(delegation_id: str, call: _Call) -> FunctionCalled:
    try:
        arguments: object = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        arguments = None
    known = cast("dict[str, object]", arguments) if isinstance(arguments, dict) else None
    return FunctionCalled(delegation_id, call.call_id, call.name, known)


def _usage(response: object) -> Usage:
    """Return a run's tokens, in disjoint counts; none if it does not tell them."""
    counted: object = None
    if isinstance(response, dict):
        counted = cast("dict[str, Any]", response).get("usage")
    if counted is None:
        return Usage()
    tokens = msgspec.convert(counted, _Tokens)
    details = tokens.input_tokens_details or _Cached()
    into = max(0, tokens.input_tokens)
    cached = min(max(0, details.cached_tokens), into)
    return Usage(
        text_in_tokens=into - cached,
        text_cached_tokens=cached,
        text_out_tokens=max(0, tokens.output_tokens),
    )


#: What reads each event; all others are of no interest.
_READERS: Mapping[str, Callable[[bytes], Report | None]] = {
    "session.started": _reader(_Started, lambda it: Started(it.session.expires_at)),
    "session.output_audio.delta": _reader(_Audio, lambda it: Spoke(it.delta)),
    "session.input_transcript.delta": _reader(
        _Words, lambda it: Heard(it.delta, it.start_ms, it.end_ms)
    ),
    "session.output_transcript.delta": _reader(
        _Words, lambda it: Said(it.delta, it.start_ms, it.end_ms)
    ),
    "session.usage.updated": _reader(_Metered, lambda it: Metered(it.usage.seconds)),
    "session.closed": _reader(_Closed, lambda it: Closed(it.reason, it.usage.seconds)),
    "response.event": _reader(_Envelope, _enveloped),
    "error": _reader(_Error, _error),
}
