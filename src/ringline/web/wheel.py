"""A timing wheel: the times of all streams, with one timer of the event loop.

A connection that waits costs an entry here and no timer. Times are kept to a tenth of a second.
"""

import asyncio
import heapq
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)

#: How exact the wheel is.
TICK_S = 0.1


class Sleeper(Protocol):
    """What is woken by the wheel, once at a time."""

    #: The tick that it is woken at; None while it is not in the wheel. The wheel's own.
    wake_tick: int | None

    def wake(self, now: float) -> None:
        """Do what is due, and ask the wheel for the next time."""
        ...


class Wheel:
    """Wakes each of its sleepers at its time, by the loop's clock."""

    def __init__(self) -> None:
        self._ticks: dict[int, dict[Sleeper, None]] = {}
        self._order: list[int] = []  # a heap of the ticks above
        self._timer: asyncio.TimerHandle | None = None

    def set(self, sleeper: Sleeper, at: float) -> None:
        """Wake a sleeper at a time, not before, instead of the time it had.

        A time that has passed is the next tick's.
        """
        tick = max(int(at / TICK_S), int(asyncio.get_running_loop().time() / TICK_S)) + 1
        if sleeper.wake_tick == tick:
            return
        self.remove(sleeper)
        sleeper.wake_tick = tick
        sleepers = self._ticks.get(tick)
        if sleepers is None:
            sleepers = self._ticks[tick] = {}
            heapq.heappush(self._order, tick)
            if self._order[0] == tick:
                self._arm()
        sleepers[sleeper] = None

    def remove(self, sleeper: Sleeper) -> None:
        """Do not wake a sleeper; harmless if it is not in the wheel."""
        tick, sleeper.wake_tick = sleeper.wake_tick, None
        if tick is not None:
            del self._ticks[tick][sleeper]

    def close(self) -> None:
        """Wake no one any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._order:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._order[0] * TICK_S, self._turn)

    def _turn(self) -> None:
        """Wake those whose time has come."""
        now = asyncio.get_running_loop().time()
        while self._order and self._order[0] * TICK_S <= now:
            sleepers = self._ticks.pop(heapq.heappop(self._order))
            for sleeper in sleepers:
                sleeper.wake_tick = None
            for sleeper in sleepers:
                try:
                    sleeper.wake(now)
                except Exception as error:  # a bug must not stop the time of the others
                    _log.error("wake_failed", error=type(error).__name__)
        self._arm()
