"""Who hears whom: one table by seat, and the routes that follow for the parties of a call.

A seat says what somebody is in the call; a leg's seat is its mode. The bridge obeys the
routes for any number of parties; a recorder or a detector has a seat like everybody else.
What a voice says is heard by others as it leaves for the caller, so nobody hears speech that
an interruption has cut off.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

#: Somebody who hears or speaks in a call.
PartyId = NewType("PartyId", UUID)
#: A leg: the id of its participant.
LegId = NewType("LegId", PartyId)
#: One conversation with a voice; a voice that replaces it has another id.
VoiceId = NewType("VoiceId", PartyId)


class Seat(StrEnum):
    """What somebody is in a call."""

    TALK = "talk"  # the caller
    LISTEN = "listen"  # a supervisor whom nobody hears
    WHISPER = "whisper"  # a supervisor whom only the people on our side hear
    BARGE = "barge"  # an operator or supervisor on the line
    AGENT = "agent"  # the voice
    RECORDER = "recorder"  # what the caller said, and what the caller heard
    DETECTOR = "detector"  # of the caller's speech


_EVERYBODY_ON_THE_LINE = frozenset({Seat.TALK, Seat.AGENT, Seat.BARGE})
_PEOPLE_ON_THE_LINE = frozenset({Seat.TALK, Seat.BARGE})

#: Whom a seat hears, and whether the agent is paused. A paused agent goes on hearing the
#: caller: what they say is written down, and the agent knows it when it is back.
HEARS: dict[tuple[Seat, bool], frozenset[Seat]] = {
    (Seat.TALK, False): frozenset({Seat.AGENT, Seat.BARGE}),
    (Seat.TALK, True): frozenset({Seat.BARGE}),
    (Seat.AGENT, False): frozenset({Seat.TALK}),
    (Seat.AGENT, True): frozenset({Seat.TALK}),
    (Seat.LISTEN, False): _EVERYBODY_ON_THE_LINE,
    (Seat.LISTEN, True): _PEOPLE_ON_THE_LINE,
    (Seat.WHISPER, False): _EVERYBODY_ON_THE_LINE,
    (Seat.WHISPER, True): _PEOPLE_ON_THE_LINE,
    (Seat.BARGE, False): _EVERYBODY_ON_THE_LINE | {Seat.WHISPER},
    (Seat.BARGE, True): _PEOPLE_ON_THE_LINE | {Seat.WHISPER},
    (Seat.RECORDER, False): _EVERYBODY_ON_THE_LINE,
    (Seat.RECORDER, True): _PEOPLE_ON_THE_LINE,
    (Seat.DETECTOR, False): frozenset({Seat.TALK}),
    (Seat.DETECTOR, True): frozenset({Seat.TALK}),
}

#: Who hears each party that speaks, in the order in which they joined.
Routes: TypeAlias = Mapping[PartyId, tuple[PartyId, ...]]

#: Nobody hears anybody.
NO_ROUTES: Routes = {}


def routes(seats: Mapping[PartyId, Seat], *, paused: bool) -> Routes:
    """Return who hears each party; nobody hears themselves."""
    return {
        speaker: tuple(
            listener
            for listener, seat in seats.items()
            if listener != speaker and speaking in HEARS[seat, paused]
        )
        for speaker, speaking in seats.items()
    }
