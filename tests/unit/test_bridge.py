"""The bridge in virtual time: pacing, interruptions, held audio, order."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.audio import Chunk
from ringline.domain.bridge import BridgeSignal
from ringline.domain.leg import LegSignal
from ringline.domain.routes import LegId, PartyId, Seat, VoiceId, routes
from ringline.domain.voice import VoiceSignal
from ringline.services.bridge import Bridge
from tests.clock import run
from tests.talking import (
    CALLER,
    CAPABILITIES,
    INPUT_HZ,
    OUTPUT_HZ,
    VOICE,
    ScriptedLeg,
    ScriptedVoice,
    half_or_double,
    has_gap,
    most_ahead_ms,
    party,
    speech,
)

Signal: TypeAlias = LegSignal | VoiceSignal | BridgeSignal


class Listening:
    """A tap that keeps what it is given."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Chunk] | float | None] = []

    @property
    def flushes(self) -> list[float | None]:
        return [one for one in self.got if not isinstance(one, tuple)]

    def sink(self, *, from_caller: bool) -> Callable[[Chunk], None]:
        side = "caller" if from_caller else "other"
        return lambda chunk: self.got.append((side, chunk))

    def on_flush(self, unplayed_ms: float | None) -> None:
        self.got.append(unplayed_ms)


class Meeting:
    """A bridge with a leg and a voice; its signals are kept with the time."""

    def __init__(
        self,
        lead_ms: float = 400.0,
        *,
        opened: bool = True,
        capabilities: voice.VoiceCapabilities = CAPABILITIES,
        line: ScriptedLeg | None = None,
    ) -> None:
        self.signals: list[tuple[float, Signal]] = []
        self.line = line or ScriptedLeg()
        self.bridge = Bridge(
            self._take, CALLER, caller_leg=self.line, lead_ms=lead_ms, new_resampler=half_or_double
        )
        self.ear = self.bridge.listener_of(CALLER)
        self.seats: dict[PartyId, Seat] = {CALLER: Seat.TALK, VOICE: Seat.AGENT}
        self.voice = ScriptedVoice(self.bridge.plug_voice(VOICE), capabilities)
        self.mouth = self.voice.listener
        self.route()
        if opened:
            self.attach()
            self.open()

    def route(self, *, paused: bool = False) -> None:
        self.bridge.send(bridge.SetRoutes(routes(self.seats, paused=paused), CALLER))

    def attach(self) -> None:
        self.bridge.attach_voice(VOICE, self.voice)

    def open(self) -> None:
        self.bridge.send(bridge.AttachVoice(VOICE))

    def _take(self, signal: FromLeg | FromVoice | FromBridge) -> None:
        self.signals.append((asyncio.get_running_loop().time(), signal.signal))

    @property
    def said(self) -> list[Signal]:
        return [signal for _, signal in self.signals]

    def speak(self, duration_ms: float, *, hang_up: bool = False) -> None:
        """Let the voice make a response at once and admit it."""
        self.voice.say("one", speech(duration_ms), text="hello", hang_up=hang_up)
        self.bridge.send(bridge.PlayResponse("one"))


def tapped(meeting: Meeting) -> Listening:
    """Plug in a tap that hears the whole conversation."""
    tap, place = Listening(), party()
    meeting.bridge.plug_tap(place, tap)
    meeting.seats[place] = Seat.RECORDER
    meeting.route()
    return tap


def test_speech_is_paced_by_the_clock_of_the_leg() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(3_000)
        await asyncio.sleep(10)
        played = meeting.line.played
        assert most_ahead_ms(played) <= 400 + 1e-6
        assert not has_gap(played)
        assert b"".join(chunk.pcm for _, chunk in played) == speech(3_000).pcm
        assert meeting.signals[-1] == (pytest.approx(3.0, abs=0.01), bridge.PlaybackFinished())
        assert meeting.said[-2] == bridge.ResponseSent("one", playing=True, characters=5)

    run(main())


