"""The transcript stream's dialect: frames of five members (live streams, 2.3).

Where there is more to say of a finished turn (`remarks`) its frame has a member more.
Partial turns are cumulative and ephemeral; a final one is durable and its event carries
the position to resume from as `id:`, as long as this listener has lost no frame: then it
goes on in the spelling without ids, so that no position ever stands behind a gap.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import Event, TranscriptDelta, TranscriptLine, TurnCompleted
from ringline.domain.ids import Prefix, show_id
from ringline.domain.log import Position, Scope
from ringline.wire.sse import encode_event
from ringline.wire.strict_json import encode
from ringline.wire.times import millis

#: Who said a turn, as streams and envelopes spell it (contract, 3).
TURN_ROLES = {TurnRole.CALLER: "user", TurnRole.AGENT: "agent"}


class TranscriptStream:
    """The dialect of the listeners of a call's transcript, with or without ids."""

    def __init__(self, *, with_ids: bool) -> None:
        self._with_ids = with_ids
        self.name = "transcript/ids" if with_ids else "transcript"

    def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
        """Write the server-sent event of a turn or of a part of one; None if it is neither."""
        match event.data:
            case TranscriptDelta() as part:
                data = frame(part.role, part.text, False, part.turn_id, event.occurred_at)
                return encode_event(data)
            case TurnCompleted() as turn:
                data = frame(
                    turn.role, turn.text, True, turn.turn_id, event.occurred_at, remarks(turn)
                )
                return encode_event(data, str(position) if self._with_ids else None)
            case _:
                return None


def remarks(turn: TurnCompleted | TranscriptLine) -> dict[str, object]:
    """Return what there is to say of a finished turn beside its words (contract, 11)."""
    found: dict[str, object] = {}
    if turn.interrupted:
        found["interrupted"] = True
    if not turn.recognized:
        found["recognized"] = False
    return found


def frame(
    role: TurnRole,
    text: str,
    is_final: bool,
    turn_id: UUID,
    at: datetime,
    more: Mapping[str, object] = MappingProxyType({}),
) -> bytes:
    """Write the JSON of one frame."""
    return encode(
        {
            "role": TURN_ROLES[role],
            "text": text,
            "is_final": is_final,
            "turn_id": show_id(Prefix.TURN, turn_id),
            "ts": millis(at),
            **more,
        }
    )
