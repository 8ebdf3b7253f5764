"""What moves a call: the signals that its one task takes, one by one."""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.routes import LegId, Seat, VoiceId


@dataclass(frozen=True, slots=True)
class VoiceOpened:
    """A voice is ready to hear: the call's first one, or one that replaces it."""

    voice_id: VoiceId
    capabilities: voice.VoiceCapabilities


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """The entry that says the call is answered has been committed."""


@dataclass(frozen=True, slots=True)
class EndOrdered:
    """The call must end: an API order, a limit, a fault."""

    cause: EndCause
    message: str = ""


@dataclass(frozen=True, slots=True)
class LegJoined:
    """Another leg joins, as the participant whose id it has.

    `member` is how the participant is named, text that a database column takes.
    """

    leg: LegId
    seat: Seat
    member: str
    role: ParticipantRole


CallSignal: TypeAlias = (
    VoiceOpened
    | AnswerWritten
    | EndOrdered
    | TakenOver
    | HandedBack
    | LegJoined
    | FromLeg
    | FromVoice
    | FromBridge
)

#: What the conversation takes, whoever sent it.
ConversationSignal: TypeAlias = leg.LegSignal | voice.VoiceSignal | bridge.BridgeSignal
