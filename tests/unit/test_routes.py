"""Who hears whom: the table is walked, seat by seat."""

from itertools import product

import pytest

from ringline.domain.routes import HEARS, PartyId, Seat, routes
from tests.talking import party

TALK, LISTEN, WHISPER, BARGE = Seat.TALK, Seat.LISTEN, Seat.WHISPER, Seat.BARGE
AGENT, RECORDER, DETECTOR = Seat.AGENT, Seat.RECORDER, Seat.DETECTOR

#: Everybody's ears, written out: what each hears while the agent speaks, and while it is paused.
EXPECTED = {
    TALK: ({AGENT, BARGE}, {BARGE}),
    AGENT: ({TALK}, {TALK}),
    LISTEN: ({TALK, AGENT, BARGE}, {TALK, BARGE}),
    WHISPER: ({TALK, AGENT, BARGE}, {TALK, BARGE}),
    BARGE: ({TALK, AGENT, BARGE, WHISPER}, {TALK, BARGE, WHISPER}),
    RECORDER: ({TALK, AGENT, BARGE}, {TALK, BARGE}),
    DETECTOR: ({TALK}, {TALK}),
}


def test_the_table_has_a_row_for_everybody() -> None:
    assert set(HEARS) == set(product(Seat, (False, True)))
    assert set(EXPECTED) == set(Seat)


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("listener", Seat)
def test_everybody_hears_what_the_table_says(listener: Seat, paused: bool) -> None:
    one = {seat: party() for seat in Seat}
    other = {seat: party() for seat in Seat}
    seats = {id_: seat for seat, id_ in (*one.items(), *other.items())}
    found = routes(seats, paused=paused)
    heard = {speaker for speaker, listeners in found.items() if one[listener] in listeners}
    speaking = EXPECTED[listener][paused]
    expected = {id_ for id_, seat in seats.items() if seat in speaking} - {one[listener]}
    assert heard == expected


@pytest.mark.parametrize("paused", [False, True])
def test_a_held_caller_is_apart_from_everybody(paused: bool) -> None:
    seats = {party(): seat for seat in (*Seat, TALK)}
    held, open_ = (routes(seats, paused=paused, held=on_hold) for on_hold in (True, False))
    callers = {id_ for id_, seat in seats.items() if seat is TALK}
    for speaker, listeners in held.items():
        kept = () if speaker in callers else open_[speaker]
        assert listeners == tuple(id_ for id_ in kept if id_ not in callers)


def test_the_caller_hears_nobody_who_only_listens_or_whispers() -> None:
    for paused in (False, True):
        assert not HEARS[TALK, paused] & {LISTEN, WHISPER, RECORDER, DETECTOR}


def test_a_call_of_two_is_one_row_each_way() -> None:
    caller, voice = party(), party()
    expected: dict[PartyId, tuple[PartyId, ...]] = {caller: (voice,), voice: (caller,)}
    assert routes({caller: TALK, voice: AGENT}, paused=False) == expected
    assert routes({caller: TALK, voice: AGENT}, paused=True) == {caller: (voice,), voice: ()}
