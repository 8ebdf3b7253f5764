"""Pacing a response: a queue of speech and text, and the leg's playback clock.

A voice produces speech faster than it is played. A client that does not flush plays whatever
it was sent, so speech is sent at most `lead_ms` ahead of the clock: an interruption silences
every leg within that time, and `played_ms` is right. Chunks longer than half of it are split,
so that the next piece is sent before the last one ends. Text waits in the same queue and is
sent with the speech that follows it, so the clock also knows how much of it was heard.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import TypeAlias

from ringline.domain import limits
from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.domain.bridge import (
    NOTHING,
    BridgeSignal,
    Played,
    ResponseAudible,
    ResponseSent,
    TextSent,
)
from ringline.domain.heard import Alignment

#: Most of one response that is queued; anything beyond is dropped and counted.
MAX_WAITING_MS = limits.PLAYOUT_MS.most
MAX_WAITING_TEXT = limits.PLAYOUT_TEXT_BYTES.most
MAX_WAITING_PIECES = limits.PLAYOUT_PIECES.most
MAX_WAITING_RESPONSES = limits.PLAYOUT_RESPONSES.most
_MIN_PIECE_MS = 20.0  # pieces are not shorter, however short the lead
_MIN_WAKE_MS = 1.0  # clocks are not exact: do not spin
_DISCARDED = 32  # ids of dropped responses, to recognise their late chunks


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
    """The queue of one response, and its size."""

    items: deque[_Item] = field(default_factory=deque[_Item])
    speech_ms: float = 0.0
    text_bytes: int = 0
    came_at_ms: float | None = None  # its first speech


Outgoing: TypeAlias = Chunk | BridgeSignal


class PlaybackClock:
    """How much was sent to a leg, and how much it has played, in milliseconds."""

    __slots__ = ("ends_at", "sent_ms")

    def __init__(self) -> None:
        #: When all that was sent will have been played.
        self.ends_at = 0.0
        self.sent_ms = 0.0

    def restart(self) -> None:
        """Restart the count for a new response."""
        self.sent_ms = 0.0

    def sent(self, duration_ms: float, now_ms: float) -> None:
        """Record that so much speech is sent now."""
        self.ends_at = max(self.ends_at, now_ms) + duration_ms
        self.sent_ms += duration_ms

    def lead_ms(self, now_ms: float) -> float:
        """Return how much of what was sent has not been played yet."""
        return max(0.0, self.ends_at - now_ms)

    def played_ms(self, now_ms: float, unplayed_ms: float | None = None) -> float:
        """Return how much of the current response was played.

        `unplayed_ms` is the leg's own figure; without it, elapsed time decides.
        """
        left_ms = self.lead_ms(now_ms) if unplayed_ms is None else unplayed_ms
        return max(0.0, self.sent_ms - left_ms)

    def moved(self, played_ms: float, now_ms: float) -> None:
        """Record how much was played of the current response, as the client says."""
        unplayed_ms = self.sent_ms - min(max(played_ms, 0.0), self.sent_ms)
        self.ends_at = now_ms + unplayed_ms

    def flushed(self, now_ms: float) -> None:
        """Record that the leg discarded what it had not played."""
        self.ends_at = min(self.ends_at, now_ms)


class Playout:
    """Queues a voice's output and paces one response at a time by a leg's clock."""

    def __init__(self, clock: PlaybackClock, lead_ms: float) -> None:
        self.clock = clock
        self.dropped_ms = 0.0
        self.dropped_bytes = 0
        self._lead_ms = lead_ms
        self._waiting: dict[str, _Waiting] = {}
        self._discarded: dict[str, bool] = {}  # id -> whether it had ended
        self._current: str | None = None
        self._counted: str | None = None  # the response that the clock counts; it may be sent
        self._alignment = Alignment()
        self._stopped: Played | None = None
        self._audible = False
        self._paused = False

    @property
    def current(self) -> str | None:
        """Return the response that is being sent."""
        return self._current

    def enqueue_audio(self, response_id: str, chunk: Chunk, *, now_ms: float = 0.0) -> None:
        """Enqueue speech; beyond the bound it is dropped and counted in `dropped_ms`."""
        if response_id in self._discarded or not chunk.pcm:
            return
        duration_ms = chunk.duration_ms
        waiting = self._of(response_id)
        if waiting.speech_ms + duration_ms > MAX_WAITING_MS or _is_full(waiting):
            self.dropped_ms += duration_ms
            return
        waiting.items.extend(self._cut(chunk, duration_ms))
        waiting.speech_ms += duration_ms
        if waiting.came_at_ms is None:
            waiting.came_at_ms = now_ms

    def send_now(self, response_id: str, chunk: Chunk, *, now_ms: float) -> bool:
        """Count speech as sent if it may be sent as it comes; return whether it may.

        So speech at the pace of a call, once its response is audible, takes no queue.
        """
        if response_id != self._current or not self._audible or self._paused:
            return False
        duration_ms = chunk.duration_ms
        if self._waiting[response_id].items or not 0 < duration_ms <= self._lead_ms / 2:
            return False
        clock = self.clock
        ends_at = max(clock.ends_at, now_ms) + duration_ms
        if ends_at - now_ms > self._lead_ms:
            return False
        clock.ends_at = ends_at
        clock.sent_ms += duration_ms
        return True

    def enqueue_text(self, response_id: str, delta: str) -> None:
        """Enqueue text; beyond the bound it is dropped and counted in `dropped_bytes`."""
        if response_id in self._discarded or not delta:
            return
        size = len(delta.encode("utf-8", "replace"))
        waiting = self._of(response_id)
        if waiting.text_bytes + size > MAX_WAITING_TEXT or _is_full(waiting):
            self.dropped_bytes += size
            return
        waiting.items.append(_Text(delta, size))
        waiting.text_bytes += size

    def finish(self, response_id: str) -> None:
        """Record that a response is complete."""
        if response_id in self._discarded:
            self._discarded[response_id] = True
            return
        items = self._of(response_id).items
        if not items or items[-1] is not _END:
            items.append(_END)

    def start(self, response_id: str) -> None:
        """Start sending this response, from its beginning."""
        self._current = self._counted = response_id
        self._audible, self._paused = False, False
        self._alignment, self._stopped = Alignment(), None
        had_ended = self._discarded.pop(response_id, False)
        waiting = self._of(response_id)
        if had_ended:  # its end must still be reported
            waiting.items.append(_END)
        self.clock.restart()

    def pause(self, now_ms: float, unplayed_ms: float | None = None) -> Played:
        """Pause the current response, which was interrupted; return how much was played.

        The leg has just been flushed. `unplayed_ms` is what it discarded, if it can know. A
        response that was sent, but is still being played, is interrupted as well.
        """
        self._stopped = self.played(now_ms, unplayed_ms)
        self._paused = True
        self.clock.flushed(now_ms)
        return self._stopped

    def told(self, played_ms: float, now_ms: float) -> None:
        """Set the clock by what the client says; a response that was stopped stays as it is."""
        if self._counted is not None and self._stopped is None:
            self.clock.moved(played_ms, now_ms)

    def played(self, now_ms: float, unplayed_ms: float | None = None) -> Played:
        """Return how much was played of the response that was started last."""
        if self._counted is None:
            return NOTHING
        if self._stopped is not None:
            return self._stopped
        played_ms = self.clock.played_ms(now_ms, unplayed_ms)
        characters = self._alignment.characters(played_ms, self._piece_ends_at())
        return Played(self._counted, int(played_ms), characters)

    def _piece_ends_at(self) -> float:
        """Return where the speech of the text that was sent last ends, as far as it is here."""
        ends_at = self.clock.sent_ms
        waiting = None if self._current is None else self._waiting[self._current]
        for item in waiting.items if waiting is not None else ():
            if isinstance(item, _Text):
                break
            ends_at += item.duration_ms if isinstance(item, Chunk) else 0.0
        return ends_at

    def drop(self, response_id: str) -> bool:
        """Discard a response, late chunks too; return whether the leg must be flushed."""
        self._discard(response_id)
        if self._current != response_id:
            return False
        flush = not self._paused
        self._current, self._paused = None, False
        return flush

    def take_due(self, now_ms: float) -> list[Outgoing]:
        """Return what must be sent now, in order."""
        outgoing: list[Outgoing] = []
        while (response_id := self._current) is not None and not self._paused:
            queue = self._waiting[response_id].items
            if not queue or self._wait_ms(queue[0], now_ms) > 0:
                break
            self._emit(response_id, queue.popleft(), now_ms=now_ms, out=outgoing)
        return outgoing

    def wake_in_ms(self, now_ms: float) -> float | None:
        """Return when the next item is due; None if time alone makes none due."""
        if self._paused or self._current is None:
            return None
        queue = self._waiting[self._current].items
        return max(_MIN_WAKE_MS, self._wait_ms(queue[0], now_ms)) if queue else None

    def _wait_ms(self, item: _Item, now_ms: float) -> float:
        """Return how long an item must wait, so that it ends within `lead_ms`."""
        if not isinstance(item, Chunk):
            return 0.0
        room_ms = max(0.0, self._lead_ms - item.duration_ms)
        return max(0.0, self.clock.lead_ms(now_ms) - room_ms)

    def _cut(self, chunk: Chunk, duration_ms: float) -> Iterator[Chunk]:
        """Split a chunk into equal pieces of at most half the lead."""
        count = ceil(duration_ms / max(self._lead_ms / 2, _MIN_PIECE_MS))
        if count == 1:
            yield chunk
            return
        samples = ceil(len(chunk.pcm) / BYTES_PER_SAMPLE / count)
        size = samples * BYTES_PER_SAMPLE
        for start in range(0, len(chunk.pcm), size):
            yield Chunk(chunk.pcm[start : start + size], chunk.rate_hz)

    def _emit(self, response_id: str, item: _Item, *, now_ms: float, out: list[Outgoing]) -> None:
        match item:
            case Chunk():
                duration_ms = item.duration_ms
                self.clock.sent(duration_ms, now_ms)
                self._waiting[response_id].speech_ms -= duration_ms
                if not self._audible:
                    self._audible = True
                    came_at_ms = self._waiting[response_id].came_at_ms
                    out.append(ResponseAudible(response_id, came_at_ms or 0.0))
                out.append(item)
            case _Text(delta, size):
                self._waiting[response_id].text_bytes -= size
                self._alignment.add(len(delta), self.clock.sent_ms)
                out.append(TextSent(response_id, delta))
            case _End():
                self._current = None
                self._discard(response_id)
                sent_ms = self.clock.sent_ms
                playing = self.clock.lead_ms(now_ms) > 0
                characters = self._alignment.characters(sent_ms, sent_ms)
                out.append(ResponseSent(response_id, playing, characters))

    def _of(self, response_id: str) -> _Waiting:
        """Return the queue of a response; a new one may evict the oldest."""
        waiting = self._waiting.get(response_id)
        if waiting is None:
            if len(self._waiting) >= MAX_WAITING_RESPONSES:
                self._discard(next(id_ for id_ in self._waiting if id_ != self._current))
            waiting = self._waiting[response_id] = _Waiting()
        return waiting

    def _discard(self, response_id: str) -> None:
        waiting = self._waiting.pop(response_id, None)
        ended = waiting is not None and bool(waiting.items) and waiting.items[-1] is _END
        if len(self._discarded) >= _DISCARDED:
            del self._discarded[next(iter(self._discarded))]
        self._discarded[response_id] = ended


def _is_full(waiting: _Waiting) -> bool:
    return len(waiting.items) >= MAX_WAITING_PIECES
