"""One log's events put back into order: what the hub knows of a log.

The bus may lose, double and reorder. Durable events are released strictly by offset; one
that is early waits here until those before it have come. If they do not come within a
moment (`patience_s`), or the log is heard to go further than the bus told, the missing ones
are due to be read from the log, which always has them: offsets are gapless in commit order.

A partial transcript is released after the durable event whose offset it carries, at once if
that has passed; not if its turn or its call is over, and not if a newer one of its turn has
been released. One from before the start may be late: whether its turn is over is then read
from the log first, where that is near enough.

Bounds: `hold` early events and `hold` partials wait, and so many bytes of both; beyond that
the incoming one is forgotten (the log has the event, a newer partial will come). Of what was
released the last 64 events are kept, or the last megabyte.

Pure: the time is an argument, in seconds of any clock that never goes back.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from uuid import UUID

from ringline.domain import limits
from ringline.domain.events import CallEnded
from ringline.domain.publication import Published
from ringline.services.turns import TurnKey, completes, partial_of, sequence_of
from ringline.services.weights import weight_of

#: Offsets before a start that are read for what they say of open turns.
NEAR = 64

_TURNS = 1024  # finished turns, finished calls and open turns remembered, each
_HOLD = limits.EARLY_EVENTS.most
_HOLD_BYTES = limits.EARLY_BYTES.most
_RECENT = limits.RECENT_EVENTS.most  # released, kept for listeners that are close behind
_RECENT_BYTES = limits.RECENT_BYTES.most


class Reordering:
    """The order of one log's events from a start on."""

    def __init__(self, start: int, *, patience_s: float = 0.05, hold: int = _HOLD) -> None:
        #: What was released up to this offset is not known here.
        self.begun = start
        #: Everything up to and including this offset has been released.
        self.position = start
        #: When the missing events are due to be read; None while none is missing.
        self.due_at: float | None = None
        self._known = start  # the log goes at least this far
        self._asked = start  # what was known when the log was last asked
        self._patience_s = patience_s
        self._hold = hold
        self._early: dict[int, tuple[Published, int]] = {}  # with their weights
        self._partials: dict[int, list[Published]] = {}
        self._doubtful: list[Published] = []  # partials from before the start
        self._partials_held = 0  # with the doubtful ones
        self._held_bytes = 0  # of all that waits
        self._asked_from = start
        self._finished: OrderedDict[TurnKey | UUID, None] = OrderedDict()
        self._open: OrderedDict[TurnKey, Published] = OrderedDict()
        self._recent: deque[tuple[Published, int]] = deque()  # with their weights
        self._recent_bytes = 0

    def arrived(self, events: Iterable[Published], now: float) -> list[Published]:
        """Take events in whatever order; return those that may be told now, in order."""
        released: list[Published] = []
        for published in events:
            if not published.event.data.durable:
                self._take_partial(published, released)
            elif published.offset > self.position:
                self._known = max(self._known, published.offset)
                self._put_early(published, bounded=published.offset > self.position + 1)
                self._release(released)
        self._look_for_gap(bool(released), now)
        return released

    def heard_of(self, newest: int, now: float) -> None:
        """Take the news that the log goes at least this far."""
        self._known = max(self._known, newest)
        self._look_for_gap(False, now)

    def asks(self) -> int:
        """Return the offset behind which the log is about to be read."""
        self._asked = self._known
        self._asked_from = min([self.position, *(partial.offset for partial in self._doubtful)])
        return self._asked_from

    def read(
        self, events: Sequence[Published], complete: bool, now: float
    ) -> tuple[list[Published], bool]:
        """Take what the log held behind what `asks` said; `complete` if it held no more.

        Returns what may be told now, and whether events are gone that nobody can tell any
        more, because retention removed them.
        """
        released: list[Published] = []
        gone = bool(events) and events[0].offset > self.position + 1
        if gone:
            self._skip_to(events[0].offset - 1, released)
        for published in events:
            if published.offset > self.position:
                self._put_early(published)
            else:
                self._note(published)
        self._settle_doubts(released)
        self._release(released)
        if complete and self.position < self._asked:
            # Whatever claimed that there was more was wrong: the log is the truth.
            self._forget_early(self._asked)
            self._known = max(self._early, default=self.position)
        self.due_at = None
        self._look_for_gap(False, now)
        if not complete and self.due_at is not None:
            self.due_at = now
        return released, gone

    def postpone(self, until: float) -> None:
        """Let the reading of missing events wait, because the log cannot be read."""
        if self.due_at is not None:
            self.due_at = until

    def since(self, offset: int) -> list[Published] | None:
        """Return the events released after an offset, None if not all are remembered."""
        missed = self.position - offset
        if missed < 0 or missed > len(self._recent):
            return None
        return [published for published, _ in self._recent][len(self._recent) - missed :]

    def forget(self) -> None:
        """Keep nothing more: the last listener has gone."""
        self._early.clear()
        self._partials.clear()
        self._doubtful.clear()
        self._recent.clear()
        self._open.clear()
        self._finished.clear()

    def open_turns(self, call_id: UUID) -> list[Published]:
        """Return the latest partial of each turn of a call that is not final yet."""
        return [published for key, published in self._open.items() if key[0] == call_id]

    def all_open_turns(self) -> list[Published]:
        """Return the latest partial of each turn that is not final yet."""
        return list(self._open.values())

    def _look_for_gap(self, moved: bool, now: float) -> None:
        if self._doubtful:
            self.due_at = now if self.due_at is None else self.due_at
        elif self._known <= self.position:
            self.due_at = None
        elif moved or self.due_at is None:
            self.due_at = now + self._patience_s

    def _release(self, released: list[Published]) -> None:
        while (early := self._early.pop(self.position + 1, None)) is not None:
            published, weight = early
            self.position += 1
            self._held_bytes -= weight
            self._remember(published, weight)
            self._note(published)
            released.append(published)
            self._release_waiting(self.position, released)

    def _remember(self, published: Published, weight: int) -> None:
        """Keep an event for listeners that are close behind; a huge one is kept by the log."""
        self._recent.append((published, weight))
        self._recent_bytes += weight
        while len(self._recent) > _RECENT or self._recent_bytes > _RECENT_BYTES:
            _, gone = self._recent.popleft()
            self._recent_bytes -= gone

    def _put_early(self, published: Published, *, bounded: bool = False) -> None:
        """Keep an event until its turn; where `bounded`, only if there is room."""
        if published.offset in self._early:
            return
        weight = weight_of(published.event)
        full = len(self._early) >= self._hold or self._held_bytes + weight > _HOLD_BYTES
        if not (bounded and full):
            self._early[published.offset] = published, weight
            self._held_bytes += weight

    def _forget_early(self, last: int) -> None:
        """Forget the early events up to an offset."""
        for offset in [offset for offset in self._early if offset <= last]:
            self._held_bytes -= self._early.pop(offset)[1]

    def _skip_to(self, offset: int, released: list[Published]) -> None:
        """Stand at an offset whose events are gone; their partials need not wait longer."""
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
        """Tell whether a partial's turn may have ended before the start, which the log knows."""
        key = partial_of(partial.event)
        if key is None or key in self._open or key in self._finished:
            return False
        return self.begun - NEAR <= partial.offset < self.begun

    def _settle_doubts(self, released: list[Published]) -> None:
        """Release what was in doubt and is not over, now that the log was read."""
        doubtful, self._doubtful = self._doubtful, []
        for partial in doubtful:
            if partial.offset < self._asked_from:  # it came while the log was being read
                self._doubtful.append(partial)
            else:
                self._let_go(partial, released)

    def _let_go(self, partial: Published, released: list[Published]) -> None:
        self._partials_held -= 1
        self._held_bytes -= weight_of(partial.event)
        self._release_partial(partial, released)

    def _release_waiting(self, offset: int, released: list[Published]) -> None:
        for partial in self._partials.pop(offset, ()):
            self._let_go(partial, released)

    def _release_partial(self, partial: Published, released: list[Published]) -> None:
        key = partial_of(partial.event)
        if key is not None:
            newest = self._open.get(key)
            if key in self._finished or key[0] in self._finished:
                return
            if newest is not None and sequence_of(partial.event) <= sequence_of(newest.event):
                return
            self._open[key] = partial
            _trim(self._open)
        released.append(partial)

    def _note(self, published: Published) -> None:
        """Remember which turns and calls are over."""
        event = published.event
        key = completes(event)
        if key is not None:
            self._finished[key] = None
            self._open.pop(key, None)
        elif isinstance(event.data, CallEnded) and event.call is not None:
            self._finished[event.call.id] = None
            for turn in [turn for turn in self._open if turn[0] == event.call.id]:
                del self._open[turn]
        _trim(self._finished)


def _trim(memory: "OrderedDict[TurnKey, Published] | OrderedDict[TurnKey | UUID, None]") -> None:
    while len(memory) > _TURNS:
        memory.popitem(last=False)
