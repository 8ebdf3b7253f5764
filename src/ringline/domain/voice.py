"""What a voice reports and what it is told: the words of the port `Voice`.

A voice is one conversation with one speaking model. Audio goes in and out as chunks;
everything else is a signal (what it reports) or an order (what it is told), as values.
No leg ever knows which voice it talks to: the conversation's state (turns, open tool
calls, which response runs) belongs to the call. Response and item ids are minted by the
adapter where its provider has none; a response that we ask for carries our id.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ringline.domain.agent import TurnDetectionType
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import Modality, SessionConfig


@dataclass(frozen=True, slots=True)
class VoiceCapabilities:
    """What a model can do, and what its provider does without being told."""

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
    temperature: tuple[float, float] | None = None
    #: It understands the phrases of `local` and speaks its replies.
    dialogue: bool = False
    #: The provider answers the end of a caller's turn by itself (Gemini); else we say Respond.
    responds_by_itself: bool = False
    #: The provider stops its own response when the caller speaks; else we say Cancel.
    interrupts_by_itself: bool = False


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A finished turn of the conversation, as it was heard.

    An interrupted agent's turn holds what had left for the caller; a caller's turn that
    nobody could read has no text.
    """

    role: TurnRole
    text: str


@dataclass(frozen=True, slots=True)
class VoiceOpening:
    """What a voice is opened with: its config, and what was said before it came.

    The history is in the order it was said; a call's first voice has none.
    """

    config: SessionConfig
    history: tuple[PastTurn, ...] = ()


# Signals: what a voice reports.


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn is over."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What the caller said: cumulative text of one item, partial or final.

    A final text that is empty says that nobody could read what was said.
    """

    item_id: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnCleared:
    """A turn of the caller was cleared by order: nothing is made of what was said."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """A response began; its audio and text carry this id."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run."""

    response_id: str
    tool_call_id: str
    name: str
    arguments: dict[str, object]


class ResponseEnd(StrEnum):
    """Why a voice produces no more of a response."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The voice produces no more of a response, which may still be playing.

    `hang_up` asks to end the call once it has been played.
    """

    response_id: str
    reason: ResponseEnd = ResponseEnd.COMPLETED
    hang_up: bool = False


class VoiceFailure(StrEnum):
    """What is wrong with a voice; a provider's own codes become `upstream_error`."""

    OVERLOADED = "overloaded"
    SPEECH_FAILED = "speech_failed"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_CLOSED = "upstream_closed"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class VoiceFailed:
    """Something went wrong; `alive` tells whether the voice lives on."""

    code: VoiceFailure
    message: str
    alive: bool


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The provider will close this conversation in `in_ms` milliseconds."""

    in_ms: int


VoiceSignal: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | Transcribed
    | TurnCleared
    | ResponseStarted
    | ToolCall
    | ResponseDone
    | VoiceFailed
    | GoingAway
)


# Orders: what a voice is told.


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """Go on with another config (not another model)."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The caller's turn ends now (push to talk)."""


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Forget the audio of the turn that is not over."""


@dataclass(frozen=True, slots=True)
class AddText:
    """Add a typed turn of the caller to the conversation; does not start a response."""

    text: str


@dataclass(frozen=True, slots=True)
class Respond:
    """Start a response under our id; `say` gives its words instead of the model's own.

    It is answered by one `ResponseDone` of that id at most; a voice that is told Cancel
    before it began need not report anything.
    """

    response_id: str
    say: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a response, begun or not; the caller has heard `played_ms` of it."""

    response_id: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a tool call, as text."""

    tool_call_id: str
    result: str


VoiceOrder: TypeAlias = (
    UpdateConfig | EndTurn | ClearInput | AddText | Respond | Cancel | ToolResult
)
