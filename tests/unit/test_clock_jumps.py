"""A wall clock that jumps while calls run: the calls do not notice."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from ringline.domain import voice
from tests.house import LIMITS, SCOPE, House, end_call, run
from tests.samples import NOW
from tests.talking import clock, speech

DAY = timedelta(days=1)


def set_clock(house: House, off_by: timedelta) -> None:
    house.wall_clock = lambda: clock() + off_by


@pytest.mark.parametrize("jumps", [(DAY,), (-DAY,), (-DAY, 2 * DAY), (2 * DAY, -DAY)])
def test_a_call_goes_on_at_its_own_pace(jumps: tuple[timedelta, ...]) -> None:
    async def main(house: House) -> None:
        live, line = house.start("Hello")
        await asyncio.sleep(1)
        (speaker,) = house.voices
        for number, jump in enumerate(jumps):
            item = f"item_{number}"
            set_clock(house, jump)
            speaker.listener.on_voice_signal(voice.SpeechStarted(item))
            speaker.listener.on_voice_signal(voice.SpeechStopped(item))
            speaker.listener.on_voice_signal(voice.Transcribed(item, "hi", final=True))
            await asyncio.sleep(0)
            speaker.say(speaker.asked(), speech(1_000), text="Hi")
            await asyncio.sleep(2)
            assert line.hung_up is None
        assert await end_call(house.calls, SCOPE, live.new.row.id)
        lasted_s = 1 + 2 * len(jumps)
        times = [stored.event.occurred_at for stored in house.memory.logs[SCOPE]]
        assert all(one <= other for one, other in pairwise(times))
        assert times[-1] - NOW < timedelta(seconds=lasted_s + 1)
        row = house.ended(live)
        assert row.duration_seconds in (lasted_s - 1, lasted_s)

    run(main)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_jump_neither_ends_a_silent_call_nor_keeps_it(jump: timedelta) -> None:
    async def main(house: House) -> None:
        _, line = house.start()
        await asyncio.sleep(1)
        set_clock(house, jump)
        await asyncio.sleep(LIMITS.idle_s - 2)
        assert line.hung_up is None
        await asyncio.sleep(2)
        assert line.hung_up is not None

    run(main)
