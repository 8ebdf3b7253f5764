"""What of a response may leave now: the bridge's queue and the leg's playback clock.

A voice makes speech faster than it is played. What has left cannot be taken back from a
client that does not flush, so speech leaves at most `lead_ms` ahead of the clock: an
interruption silences every leg within that time, and "played" stays honest. Text waits
in the same queue and leaves with the speech that it stands before.
"""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.bridge import Audible, BridgeSignal, PlayedOut, Spoken

#: Most speech of one response that waits here; what comes after it is dropped.
MAX_WAITING_MS = 300_000.0
_FORGOTTEN = 32  # ids of dropped responses that are remembered, for their late chunks


@dataclass(frozen=True, slots=True)
class _Text:
    delta: str


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Item: TypeAlias = Chunk | _Text | _End
Leaving: TypeAlias = Chunk | BridgeSignal


class PlaybackClock:
    """What has been sent to a leg and what it must have played by now, in milliseconds."""

    __slots__ = ("_ends_at", "_rate_hz", "sent_ms")

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._ends_at = 0.0
        self.sent_ms = 0.0

    def restart(self) -> None:
        """Count a new response from zero."""
        self.sent_ms = 0.0

    def sent(self, chunk: Chunk, now_ms: float) -> None:
        """Note that a chunk leaves now."""
        duration_ms = chunk.duration_ms(self._rate_hz)
        self._ends_at = max(self._ends_at, now_ms) + duration_ms
        self.sent_ms += duration_ms

    def lead_ms(self, now_ms: float) -> float:
        """Return how much of what was sent cannot have been played yet."""
        return max(0.0, self._ends_at - now_ms)

    def played_ms(self, now_ms: float) -> float:
        """Return how much of the running response must have been played."""
        return max(0.0, self.sent_ms - self.lead_ms(now_ms))

    def flushed(self, now_ms: float) -> None:
        """Note that the leg threw away what it had not played."""
        self._ends_at = min(self._ends_at, now_ms)


class Playout:
    """The queue of what voices made, for one leg. Only the admitted response leaves."""

    def __init__(self, rate_hz: int, lead_ms: float) -> None:
        self.clock = PlaybackClock(rate_hz)
        self.dropped_ms = 0.0
        self._rate_hz = rate_hz
        self._lead_ms = lead_ms
        self._queues: dict[str, deque[_Item]] = {}
        self._waiting_ms: dict[str, float] = {}
        self._forgotten: deque[str] = deque(maxlen=_FORGOTTEN)
        self._admitted: str | None = None
        self._audible = False
        self._paused = False

    @property
    def admitted(self) -> str | None:
        """Return the response that is leaving."""
        return self._admitted

    def speak(self, response_id: str, chunk: Chunk) -> None:
        """Queue speech; beyond the bound it is dropped and counted in `dropped_ms`."""
        duration_ms = chunk.duration_ms(self._rate_hz)
        waiting_ms = self._waiting_ms.get(response_id, 0.0) + duration_ms
        if waiting_ms > MAX_WAITING_MS:
            self.dropped_ms += duration_ms
        elif chunk.pcm and self._queue(response_id, chunk):
            self._waiting_ms[response_id] = waiting_ms

    def say(self, response_id: str, delta: str) -> None:
        """Queue text."""
        self._queue(response_id, _Text(delta))

    def finish(self, response_id: str) -> None:
        """Note that nothing more of a response will come."""
        self._queue(response_id, _End())

    def admit(self, response_id: str) -> None:
        """Let this response leave, from its beginning."""
        self._admitted, self._audible, self._paused = response_id, False, False
        self._queues.setdefault(response_id, deque())
        self.clock.restart()

    def pause(self, now_ms: float) -> int:
        """Hold the admitted response, which has been interrupted; return what was played."""
        self._paused = True
        return int(self.clock.played_ms(now_ms)) if self._admitted is not None else 0

    def drop(self, response_id: str, now_ms: float) -> bool:
        """Forget a response and what comes of it; tell whether it had been leaving."""
        self._forget(response_id)
        if self._admitted != response_id:
            return False
        self._admitted, self._paused = None, False
        self.clock.flushed(now_ms)
        return True

    def take(self, now_ms: float) -> list[Leaving]:
        """Return what leaves now, in order."""
        leaving: list[Leaving] = []
        while (response_id := self._admitted) is not None and not self._paused:
            queue = self._queues[response_id]
            if not queue or (
                isinstance(queue[0], Chunk) and self.clock.lead_ms(now_ms) >= self._lead_ms
            ):
                break
            self._leave(response_id, queue.popleft(), now_ms, leaving)
        return leaving

    def wake_in_ms(self, now_ms: float) -> float | None:
        """Return when something more may leave by time alone; None if never."""
        if self._paused or self._admitted is None or not self._queues[self._admitted]:
            return None
        return max(0.0, self.clock.lead_ms(now_ms) - self._lead_ms)

    def _leave(self, response_id: str, item: _Item, now_ms: float, out: list[Leaving]) -> None:
        match item:
            case Chunk():
                self.clock.sent(item, now_ms)
                self._waiting_ms[response_id] -= item.duration_ms(self._rate_hz)
                if not self._audible:
                    self._audible = True
                    out.append(Audible(response_id))
                out.append(item)
            case _Text(delta):
                out.append(Spoken(response_id, delta))
            case _End():
                self._admitted = None
                self._forget(response_id)
                out.append(PlayedOut(response_id))

    def _queue(self, response_id: str, item: _Item) -> bool:
        if response_id in self._forgotten:
            return False
        self._queues.setdefault(response_id, deque()).append(item)
        return True

    def _forget(self, response_id: str) -> None:
        self._queues.pop(response_id, None)
        self._waiting_ms.pop(response_id, None)
        self._forgotten.append(response_id)
