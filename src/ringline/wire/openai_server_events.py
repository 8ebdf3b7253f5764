"""What a client of OpenAI's protocol sends us, as values (voices, 6).

Members that an event does not have are ignored. A frame that cannot be read is a problem for
the client, with the `event_id` of its event if that can be read.
"""

from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from ringline.domain import openai_limits
from ringline.wire.openai_server_errors import ServerProblem, problem
from ringline.wire.strict_json import JsonProblem, NotJson, StrictDecoder, WrongShape

_MAX_QUOTED = 64  # characters of a client's text that an error repeats
_MAX_EVENT_ID = openai_limits.EVENT_ID_CHARACTERS.most


class ClientFrame(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """A frame that a client may send; the class holds the event's name."""

    name: ClassVar[str]
    event_id: str | None = None

    @property
    def request(self) -> str:
        """Return the client's id of this event; empty if it has none."""
        return (self.event_id or "")[:_MAX_EVENT_ID]


class SessionUpdate(ClientFrame, frozen=True, tag="session.update"):
    """Change the session; members that are absent stay. `session` is not parsed yet."""

    name: ClassVar[str] = "session.update"
    session: dict[str, object]


class AudioAppend(ClientFrame, frozen=True, tag="input_audio_buffer.append"):
    """A piece of the caller's audio, in base64, not decoded yet."""

    name: ClassVar[str] = "input_audio_buffer.append"
    audio: str


class AudioCommit(ClientFrame, frozen=True, tag="input_audio_buffer.commit"):
    """The caller's turn ends now."""

    name: ClassVar[str] = "input_audio_buffer.commit"


class AudioClear(ClientFrame, frozen=True, tag="input_audio_buffer.clear"):
    """Discard the audio of the current turn."""

    name: ClassVar[str] = "input_audio_buffer.clear"


class ItemCreate(ClientFrame, frozen=True, tag="conversation.item.create"):
    """Add an item to the end of the conversation. `item` is not parsed yet."""

    name: ClassVar[str] = "conversation.item.create"
    item: dict[str, object]
    previous_item_id: str | None = None


class ItemRetrieve(ClientFrame, frozen=True, tag="conversation.item.retrieve"):
    """Show an item again."""

    name: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


class ItemDelete(ClientFrame, frozen=True, tag="conversation.item.delete"):
    """Delete an item that nothing has needed yet."""

    name: ClassVar[str] = "conversation.item.delete"
    item_id: str


class ItemTruncate(ClientFrame, frozen=True, tag="conversation.item.truncate"):
    """The client has played so much of an item's speech, and plays no more."""

    name: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    content_index: int
    audio_end_ms: int


class ResponseCreate(ClientFrame, frozen=True, tag="response.create"):
    """Respond now. `response` is not parsed yet."""

    name: ClassVar[str] = "response.create"
    response: dict[str, object] | None = None


class ResponseCancel(ClientFrame, frozen=True, tag="response.cancel"):
    """Stop the current response, or the one of this id."""

    name: ClassVar[str] = "response.cancel"
    response_id: str | None = None


ClientEvent: TypeAlias = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)

#: Every event a client may send, by name; a test compares it with the reference.
CLIENT_EVENTS: dict[str, type[ClientFrame]] = {
    event.name: event
    for event in (
        SessionUpdate,
        AudioAppend,
        AudioCommit,
        AudioClear,
        ItemCreate,
        ItemRetrieve,
        ItemDelete,
        ItemTruncate,
        ResponseCreate,
        ResponseCancel,
    )
}

#: Events of the protocol that have no counterpart here.
UNSUPPORTED = frozenset({"output_audio_buffer.clear"})


class _Named(msgspec.Struct, frozen=True):
    type: str
    event_id: object = None


class _Kind(msgspec.Struct, frozen=True):
    type: str


class _ItemFrame(_Kind, frozen=True):
    item: _Kind


_item_frame = StrictDecoder(_ItemFrame)
_client_event = StrictDecoder[Any](cast("Any", ClientEvent))
_named = StrictDecoder(_Named)


def decode(frame: str) -> ClientEvent | ServerProblem:
    """Decode a client's text frame, or return the problem to answer with."""
    try:
        return _client_event.decode(frame)
    except NotJson as wrong:
        return problem("invalid_json", reason=wrong.message)
    except WrongShape as wrong:
        return _explain(frame, wrong)


def may_be_large(frame: str) -> bool:
    """Return whether a frame adds a message, which may hold an image: only these may be large."""
    try:
        large = _item_frame.decode(frame)
    except JsonProblem:
        return False
    return large.type == ItemCreate.name and large.item.type == "message"


def _explain(frame: str, wrong: WrongShape) -> ServerProblem:
    """Distinguish an unknown event from a known one with a wrong member."""
    try:
        named = _named.decode(frame)
    except NotJson as not_json:  # there may be worse problems after the first
        return problem("invalid_json", reason=not_json.message)
    except WrongShape as without_type:
        return problem("invalid_event", reason=without_type.message)
    event_id = named.event_id[:_MAX_EVENT_ID] if isinstance(named.event_id, str) else ""
    if named.type in UNSUPPORTED:
        return problem("unsupported_event", event_id=event_id, type=named.type)
    if named.type not in CLIENT_EVENTS:
        return problem("unknown_event", event_id=event_id, type=named.type[:_MAX_QUOTED])
    reason = f"{named.type}: {wrong.message}"
    return problem("invalid_event", param=wrong.path, event_id=event_id, reason=reason)
