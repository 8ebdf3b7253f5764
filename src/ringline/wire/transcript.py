"""The transcript stream's dialect: frames of five members (live streams, 2.3).

A finished turn that was cut off or not recognised has further ones (`remarks`).
Partial turns are cumulative and ephemeral; a final one is durable and its event carries
the position to resume from as `id:`. Once a listener has lost a frame, its stream continues
without ids, so that a client's position is never past a gap.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import Event, TranscriptDelta, TranscriptLine, TurnCompleted
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.wire.sse import encode_event
from ringline.wire.strict_json import encode
from ringline.wire.times import millis

#: The roles of speakers in streams and envelopes (contract, 3).
TURN_ROLES = {TurnRole.CALLER: "user", TurnRole.AGENT: "agent"}


class TranscriptStream:
    """The dialect of a call's transcript, with or without ids."""

    def __init__(self, *, with_ids: bool) -> None:
        self._with_ids = with_ids
        self.name = "transcript/ids" if with_ids else "transcript"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode the server-sent event of a turn or a part of one; None for other events."""
        match event.data:
            case TranscriptDelta() as part:
                data = frame(
                    part.role, part.text, is_final=False, turn_id=part.turn_id, at=event.occurred_at
                )
                return encode_event(data)
            case TurnCompleted() as turn:
                data = frame(
                    turn.role,
                    turn.text,
                    is_final=True,
                    turn_id=turn.turn_id,
                    at=event.occurred_at,
                    more=remarks(turn) | latency(turn),
                )
                return encode_event(data, str(position) if self._with_ids else None)
            case _:
                return None


def remarks(
    turn: TurnCompleted | TranscriptLine, *, spoken_text: str = "spoken_text"
) -> dict[str, object]:
    """Return a finished turn's members besides its words (contract, 11).

    `spoken_text` is the surface's name for what was heard.
    """
    found: dict[str, object] = {}
    if turn.interrupted:
        found["interrupted"] = True
    if turn.spoken_text is not None:
        found[spoken_text] = turn.spoken_text
    if not turn.recognized:
        found["recognized"] = False
    return found


def latency(turn: TurnCompleted) -> dict[str, object]:
    """Return the latency of a turn as a member, if it was measured."""
    return {} if turn.latency is None else {"latency": turn.latency}


def frame(
    role: TurnRole,
    text: str,
    *,
    is_final: bool,
    turn_id: UUID,
    at: datetime,
    more: Mapping[str, object] = MappingProxyType({}),
) -> bytes:
    """Encode one frame as JSON."""
    return encode(
        {
            "role": TURN_ROLES[role],
            "text": text,
            "is_final": is_final,
            "turn_id": format_id(Prefix.TURN, turn_id),
            "ts": millis(at),
            **more,
        }
    )
