"""The bridge in virtual time: pacing, interruptions, held audio, order."""

import asyncio

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.audio import Chunk
from ringline.domain.call import CallSignal
from ringline.services.bridge import Bridge
from tests.clock import run
from tests.talking import (
    INPUT_HZ,
    OUTPUT_HZ,
    ScriptedLeg,
    ScriptedVoice,
    has_gap,
    most_ahead_ms,
    speech,
)


class Meeting:
    """A bridge with a line and a voice; its signals are kept with the time."""

    def __init__(self, lead_ms: float = 400.0, *, opened: bool = True) -> None:
        self.signals: list[tuple[float, CallSignal]] = []
        self.bridge = Bridge(self._take, lead_ms)
        self.line = ScriptedLeg()
        self.bridge.attach_leg(self.line)
        self.voice = ScriptedVoice(self.bridge)
        if opened:
            self.bridge.attach_voice(self.voice)
            self.bridge.tell(bridge.OpenLine())

    def _take(self, signal: CallSignal) -> None:
        self.signals.append((asyncio.get_running_loop().time(), signal))

    @property
    def said(self) -> list[CallSignal]:
        return [signal for _, signal in self.signals]

    def speak(self, duration_ms: float, *, hang_up: bool = False) -> None:
        """Let the voice make a response at once and admit it."""
        self.voice.say("one", speech(duration_ms), text="hello", hang_up=hang_up)
        self.bridge.tell(bridge.Admit("one"))


def test_speech_is_paced_by_the_clock_of_the_line() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(3_000)
        await asyncio.sleep(10)
        played = meeting.line.played
        assert most_ahead_ms(played) <= 400 + 1e-6
        assert not has_gap(played)
        assert b"".join(chunk.pcm for _, chunk in played) == speech(3_000).pcm
        assert meeting.signals[-1] == (pytest.approx(3.0, abs=0.01), bridge.Silence())
        assert meeting.said[-2] == bridge.PlayedOut("one")

    run(main())


def test_text_leaves_with_its_speech() -> None:
    async def main() -> None:
        meeting = Meeting()
        for text in ("one ", "two ", "three"):
            meeting.bridge.voice_says("one", text)
            meeting.bridge.voice_speaks("one", speech(1_000))
        meeting.bridge.tell(bridge.Admit("one"))
        await asyncio.sleep(5)
        at = [when for when, signal in meeting.signals if isinstance(signal, bridge.Spoken)]
        assert at == pytest.approx([0.0, 0.8, 1.8], abs=0.21)
        assert at[1] < 1.0
        assert at[2] < 2.0

    run(main())


def test_a_voice_that_is_slow_is_passed_through() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.tell(bridge.Admit("one"))
        chunks = [speech(20, mark=number + 1) for number in range(10)]
        for chunk in chunks:
            meeting.bridge.voice_speaks("one", chunk)
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
            meeting.bridge.leg_reports(leg.CancelWanted())
        else:
            meeting.bridge.voice_reports(voice.SpeechStarted())
        assert meeting.line.items[-1] == "flush"
        expected = bridge.CancelAsked(1_000) if by_client else bridge.CallerSpoke(1_000)
        assert meeting.said[-1] == expected
        meeting.bridge.voice_speaks("one", speech(100))
        await asyncio.sleep(0.5)
        meeting.bridge.tell(bridge.Drop("one"))
        meeting.bridge.voice_speaks("one", speech(100))
        await asyncio.sleep(5)
        assert len(meeting.line.played) == count
        assert meeting.line.items.count("flush") == 1

    run(main())


def test_speech_in_the_tail_of_a_response_silences_the_line_too() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(300)
        assert meeting.said[-1] == bridge.PlayedOut("one")
        await asyncio.sleep(0.1)
        meeting.bridge.voice_reports(voice.SpeechStarted())
        assert meeting.line.items[-1] == "flush"
        assert meeting.said[-2:] == [bridge.CallerSpoke(0), bridge.Silence()]
        await asyncio.sleep(5)
        assert meeting.said.count(bridge.Silence()) == 1

    run(main())


def test_the_next_response_plays_after_an_interruption() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(1_000)
        meeting.bridge.voice_reports(voice.SpeechStarted())
        meeting.bridge.tell(bridge.Drop("one"))
        before = len(meeting.line.played)
        meeting.bridge.voice_speaks("two", speech(100))
        assert len(meeting.line.played) == before
        meeting.bridge.tell(bridge.Admit("two"))
        assert len(meeting.line.played) == before + 1

    run(main())


