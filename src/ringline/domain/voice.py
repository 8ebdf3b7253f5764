"""The signals and orders of the port `Voice`.

A voice is one conversation with one speaking model. Audio goes in and out as chunks;
everything else is a signal (what the voice reports) or an order (what it must do). The state
of the conversation (turns, open tool calls, the running response) belongs to the call, so no
leg knows which voice it talks to. Item and response ids are made by the adapter if its
provider has none; a response that the call requests has the call's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain.agent import TurnDetectionType
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.log import Scope


@dataclass(frozen=True, slots=True)
class VoiceCapabilities:
    """What a model can do, and what its provider does automatically."""

    input_hz: int
    output_hz: int
    voices: tuple[str, ...]
    default_voice: str
    modalities: frozenset[Modality] = frozenset({Modality.AUDIO})
    turn_detection: frozenset[TurnDetectionType] = frozenset(
        {TurnDetectionType.SERVER_VAD, TurnDetectionType.NONE}
    )
    reasoning_efforts: tuple[str, ...] = ()
    tools: bool = False
    images: bool = False
    #: It translates continuously instead of taking turns (realtime voice, O11).
    translates: bool = False
    #: Config members that cannot be changed while the session runs, besides `model`.
    fixed_members: frozenset[str] = frozenset()
    temperature: tuple[float, float] | None = None
    #: The voice understands the phrases of `local` and speaks replies of it.
    dialogue: bool = False
    #: Its words are the answers of the agent's webhook, which runs tools of its own.
    asks_agent: bool = False
    #: The provider answers the caller's turn by itself (Gemini); if not, we send Respond.
    responds_by_itself: bool = False
    #: The provider stops its response when the caller speaks; if not, we send Cancel.
    interrupts_by_itself: bool = False
    #: The provider stops a response that is cancelled; if not, its rest is swallowed, and billed.
    cancels: bool = True


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A finished turn of the conversation, as the other side heard it.

    An interrupted agent's turn holds what was heard of it, which may be nothing; a caller's
    turn that could not be recognised has no text.
    """

    role: TurnRole
    text: str


@dataclass(frozen=True, slots=True)
class PastCall:
    """A tool call of the conversation; its result may still come, as a `ToolResult`."""

    tool_call_id: str
    name: str
    arguments: Mapping[str, object]
    #: As text; None while there is none.
    result: str | None = None


PastItem: TypeAlias = PastTurn | PastCall


def past_turns(items: tuple[PastItem, ...]) -> tuple[PastTurn, ...]:
    """Return the turns among past items, for a voice that calls no tools."""
    return tuple(item for item in items if isinstance(item, PastTurn))


@dataclass(frozen=True, slots=True)
class Resumption:
    """A provider's handle of the conversation, and the items that came after it."""

    handle: str
    unknown: tuple[PastItem, ...] = ()


@dataclass(frozen=True, slots=True)
class VoiceOpening:
    """What a voice is opened with: its config, and the conversation so far.

    The history is in spoken order; it is empty for a call's first voice. A voice whose
    provider can resume a conversation does so instead, if there is a `resumption`. `scope` is
    whose call it is, which decides with whose key a provider is reached; None for nobody's.
    `call` is for a voice that asks the agent's webhook.
    `language` is what its caller speaks, as recognisers call it (`en`); empty if that is unknown.
    """

    config: SessionConfig
    history: tuple[PastItem, ...] = ()
    resumption: Resumption | None = None
    scope: Scope | None = None
    call: CallFacts | None = None
    language: str = ""


# Signals.


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak: a turn, whose transcript will have this item id.

    `ago_ms` is how long ago the voice was given the first audio of the speech: a detector
    needs some to be sure.
    """

    item_id: str
    ago_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn is over.

    `ago_ms` is how long ago the voice was given the last audio with speech in it, so it
    includes the quiet that ended the turn. `began_ago_ms` counts where `SpeechStarted` was
    not reported: how long ago the voice was given the first audio of the turn's speech.
    """

    item_id: str
    ago_ms: float = 0.0
    began_ago_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The transcript of what the caller said: cumulative text of one item.

    An empty final text means that the speech could not be recognised.
    """

    item_id: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnCleared:
    """The caller's turn was discarded by `ClearInput`; it gets no transcript."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TurnEmpty:
    """`EndTurn` came without audio to end a turn of (only without turn detection)."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """A response began; its audio and text have this id."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool, in a response that has begun.

    The voice waits for the result, and its model continues on `Respond`, unless the provider
    responds by itself.
    """

    response_id: str
    tool_call_id: str
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class ToolCallsCancelled:
    """The model no longer wants the results of these calls; a result comes too late."""

    tool_call_ids: tuple[str, ...]


class ResponseEnd(StrEnum):
    """Why a voice stopped producing a response."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a voice has used since it last reported; no token is in two of them (voices, 4).

    Tokens are counted as the provider counts them, and those that it took from its cache
    apart from the others. `seconds` are what is billed by time, `text_items` by the item.
    """

    audio_in_tokens: int = 0
    audio_cached_tokens: int = 0
    audio_out_tokens: int = 0
    text_in_tokens: int = 0
    text_cached_tokens: int = 0
    text_out_tokens: int = 0
    seconds: float = 0.0
    text_items: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return what was used in all."""
        return Usage(
            self.audio_in_tokens + other.audio_in_tokens,
            self.audio_cached_tokens + other.audio_cached_tokens,
            self.audio_out_tokens + other.audio_out_tokens,
            self.text_in_tokens + other.text_in_tokens,
            self.text_cached_tokens + other.text_cached_tokens,
            self.text_out_tokens + other.text_out_tokens,
            self.seconds + other.seconds,
            self.text_items + other.text_items,
        )

    @property
    def tokens(self) -> int:
        """Return the tokens of all kinds."""
        return (
            self.audio_in_tokens
            + self.audio_cached_tokens
            + self.audio_out_tokens
            + self.text_in_tokens
            + self.text_cached_tokens
            + self.text_out_tokens
        )


