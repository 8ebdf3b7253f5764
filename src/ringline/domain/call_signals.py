"""The signals that a call handles, one at a time."""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.agent_tools import ToolReturned
from ringline.domain.allowance import LimitNear
from ringline.domain.call_orders import (
    ControlOrder as ControlOrder,
)
from ringline.domain.call_orders import (
    DigitsOrdered,
    EndOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
)
from ringline.domain.call_orders import (
    Verdict as Verdict,
)
from ringline.domain.call_vocabulary import ParticipantRole
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
class LimitApproached:
    """A limit is nearly reached, and the caller is to know."""

    near: LimitNear


@dataclass(frozen=True, slots=True)
class CallerSilent:
    """Nobody has spoken for as long as the agent's idle timeout."""

    seconds: float


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
    """The call's recording did not begin, or has ended early; the call continues.

    `kept` is whether there is a file, with what was recorded before.
    """

    failure: RecordingFailure
    kept: bool


CallSignal: TypeAlias = (
    VoiceOpened
    | AnswerWritten
    | EndOrdered
    | LimitApproached
    | CallerSilent
    | UsageCharged
    | TakenOver
    | HandedBack
    | HoldOrdered
    | ResumeOrdered
    | TransferOrdered
    | DigitsOrdered
    | LegJoined
    | RecordingFailed
    | ToolReturned
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
            | ToolReturned(_, text)
            | voice.Transcribed(text=text)
            | bridge.TextSent(delta=text)
        ):
            return 4 * len(text)  # UTF-8 takes at most four
        case _:
            return 0
