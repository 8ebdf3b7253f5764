"""A call of several legs, and a voice that is replaced while it runs; in virtual time.

Everybody hears what the table of routes says, and nothing that a party who is gone reports
reaches the call.
"""

import asyncio
from dataclasses import replace

import pytest

from ringline.domain import leg, voice
from ringline.domain.agent import LocalSettings
from ringline.domain.call_vocabulary import ParticipantRole, TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import ParticipantJoined, ParticipantLeft, TurnCompleted
from ringline.domain.routes import HEARS, Seat
from ringline.ports import LegListener, VoiceUnavailable
from ringline.services.live_call import LiveCall
from tests.house import SCOPE, House, hand_back, run, take_over
from tests.talking import CAPABILITIES, OUTPUT_HZ, ScriptedLeg, ScriptedVoice, speech

SUPERVISOR, OPERATOR = ParticipantRole.SUPERVISOR, ParticipantRole.OPERATOR
#: Everybody at one rate, so that a chunk is heard as it came.
ONE_RATE = replace(CAPABILITIES, input_hz=OUTPUT_HZ)
NEXT = SessionConfig(model="local/attendant", local=LocalSettings())
FAILED = voice.VoiceFailed(voice.VoiceFailure.UPSTREAM_CLOSED, "late", recoverable=False)


async def talking(house: House, greeting: str = "") -> tuple[LiveCall, ScriptedLeg]:
    house.capabilities = ONE_RATE
    live, line = house.start(greeting)
    await asyncio.sleep(1)
    return live, line


async def joined(
    live: LiveCall, seat: Seat, member: str, role: ParticipantRole = SUPERVISOR
) -> tuple[LegListener, ScriptedLeg]:
    line = ScriptedLeg()
    listener = await live.join(line, seat, member=member, role=role)
    assert listener is not None
    return listener, line


def say(speaker: ScriptedVoice, response_id: str, text: str, mark: int) -> None:
    speaker.say(response_id, speech(100, mark=mark), text=text)


@pytest.mark.parametrize("paused", [False, True])
def test_everyone_hears_what_the_table_says(paused: bool) -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        mouths, ears = {Seat.TALK: live.listener}, {Seat.TALK: caller}
        for seat in (Seat.LISTEN, Seat.WHISPER, Seat.BARGE):
            mouths[seat], ears[seat] = await joined(live, seat, seat.value)
        if paused:
            await take_over(house.calls, SCOPE, live.new.row.id, "ann")
        (speaker,) = house.voices
        for number, (seat, mouth) in enumerate(mouths.items()):
            spoken = speech(20, mark=number + 1)
            mouth.on_leg_audio(spoken)
            await asyncio.sleep(0.1)
            for listener, ear in ears.items():
                heard = seat in HEARS[listener, paused] and listener is not seat
                assert (spoken in ear.items) == heard, (seat, listener)
            assert (spoken in speaker.heard) == (seat in HEARS[Seat.AGENT, paused])
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(0.1)
        asked = [order for order in speaker.orders if isinstance(order, voice.Respond)]
        assert bool(asked) != paused
        say(speaker, asked[0].response_id if asked else "own", "hello", mark=9)
        await asyncio.sleep(1)
        for listener, ear in ears.items():
            heard = Seat.AGENT in HEARS[listener, paused]
            assert (speech(100, mark=9) in ear.items) == heard, listener

    run(main)


def test_only_the_callers_leg_shows_and_steers_the_conversation() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        listener, supervisor = await joined(live, Seat.BARGE, "ann")
        for signal in (leg.Typed("not me"), leg.ResponseRequested(), leg.CancelRequested()):
            listener.on_leg_signal(signal)
        await asyncio.sleep(1)
        assert house.voices[0].orders == []
        live.listener.on_leg_signal(leg.Typed("me"))
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(1)
        say(house.voices[0], house.voices[0].asked(), "yes", mark=1)
        await asyncio.sleep(1)
        assert leg.AgentSaid("yes") in caller.news
        assert supervisor.news == []

    run(main)


