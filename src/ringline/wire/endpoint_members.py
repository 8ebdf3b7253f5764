"""The members of the envelope that endpoints are sent, as tables (events socket, 7.2).

`endpoint_envelope.py` writes them; a test compares its output with these tables, and
`docs/reference/webhooks.md` is generated from them.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.events import (
    EVENT_TYPES,
    CallAnswered,
    CallCreated,
    CallEnded,
    CallRinging,
    EventData,
)
from ringline.domain.members import Member, Shape
from ringline.wire import endpoint_envelope, listed_members
from ringline.wire import payload_members as shared
from ringline.wire.payload_members import Members, snake

_AGENT = replace(snake(shared.AGENT_ID), means="the agent on the call")
_SOURCE = replace(
    snake(shared.SOURCE),
    null=True,
    means=f"{shared.SOURCE.means}; null in events that an older version has written",
)

#: The members of every envelope.
COMMON: Members = (
    Member("id", Shape.TEXT, "`evt_…`: the event's id, the same on every surface"),
    Member("type", Shape.TEXT, "the canonical type; `message.*` as `communication.message.*`"),
    Member("version", Shape.TEXT, "of this format", words=(endpoint_envelope.VERSION,)),
    snake(shared.OCCURRED_AT),
    Member("organisation_id", Shape.UUID, "the workspace"),
    Member(
        "environment",
        Shape.TEXT,
        "where it happened",
        words=tuple(endpoint_envelope.ENVIRONMENTS.values()),
    ),
    Member("data", Shape.OBJECT, "the details of this event"),
)

#: A call as `call.created`, `.ringing`, `.answered` and `.ended` left it.
CALL: Members = (
    Member("id", Shape.UUID, "the call"),
    snake(shared.CALL_UUID),
    _SOURCE,
    *map(snake, (shared.DIRECTION, shared.FROM_NUMBER, shared.TO_NUMBER, shared.STATUS)),
    replace(snake(shared.STARTED_AT), null=True),
    replace(snake(shared.ANSWERED_AT), null=True),
    replace(snake(shared.ENDED_AT), null=True, means="when it ended; null until then"),
    replace(snake(shared.DURATION), null=True),
    replace(snake(shared.HANGUP_CAUSE), null=True),
    *map(snake, (shared.SIP_USERNAME, shared.CONVERSATION_ID)),
    _AGENT,
)

_OF_CALLS = (CallCreated, CallRinging, CallAnswered, CallEnded)

#: The members of `data`, by the event.
DATA: Mapping[type[EventData], Members] = {
    kind: CALL if kind in _OF_CALLS else tuple(map(snake, listed_members.data_of(kind)))
    for kind in EVENT_TYPES.values()
    if kind.durable
}
