"""The sections of `event-payloads.md`: each event's members and an example."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ringline.domain.events import (
    EVENT_TYPES,
    ConversationModeChanged,
    EventData,
    MessageReceived,
    StoredEvent,
    WindowClosing,
)
from ringline.wire import (
    conversation_members,
    envelope_members,
    events_socket,
    listed_members,
    payload_members,
    receiver_members,
)
from ringline.wire.payload_members import Members
from tests import payload_examples, rest_reference
from tests.payload_examples import STORED
from tests.reference_rows import member_cells, member_rows, row, table

_HEADS = ("member", "value", "means")


def _of(data: type[EventData]) -> StoredEvent:
    return next(stored for stored in STORED if type(stored.event.data) is data)


def _event(heading: str, about: str, members: Members, example: object) -> Iterator[str]:
    yield from (f"### `{heading}`", "", about, "")
    if members:
        yield from (*table(_HEADS, member_rows(members)), "")
    yield from ("```json", json.dumps(example, indent=2, ensure_ascii=False), "```", "")


def _about(data: type[EventData]) -> str:
    """Return an event's description, from its class."""
    said = (inspect.getdoc(data) or "").partition("\n")[0].partition(". ")[0]
    return f"`{data.type}`: {said[:1].lower()}{said[1:].rstrip('.')}."


def socket_section() -> Iterator[str]:
    for data, name in events_socket.NAMES.items():
        spelt = payload_examples.on_socket(_of(data))
        assert spelt is not None
        yield from _event(name, _about(data), payload_members.SOCKET[data], json.loads(spelt[1]))


def envelopes() -> Mapping[str, tuple[type[EventData], Any]]:
    """Return the examples' envelopes by name, each with the type of its event."""
    written: dict[str, tuple[type[EventData], Any]] = {}
    for stored in STORED:
        if frame := payload_examples.in_envelope(stored):
            said = json.loads(frame)
            written[said["event_type"]] = type(stored.event.data), said
    return written


def envelope_section() -> Iterator[str]:
    for name, (data, said) in envelopes().items():
        yield from _event(name, _about(data), envelope_members.PAYLOADS[name], said)


def notice_section() -> Iterator[str]:
    for notice in payload_examples.NOTICES:
        said = json.loads(notice)
        name: str = said["event_type"]
        about = "The call WebSocket sends this about itself; it has no `event_id`."
        yield from _event(name, about, envelope_members.NOTICES[name], said)


def mirror_section() -> Iterator[str]:
    said = json.loads(payload_examples.MIRRORED)
    about = "`call.audit`: the agent's URL is asked for the result of a tool."
    yield from _event(said["event_type"], about, receiver_members.TOOL, said)


def transcript_section() -> Iterator[str]:
    yield from ("```", *_frames(payload_examples.in_transcript), "```")


def conversation_section() -> Iterator[str]:
    yield from ("```", *_frames(payload_examples.in_conversation), "```")


def conversation_rows() -> Iterator[str]:
    for name, data in (
        ("message.*", MessageReceived),
        ("conversation.mode_changed", ConversationModeChanged),
        ("window.closing", WindowClosing),
    ):
        for cells in member_cells(conversation_members.payload(data)):
            yield row(f"`{name}`", *cells)


def _frames(spell: Callable[[StoredEvent], str | None]) -> Iterable[str]:
    frames = filter(None, map(spell, STORED))
    return "\n".join(frames).rstrip("\n").replace("\n\n\n", "\n\n").splitlines()


def list_section() -> Iterator[str]:
    for data in EVENT_TYPES.values():
        if (listed := payload_examples.in_list(_of(data))) is None:
            continue
        example = json.loads(listed)["data"]
        yield from _event(data.type, _about(data), listed_members.data_of(data), example)


def pushed_section() -> Iterator[str]:
    """The rows that are pushed and never listed, whole."""
    for data in EVENT_TYPES.values():
        if not data.durable:
            pushed = json.loads(payload_examples.in_log(_of(data)))
            yield from _event(data.type, _about(data), listed_members.data_of(data), pushed)


def list_example() -> Iterator[str]:
    listed = payload_examples.in_list(STORED[1])
    yield from ("```json", json.dumps(json.loads(listed or ""), indent=2), "```")


SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "routes of /v1": rest_reference.route_sections,
    "socket payloads": socket_section,
    "envelopes": envelope_section,
    "notices of the call WebSocket": notice_section,
    "mirrors of the call WebSocket": mirror_section,
    "transcript frames": transcript_section,
    "conversation frames": conversation_section,
    "a listed event": list_example,
    "listed events": list_section,
    "pushed events": pushed_section,
}