def test_a_leg_that_leaves_is_a_participant_who_left_and_the_call_goes_on() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        listener, supervisor = await joined(live, Seat.LISTEN, "ann")
        listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        events = house.events(live)
        (came,) = [one for one in events if isinstance(one, ParticipantJoined)][2:]
        (left,) = [one for one in events if isinstance(one, ParticipantLeft)]
        assert (came.member_uuid, came.role) == ("ann", SUPERVISOR)
        assert left.participant_id == came.participant_id
        live.listener.on_leg_audio(speech(20))
        assert supervisor.items == []
        assert caller.hung_up is None
        listener.on_leg_signal(leg.Left())  # it is nobody's any more
        await asyncio.sleep(1)
        assert house.calls.count(SCOPE) == 1

    run(main)


def test_only_the_leg_that_breaks_a_rule_is_hung_up() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        listener, supervisor = await joined(live, Seat.LISTEN, "ann")
        listener.on_leg_signal(leg.LegFailed(EndCause.LEG_TOO_SLOW))
        await asyncio.sleep(1)
        assert supervisor.hung_up == leg.HangUp(EndCause.LEG_TOO_SLOW)
        assert caller.hung_up is None

    run(main)


def test_the_end_of_a_call_hangs_up_on_everyone_left() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        _, supervisor = await joined(live, Seat.LISTEN, "ann")
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert supervisor.hung_up == leg.HangUp(EndCause.CALLER_LEFT)
        assert caller.hung_up is None
        house.ended(live)

    run(main)


def test_only_the_last_caller_who_leaves_ends_the_call() -> None:
    async def main(house: House) -> None:
        live, first = await talking(house)
        listener, second = await joined(live, Seat.TALK, "friend", ParticipantRole.CALLER)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.calls.count(SCOPE) == 1
        listener.on_leg_signal(leg.Typed("still here"))
        listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(1)
        say(house.voices[0], house.voices[0].asked(), "good", mark=3)
        await asyncio.sleep(1)
        assert speech(100, mark=3) in second.items
        assert leg.AgentSaid("good") in second.news
        assert first.played == []
        listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.ended(live).hangup_cause == "caller_hangup"

    run(main)


def test_no_one_joins_a_call_that_is_not_active() -> None:
    async def main(house: House) -> None:
        house.capabilities = ONE_RATE
        live, _ = house.start()
        early = ScriptedLeg()
        assert await live.join(early, Seat.LISTEN, member="ann", role=SUPERVISOR) is None
        await asyncio.sleep(1)
        live.listener.on_leg_audio(speech(20))
        assert early.items == []
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert await live.join(ScriptedLeg(), Seat.LISTEN, member="ann", role=SUPERVISOR) is None

    run(main)


def test_a_leg_whose_request_was_cancelled_does_not_stay() -> None:
    async def main(house: House) -> None:
        live, _ = await talking(house)
        line = ScriptedLeg()
        joining = asyncio.create_task(live.join(line, Seat.LISTEN, member="ann", role=SUPERVISOR))
        await asyncio.sleep(0)
        joining.cancel()
        await asyncio.sleep(1)
        live.listener.on_leg_audio(speech(20))
        assert line.items == []
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        types = [one.type for one in house.events(live)]
        assert types.count("call.participant_joined") == types.count("call.participant_left") == 3
        assert house.ended(live).hangup_cause == "caller_hangup"

    run(main)


# A voice is replaced.


