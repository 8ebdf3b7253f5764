"""Which turn an event belongs to: what partial transcripts are told apart by.

A partial (`call.transcript_delta`) is cumulative in `text` and a piece in `delta`, so a
newer one may stand for all older ones of its item if it takes their pieces along.
"""

from dataclasses import replace
from typing import TypeAlias, cast
from uuid import UUID

import msgspec

from ringline.domain.events import Event, TranscriptDelta, TurnCompleted

#: The call, the item and the content index: one stream of partials.
TurnKey: TypeAlias = tuple[UUID | None, str, int]


def partial_of(event: Event) -> TurnKey | None:
    """Tell which turn a partial belongs to; None if the event is no partial."""
    match event.data:
        case TranscriptDelta(item_id=item_id, content_index=index):
            return (event.call.id if event.call else None, item_id, index)
        case _:
            return None


def completes(event: Event) -> TurnKey | None:
    """Tell which turn an event makes final, if it does."""
    match event.data:
        case TurnCompleted(item_id=item_id, content_index=index):
            return (event.call.id if event.call else None, item_id, index)
        case _:
            return None


def sequence_of(event: Event) -> int:
    """Return a partial's place among those of its item."""
    return cast(TranscriptDelta, event.data).sequence


def merge_partials(older: Event, newer: Event) -> Event:
    """Return the newer partial with the older one's piece before its own.

    So the pieces that leave still concatenate to the text.
    """
    before, after = cast(TranscriptDelta, older.data), cast(TranscriptDelta, newer.data)
    return replace(newer, data=msgspec.structs.replace(after, delta=before.delta + after.delta))
