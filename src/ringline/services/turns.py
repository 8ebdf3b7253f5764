"""The turns that partial transcripts belong to.

A partial (`call.transcript_delta`) has the turn's whole text so far in `text` and the newest
piece in `delta`. So a newer partial can replace older ones of its turn, if their deltas are
joined to its own.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias, cast
from uuid import UUID

import msgspec

from ringline.domain import limits
from ringline.domain.events import CallEnded, Event, TranscriptDelta, TurnCompleted
from ringline.domain.log import Scope
from ringline.domain.publication import Published
from ringline.services.weights import weight_of

#: The call, the item and the content index that the partials of one turn share.
TurnKey: TypeAlias = tuple[UUID | None, str, int]


def partial_of(event: Event) -> TurnKey | None:
    """Return the turn of a partial, or None if the event is not one."""
    match event.data:
        case TranscriptDelta(item_id=item_id, content_index=index):
            return (event.call.id if event.call else None, item_id, index)
        case _:
            return None


def completes(event: Event) -> TurnKey | None:
    """Return the turn that an event completes, or None."""
    match event.data:
        case TurnCompleted(item_id=item_id, content_index=index):
            return (event.call.id if event.call else None, item_id, index)
        case _:
            return None


def sequence_of(event: Event) -> int:
    """Return a partial's sequence number within its turn."""
    return cast(TranscriptDelta, event.data).sequence


def merge_partials(older: Event, newer: Event) -> Event:
    """Return the newer partial, with the older one's delta prepended to its own.

    So the deltas that are published still add up to the text.
    """
    before, after = cast(TranscriptDelta, older.data), cast(TranscriptDelta, newer.data)
    return replace(newer, data=msgspec.structs.replace(after, delta=before.delta + after.delta))


class OpenTurns:
    """The latest partial of each open turn, in logs without listeners in this process.

    A listener that joins in the middle of a turn gets it at once. Beyond `most` turns, or
    beyond the bytes of early events, the oldest is dropped; the turn's next partial follows.
    """

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._partials: OrderedDict[tuple[Scope, TurnKey], tuple[Published, int]] = OrderedDict()
        self._bytes = 0

    def note(self, scope: Scope, events: Iterable[Published]) -> None:
        """Take the events of a log without listeners, in order."""
        for published in events:
            event = published.event
            if (key := partial_of(event)) is not None:
                self._pop((scope, key))
                weight = weight_of(event)
                self._partials[scope, key] = published, weight
                self._bytes += weight
            elif (key := completes(event)) is not None:
                self._pop((scope, key))
            elif isinstance(event.data, CallEnded) and event.call is not None:
                self._forget_call(scope, event.call.id)
        while len(self._partials) > self._most or self._bytes > limits.EARLY_BYTES.most:
            self._pop(next(iter(self._partials)))

    def take(self, scope: Scope) -> list[Published]:
        """Remove and return a log's partials, because it has a listener now."""
        keys = [key for key in self._partials if key[0] == scope]
        return [partial for key in keys if (partial := self._pop(key)) is not None]

    def _pop(self, key: tuple[Scope, TurnKey]) -> Published | None:
        partial, weight = self._partials.pop(key, (None, 0))
        self._bytes -= weight
        return partial

    def _forget_call(self, scope: Scope, call_id: UUID) -> None:
        for key in [key for key in self._partials if key[0] == scope and key[1][0] == call_id]:
            self._pop(key)
