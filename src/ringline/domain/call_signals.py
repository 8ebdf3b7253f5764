"""The signals that a call handles, one at a time."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.allowance import LimitNear
from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.leg import LegControl
from ringline.domain.recording import RecordingFailure
from ringline.domain.routes import LegId, Seat, VoiceId


@dataclass(frozen=True, slots=True)
class VoiceOpened:
    """A voice has opened: the call's first, or a replacement."""

    voice_id: VoiceId
    capabilities: voice.VoiceCapabilities


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """The entry with the answer has been committed."""


@dataclass(frozen=True, slots=True)
class EndOrdered:
    """The call must end: by the API, a limit or a fault."""

    cause: EndCause
    message: str = ""
    lost: voice.UpstreamLoss | None = None


@dataclass(frozen=True, slots=True)
class HoldOrdered:
    """The caller must be put on hold."""


@dataclass(frozen=True, slots=True)
class ResumeOrdered:
    """The hold must end."""


@dataclass(frozen=True, slots=True)
class TransferOrdered:
    """The caller must be connected with a destination in E.164; the call ends with that."""

    destination: str


@dataclass(frozen=True, slots=True)
class DigitsOrdered:
    """DTMF digits must be sent to the caller's side (`leg.SendDigits`)."""

    digits: str


#: The orders that the line of the caller's leg carries out (live streams, 6.3.5).
ControlOrder: TypeAlias = HoldOrdered | ResumeOrdered | TransferOrdered | DigitsOrdered


class Verdict(StrEnum):
    """What became of an order to a call."""

    DONE = "done"  # carried out, or already the case
    NOT_ACTIVE = "not_active"  # the call has not been answered yet, or has ended
    WRONG_STATE = "wrong_state"  # to hold a held call, to resume one that is not held
    LEG_CANNOT = "leg_cannot"  # the caller's leg is of a kind that cannot do it
    NOT_HERE = "not_here"  # no such call of this log runs in this process


@dataclass(frozen=True, slots=True)
class LimitApproached:
    """A limit is nearly reached, and the caller is to know."""

    near: LimitNear


@dataclass(frozen=True, slots=True)
class UsageCharged:
    """A voice has used something, which counts against the call's budget."""

    tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class LegJoined:
    """Another leg joined; its id is the participant's.

    `member` names the participant and holds no U+0000.
    """

    leg: LegId
    seat: Seat
    member: str
    role: ParticipantRole
    controls: frozenset[LegControl] = frozenset()


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The call's recording did not begin, or has ended early; the call continues."""

    failure: RecordingFailure


CallSignal: TypeAlias = (
    VoiceOpened
    | AnswerWritten
    | EndOrdered
    | LimitApproached
    | UsageCharged
    | TakenOver
    | HandedBack
    | HoldOrdered
    | ResumeOrdered
    | TransferOrdered
    | DigitsOrdered
    | LegJoined
    | RecordingFailed
    | FromLeg
    | FromVoice
    | FromBridge
)

#: The signals of the conversation, from any sender.
ConversationSignal: TypeAlias = leg.LegSignal | voice.VoiceSignal | bridge.BridgeSignal


def size_of(signal: CallSignal | ConversationSignal) -> int:
    """Return the bytes of unbounded text in a signal, at most; its other members are short."""
    match signal:
        case FromLeg(_, said) | FromVoice(_, said) | FromBridge(said):
            return size_of(said)
        case leg.ImageShown(image_url, _, text):
            return len(image_url) + 4 * len(text)  # base64 has a byte a character
        case (
            leg.Typed(text)
            | leg.ContextGiven(_, text)
            | leg.ToolAnswered(_, text)
            | voice.Transcribed(text=text)
            | bridge.TextSent(delta=text)
        ):
            return 4 * len(text)  # UTF-8 takes at most four
        case _:
            return 0
