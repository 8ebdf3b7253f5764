"""The turns of a caller: what is handed over and reported, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.voice import SpeechStarted, SpeechStopped, TurnCleared, TurnEmpty
from ringline.voices.caller_turns import CallerTurns
from ringline.voices.endpointing import TurnLimits
from tests.clock import run
from tests.voice_desk import Recorder, hum, quiet

BY_ORDER = TurnDetection(type=TurnDetectionType.NONE)


class Loud:
    """Takes every frame that it is asked about for speech: the endpointer asks of loud ones."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def holds_speech(self, frame: bytes) -> bool:
        return any(frame)

    def reset(self) -> None:
        pass


class Desk:
    """A caller's turns, and everything that they report and hand over, in order."""

    def __init__(self, detection: TurnDetection, limits: TurnLimits | None = None) -> None:
        self.log: list[object] = []
        ear = Recorder(hooks=[self.log.append])
        self.turns = CallerTurns(
            ear,
            detection,
            new_detector=Loud,
            turn_limits=limits or TurnLimits(),
            on_start=lambda item_id: self.log.append(("start", item_id)),
            on_end=lambda item_id, pcm: self.log.append(("end", item_id, pcm)),
        )

    def kinds(self) -> list[object]:
        return [entry[0] if isinstance(entry, tuple) else type(entry) for entry in self.log]


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def runs() -> None:
        run(test())

    del runs.__wrapped__  # type: ignore[attr-defined]  # or pytest would see a coroutine
    return runs


@in_virtual_time
async def test_the_audio_is_handed_over_before_the_end_is_reported() -> None:
    desk = Desk(TurnDetection(silence_duration_ms=300))
    desk.turns.hear(hum(400, 16_000) + quiet(400))
    assert desk.kinds() == [SpeechStarted, "start", "end", SpeechStopped]
    (_, started), (_, ended, pcm) = (entry for entry in desk.log if isinstance(entry, tuple))
    assert started == ended
    assert hum(400, 16_000)[-640:] in pcm
    assert not desk.turns.in_turn


@in_virtual_time
async def test_another_detection_waits_for_the_end_of_the_turn() -> None:
    desk = Desk(TurnDetection(silence_duration_ms=600))
    desk.turns.hear(hum(400, 16_000))
    desk.turns.use(TurnDetection(silence_duration_ms=100))
    desk.turns.hear(quiet(400))
    assert desk.kinds() == [SpeechStarted, "start"]
    desk.turns.hear(quiet(300))
    desk.turns.hear(hum(400, 16_000) + quiet(120))
    assert desk.kinds()[2:] == ["end", SpeechStopped, SpeechStarted, "start", "end", SpeechStopped]


@in_virtual_time
async def test_turns_by_order() -> None:
    desk = Desk(BY_ORDER)
    desk.turns.end()
    desk.turns.hear(hum(400, 16_000))
    desk.turns.end()
    desk.turns.hear(hum(400, 16_000))
    desk.turns.clear()
    desk.turns.end()
    assert desk.kinds() == [TurnEmpty, "end", SpeechStopped, TurnEmpty]


@in_virtual_time
async def test_a_cleared_turn_is_over_and_not_handed_over() -> None:
    desk = Desk(TurnDetection())
    desk.turns.hear(hum(400, 16_000))
    desk.turns.clear()
    desk.turns.clear()
    assert desk.kinds() == [SpeechStarted, "start", SpeechStopped, TurnCleared]
    _, item_id = next(entry for entry in desk.log if isinstance(entry, tuple))
    assert desk.log[-1] == TurnCleared(item_id)


@in_virtual_time
async def test_the_clock_ends_the_turn_of_a_caller_who_stops_sending() -> None:
    desk = Desk(TurnDetection(silence_duration_ms=20))
    desk.turns.hear(hum(400, 16_000))
    assert desk.kinds() == [SpeechStarted, "start"]
    await asyncio.sleep(0.05)
    assert desk.kinds() == [SpeechStarted, "start", "end", SpeechStopped]


@in_virtual_time
async def test_a_clock_that_is_stopped_reports_nothing() -> None:
    desk = Desk(TurnDetection(silence_duration_ms=20))
    desk.turns.hear(hum(400, 16_000))
    desk.turns.stop()
    await asyncio.sleep(100)
    assert desk.kinds() == [SpeechStarted, "start"]