def test_text_is_released_with_its_speech() -> None:
    async def main() -> None:
        meeting = Meeting()
        for text in ("one ", "two ", "three"):
            meeting.mouth.on_voice_text("one", text)
            meeting.mouth.on_voice_audio("one", speech(1_000))
        meeting.bridge.send(bridge.PlayResponse("one"))
        await asyncio.sleep(5)
        at = [when for when, signal in meeting.signals if isinstance(signal, bridge.TextSent)]
        assert at == pytest.approx([0.0, 0.8, 1.8], abs=0.21)
        assert at[1] < 1.0
        assert at[2] < 2.0

    run(main())


def test_a_voice_that_is_slow_is_passed_through() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.send(bridge.PlayResponse("one"))
        chunks = [speech(20, mark=number + 1) for number in range(10)]
        for chunk in chunks:
            meeting.mouth.on_voice_audio("one", chunk)
            assert meeting.line.items[-1] is chunk
            await asyncio.sleep(0.1)

    run(main())


@pytest.mark.parametrize("by_client", [False, True])
def test_an_interruption_stops_the_playing_in_the_same_tick(by_client: bool) -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(3_000)
        await asyncio.sleep(1.0)
        count = len(meeting.line.played)
        if by_client:
            meeting.ear.on_leg_signal(leg.CancelRequested())
        else:
            meeting.mouth.on_voice_signal(voice.SpeechStarted("item"))
        assert meeting.line.items[-1] == "flush"
        heard = bridge.Played("one", 1_000, 1)  # a third of "hello"
        expected = bridge.ClientCancelled(heard) if by_client else bridge.CallerSpoke(heard, "item")
        assert meeting.said[-1] == expected
        meeting.mouth.on_voice_audio("one", speech(100))
        await asyncio.sleep(0.5)
        meeting.bridge.send(bridge.DropResponse("one"))
        meeting.mouth.on_voice_audio("one", speech(100))
        await asyncio.sleep(5)
        assert len(meeting.line.played) == count
        assert meeting.line.items.count("flush") == 1

    run(main())


def test_speech_goes_over_the_playing_if_it_does_not_interrupt() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.ear.on_leg_signal(leg.SpeechInterrupts(False))
        meeting.speak(1_000)
        await asyncio.sleep(0.5)
        meeting.mouth.on_voice_signal(voice.SpeechStarted("item", 20.0))
        assert meeting.said[-1] == bridge.CallerSpokeOver("item", 20.0)
        await asyncio.sleep(5)
        assert "flush" not in meeting.line.items
        assert sum(chunk.duration_ms for _, chunk in meeting.line.played) == 1_000
        meeting.ear.on_leg_signal(leg.CancelRequested())
        assert "flush" in meeting.line.items, "the client itself may stop it"
        meeting.ear.on_leg_signal(leg.SpeechInterrupts(True))
        meeting.mouth.on_voice_signal(voice.SpeechStarted("another"))
        assert isinstance(meeting.said[-1], bridge.CallerSpoke)

    run(main())


def test_speech_in_the_tail_of_a_response_silences_the_leg_too() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(300)
        assert meeting.said[-1] == bridge.ResponseSent("one", playing=True, characters=5)
        await asyncio.sleep(0.1)
        meeting.mouth.on_voice_signal(voice.SpeechStarted("item"))
        assert meeting.line.items[-1] == "flush"
        spoke = bridge.CallerSpoke(bridge.Played("one", 100, 1), "item")
        assert meeting.said[-2:] == [spoke, bridge.PlaybackFinished()]
        await asyncio.sleep(5)
        assert meeting.said.count(bridge.PlaybackFinished()) == 1

    run(main())