class UsageKind(StrEnum):
    """What a voice used something for."""

    RESPONSE = "response"
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The voice used something besides its responses, which `ResponseDone` reports.

    It may come at any time, even from a voice that is closed. `model` is set if it is not the
    voice's own, but that of one before.
    """

    kind: UsageKind
    usage: Usage
    model: str = ""


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The voice produces no more of a response, which may still be playing.

    With `hang_up` the call ends once the response has been played; with `gives_up` too, because
    the agent cannot go on. `is_charged` says that its
    usage has been reported apart, and stands here only to be shown.
    """

    response_id: str
    reason: ResponseEnd = ResponseEnd.COMPLETED
    hang_up: bool = False
    usage: Usage = Usage()
    is_charged: bool = field(default=False, compare=False)
    gives_up: bool = False


class VoiceFailure(StrEnum):
    """What failed in a voice; a provider's own codes become `upstream_error`."""

    OVERLOADED = "overloaded"
    SPEECH_FAILED = "speech_failed"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_CLOSED = "upstream_closed"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class UpstreamLoss:
    """Why a model's provider could not be reached, or was lost: a word (voices, 5).

    `again` says whether another connection to the same model may succeed.
    """

    model: str
    cause: str
    again: bool = True


@dataclass(frozen=True, slots=True)
class VoiceFailed:
    """The voice had an error; it continues if `recoverable`.

    `details` is the provider's own code, if there is one. `lost` says why it cannot continue,
    if its provider is to blame.
    """

    code: VoiceFailure
    message: str
    recoverable: bool
    details: str = ""
    lost: UpstreamLoss | None = None


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """The provider does not accept the workspace's own key, which ends in `last_four`."""

    model: str
    cause: str
    last_four: str


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The provider will close this conversation in `in_ms` milliseconds."""

    in_ms: int


@dataclass(frozen=True, slots=True)
class Resumable:
    """The provider can resume the conversation as it is now, by a handle; "" if it cannot."""

    handle: str


class ResumeReason(StrEnum):
    """Why a conversation continues on another connection to a provider."""

    ROLLOVER = "rollover"  # planned, before the provider's time limit
    RECONNECT = "reconnect"  # the connection was lost
    FALLBACK = "fallback"  # the model was lost, and another one has taken over


@dataclass(frozen=True, slots=True)
class Resumed:
    """The conversation continues on another connection, of this model.

    `responds_by_itself` is as in `VoiceCapabilities`, from here on. A provider that did so
    may have been lost before its answer: then `owes_answer`, and the call requests it.
    """

    reason: ResumeReason
    model: str
    responds_by_itself: bool = False
    owes_answer: bool = False


NOTHING_USED = Usage()


VoiceSignal: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | Transcribed
    | TurnCleared
    | TurnEmpty
    | ResponseStarted
    | ToolCall
    | ToolCallsCancelled
    | ResponseDone
    | UsageReported
    | VoiceFailed
    | KeyRefused
    | GoingAway
    | Resumable
    | Resumed
)


def used_in(signal: VoiceSignal) -> UsageReported | None:
    """Return what a signal reports as used, if anything."""
    match signal:
        case ResponseDone(usage=usage, is_charged=False) if usage != NOTHING_USED:
            return UsageReported(UsageKind.RESPONSE, usage)
        case UsageReported(usage=usage) if usage != NOTHING_USED:
            return signal
        case _:
            return None


# Orders.


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """Change the config; the model stays."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class EndTurn:
    """End the caller's turn now (push to talk)."""


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Discard the audio of the unfinished turn."""


class MessageRole(StrEnum):
    """Who wrote a message that the caller did not."""

    SYSTEM = "system"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class AddText:
    """Add a typed turn of the caller; it starts no response.

    A message that has another `role` is context: its `content`, and for voices that know no
    roles a `text` that says whose it is.
    """

    text: str
    role: MessageRole | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class AddImage:
    """Add an image to the conversation; it starts no response.

    `image_url` is a base64 `data:image/…` URI; `text` belongs to the image and may be empty.
    """

    image_url: str
    detail: str = "auto"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Respond:
    """Start a response under our id; `say` sets its text instead of the model.

    `turn_id` is the caller's newest turn, as the surfaces call it.

    At most one `ResponseDone` of that id follows; none is required for a response that was
    cancelled before it began.
    """

    response_id: str
    say: str | None = None
    turn_id: UUID | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a response, begun or not, of which `played_ms` were played."""

    response_id: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call, as text; it starts no response."""

    tool_call_id: str
    result: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Add what was said elsewhere to the conversation; it starts no response.

    A call without a result is open: its `ToolResult` follows. One that is open here already
    comes once more when its result is in.
    """

    items: tuple[PastItem, ...]


VoiceOrder: TypeAlias = (
    UpdateConfig
    | EndTurn
    | ClearInput
    | AddText
    | AddImage
    | Respond
    | Cancel
    | ToolResult
    | Remember
)