def test_the_end_of_a_response_is_told_before_that_it_was_played() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.tell(bridge.Admit("one"))
        done = voice.ResponseDone("one")
        meeting.bridge.voice_reports(done)
        assert meeting.said[:2] == [done, bridge.PlayedOut("one")]

    run(main())


# The caller's audio.


def test_audio_passes_to_an_open_voice_as_it_came() -> None:
    async def main() -> None:
        meeting = Meeting()
        chunk = speech(20, INPUT_HZ)
        meeting.bridge.leg_hears(chunk)
        assert meeting.voice.heard[-1] is chunk

    run(main())


def test_audio_is_held_until_the_line_opens() -> None:
    async def main() -> None:
        meeting = Meeting(opened=False)
        chunks = [speech(1_000, INPUT_HZ, mark=number + 1) for number in range(4)]
        meeting.bridge.leg_hears(chunks[0])
        meeting.bridge.attach_voice(meeting.voice)
        meeting.bridge.leg_hears(chunks[1])
        meeting.bridge.leg_hears(chunks[2])
        assert meeting.voice.heard == []
        meeting.bridge.tell(bridge.OpenLine())
        assert meeting.voice.heard == chunks[:3]
        meeting.bridge.leg_hears(chunks[3])
        assert meeting.voice.heard == chunks

    run(main())


@pytest.mark.parametrize("attached_after", [0, 7, 40])
def test_at_most_10_seconds_are_held_and_the_oldest_go(attached_after: int) -> None:
    async def main() -> None:
        meeting = Meeting(opened=False)
        chunks = [speech(1_000, INPUT_HZ, mark=number + 1) for number in range(40)]
        for number, chunk in enumerate(chunks):
            if number == attached_after:
                meeting.bridge.attach_voice(meeting.voice)
            meeting.bridge.leg_hears(chunk)
        if attached_after == 40:
            meeting.bridge.attach_voice(meeting.voice)
        meeting.bridge.tell(bridge.OpenLine())
        assert meeting.voice.heard == chunks[-10:]

    run(main())


def test_the_end_of_a_turn_keeps_its_place_in_the_audio() -> None:
    async def main() -> None:
        one, two = speech(20, INPUT_HZ, mark=1), speech(20, INPUT_HZ, mark=2)
        for opened in (False, True):
            meeting = Meeting(opened=opened)
            meeting.bridge.leg_reports(leg.TurnEndWanted())
            meeting.bridge.leg_hears(one)
            meeting.bridge.leg_reports(leg.TurnEndWanted())
            meeting.bridge.leg_hears(two)
            if not opened:
                meeting.bridge.attach_voice(meeting.voice)
                meeting.bridge.tell(bridge.OpenLine())
            assert meeting.voice.heard[-3:] == [one, voice.EndTurn(), two]
            assert meeting.said == []

    run(main())


def test_clearing_forgets_what_came_before_and_nothing_after() -> None:
    async def main() -> None:
        one, two = speech(20, INPUT_HZ, mark=1), speech(20, INPUT_HZ, mark=2)
        meeting = Meeting(opened=False)
        meeting.bridge.leg_hears(one)
        meeting.bridge.leg_reports(leg.ClearWanted())
        meeting.bridge.leg_hears(two)
        meeting.bridge.attach_voice(meeting.voice)
        meeting.bridge.tell(bridge.OpenLine())
        meeting.bridge.leg_reports(leg.ClearWanted())
        meeting.bridge.leg_hears(one)
        assert meeting.voice.heard == [two, voice.ClearInput(), one]
        assert meeting.said == [leg.ClearWanted(), leg.ClearWanted()]

    run(main())


def test_a_closed_bridge_moves_nothing() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.speak(3_000)
        count, heard = len(meeting.line.got), len(meeting.voice.heard)
        said = len(meeting.signals)
        meeting.bridge.close()
        meeting.bridge.leg_hears(Chunk(b"\0\0", INPUT_HZ))
        meeting.bridge.voice_speaks("one", speech(100))
        meeting.bridge.tell(bridge.Admit("one"))
        await asyncio.sleep(10)
        assert (len(meeting.line.got), len(meeting.voice.heard)) == (count, heard)
        assert len(meeting.signals) == said

    run(main())


def test_rates_differ_and_each_side_keeps_its_own() -> None:
    async def main() -> None:
        meeting = Meeting()
        meeting.bridge.tell(bridge.Admit("one"))
        meeting.bridge.voice_speaks("one", Chunk(bytes(OUTPUT_HZ * 2), OUTPUT_HZ))
        await asyncio.sleep(0.99)
        sent = sum(chunk.duration_ms for _, chunk in meeting.line.played)
        assert sent == pytest.approx(1_000)

    run(main())
