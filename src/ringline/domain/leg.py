"""What a leg reports and what it is told: the words of the port `Leg`.

A leg is one line into a call. Audio goes in and out as chunks; everything else is a
signal (what it reports) or an order (what it is told). News are orders that only a leg
with a screen behind it shows (a realtime session's client); a telephone ignores them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain.endings import EndCause
from ringline.domain.voice import VoiceFailure

# Signals: what a leg reports.


@dataclass(frozen=True, slots=True)
class Left:
    """The line is gone: the other side hung up or its connection broke."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class Typed:
    """The caller typed a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ResponseWanted:
    """The client asks for a response now (`response.create`)."""


@dataclass(frozen=True, slots=True)
class CancelWanted:
    """The client asks to stop the running response (`response.cancel`)."""


@dataclass(frozen=True, slots=True)
class TurnEndWanted:
    """The client says that the caller's turn ends now (`audio.commit`)."""


@dataclass(frozen=True, slots=True)
class ClearWanted:
    """The client wants the audio of the unfinished turn forgotten (`audio.clear`)."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """The leg cannot be kept: its line breaks a rule, and the call must end for it."""

    cause: EndCause


LegSignal: TypeAlias = (
    Left | Digit | Typed | ResponseWanted | CancelWanted | TurnEndWanted | ClearWanted | Overrun
)


# News: what a leg with a screen is told.


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The call is answered; the leg may open its microphone."""

    call_id: UUID
    call_uuid: str
    input_hz: int
    output_hz: int


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak: flush what is playing."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller stopped speaking."""


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """The final text of what the caller said; empty where nobody could read it."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """A response began."""


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """A piece of what the agent says, leaving with its audio."""

    delta: str


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The response is over, whether whole or failed, or `interrupted`: cut off."""

    interrupted: bool = False


class Refusal(StrEnum):
    """Why something that a client requests cannot be done now."""

    NOTHING_TO_CANCEL = "nothing_to_cancel"
    RESPONSE_ACTIVE = "response_active"
    TOO_MANY_EARLY = "too_many_early"  # before the call is answered


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that the client requested is not done; the session goes on."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class VoiceTrouble:
    """Something went wrong in the voice, which lives on."""

    failure: VoiceFailure
    message: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the line for a cause; the last order a leg gets.

    Without a message the surface uses its own words for the cause.
    """

    cause: EndCause
    message: str = ""


LegOrder: TypeAlias = (
    SessionStarted
    | CallerStarted
    | CallerStopped
    | TurnHeard
    | AgentStarted
    | AgentSaid
    | AgentFinished
    | Refused
    | VoiceTrouble
    | HangUp
)
