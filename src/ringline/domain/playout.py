"""What of a response may leave now: the bridge's queue and the leg's playback clock.

A voice makes speech faster than it is played. What has left cannot be taken back from a
client that does not flush, so speech leaves at most `lead_ms` ahead of the clock: an
interruption silences every leg within that time, and "played" stays honest. A chunk that
is longer than half of it is cut up, so that the next piece leaves before the last one is
over. Text waits in the same queue and leaves with the speech that it stands before.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import TypeAlias

from ringline.domain import limits
from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.domain.bridge import BridgeSignal, ResponseAudible, ResponseSent, TextSent

#: Most of one response that waits here; what comes after it is dropped and counted.
MAX_WAITING_MS = limits.PLAYOUT_MS.most
MAX_WAITING_TEXT = limits.PLAYOUT_TEXT_BYTES.most
MAX_WAITING_PIECES = limits.PLAYOUT_PIECES.most
MAX_WAITING_RESPONSES = limits.PLAYOUT_RESPONSES.most
_MIN_PIECE_MS = 20.0  # no chunk is cut into less, however short the lead
_MIN_WAKE_MS = 1.0  # clocks are not exact; never spin
_FORGOTTEN = 32  # ids of dropped responses that are remembered, for their late chunks


@dataclass(frozen=True, slots=True)
class _Text:
    delta: str
    size: int


@dataclass(frozen=True, slots=True)
class _End:
    pass


_END = _End()


_Item: TypeAlias = Chunk | _Text | _End


@dataclass(slots=True)
class _Waiting:
    """What of one response waits, and how much it is."""

    items: deque[_Item] = field(default_factory=deque[_Item])
    speech_ms: float = 0.0
    text_bytes: int = 0


Leaving: TypeAlias = Chunk | BridgeSignal


class PlaybackClock:
    """What has been sent to a leg and what it must have played by now, in milliseconds."""

    __slots__ = ("_ends_at", "sent_ms")

    def __init__(self) -> None:
        self._ends_at = 0.0
        self.sent_ms = 0.0

    def restart(self) -> None:
        """Count a new response from zero."""
        self.sent_ms = 0.0

    def sent(self, chunk: Chunk, now_ms: float) -> None:
        """Note that a chunk leaves now."""
        duration_ms = chunk.duration_ms
        self._ends_at = max(self._ends_at, now_ms) + duration_ms
        self.sent_ms += duration_ms

    def lead_ms(self, now_ms: float) -> float:
        """Return how much of what was sent cannot have been played yet."""
        return max(0.0, self._ends_at - now_ms)

    def played_ms(self, now_ms: float, unplayed_ms: float | None = None) -> float:
        """Return how much of the running response was played.

        By the leg's own word of what it had not played, or else by the time that has passed.
        """
        left_ms = self.lead_ms(now_ms) if unplayed_ms is None else unplayed_ms
        return max(0.0, self.sent_ms - left_ms)

    def flushed(self, now_ms: float) -> None:
        """Note that the leg threw away what it had not played."""
        self._ends_at = min(self._ends_at, now_ms)


class Playout:
    """The queue of what a voice made, paced by a leg's clock. Only one response leaves."""

    def __init__(self, clock: PlaybackClock, lead_ms: float) -> None:
        self.clock = clock
        self.dropped_ms = 0.0
        self.dropped_bytes = 0
        self._lead_ms = lead_ms
        self._waiting: dict[str, _Waiting] = {}
        self._forgotten: dict[str, bool] = {}  # and whether they had ended
        self._admitted: str | None = None
        self._audible = False
        self._paused = False

    @property
    def admitted(self) -> str | None:
        """Return the response that is leaving."""
        return self._admitted

    def speak(self, response_id: str, chunk: Chunk) -> None:
        """Queue speech; beyond the bound it is dropped and counted in `dropped_ms`."""
        if response_id in self._forgotten or not chunk.pcm:
            return
        duration_ms = chunk.duration_ms
        waiting = self._of(response_id)
        if waiting.speech_ms + duration_ms > MAX_WAITING_MS or _is_full(waiting):
            self.dropped_ms += duration_ms
            return
        waiting.items.extend(self._cut(chunk, duration_ms))
        waiting.speech_ms += duration_ms

    def say(self, response_id: str, delta: str) -> None:
        """Queue text; beyond the bound it is dropped and counted in `dropped_bytes`."""
        if response_id in self._forgotten or not delta:
            return
        size = len(delta.encode("utf-8", "replace"))
        waiting = self._of(response_id)
        if waiting.text_bytes + size > MAX_WAITING_TEXT or _is_full(waiting):
            self.dropped_bytes += size
            return
        waiting.items.append(_Text(delta, size))
        waiting.text_bytes += size

    def finish(self, response_id: str) -> None:
        """Note that nothing more of a response will come."""
        if response_id in self._forgotten:
            self._forgotten[response_id] = True
            return
        items = self._of(response_id).items
        if not items or items[-1] is not _END:
            items.append(_END)

    def admit(self, response_id: str) -> None:
        """Let this response leave, from its beginning."""
        self._admitted, self._audible, self._paused = response_id, False, False
        had_ended = self._forgotten.pop(response_id, False)
        waiting = self._of(response_id)
        if had_ended:  # whoever waits for its end must hear of it
            waiting.items.append(_END)
        self.clock.restart()

    def pause(self, now_ms: float, unplayed_ms: float | None = None) -> int:
        """Hold the admitted response, which has been interrupted; return what was played.

        The leg is flushed now, and has said how much it had not played, if it can know: all
        that it still had is taken for unheard.
        """
        played_ms = 0
        if self._admitted is not None:
            played_ms = int(self.clock.played_ms(now_ms, unplayed_ms))
        self._paused = True
        self.clock.flushed(now_ms)
        return played_ms

    def drop(self, response_id: str, now_ms: float) -> bool:
        """Forget a response and what comes of it; tell whether the leg must be flushed."""
        self._forget(response_id)
        if self._admitted != response_id:
            return False
        flush = not self._paused
        self._admitted, self._paused = None, False
        if flush:
            self.clock.flushed(now_ms)
        return flush

    def take(self, now_ms: float) -> list[Leaving]:
        """Return what leaves now, in order."""
        leaving: list[Leaving] = []
        while (response_id := self._admitted) is not None and not self._paused:
            queue = self._waiting[response_id].items
            if not queue or self._wait_ms(queue[0], now_ms) > 0:
                break
            self._leave(response_id, queue.popleft(), now_ms=now_ms, out=leaving)
        return leaving

    def wake_in_ms(self, now_ms: float) -> float | None:
        """Return when something more may leave by time alone; None if never."""
        if self._paused or self._admitted is None:
            return None
        queue = self._waiting[self._admitted].items
        return max(_MIN_WAKE_MS, self._wait_ms(queue[0], now_ms)) if queue else None

    def _wait_ms(self, item: _Item, now_ms: float) -> float:
        """Return how long something must wait: its end may lie `lead_ms` ahead at most."""
        if not isinstance(item, Chunk):
            return 0.0
        room_ms = max(0.0, self._lead_ms - item.duration_ms)
        return max(0.0, self.clock.lead_ms(now_ms) - room_ms)

    def _cut(self, chunk: Chunk, duration_ms: float) -> Iterator[Chunk]:
        """Cut a chunk into equal pieces of half the lead at most; a short one stays whole."""
        count = ceil(duration_ms / max(self._lead_ms / 2, _MIN_PIECE_MS))
        if count == 1:
            yield chunk
            return
        samples = ceil(len(chunk.pcm) / BYTES_PER_SAMPLE / count)
        size = samples * BYTES_PER_SAMPLE
        for start in range(0, len(chunk.pcm), size):
            yield Chunk(chunk.pcm[start : start + size], chunk.rate_hz)

    def _leave(self, response_id: str, item: _Item, *, now_ms: float, out: list[Leaving]) -> None:
        match item:
            case Chunk():
                self.clock.sent(item, now_ms)
                self._waiting[response_id].speech_ms -= item.duration_ms
                if not self._audible:
                    self._audible = True
                    out.append(ResponseAudible(response_id))
                out.append(item)
            case _Text(delta, size):
                self._waiting[response_id].text_bytes -= size
                out.append(TextSent(response_id, delta))
            case _End():
                self._admitted = None
                self._forget(response_id)
                out.append(ResponseSent(response_id))

    def _of(self, response_id: str) -> _Waiting:
        """Return what waits of a response; a new one may take the oldest one's place."""
        waiting = self._waiting.get(response_id)
        if waiting is None:
            if len(self._waiting) >= MAX_WAITING_RESPONSES:
                self._forget(next(id_ for id_ in self._waiting if id_ != self._admitted))
            waiting = self._waiting[response_id] = _Waiting()
        return waiting

    def _forget(self, response_id: str) -> None:
        waiting = self._waiting.pop(response_id, None)
        ended = waiting is not None and bool(waiting.items) and waiting.items[-1] is _END
        if len(self._forgotten) >= _FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]
        self._forgotten[response_id] = ended


def _is_full(waiting: _Waiting) -> bool:
    return len(waiting.items) >= MAX_WAITING_PIECES
