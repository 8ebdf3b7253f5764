"""The routing table: who hears whom in a call.

A party's seat is its mode in the call (talk, listen, whisper, barge, ...). `HEARS` says which
seats hear which; `routes` applies it to the parties of a call, and the bridge carries the
routes out. Recorders and detectors have seats too. The voice is routed as it is sent to the
caller, so nobody hears speech that an interruption cut off.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

#: A party of a call: anything that hears or speaks.
PartyId = NewType("PartyId", UUID)
#: A leg, by the id of its participant.
LegId = NewType("LegId", PartyId)
#: A voice of a call; a replacement has an id of its own.
VoiceId = NewType("VoiceId", PartyId)


class Seat(StrEnum):
    """A party's mode in a call."""

    TALK = "talk"  # the caller
    LISTEN = "listen"  # a silent supervisor
    WHISPER = "whisper"  # a supervisor whom only operators hear
    BARGE = "barge"  # an operator or supervisor in the conversation
    AGENT = "agent"  # the voice
    RECORDER = "recorder"  # of the whole conversation
    DETECTOR = "detector"  # of voice activity


_CONVERSATION = frozenset({Seat.TALK, Seat.AGENT, Seat.BARGE})
_HUMANS = frozenset({Seat.TALK, Seat.BARGE})

#: The seats that a seat hears, while the agent is paused or not. A paused agent still hears
#: the caller, so that the transcript continues and the agent knows what was said.
HEARS: dict[tuple[Seat, bool], frozenset[Seat]] = {
    (Seat.TALK, False): frozenset({Seat.AGENT, Seat.BARGE}),
    (Seat.TALK, True): frozenset({Seat.BARGE}),
    (Seat.AGENT, False): frozenset({Seat.TALK}),
    (Seat.AGENT, True): frozenset({Seat.TALK}),
    (Seat.LISTEN, False): _CONVERSATION,
    (Seat.LISTEN, True): _HUMANS,
    (Seat.WHISPER, False): _CONVERSATION,
    (Seat.WHISPER, True): _HUMANS,
    (Seat.BARGE, False): _CONVERSATION | {Seat.WHISPER},
    (Seat.BARGE, True): _HUMANS | {Seat.WHISPER},
    (Seat.RECORDER, False): _CONVERSATION,
    (Seat.RECORDER, True): _HUMANS,
    (Seat.DETECTOR, False): frozenset({Seat.TALK}),
    (Seat.DETECTOR, True): frozenset({Seat.TALK}),
}

#: The listeners of each speaking party, in the order in which they joined.
Routes: TypeAlias = Mapping[PartyId, tuple[PartyId, ...]]

#: Routes without listeners.
NO_ROUTES: Routes = {}


def routes(seats: Mapping[PartyId, Seat], *, paused: bool, held: bool = False) -> Routes:
    """Return the listeners of each party; parties do not hear themselves.

    While callers are `held`, no audio reaches or leaves them.
    """
    return {
        speaker: tuple(
            listener
            for listener, seat in seats.items()
            if listener != speaker
            and speaking in HEARS[seat, paused]
            and not (held and Seat.TALK in (seat, speaking))
        )
        for speaker, speaking in seats.items()
    }
