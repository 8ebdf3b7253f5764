"""Live calls in virtual time: limits, faults, ends; with the real journal and bridge."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ringline.domain import leg, voice
from ringline.domain.addresses import FromLeg
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import CallStatus, ParticipantRole, TurnRole
from ringline.domain.endings import EndCause
from ringline.domain.events import CallEnded, TurnCompleted
from ringline.domain.records import AbandonedCall, CallRow, ParticipantRow, TurnRow
from ringline.ports import VoiceUnavailable
from ringline.services.live_call import INBOX_BYTES, INBOX_SIZE
from tests.house import LIMITS, SCOPE, House, run
from tests.samples import NOW, new_id
from tests.talking import INPUT_HZ, RESPONDS_BY_ITSELF, call_row, speech


def test_a_whole_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start("Hello")
        await asyncio.sleep(1)
        (speaker,) = house.voices
        new = live.new
        assert house.openings == [voice.VoiceOpening(new.config, scope=new.scope, call=new.facts)]
        assert isinstance(line.news[0], leg.SessionStarted)
        speaker.say(speaker.asked(), speech(500), text="Hello")
        await asyncio.sleep(1)
        speaker.listener.on_voice_signal(voice.SpeechStarted("item"))
        speaker.listener.on_voice_signal(voice.SpeechStopped("item"))
        speaker.listener.on_voice_signal(voice.Transcribed("item", "bye", final=True))
        await asyncio.sleep(0)
        speaker.say(speaker.asked(), speech(2_000), text="Goodbye", hang_up=True)
        await asyncio.sleep(1.9)
        assert line.hung_up is None
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.AGENT_HUNG_UP)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("completed", "agent_hangup")
        assert [text.text for text in ended.transcript] == ["Hello", "bye", "Goodbye"]
        assert speaker.closed
        assert house.calls.count(SCOPE) == 0

    run(main)


def test_the_leg_is_answered_only_when_the_answer_is_written() -> None:
    async def main(house: House) -> None:
        house.store.go_away()
        live, line = house.start("Hello")
        live.listener.on_leg_audio(speech(20, INPUT_HZ))
        await asyncio.sleep(5)
        (speaker,) = house.voices
        assert (line.got, speaker.heard) == ([], [])
        house.store.come_back()
        await asyncio.sleep(4)
        assert isinstance(line.news[0], leg.SessionStarted)
        assert speaker.heard == [
            speech(20, INPUT_HZ),
            voice.Respond(speaker.asked(), "Hello"),
        ]

    run(main)


def test_an_answer_that_is_not_written_in_10_seconds_ends_the_call() -> None:
    async def main(house: House) -> None:
        house.store.go_away()
        live, line = house.start("Hello")
        await asyncio.sleep(0.1 + LIMITS.answer_s - 0.5)
        assert line.hung_up is None
        await asyncio.sleep(1)
        assert line.items == [leg.HangUp(EndCause.ANSWER_NOT_WRITTEN)]
        house.store.come_back()
        await asyncio.sleep(10)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("failed", "storage_lost")

    run(main)


def test_an_outage_does_not_affect_a_running_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        house.store.go_away()
        live.listener.on_leg_signal(leg.Typed("are you there"))
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(60)
        (speaker,) = house.voices
        speaker.say(speaker.asked(), speech(500), text="yes")
        await asyncio.sleep(60)
        assert line.news[-1] == leg.AgentFinished()
        house.store.come_back()
        await asyncio.sleep(5)
        turns = [data.text for data in house.events(live) if isinstance(data, TurnCompleted)]
        assert turns == ["are you there", "yes"]

    run(main)


def test_an_outage_that_outlives_the_bound_ends_the_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        house.store.go_away()
        live.listener.on_leg_signal(leg.Typed("are you there"))
        for _ in range(31):
            await asyncio.sleep(10)
            live.listener.on_leg_audio(speech(20, INPUT_HZ))
        assert line.hung_up == leg.HangUp(EndCause.STORAGE_LOST)
        house.store.come_back()
        await asyncio.sleep(10)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("failed", "storage_lost")

    run(main)


def test_an_entry_that_is_refused_ends_its_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        other, other_line = house.start()
        await asyncio.sleep(1)
        house.store.refused = {live.new.row.id}
        live.listener.on_leg_signal(leg.Typed("x"))
        await asyncio.sleep(5)
        assert line.hung_up == leg.HangUp(EndCause.INTERNAL_ERROR)
        assert house.ended(live).hangup_cause == "internal_error"
        assert other_line.hung_up is None
        assert house.calls.count(other.new.scope) == 1

    run(main)


# The voice.


def test_a_voice_that_does_not_open_ends_the_call() -> None:
    async def main(house: House) -> None:
        house.opening_s = 60
        live, line = house.start()
        await asyncio.sleep(LIMITS.voice_s - 0.1)
        assert line.hung_up is None
        await asyncio.sleep(1)
        assert line.items == [leg.HangUp(EndCause.VOICE_UNAVAILABLE)]
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("failed", "upstream_lost")
        assert house.cancelled_openings == 1

    run(main)


@pytest.mark.parametrize(
    ("error", "message"),
    [(VoiceUnavailable("No room now."), "No room now."), (RuntimeError("secret"), "")],
)
def test_a_voice_that_cannot_be_opened_ends_the_call(error: Exception, message: str) -> None:
    async def main(house: House) -> None:
        house.opening_fails = error
        live, line = house.start()
        await asyncio.sleep(1)
        assert line.items == [leg.HangUp(EndCause.VOICE_UNAVAILABLE, message)]
        assert house.ended(live).hangup_cause == "upstream_lost"

    run(main)


def test_a_caller_who_leaves_before_the_voice_opens_cancels_the_opening() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(0.05)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("cancelled", "caller_hangup")
        assert (house.voices, house.cancelled_openings, line.items) == ([], 1, [])

    run(main)


@pytest.mark.parametrize("turns", range(6))
def test_a_voice_that_opens_in_that_moment_is_closed(turns: int) -> None:
    async def main(house: House) -> None:
        house.opening_s = 0
        live, _ = house.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.ended(live).hangup_cause == "caller_hangup"
        assert all(speaker.closed for speaker in house.voices)

    run(main)


def test_a_voice_that_fails_ends_the_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        failed = voice.VoiceFailed(voice.VoiceFailure.UPSTREAM_CLOSED, "why", recoverable=False)
        house.voices[0].listener.on_voice_signal(failed)
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.VOICE_CLOSED, "why")
        assert house.ended(live).status == "failed"

    run(main)


def test_a_voice_that_fails_to_close_does_not_delay_the_end() -> None:
    async def main(house: House) -> None:
        live, _ = house.start()
        await asyncio.sleep(1)

        def fail() -> None:
            raise RuntimeError("a defect")

        house.voices[0].on_close = fail
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.ended(live).status == "completed"
        assert house.calls.count(SCOPE) == 0

    run(main)


# Limits.


def test_a_call_without_a_frame_for_5_minutes_ends() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(200)
        live.listener.on_leg_audio(speech(20, INPUT_HZ))
        await asyncio.sleep(LIMITS.idle_s - 1)
        assert line.hung_up is None
        await asyncio.sleep(2)
        assert line.hung_up == leg.HangUp(EndCause.IDLE_TIMEOUT)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("completed", "idle_timeout")

    run(main)


def test_each_call_has_limits_of_its_own() -> None:
    async def main(house: House) -> None:
        short, short_line = house.start(limits=replace(LIMITS, idle_s=20))
        shorter, shorter_line = house.start(limits=replace(LIMITS, duration_s=10))
        _, line = house.start()
        await asyncio.sleep(30)
        assert short_line.hung_up == leg.HangUp(EndCause.IDLE_TIMEOUT)
        assert shorter_line.hung_up == leg.HangUp(EndCause.MAX_DURATION)
        assert house.ended(short).hangup_cause == "idle_timeout"
        assert house.ended(shorter).hangup_cause == "max_duration"
        assert line.hung_up is None

    run(main)


def test_a_call_ends_after_an_hour() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        for _ in range(359):
            await asyncio.sleep(10)
            live.listener.on_leg_audio(speech(20, INPUT_HZ))
        assert line.hung_up is None
        await asyncio.sleep(11)
        assert line.hung_up == leg.HangUp(EndCause.MAX_DURATION)
        assert house.ended(live).duration_seconds == 3600  # it was answered after 0.1 s

    run(main)


# Faults.


def test_a_defect_ends_its_call_alone() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        other, _ = house.start()
        await asyncio.sleep(1)
        # The bridge takes it, so that a step never sees it.
        live.signal(FromLeg(live.caller, leg.CancelRequested()))
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.INTERNAL_ERROR)
        assert house.ended(live).hangup_cause == "internal_error"
        assert house.calls.count(other.new.scope) == 1

    run(main)


@pytest.mark.parametrize("at", [leg.SessionStarted, leg.AgentStarted, leg.HangUp])
def test_whatever_breaks_a_call_has_one_last_event(at: type[leg.LegOrder]) -> None:
    async def main(house: House) -> None:
        live, line = house.start("Hello")
        line.fails_at = at
        await asyncio.sleep(1)
        if at is not leg.SessionStarted:
            house.voices[0].say(house.voices[0].asked(), speech(20))
        await asyncio.sleep(1)
        live.listener.on_leg_signal(leg.LegFailed(EndCause.LEG_TOO_SLOW))
        await asyncio.sleep(1)
        assert house.ended(live).status == "failed"
        assert house.calls.count(SCOPE) == 0

    run(main)


def test_a_flood_of_signals_ends_the_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        for _ in range(INBOX_SIZE * 2):
            live.listener.on_leg_signal(leg.Digit("1"))
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.INTERNAL_ERROR)
        assert house.ended(live).status == "failed"

    run(main)


def test_a_flood_of_text_ends_the_call() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        for _ in range(INBOX_BYTES // 4 // 32_000 + 1):
            live.listener.on_leg_signal(leg.Typed("x" * 32_000))
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.INTERNAL_ERROR)

    run(main)


def test_handled_text_makes_room_again() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        for _ in range(INBOX_BYTES // 4 // 32_000 + 1):
            live.listener.on_leg_signal(leg.Typed("x" * 32_000))
            await asyncio.sleep(0.01)
        assert line.hung_up is None

    run(main)


def test_a_burst_within_the_bound_does_not() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        for _ in range(INBOX_SIZE):
            live.listener.on_leg_signal(leg.Digit("1"))
        await asyncio.sleep(1)
        assert line.hung_up is None

    run(main)


def test_interrupted_speech_stops_at_once_and_what_was_heard_is_kept() -> None:
    async def main(house: House) -> None:
        live, line = house.start("A long greeting")
        await asyncio.sleep(1)
        (speaker,) = house.voices
        listener = speaker.listener
        listener.on_voice_signal(voice.ResponseStarted(speaker.asked()))
        for word in ("A ", "long ", "greeting"):
            listener.on_voice_text(speaker.asked(), word)
            listener.on_voice_audio(speaker.asked(), speech(1_000))
        await asyncio.sleep(1.2)
        listener.on_voice_signal(voice.SpeechStarted("item"))
        await asyncio.sleep(1)
        after = line.items[line.items.index("flush") :]
        assert after == ["flush", leg.CallerStarted(), leg.AgentFinished(True, "A")]
        assert speaker.orders[-1] == voice.Cancel(speaker.asked(), 1_200)
        (turn,) = [data for data in house.events(live) if isinstance(data, TurnCompleted)]
        assert (turn.text, turn.interrupted) == ("A long ", True)

    run(main)


def test_a_response_begins_before_its_speech_and_ends_after_it() -> None:  # O3
    async def main(house: House) -> None:
        house.capabilities = RESPONDS_BY_ITSELF
        _, line = house.start()
        await asyncio.sleep(1)
        house.voices[0].say("own-1", speech(900))
        house.voices[0].say("own-2", speech(900, mark=2))
        await asyncio.sleep(5)
        kinds = [
            "speech" if isinstance(item, Chunk) else type(item).__name__ for item in line.items
        ]
        shape = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]
        one = ["AgentStarted", "speech", "AgentFinished"]
        assert shape == ["SessionStarted", *one, *one]

    run(main)


# All calls together.


def test_a_call_that_is_ended_ends_alone() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        _, other_line = house.start()
        await asyncio.sleep(1)
        live.end(EndCause.KEY_REVOKED)
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.KEY_REVOKED)
        assert house.ended(live).hangup_cause == "revoked"
        assert other_line.hung_up is None

    run(main)


def test_a_shutdown_ends_every_call_and_lets_none_begin() -> None:
    async def main(house: House) -> None:
        lives = [house.start() for _ in range(3)]
        await asyncio.sleep(1)
        assert house.calls.accepting
        await house.calls.shutdown()
        assert not house.calls.accepting
        assert [line.hung_up for _, line in lives] == [leg.HangUp(EndCause.SERVER_SHUTDOWN)] * 3
        assert await house.journal.close() == 0
        for live, _ in lives:
            ended = house.ended(live)
            assert (ended.status, ended.hangup_cause) == ("completed", "server_shutdown")

    run(main)


def test_a_shutdown_does_not_wait_for_the_database() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(1)
        house.store.go_away()
        live.listener.on_leg_signal(leg.Typed("x"))
        began = asyncio.get_running_loop().time()
        await house.calls.shutdown()
        assert asyncio.get_running_loop().time() - began < 1
        assert line.hung_up == leg.HangUp(EndCause.SERVER_SHUTDOWN)
        assert await house.journal.close() > 0, "the next start ends what was left open"

    run(main)


def test_no_call_begins_while_the_database_is_down() -> None:
    async def main(house: House) -> None:
        assert house.calls.accepting
        house.journal.store_unavailable()
        assert not house.calls.accepting

    run(main)


def test_the_calls_of_a_dead_process_are_ended() -> None:
    async def main(house: House) -> None:
        row = replace(call_row(), status=CallStatus.ANSWERED, answered_at=NOW)
        row_of_turn = TurnRow(
            new_id(), row.id, new_id(), "item", 0, TurnRole.CALLER, "hi", False, NOW
        )
        lost = AbandonedCall(SCOPE, row, _participants(row), (row_of_turn,), NOW)
        other = AbandonedCall(SCOPE, call_row(), (), (), NOW)
        await asyncio.sleep(timedelta(minutes=1).total_seconds())
        house.calls.sweep([lost, other], {row.id})
        await asyncio.sleep(1)
        *left, ended, unrecorded = [stored.event.data for stored in house.memory.logs[SCOPE]]
        assert [data.type for data in left] == ["call.participant_left"] * 2
        assert isinstance(ended, CallEnded)
        assert isinstance(unrecorded, CallEnded)
        assert (ended.recorded, unrecorded.recorded) == (True, False)
        assert (ended.status, ended.hangup_cause) == ("completed", "server_lost")
        assert [line.text for line in ended.transcript] == ["hi"]

    run(main)


def _participants(row: CallRow) -> tuple[ParticipantRow, ...]:
    return (
        ParticipantRow(new_id(), row.id, row.from_number, ParticipantRole.CALLER, NOW),
        ParticipantRow(new_id(), row.id, row.to_number, ParticipantRole.AI_AGENT, NOW),
    )
