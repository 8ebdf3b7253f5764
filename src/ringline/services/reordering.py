"""A reorder buffer: puts one log's events back into offset order.

The bus may lose, duplicate and reorder messages. Durable events are released strictly by
offset; an early one waits until those before it have arrived. If they do not arrive within a
moment (`patience_s`), or if the log turns out to be longer than the bus has shown, the missing
events must be read from the log. The log always has them, because offsets are gapless in
commit order.

A partial transcript is released after the durable event whose offset it carries, or at once
if that event has been released. It is dropped if its turn or call has ended, or if a newer
partial of its turn has been released. A partial from before the start may be late, so the log
is first read to see whether its turn has ended, if it is recent enough (`NEAR`).

Bounds: at most `hold` early events and `hold` partials wait, and their bytes are bounded too.
Beyond that the incoming one is dropped: the log has the event, and a newer partial will come.
The last 64 released events are kept, or the last megabyte of them.

Pure: the time is an argument, in seconds of any monotonic clock.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from uuid import UUID

from ringline.domain import limits
from ringline.domain.events import CallEnded
from ringline.domain.publication import Published
from ringline.services.turns import TurnKey, completes, partial_of, sequence_of
from ringline.services.weights import weight_of

#: How many offsets before the start are read to find out which turns are open.
NEAR = 64

_TURNS = 1024  # closed turns and calls, and open turns, that are remembered
_HOLD = limits.EARLY_EVENTS.most
_HOLD_BYTES = limits.EARLY_BYTES.most
_RECENT = limits.RECENT_EVENTS.most  # released events kept for listeners close behind
_RECENT_BYTES = limits.RECENT_BYTES.most


class ReorderBuffer:
    """Releases one log's events in offset order, from a start on."""

    def __init__(self, start: int, *, patience_s: float = 0.05, hold: int = _HOLD) -> None:
        #: The offset where this began; it knows nothing of earlier events.
        self.start = start
        #: Everything up to and including this offset has been released.
        self.position = start
        #: When to read missing events from the log; None while none is missing.
        self.due_at: float | None = None
        self._head = start  # the newest offset that the log is known to have
        self._head_at_read = start  # the same, when the last read began
        self._patience_s = patience_s
        self._hold = hold
        self._early: dict[int, tuple[Published, int]] = {}  # with their weights
        self._partials: dict[int, list[Published]] = {}
        self._doubtful: list[Published] = []  # partials from before the start
        self._partials_held = 0  # including the doubtful ones
        self._held_bytes = 0  # of early events and partials
        self._read_from = start
        self._closed: OrderedDict[TurnKey | UUID, None] = OrderedDict()
        self._open: OrderedDict[TurnKey, Published] = OrderedDict()
        self._recent: deque[tuple[Published, int]] = deque()  # with their weights
        self._recent_bytes = 0

    def receive(self, events: Iterable[Published], now: float) -> list[Published]:
        """Take events in any order; return those that may be delivered now, in order."""
        released: list[Published] = []
        for published in events:
            if not published.event.data.durable:
                self._take_partial(published, released)
            elif published.offset > self.position:
                self._head = max(self._head, published.offset)
                self._put_early(published, bounded=published.offset > self.position + 1)
                self._release(released)
        self._check_gap(bool(released), now)
        return released

    def note_head(self, newest: int, now: float) -> None:
        """Note that the log goes at least this far."""
        self._head = max(self._head, newest)
        self._check_gap(False, now)

    def begin_read(self) -> int:
        """Return the offset after which to read the log now."""
        self._head_at_read = self._head
        self._read_from = min([self.position, *(partial.offset for partial in self._doubtful)])
        return self._read_from

    def end_read(
        self, events: Sequence[Published], complete: bool, *, now: float
    ) -> tuple[list[Published], bool]:
        """Take what the log holds after `begin_read`; `complete` if it holds no more.

        Returns the events that may be delivered now, and whether events are lost because
        retention removed them.
        """
        released: list[Published] = []
        lost = bool(events) and events[0].offset > self.position + 1
        if lost:
            self._skip_to(events[0].offset - 1, released)
        for published in events:
            if published.offset > self.position:
                self._put_early(published)
            else:
                self._note_ends(published)
        self._settle_doubts(released)
        self._release(released)
        if complete and self.position < self._head_at_read:
            # The head we were told of does not exist. The log is the truth, not the bus.
            self._forget_early(self._head_at_read)
            self._head = max(self._early, default=self.position)
        self.due_at = None
        self._check_gap(False, now)
        if not complete and self.due_at is not None:
            self.due_at = now
        return released, lost

    def postpone_read(self, until: float) -> None:
        """Postpone reading the missing events, because the log cannot be read."""
        if self.due_at is not None:
            self.due_at = until

    def released_since(self, offset: int) -> list[Published] | None:
        """Return the events released after an offset, or None if not all are remembered."""
        missed = self.position - offset
        if missed < 0 or missed > len(self._recent):
            return None
        return [published for published, _ in self._recent][len(self._recent) - missed :]

    def clear(self) -> None:
        """Free the memory, because the last listener has left."""
        self._early.clear()
        self._partials.clear()
        self._doubtful.clear()
        self._recent.clear()
        self._open.clear()
        self._closed.clear()

    def open_turns(self, call_id: UUID) -> list[Published]:
        """Return the latest partial of each turn of a call that is not final yet."""
        return [published for key, published in self._open.items() if key[0] == call_id]

    def all_open_turns(self) -> list[Published]:
        """Return the latest partial of each turn that is not final yet."""
        return list(self._open.values())

    def _check_gap(self, moved: bool, now: float) -> None:
        if self._doubtful:
            self.due_at = now if self.due_at is None else self.due_at
        elif self._head <= self.position:
            self.due_at = None
        elif moved or self.due_at is None:
            self.due_at = now + self._patience_s

    def _release(self, released: list[Published]) -> None:
        while (early := self._early.pop(self.position + 1, None)) is not None:
            published, weight = early
            self.position += 1
            self._held_bytes -= weight
            self._remember(published, weight)
            self._note_ends(published)
            released.append(published)
            self._release_waiting(self.position, released)

    def _remember(self, published: Published, weight: int) -> None:
        """Keep an event for listeners close behind, within the bounds."""
        self._recent.append((published, weight))
        self._recent_bytes += weight
        while len(self._recent) > _RECENT or self._recent_bytes > _RECENT_BYTES:
            _, oldest = self._recent.popleft()
            self._recent_bytes -= oldest

    def _put_early(self, published: Published, *, bounded: bool = False) -> None:
        """Hold an event until those before it arrive; if `bounded`, only if there is room."""
        if published.offset in self._early:
            return
        weight = weight_of(published.event)
        full = len(self._early) >= self._hold or self._held_bytes + weight > _HOLD_BYTES
        if not (bounded and full):
            self._early[published.offset] = published, weight
            self._held_bytes += weight

    def _forget_early(self, last: int) -> None:
        """Drop the early events up to an offset."""
        for offset in [offset for offset in self._early if offset <= last]:
            self._held_bytes -= self._early.pop(offset)[1]

    def _skip_to(self, offset: int, released: list[Published]) -> None:
        """Move past events that are lost, and release the partials that waited for them."""
        self.position = offset
        self._recent.clear()
        self._recent_bytes = 0
        self._forget_early(offset)
        for waiting in sorted(at for at in self._partials if at <= offset):
            self._release_waiting(waiting, released)

    def _take_partial(self, partial: Published, released: list[Published]) -> None:
        doubtful = self._is_doubtful(partial)
        if partial.offset <= self.position and not doubtful:
            self._release_partial(partial, released)
        elif (
            self._partials_held < self._hold
            and self._held_bytes + (weight := weight_of(partial.event)) <= _HOLD_BYTES
        ):
            waiting = self._doubtful if doubtful else self._partials.setdefault(partial.offset, [])
            waiting.append(partial)
            self._partials_held += 1
            self._held_bytes += weight

    def _is_doubtful(self, partial: Published) -> bool:
        """Return whether a partial's turn may have ended before the start; the log knows."""
        key = partial_of(partial.event)
        if key is None or key in self._open or key in self._closed:
            return False
        return self.start - NEAR <= partial.offset < self.start

    def _settle_doubts(self, released: list[Published]) -> None:
        """Release doubtful partials whose turns are still open, now that the log was read."""
        doubtful, self._doubtful = self._doubtful, []
        for partial in doubtful:
            if partial.offset < self._read_from:  # it arrived during the read
                self._doubtful.append(partial)
            else:
                self._release_held(partial, released)

    def _release_held(self, partial: Published, released: list[Published]) -> None:
        self._partials_held -= 1
        self._held_bytes -= weight_of(partial.event)
        self._release_partial(partial, released)

    def _release_waiting(self, offset: int, released: list[Published]) -> None:
        for partial in self._partials.pop(offset, ()):
            self._release_held(partial, released)

    def _release_partial(self, partial: Published, released: list[Published]) -> None:
        key = partial_of(partial.event)
        if key is not None:
            newest = self._open.get(key)
            if key in self._closed or key[0] in self._closed:
                return
            if newest is not None and sequence_of(partial.event) <= sequence_of(newest.event):
                return
            self._open[key] = partial
            _trim(self._open)
        released.append(partial)

    def _note_ends(self, published: Published) -> None:
        """Remember which turns and calls have ended."""
        event = published.event
        key = completes(event)
        if key is not None:
            self._closed[key] = None
            self._open.pop(key, None)
        elif isinstance(event.data, CallEnded) and event.call is not None:
            self._closed[event.call.id] = None
            for turn in [turn for turn in self._open if turn[0] == event.call.id]:
                del self._open[turn]
        _trim(self._closed)


def _trim(memory: "OrderedDict[TurnKey, Published] | OrderedDict[TurnKey | UUID, None]") -> None:
    while len(memory) > _TURNS:
        memory.popitem(last=False)