def test_the_next_response_plays_after_an_interruption() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(1_000)
        meeting.mouth.on_voice_signal(voice.SpeechStarted("item"))
        meeting.bridge.send(bridge.DropResponse("one"))
        before = len(meeting.line.played)
        meeting.mouth.on_voice_audio("two", speech(100))
        assert len(meeting.line.played) == before
        meeting.bridge.send(bridge.PlayResponse("two"))
        assert len(meeting.line.played) == before + 1

    run(main())


def test_the_end_of_a_response_is_reported_before_its_playout() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.send(bridge.PlayResponse("one"))
        done = voice.ResponseDone("one")
        meeting.mouth.on_voice_signal(done)
        assert meeting.said[:2] == [done, bridge.ResponseSent("one")]

    run(main())


# The caller's audio.


def test_audio_passes_to_an_open_voice_unchanged() -> None:
    async def main() -> None:
        meeting = Meeting()
        chunk = speech(20, INPUT_HZ)
        meeting.ear.on_leg_audio(chunk)
        assert meeting.voice.heard[-1] is chunk

    run(main())


def test_audio_is_held_until_the_line_opens() -> None:
    async def main() -> None:
        meeting = Meeting(opened=False)
        chunks = [speech(1_000, INPUT_HZ, mark=number + 1) for number in range(4)]
        meeting.ear.on_leg_audio(chunks[0])
        meeting.attach()
        meeting.ear.on_leg_audio(chunks[1])
        meeting.ear.on_leg_audio(chunks[2])
        assert meeting.voice.heard == []
        meeting.open()
        assert meeting.voice.heard == chunks[:3]
        meeting.ear.on_leg_audio(chunks[3])
        assert meeting.voice.heard == chunks

    run(main())


@pytest.mark.parametrize("attached_after", [0, 7, 40])
def test_at_most_10_seconds_are_held_and_the_oldest_are_dropped(attached_after: int) -> None:
    async def main() -> None:
        meeting = Meeting(opened=False)
        chunks = [speech(1_000, INPUT_HZ, mark=number + 1) for number in range(40)]
        for number, chunk in enumerate(chunks):
            if number == attached_after:
                meeting.attach()
            meeting.ear.on_leg_audio(chunk)
        if attached_after == 40:
            meeting.attach()
        meeting.open()
        assert meeting.voice.heard == chunks[-10:]

    run(main())


def test_the_end_of_a_turn_stays_in_order_with_the_audio() -> None:
    async def main() -> None:
        one, two = speech(20, INPUT_HZ, mark=1), speech(20, INPUT_HZ, mark=2)
        for opened in (False, True):
            meeting = Meeting(opened=opened)
            meeting.ear.on_leg_signal(leg.EndTurnRequested())
            meeting.ear.on_leg_audio(one)
            meeting.ear.on_leg_signal(leg.EndTurnRequested())
            meeting.ear.on_leg_audio(two)
            if not opened:
                meeting.attach()
                meeting.open()
            assert meeting.voice.heard[-3:] == [one, voice.EndTurn(), two]
            assert meeting.said == []

    run(main())


def test_clearing_discards_earlier_audio_only() -> None:
    async def main() -> None:
        one, two = speech(20, INPUT_HZ, mark=1), speech(20, INPUT_HZ, mark=2)
        meeting = Meeting(opened=False)
        meeting.ear.on_leg_audio(one)
        meeting.ear.on_leg_signal(leg.ClearRequested())
        meeting.ear.on_leg_audio(two)
        meeting.attach()
        meeting.open()
        meeting.ear.on_leg_signal(leg.ClearRequested())
        meeting.ear.on_leg_audio(one)
        assert meeting.voice.heard == [two, voice.ClearInput(), one]
        assert meeting.said == [leg.ClearRequested(), leg.ClearRequested()]

    run(main())


