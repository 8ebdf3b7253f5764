"""The signals and orders of the port `Leg`.

A leg connects one party to a call. Audio goes in and out as chunks; everything else is a
signal (what the leg reports) or an order (what it must do). Most orders are notifications
for a client with a screen (a realtime session's); a telephone leg ignores them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain.allowance import LimitNear
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.latency import Latency
from ringline.domain.voice import (
    MessageRole,
    ResumeReason,
    UpstreamLoss,
    Usage,
    UsageKind,
    VoiceFailure,
)

#: The turn of an order that names none.
NO_TURN = UUID(int=0)


class LegControl(StrEnum):
    """What a leg can do with its line, if its kind can; every leg can hang up."""

    HOLD = "hold"  # `Hold` and `Resume`
    TRANSFER = "transfer"  # `Transfer`
    DIGITS = "digits"  # `SendDigits`


#: All of them.
ALL_CONTROLS = frozenset(LegControl)

# Signals. `request` is the client's own id of what it asked for; a refusal repeats it.


@dataclass(frozen=True, slots=True)
class Left:
    """The other side hung up, or its connection broke."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class Typed:
    """The caller typed a message."""

    text: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class ContextGiven:
    """The client adds a message that is not a turn: of the system, or an earlier answer."""

    role: MessageRole
    text: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class ImageShown:
    """The caller showed an image: a base64 `data:image/…` URI, with a text that may be empty."""

    image_url: str
    detail: str = "auto"
    text: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The client answered a tool call; the result is text, or JSON as text."""

    tool_call_id: str
    result: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """The client changed the session's config, which is valid for its model."""

    config: SessionConfig
    #: Sentences about members that have no effect.
    warnings: tuple[str, ...] = ()
    #: Its tools are still those of the agent.
    tools_of_agent: bool = False
    request: str = ""


@dataclass(frozen=True, slots=True)
class ResponseRequested:
    """The client requests a response now (`response.create`)."""

    request: str = ""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The client cancels the running response (`response.cancel`)."""

    request: str = ""


@dataclass(frozen=True, slots=True)
class PlaybackTold:
    """The client says how much it has played of the response that is being sent to it."""

    played_ms: float


@dataclass(frozen=True, slots=True)
class AnswersOnRequest:
    """What the agent answers only when the client requests a response.

    That is the caller's `turns`, and the `results` of tools; a voice that responds by itself
    answers them all the same.
    """

    turns: bool
    results: bool


@dataclass(frozen=True, slots=True)
class SpeechInterrupts:
    """Whether the caller's speech interrupts the agent, from now on; at first it does.

    A voice that its provider interrupts stops all the same.
    """

    allowed: bool


@dataclass(frozen=True, slots=True)
class EndTurnRequested:
    """The client ends the caller's turn (`audio.commit`)."""


@dataclass(frozen=True, slots=True)
class ClearRequested:
    """The client discards the audio of the unfinished turn (`audio.clear`)."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """The other side broke a rule of its protocol, which ends the leg."""

    cause: EndCause


LegSignal: TypeAlias = (
    Left
    | Digit
    | Typed
    | ContextGiven
    | ImageShown
    | ToolAnswered
    | ConfigChanged
    | ResponseRequested
    | CancelRequested
    | PlaybackTold
    | AnswersOnRequest
    | SpeechInterrupts
    | EndTurnRequested
    | ClearRequested
    | LegFailed
)


def request_of(signal: LegSignal) -> str:
    """Return the client's own id of its request; empty if it has none."""
    match signal:
        case (
            Typed(request=request)
            | ContextGiven(request=request)
            | ImageShown(request=request)
            | ToolAnswered(request=request)
            | ConfigChanged(request=request)
            | ResponseRequested(request)
            | CancelRequested(request)
        ):
            return request
        case _:
            return ""


# Orders: control of the line, notifications, and hanging up. A notification's turn and times
# are for surfaces that show them; they do not make it another notification.


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the other side on hold; the call sends it no audio until `Resume`."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Take the other side off hold."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the other side with a destination, a number in E.164, and leave it to them.

    A blind transfer: it is not undone if the destination does not answer. `HangUp` follows.
    """

    destination: str


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Send DTMF digits (`0-9A-D*#`) to the other side; a `,` is a pause."""

    digits: str


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The call is answered; the leg may open its microphone."""

    call_id: UUID
    call_uuid: str


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak, `ago_ms` ago; the client must flush what is playing.

    Unless speech does not interrupt the agent (`SpeechInterrupts`).
    """

    turn_id: UUID = field(default=NO_TURN, compare=False)
    ago_ms: float = field(default=0.0, compare=False)
    interrupts: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller's turn, which began `began_ago_ms` ago, is over; its speech ended `ago_ms` ago."""

    turn_id: UUID = field(default=NO_TURN, compare=False)
    ago_ms: float = field(default=0.0, compare=False)
    began_ago_ms: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """The final text of the caller's turn; empty if it could not be recognised."""

    text: str
    turn_id: UUID = field(default=NO_TURN, compare=False)


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """A response began."""

    turn_id: UUID = field(default=NO_TURN, compare=False)


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """A piece of the agent's text, sent with its audio."""

    delta: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The agent calls a tool; the client must run it and answer."""

    tool_call_id: str
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class ConfigUpdated:
    """The config that the session runs with from now on."""

    config: SessionConfig
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The response is over: complete, or `interrupted`, by somebody or by a failure.

    `spoken_text` is what was heard of an interrupted one, None if it was text alone;
    `latency` is how long it took to begin, None where no speech came before. `usage` is what
    the voice has used for responses since the last one was over, None for nothing.
    """

    interrupted: bool = False
    spoken_text: str | None = None
    latency: Latency | None = None
    usage: Usage | None = field(default=None, compare=False)


class Refusal(StrEnum):
    """Why a client's request is refused."""

    NOTHING_TO_CANCEL = "nothing_to_cancel"
    NOTHING_TO_COMMIT = "nothing_to_commit"
    NO_SUCH_TOOL_CALL = "no_such_tool_call"  # or it is answered already
    RESPONSE_ACTIVE = "response_active"
    TOO_MANY_EARLY = "too_many_early"  # before the call is answered


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request of the client was refused; the session continues."""

    refusal: Refusal
    request: str = ""


@dataclass(frozen=True, slots=True)
class VoiceError:
    """The voice had an error that it survives; `details` is its provider's code."""

    failure: VoiceFailure
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class LimitWarned:
    """A limit of the call is nearly reached."""

    near: LimitNear


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """The voice continues on another connection, of this model."""

    reason: ResumeReason
    model: str


@dataclass(frozen=True, slots=True)
class UsageWritten:
    """What a voice has used is in the ledger, at its price."""

    model: str
    kind: UsageKind
    usage: Usage
    usd: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up for a cause; the last order to a leg.

    Without a message, the surface uses its own text for the cause. `lost` says what became of
    the voice, if its provider is to blame.
    """

    cause: EndCause
    message: str = ""
    lost: UpstreamLoss | None = None


LegOrder: TypeAlias = (
    Hold
    | Resume
    | Transfer
    | SendDigits
    | SessionStarted
    | CallerStarted
    | CallerStopped
    | TurnTranscribed
    | AgentStarted
    | AgentSaid
    | ToolCalled
    | ConfigUpdated
    | AgentFinished
    | RequestRefused
    | VoiceError
    | LimitWarned
    | SessionResumed
    | UsageWritten
    | HangUp
)
