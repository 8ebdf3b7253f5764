"""What Gemini Live sends, read as reports. Pure.

A message may have several members (upstream protocols, 2.4); their reports come in the order
in which they count. Left out on purpose: text and thoughts in `modelTurn` (what the model
speaks comes as `outputTranscription`), `interimInputTranscription` (it is withdrawn again),
`voiceActivity` (the service does not promise it), grounding.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec

from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.domain.voice import GoingAway, Usage

#: The rate of the model's speech (upstream protocols, 2.4).
OUTPUT_HZ = 24_000

#: Codes of a turn's end that tell of no failure.
ORDINARY_ENDS = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})

_RATE = re.compile(r"audio/pcm\s*;\s*rate=(\d{1,6})")
_DURATION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?s")
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class SetUp:
    """The conversation is ready."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A further piece of what the caller said; mostly the service never says `finished`."""

    text: str
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A further piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoke:
    """A piece of the model's speech."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class FunctionCalled:
    """The model calls a function; `arguments` are whole."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallsCancelled:
    """The model no longer wants the results of these calls: the caller interrupted it."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generated:
    """The model has produced all of its turn; what it said still plays."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller interrupted the model's turn, which is over."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What a step of the model used, in disjoint units (voices, 4)."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The model's turn is over, as far as the service plays along.

    `reason` is the service's own code, empty for an ordinary end; `idle` is None where the
    service does not say whether more follows.
    """

    reason: str = ""
    idle: bool | None = None


@dataclass(frozen=True, slots=True)
class Resumable:
    """The handle by which another connection can go on; empty while that is not possible."""

    handle: str


Report: TypeAlias = (
    SetUp
    | Heard
    | Said
    | Spoke
    | FunctionCalled
    | CallsCancelled
    | Generated
    | Interrupted
    | Metered
    | TurnOver
    | Resumable
    | GoingAway
)


class Unreadable(ValueError):
    """A message that is none of the protocol; `kind` says what is wrong, without quoting it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class _Blob(msgspec.Struct, rename="camel", frozen=True):
    mime_type: str = ""
    data: str = ""


class _Part(msgspec.Struct, rename="camel", frozen=True):
    inline_data: _Blob | None = None


class _Content(msgspec.Struct, frozen=True):
    parts: tuple[_Part, ...] | None = None


class _Transcription(msgspec.Struct, frozen=True):
    text: str | None = None
    finished: bool | None = None


class _ServerContent(msgspec.Struct, rename="camel", frozen=True):
    model_turn: _Content | None = None
    input_transcription: _Transcription | None = None
    output_transcription: _Transcription | None = None
    generation_complete: bool | None = None
    interrupted: bool | None = None
    turn_complete: bool | None = None
    turn_complete_reason: str | None = None
    interaction_status: str | None = None


class _FunctionCall(msgspec.Struct, frozen=True):
    id: _Name
    name: _Name
    args: dict[str, Any] | None = None


class _ToolCall(msgspec.Struct, rename="camel", frozen=True):
    function_calls: tuple[_FunctionCall, ...] = ()


class _Cancellation(msgspec.Struct, frozen=True):
    ids: tuple[str, ...] = ()


class _Count(msgspec.Struct, rename="camel", frozen=True):
    modality: str = ""
    token_count: int | None = None


class _Counts(msgspec.Struct, rename="camel", frozen=True):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    response_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    prompt_tokens_details: tuple[_Count, ...] | None = None
    cache_tokens_details: tuple[_Count, ...] | None = None
    response_tokens_details: tuple[_Count, ...] | None = None


class _GoAway(msgspec.Struct, rename="camel", frozen=True):
    time_left: str = "0s"


class _Resumption(msgspec.Struct, rename="camel", frozen=True):
    new_handle: str | None = None
    resumable: bool | None = None


class _Message(msgspec.Struct, rename="camel", frozen=True):
    setup_complete: dict[str, Any] | None = None
    server_content: _ServerContent | None = None
    tool_call: _ToolCall | None = None
    tool_call_cancellation: _Cancellation | None = None
    usage_metadata: _Counts | None = None
    go_away: _GoAway | None = None
    session_resumption_update: _Resumption | None = None