def test_a_closed_bridge_passes_nothing() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(3_000)
        count, heard = len(meeting.line.got), len(meeting.voice.heard)
        said = len(meeting.signals)
        meeting.bridge.close()
        meeting.ear.on_leg_audio(Chunk(b"\0\0", INPUT_HZ))
        meeting.mouth.on_voice_audio("one", speech(100))
        meeting.bridge.send(bridge.PlayResponse("one"))
        await asyncio.sleep(10)
        assert (len(meeting.line.got), len(meeting.voice.heard)) == (count, heard)
        assert len(meeting.signals) == said

    run(main())


def test_rates_differ_and_each_side_keeps_its_own() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.send(bridge.PlayResponse("one"))
        meeting.mouth.on_voice_audio("one", Chunk(bytes(OUTPUT_HZ * 2), OUTPUT_HZ))
        await asyncio.sleep(0.99)
        sent = sum(chunk.duration_ms for _, chunk in meeting.line.played)
        assert sent == pytest.approx(1_000)

    run(main())


# More than one leg, and more than one voice.

ONE_RATE = replace(CAPABILITIES, input_hz=OUTPUT_HZ)


def test_a_listener_hears_the_caller_at_once_and_the_agent_as_it_leaves_for_the_caller() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        supervisor, leg_id = ScriptedLeg(), LegId(party())
        ear = meeting.bridge.plug_leg(leg_id, supervisor)
        meeting.seats[leg_id] = Seat.LISTEN
        meeting.route()
        spoken = speech(20)
        meeting.ear.on_leg_audio(spoken)
        assert (supervisor.items, meeting.line.items) == ([spoken], [])
        meeting.speak(3_000)
        await asyncio.sleep(10)
        assert supervisor.played[1:] == meeting.line.played
        ear.on_leg_audio(speech(20, OUTPUT_HZ))
        assert meeting.voice.heard == [spoken]

    run(main())


def test_an_operator_who_takes_over_speaks_with_the_caller_and_the_agent_is_not_heard() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        operator, leg_id = ScriptedLeg(), LegId(party())
        ear = meeting.bridge.plug_leg(leg_id, operator)
        meeting.seats[leg_id] = Seat.BARGE
        meeting.route(paused=True)
        said, answered = speech(20, OUTPUT_HZ, mark=3), speech(20, OUTPUT_HZ, mark=4)
        ear.on_leg_audio(said)
        meeting.ear.on_leg_audio(answered)
        meeting.speak(100)
        assert meeting.line.items == [said]
        assert operator.items == [answered]
        assert meeting.voice.heard == [answered]

    run(main())


def test_only_the_caller_steers_the_conversation() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        ear = meeting.bridge.plug_leg(LegId(party()), ScriptedLeg())
        for signal in (leg.CancelRequested(), leg.EndTurnRequested(), leg.ClearRequested()):
            ear.on_leg_signal(signal)
        assert (meeting.said, meeting.voice.heard) == ([], [])
        ear.on_leg_signal(leg.Digit("1"))
        assert meeting.said == [leg.Digit("1")]

    run(main())


def test_a_leg_that_is_unplugged_hears_and_says_nothing() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        gone, leg_id = ScriptedLeg(), LegId(party())
        ear = meeting.bridge.plug_leg(leg_id, gone)
        meeting.seats[leg_id] = Seat.BARGE
        meeting.route()
        meeting.bridge.send(bridge.DetachLeg(leg_id))
        meeting.speak(100)
        ear.on_leg_audio(speech(20))
        ear.on_leg_signal(leg.Left())
        assert gone.items == []
        assert speech(20) not in meeting.line.items
        assert leg.Left() not in meeting.said

    run(main())


