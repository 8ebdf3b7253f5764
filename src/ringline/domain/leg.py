"""The signals and orders of the port `Leg`.

A leg connects one party to a call. Audio goes in and out as chunks; everything else is a
signal (what the leg reports) or an order (what it must do). Most orders are notifications
for a client with a screen (a realtime session's); a telephone leg ignores them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain.endings import EndCause
from ringline.domain.voice import VoiceFailure

# Signals.


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


@dataclass(frozen=True, slots=True)
class ResponseRequested:
    """The client requests a response now (`response.create`)."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The client cancels the running response (`response.cancel`)."""


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
    | ResponseRequested
    | CancelRequested
    | EndTurnRequested
    | ClearRequested
    | LegFailed
)


# Orders: notifications, and hanging up.


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The call is answered; the leg may open its microphone."""

    call_id: UUID
    call_uuid: str


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak; the client must flush what is playing."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller stopped speaking."""


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """The final text of the caller's turn; empty if it could not be recognised."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """A response began."""


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """A piece of the agent's text, sent with its audio."""

    delta: str


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The response is over: complete, failed, or `interrupted`."""

    interrupted: bool = False


class Refusal(StrEnum):
    """Why a client's request is refused."""

    NOTHING_TO_CANCEL = "nothing_to_cancel"
    RESPONSE_ACTIVE = "response_active"
    TOO_MANY_EARLY = "too_many_early"  # before the call is answered


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request of the client was refused; the session continues."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class VoiceError:
    """The voice had an error that it survives."""

    failure: VoiceFailure
    message: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up for a cause; the last order to a leg.

    Without a message, the surface uses its own text for the cause.
    """

    cause: EndCause
    message: str = ""


LegOrder: TypeAlias = (
    SessionStarted
    | CallerStarted
    | CallerStopped
    | TurnTranscribed
    | AgentStarted
    | AgentSaid
    | AgentFinished
    | RequestRefused
    | VoiceError
    | HangUp
)