_decoder = msgspec.json.Decoder(_Message)


def read_message(data: str | bytes) -> tuple[Report, ...]:
    """Read a message of the service; unknown members are ignored. Raises Unreadable."""
    try:
        message = _decoder.decode(data)
    except msgspec.ValidationError:
        raise Unreadable("shape") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable("json") from None
    return tuple(_reports(message))


def _reports(message: _Message) -> Iterator[Report]:
    content = message.server_content or _ServerContent()
    if message.setup_complete is not None:
        yield SetUp()
    if (heard := content.input_transcription) and (heard.text or heard.finished):
        yield Heard(heard.text or "", bool(heard.finished))
    if (said := content.output_transcription) and said.text:
        yield Said(said.text)
    if content.model_turn is not None:
        yield from _speech(content.model_turn)
    for call in message.tool_call.function_calls if message.tool_call else ():
        yield FunctionCalled(call.id, call.name, call.args or {})
    if message.tool_call_cancellation is not None:
        yield CallsCancelled(message.tool_call_cancellation.ids)
    if content.generation_complete:
        yield Generated()
    if message.usage_metadata is not None:
        yield Metered(_usage(message.usage_metadata))
    if content.interrupted:
        yield Interrupted()
    if content.turn_complete or content.interaction_status == "IDLE":
        yield TurnOver(content.turn_complete_reason or "", _idle(content.interaction_status))
    if (update := message.session_resumption_update) is not None:
        yield Resumable((update.new_handle or "") if update.resumable else "")
    if message.go_away is not None:
        yield GoingAway(_milliseconds(message.go_away.time_left))


def _idle(status: str | None) -> bool | None:
    return None if status in (None, "INTERACTION_STATUS_UNSPECIFIED") else status != "IN_PROGRESS"


def _speech(turn: _Content) -> Iterator[Spoke]:
    for part in turn.parts or ():
        blob = part.inline_data
        if blob is None:
            continue
        rate = _RATE.fullmatch(blob.mime_type)
        if rate is None or int(rate[1]) != OUTPUT_HZ:
            raise Unreadable("audio_format")
        if (chunk := _chunk(blob.data)).pcm:
            yield Spoke(chunk)


def _chunk(data: str) -> Chunk:
    """Read base64 of either alphabet (the service may use both), padded or not."""
    if "-" in data or "_" in data:  # most have neither, and to replace them takes long
        data = data.translate(_URL_SAFE)
    data += "=" * (-len(data) % 4)
    try:
        pcm = msgspec.convert(data, bytes)  # as strict as binascii, and a third of its time
    except ValueError:
        raise Unreadable("base64") from None
    if len(pcm) % BYTES_PER_SAMPLE:
        raise Unreadable("half_a_sample")
    return Chunk(pcm, OUTPUT_HZ, data.encode())


def _usage(counts: _Counts) -> Usage:
    """Make the counts disjoint: thoughts, tool prompts and pictures count as text."""
    prompt, response = counts.prompt_token_count or 0, counts.response_token_count or 0
    audio_in = _audio(counts.prompt_tokens_details)
    audio_cached = min(_audio(counts.cache_tokens_details), audio_in)
    audio_out = min(_audio(counts.response_tokens_details), response)
    text_in = max(0, prompt - audio_in)
    text_cached = min(max(0, (counts.cached_content_token_count or 0) - audio_cached), text_in)
    return Usage(
        audio_in_tokens=audio_in - audio_cached,
        audio_cached_tokens=audio_cached,
        audio_out_tokens=audio_out,
        text_in_tokens=text_in - text_cached + (counts.tool_use_prompt_token_count or 0),
        text_cached_tokens=text_cached,
        text_out_tokens=response - audio_out + (counts.thoughts_token_count or 0),
    )


def _audio(details: Iterable[_Count] | None) -> int:
    return sum(
        max(0, count.token_count or 0) for count in details or () if count.modality == "AUDIO"
    )


def _milliseconds(duration: str) -> int:
    """Read a duration as JSON writes it, such as `50s` or `1.500s`."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise Unreadable("duration")
    return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0")[:3])