def test_a_replaced_voice_reaches_nothing() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        old, new_id = meeting.mouth, VoiceId(party())
        new = ScriptedVoice(meeting.bridge.plug_voice(new_id), ONE_RATE)
        meeting.bridge.attach_voice(new_id, new)
        one, two = speech(20, mark=1), speech(20, mark=2)
        meeting.ear.on_leg_audio(one)
        del meeting.seats[VOICE]
        meeting.seats[new_id] = Seat.AGENT
        meeting.route()
        meeting.ear.on_leg_audio(two)
        meeting.bridge.send(bridge.AttachVoice(new_id))
        assert (meeting.voice.heard, new.heard) == ([one], [two])
        before = list(meeting.said)
        old.on_voice_signal(
            voice.VoiceFailed(voice.VoiceFailure.UPSTREAM_CLOSED, "late", recoverable=False)
        )
        old.on_voice_text("one", "late")
        old.on_voice_audio("one", speech(100))
        meeting.bridge.send(bridge.PlayResponse("one"))
        assert (meeting.said, meeting.line.items) == (before, [])
        new.listener.on_voice_audio("one", speech(100))
        assert len(meeting.line.played) == 1

    run(main())


def test_a_tap_hears_each_speaker_separately() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        tap = tapped(meeting)
        heard = speech(20)
        meeting.ear.on_leg_audio(heard)
        meeting.speak(100)
        assert tap.got == [("caller", heard), ("other", speech(100))]

    run(main())


def test_a_tap_hears_another_party_as_the_caller_once_it_is() -> None:
    async def main() -> None:
        meeting = Meeting(capabilities=ONE_RATE)
        tap, next_caller = tapped(meeting), LegId(party())
        ears = meeting.ear, meeting.bridge.plug_leg(next_caller, ScriptedLeg())
        meeting.seats[next_caller] = Seat.TALK
        for caller in (CALLER, next_caller):
            meeting.bridge.send(bridge.SetRoutes(routes(meeting.seats, paused=False), caller))
            for mark, ear in enumerate(ears, 1):
                ear.on_leg_audio(speech(20, mark=mark))
        sides = "caller", "other", "other", "caller"
        marks = 1, 2, 1, 2
        assert tap.got == [
            (side, speech(20, mark=mark)) for side, mark in zip(sides, marks, strict=True)
        ]

    run(main())


@pytest.mark.parametrize(("unplayed_ms", "told_ms"), [(None, None), (70.0, 300.0), (900.0, 900.0)])
def test_a_tap_learns_what_the_callers_leg_has_discarded(
    unplayed_ms: float | None, told_ms: float | None
) -> None:
    """By the leg's figure, but never less than the clock knows to be unplayed."""

    async def main() -> None:
        meeting = Meeting()
        tap = tapped(meeting)
        meeting.line.unplayed_ms = unplayed_ms
        meeting.speak(1_000)
        await asyncio.sleep(0.1)
        meeting.bridge.send(bridge.DropResponse("one"))
        assert tap.got[-1] == (None if told_ms is None else pytest.approx(told_ms))
        flushes = len(tap.flushes)
        meeting.mouth.on_voice_signal(voice.SpeechStarted("item"))
        assert tap.flushes[flushes:] == [unplayed_ms], "nothing was being played any more"
        assert meeting.line.items.count("flush") == len(tap.flushes)

    run(main())


def test_audio_is_resampled_only_where_rates_differ() -> None:
    async def main() -> None:
        telephone = Meeting(line=ScriptedLeg(input_hz=INPUT_HZ // 2))
        telephone.ear.on_leg_audio(speech(20, INPUT_HZ // 2, mark=5))
        assert telephone.voice.heard == [speech(20, INPUT_HZ, mark=5)]
        meeting = Meeting()
        meeting.ear.on_leg_audio(speech(20, INPUT_HZ, mark=6))
        assert meeting.voice.heard == [speech(20, INPUT_HZ, mark=6)]
        phone, leg_id = ScriptedLeg(output_hz=INPUT_HZ // 2), LegId(party())
        meeting.bridge.plug_leg(leg_id, phone)
        meeting.seats[leg_id] = Seat.LISTEN
        meeting.route()
        meeting.ear.on_leg_audio(speech(20, INPUT_HZ, mark=7))
        assert phone.items == [speech(20, INPUT_HZ // 2, mark=7)]

    run(main())
