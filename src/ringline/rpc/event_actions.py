"""Reading the event log through RPC (contract, 10), and encoding its events.

The names are camelCase; states and roles are those of the events socket. `data` holds
everything in the event's frame on the socket and everything else in the log, so that a client
that reads sees no less than one that listens.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from ringline.domain.events import (
    CallCreated,
    CallEnded,
    CallRinging,
    Event,
    StoredEvent,
    TranscriptDelta,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import FromBeginning
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.names import camel
from ringline.services.event_pages import EventQuery, read_events
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.events_socket import TURN_ROLES, frame_members
from ringline.wire.times import micros

DEFAULT_LIMIT = 100

#: Members whose canonical values in the log are translated here.
_WORDS: Mapping[tuple[type[msgspec.Struct], str], Mapping[Any, str]] = {
    (CallCreated, "status"): RPC_STATUS,
    (CallRinging, "status"): RPC_STATUS,
    (CallEnded, "status"): RPC_STATUS,
    (TranscriptDelta, "role"): TURN_ROLES,
    (TurnCompleted, "role"): TURN_ROLES,
    (TranscriptLine, "role"): TURN_ROLES,
}

#: Members that have other names in RPC's records.
_NAMES = {"agent_id": "aiAgentId"}


async def list_events(context: ActionContext, values: Values) -> object:
    """Read a page of the log from a position."""
    after = values.get("after")
    query = EventQuery(
        after=FromBeginning() if after is None else after,
        limit=values["limit"],
        call=values.get("callUuid"),
        types=values.get("type"),
    )
    async with context.services.repo.read(context.caller.scope) as rows:
        page = await read_events(rows, query, bounds=context.services.pages)
    return {
        "events": [listed(stored, page.position.epoch) for stored in page.events],
        "position": str(page.position),
        "hasMore": page.has_more,
        "recovered": page.recovered,
    }


def listed(stored: StoredEvent, epoch: str) -> dict[str, object]:
    """Return an event as a page of `list_events` shows it."""
    event = stored.event
    return {
        "position": f"{epoch}:{stored.offset}",
        "offset": stored.offset,
        "eventId": format_id(Prefix.EVENT, event.id),
        "type": event.type,
        "callUuid": None if event.call is None else event.call.uuid,
        "occurredAt": micros(event.occurred_at),
        "data": {**_of_call(event), **(frame_members(event) or {}), **translate(event.data)},
    }


def _of_call(event: Event) -> Mapping[str, object]:
    """Return the members about the call that each of its events has."""
    call = event.call
    if call is None:
        return {}
    return {
        "callId": call.id,
        "callUuid": call.uuid,
        "direction": call.direction,
        "fromNumber": call.from_number,
        "toNumber": call.to_number,
        "transport": call.transport,
        "aiAgentId": call.agent_id,
        "conversationId": call.conversation_id,
    }


def translate(data: msgspec.Struct) -> dict[str, object]:
    """Translate the members of an event; the client's own data stays unchanged."""
    translated: dict[str, object] = {}
    for name in data.__struct_fields__:
        value = getattr(data, name)
        words = _WORDS.get((type(data), name))
        translated[_NAMES.get(name, camel(name))] = words[value] if words else _translate(value)
    return translated


def _translate(value: object) -> object:
    match value:
        case datetime():
            return micros(value)
        case msgspec.Struct():
            return translate(value)
        case tuple():
            return [_translate(item) for item in cast("tuple[object, ...]", value)]
        case _:
            return value