def test_a_voice_is_replaced_under_a_running_call() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house, "Hello")
        (old,) = house.voices
        say(old, old.asked(), "Hello", mark=1)
        await asyncio.sleep(1)
        live.listener.on_leg_signal(leg.Typed("when do you open"))
        await asyncio.sleep(1)
        replacing = asyncio.create_task(live.replace_voice(NEXT))
        await asyncio.sleep(0.05)
        live.listener.on_leg_audio(speech(20, mark=5))
        assert old.heard[-1] == speech(20, mark=5), "it hears until the new one is open"
        await replacing
        await asyncio.sleep(0.1)
        new = house.voices[-1]
        assert house.openings[-1] == voice.VoiceOpening(
            NEXT,
            (
                voice.PastTurn(TurnRole.AGENT, "Hello"),
                voice.PastTurn(TurnRole.CALLER, "when do you open"),
            ),
            scope=live.new.scope,
            call=live.new.facts,
        )
        assert old.closed
        old.listener.on_voice_signal(FAILED)
        old.listener.on_voice_text("late", "late")
        old.listener.on_voice_audio("late", speech(100, mark=6))
        live.listener.on_leg_audio(speech(20, mark=7))
        assert new.heard == [speech(20, mark=7)]
        assert old.heard[-1] != speech(20, mark=7)
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(0.1)
        say(new, new.asked(), "At nine", mark=8)
        await asyncio.sleep(1)
        assert caller.hung_up is None
        assert [chunk.pcm[0] for _, chunk in caller.played] == [1, 8]
        turns = [one.text for one in house.events(live) if isinstance(one, TurnCompleted)]
        assert turns == ["Hello", "when do you open", "At nine"]
        assert [type(order) for order in caller.news].count(leg.SessionStarted) == 1

    run(main)


def test_what_the_old_voice_had_made_is_played_and_what_it_owed_is_asked_again() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house, "Hello")
        await live.replace_voice(NEXT)  # before the old one began the greeting
        await asyncio.sleep(0.1)
        old, new = house.voices
        assert new.orders == [voice.Respond(old.asked(), "Hello")]
        new.listener.on_voice_signal(voice.ResponseStarted(new.asked()))
        new.listener.on_voice_text(new.asked(), "Hel")
        new.listener.on_voice_audio(new.asked(), speech(1_000))
        await live.replace_voice(NEXT)
        await asyncio.sleep(2)
        assert sum(chunk.duration_ms for _, chunk in caller.played) == pytest.approx(1_000)
        assert caller.news[-1] == leg.AgentFinished()
        turns = [one.text for one in house.events(live) if isinstance(one, TurnCompleted)]
        assert turns == ["Hel"]
        assert house.voices[-1].orders == []

    run(main)


def test_two_replacements_at_once_come_one_after_the_other() -> None:
    async def main(house: House) -> None:
        live, _ = await talking(house)
        await asyncio.gather(live.replace_voice(NEXT), live.replace_voice(NEXT))
        live.listener.on_leg_audio(speech(20))
        await asyncio.sleep(0)
        *replaced, last = house.voices
        assert last.heard == [speech(20)]
        assert [one.closed for one in replaced] == [True, True]
        assert not last.closed

    run(main)


def test_a_call_that_ends_meanwhile_closes_the_voice_that_was_to_replace_its_own() -> None:
    async def main(house: House) -> None:
        live, _ = await talking(house)
        replacing = asyncio.create_task(live.replace_voice(NEXT))
        await asyncio.sleep(0.05)
        live.listener.on_leg_signal(leg.Left())
        with pytest.raises(VoiceUnavailable):
            await replacing
        assert [one.closed for one in house.voices] == [True, True]

    run(main)


def test_a_voice_that_cannot_be_opened_leaves_the_old_one_where_it_was() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        house.opening_fails = VoiceUnavailable("No room now.")
        with pytest.raises(VoiceUnavailable):
            await live.replace_voice(NEXT)
        (old,) = house.voices
        live.listener.on_leg_audio(speech(20))
        assert old.heard == [speech(20)]
        assert not old.closed
        assert caller.hung_up is None

    run(main)


def test_a_call_that_was_handed_back_is_routed_to_its_agent_again() -> None:
    async def main(house: House) -> None:
        live, caller = await talking(house)
        call_id = live.new.row.id
        listener, operator = await joined(live, Seat.BARGE, "bob", OPERATOR)
        await take_over(house.calls, SCOPE, call_id, "ann")
        listener.on_leg_audio(speech(20, mark=2))
        await hand_back(house.calls, SCOPE, call_id)
        assert operator.hung_up == leg.HangUp(EndCause.ENDED_BY_API)
        listener.on_leg_audio(speech(20, mark=4))
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(0.1)
        say(house.voices[0], house.voices[0].asked(), "back", mark=3)
        await asyncio.sleep(1)
        assert [chunk.pcm[0] for _, chunk in caller.played] == [2, 3]

    run(main)
