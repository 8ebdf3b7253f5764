"""Events as `list_events` shows them (contract, 10), and reading them back.

`data` holds everything in the event's frame on the socket and everything else in the log, so
that a client that reads sees no less than one that listens. States and roles are those of the
socket. The events socket's topic `log` pushes the same rows, and parts of turns. The names are
camelCase; endpoints are sent the same `data` in snake_case (`endpoint_envelope.py`). A client of
the log gets the events back with `read_listed`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import inspect

from ringline.domain.events import (
    EVENT_TYPES,
    CallCreated,
    CallEnded,
    CallRef,
    CallRinging,
    Event,
    StoredEvent,
    TranscriptDelta,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Position, Scope, parse_since
from ringline.domain.members import kinds_of, plain
from ringline.domain.spelling import camel, snake
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.events_socket import TURN_ROLES, frame_members
from ringline.wire.strict_json import encode
from ringline.wire.times import micros

Spell: TypeAlias = Callable[[str], str]

#: Members whose canonical values in the log are translated here.
_WORDS: Mapping[tuple[type[msgspec.Struct], str], Mapping[Any, str]] = {
    (CallCreated, "status"): RPC_STATUS,
    (CallRinging, "status"): RPC_STATUS,
    (CallEnded, "status"): RPC_STATUS,
    (TranscriptDelta, "role"): TURN_ROLES,
    (TurnCompleted, "role"): TURN_ROLES,
    (TranscriptLine, "role"): TURN_ROLES,
}

#: The same backwards; of two states that are shown alike, the first.
_CANONICAL = {
    member: {word: value for value, word in reversed(words.items())}
    for member, words in _WORDS.items()
}

#: Members that have other names in RPC's records.
_NAMES = {"agent_id": "ai_agent_id"}

#: The members about the call that each of its events has, by their names in `CallRef`.
_OF_CALL = {
    "call_id": "id",
    "call_uuid": "uuid",
    "direction": "direction",
    "from_number": "from_number",
    "to_number": "to_number",
    "transport": "transport",
    "ai_agent_id": "agent_id",
    "model": "model",
    "conversation_id": "conversation_id",
}


def as_is(name: str) -> str:
    """Spell a name as our own are, in snake_case."""
    return name


class NotAnEvent(ValueError):
    """What a server listed is no event that this version knows."""


def listed(stored: StoredEvent, epoch: str) -> dict[str, object]:
    """Return an event as a page of `list_events` shows it."""
    return _row(stored.event, Position(epoch, stored.offset))


def encode_pushed(event: Event, position: Position, *, scope: Scope) -> tuple[str, bytes]:
    """Return an event's name on the topic `log`, its canonical type, and its JSON payload.

    The payload of a durable event is its row; that of an ephemeral one has no position.
    """
    return event.type, encode(_row(event, position))


def _row(event: Event, position: Position) -> dict[str, object]:
    place: dict[str, object] = {}
    if event.data.durable:
        place = {
            "position": str(position),
            "offset": position.offset,
            "eventId": format_id(Prefix.EVENT, event.id),
        }
    return {
        **place,
        "type": event.type,
        "callUuid": None if event.call is None else event.call.uuid,
        "occurredAt": micros(event.occurred_at),
        "data": data_of(event, camel),
    }


def data_of(event: Event, spell: Spell) -> dict[str, object]:
    """Return `data` of an event: of its call, of its live frame, and all that the log has."""
    frame = frame_members(event) or {}
    if spell is as_is:
        frame = {snake(name): value for name, value in frame.items()}
    return {**_of_call(event, spell), **frame, **translate(event.data, spell)}


def _of_call(event: Event, spell: Spell) -> Mapping[str, object]:
    call = event.call
    if call is None:
        return {}
    return {spell(name): getattr(call, field) for name, field in _OF_CALL.items()}


def translate(data: msgspec.Struct, spell: Spell = camel) -> dict[str, object]:
    """Translate the members of an event; the client's own data stays unchanged."""
    translated: dict[str, object] = {}
    for name in data.__struct_fields__:
        value = getattr(data, name)
        words = _WORDS.get((type(data), name))
        shown = words[value] if words else _translate(value, spell)
        translated[spell(_NAMES.get(name, name))] = shown
    return translated


def _translate(value: object, spell: Spell) -> object:
    match value:
        case datetime():
            return micros(value)
        case msgspec.Struct():
            return translate(value, spell)
        case tuple():
            return [_translate(item, spell) for item in cast("tuple[object, ...]", value)]
        case _:
            return value


def read_listed(row: Mapping[str, object]) -> tuple[StoredEvent, Position]:
    """Read back an event of a page of `list_events`, and its position. Raises NotAnEvent.

    Nothing that a surface shows is lost: only that a call was created held, not answered.
    """
    try:
        kind = EVENT_TYPES[str(row["type"])]
        position = parse_since(str(row["position"]))
        event_id = parse_id(Prefix.EVENT, str(row["eventId"]))
        data = cast("Mapping[str, object]", row["data"])
        if not isinstance(position, Position) or event_id is None:
            raise NotAnEvent("an event without a position or an id")
        call = None
        if row.get("callUuid") is not None:
            members = {
                field: data[camel(name)] for name, field in _OF_CALL.items() if camel(name) in data
            }
            call = msgspec.convert(members, CallRef)
        event = Event(
            event_id,
            msgspec.convert(row["occurredAt"], datetime),
            msgspec.convert(_untranslate(kind, data), kind),
            call,
        )
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise NotAnEvent(f"an event that cannot be read ({type(error).__name__})") from None
    return StoredEvent(position.offset, event), position


def _untranslate(kind: type[msgspec.Struct], members: Mapping[str, object]) -> dict[str, object]:
    """Return the log's members of an event or of a part of it."""
    found: dict[str, object] = {}
    for name, type_ in kinds_of(kind).items():
        shown = camel(_NAMES.get(name, name))
        if shown in members:
            value = members[shown]
            words = _CANONICAL.get((kind, name))
            found[name] = words[str(value)] if words else _inner(type_, value)
    return found


def _inner(type_: inspect.Type, value: object) -> object:
    match plain(type_), value:
        case inspect.StructType(cls=inner), dict():
            return _untranslate(inner, cast("dict[str, object]", value))
        case inspect.VarTupleType(item_type=item), list():
            return [_inner(item, one) for one in cast("list[object]", value)]
        case _:
            return value
