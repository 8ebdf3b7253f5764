"""Publications as bytes: written and read back, and whatever else arrives."""

import json
import types
from datetime import UTC, datetime
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.call_vocabulary import CallDirection, CallTransport
from ringline.domain.events import EVENT_TYPES, CallRef, Event, EventData
from ringline.domain.log import Environment, Scope
from ringline.domain.publication import Publication, Published
from ringline.wire.publication import PublicationProblem, decode_publication, encode_publication
from tests.samples import NOW, a_scope, note, partial

# -- what any event may hold ---------------------------------------------------------------

WHOLE = st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | WHOLE
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: WHOLE,
    datetime: st.datetimes(timezones=st.just(UTC)),
    object: JSON,
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return what a member of this type may be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(one) for one in arguments])
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs(kind)
    return st.from_type(kind)


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    members = {field.name: values_of(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **members)


def events(data: st.SearchStrategy[EventData]) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.uuids(), values_of(datetime), data, st.none() | structs(CallRef))


SCOPES = st.builds(Scope, st.uuids(), st.sampled_from(Environment))
OFFSETS = st.integers(1, 2**63 - 1)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_an_event_of_every_type_comes_back_as_it_was(kind: type[EventData]) -> None:
    @given(SCOPES, st.lists(st.builds(Published, OFFSETS, events(structs(kind))), max_size=3))
    def comes_back(scope: Scope, published: list[Published]) -> None:
        publication = Publication(scope, tuple(published))
        assert decode_publication(encode_publication(publication)) == publication

    comes_back()


# -- how it is written ---------------------------------------------------------------------

WORKSPACE = "00000000-0000-0000-0000-000000000001"
PUBLICATION = Publication(
    a_scope(1, Environment.TEST),
    (
        Published(7, Event(UUID(int=2), NOW, note().data)),
        Published(
            7,
            Event(
                UUID(int=3),
                NOW,
                partial(UUID(int=4), "so far", 1, delta=" far").data,
                CallRef(
                    id=UUID(int=4),
                    uuid="order-7",
                    direction=CallDirection.INBOUND,
                    from_number="+4930901820",
                    to_number="+4930901821",
                    transport=CallTransport.WEBSOCKET,
                ),
            ),
        ),
    ),
)
WRITTEN = (
    b'{"workspace_id":"00000000-0000-0000-0000-000000000001","environment":"test","events":['
    b'{"offset":7,"id":"00000000-0000-0000-0000-000000000002","type":"call.audit",'
    b'"occurred_at":"2026-11-20T09:15:00Z",'
    b'"data":{"audit_type":"note","code":"note","detail":{}},"call":null},'
    b'{"offset":7,"id":"00000000-0000-0000-0000-000000000003","type":"call.transcript_delta",'
    b'"occurred_at":"2026-11-20T09:15:00Z",'
    b'"data":{"turn_id":"00000000-0000-0000-0000-000000000004","item_id":"item",'
    b'"content_index":0,"role":"caller","delta":" far","text":"so far","sequence":1},'
    b'"call":{"id":"00000000-0000-0000-0000-000000000004","uuid":"order-7",'
    b'"direction":"inbound","from_number":"+4930901820","to_number":"+4930901821",'
    b'"transport":"websocket","agent_id":null,"model":null,"conversation_id":null}}]}'
)


def test_a_publication_is_written_as_the_log_holds_its_events() -> None:
    assert encode_publication(PUBLICATION) == WRITTEN
    assert decode_publication(WRITTEN) == PUBLICATION


def test_members_that_a_newer_version_writes_are_ignored() -> None:
    newer: dict[str, Any] = json.loads(WRITTEN)
    event = newer["events"][1]
    for part in (newer, event, event["data"], event["call"]):
        part["since_then"] = {"new": True}
    assert decode_publication(json.dumps(newer).encode()) == PUBLICATION


# -- what is none --------------------------------------------------------------------------


def changed(path: tuple[str | int, ...], value: object) -> bytes:
    """Return the publication with one value of it changed; ... takes it out."""
    whole: Any = json.loads(WRITTEN)
    part = whole
    for step in path[:-1]:
        part = part[step]
    if value is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return json.dumps(whole).encode()


UNKNOWN_TYPE = "a publication holds a type of event that is not known"
NO_JSON = "a publication is JSON in UTF-8"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", NO_JSON),
        (b"\x00\xff", NO_JSON),
        (WRITTEN[:-1], NO_JSON),
        (WRITTEN + b"{}", NO_JSON),
        (WRITTEN.replace(b"order-7", b"order-\xff"), NO_JSON),
        (WRITTEN.replace(b"so far", b"so \xff"), NO_JSON),
        (WRITTEN.replace(b'"detail":{}', b'"detail":{"a":' + b"[" * 10_000 + b"}"), NO_JSON),
        (b"[" * 100_000 + b"]" * 100_000, "expected object, got array"),
        (b"[]", "expected object, got array"),
        (changed(("environment",), "production"), "invalid value at environment"),
        (changed(("workspace_id",), ...), "object missing required field workspace_id"),
        (changed(("events",), {}), "expected array, got object at events"),
        (changed(("events", 0, "offset"), -1), "expected int >= 0 at events[0].offset"),
        (changed(("events", 0, "offset"), "7"), "expected int, got str at events[0].offset"),
        (changed(("events", 0, "offset"), 0), "the first durable event of a log has the offset 1"),
        (changed(("events", 0, "id"), "evt_1"), "invalid value at events[0].id"),
        (changed(("events", 0, "occurred_at"), "today"), "invalid value at events[0].occurred_at"),
        (changed(("events", 0, "type"), "call.secret"), UNKNOWN_TYPE),
        (changed(("events", 0, "type"), "call.ringing"), "object missing required field status"),
        (changed(("events", 0, "data"), None), "expected object, got null"),
        (changed(("events", 1, "data", "sequence"), "1"), "expected int, got str at sequence"),
        (changed(("events", 1, "call"), {}), "object missing required field id at events[1].call"),
    ],
)  # fmt: skip
def test_what_is_no_publication_is_refused_with_a_sentence(data: bytes, problem: str) -> None:
    with pytest.raises(PublicationProblem) as refused:
        decode_publication(data)
    assert str(refused.value) == problem


def test_the_first_partial_of_a_log_comes_before_any_offset() -> None:
    sent = Publication(a_scope(), (Published(0, partial(UUID(int=4), "so far", 0)),))
    assert decode_publication(encode_publication(sent)) == sent


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_publication_or_a_problem(data: bytes) -> None:
    try:
        read = decode_publication(data)
    except PublicationProblem:
        return
    assert decode_publication(encode_publication(read)) == read


@given(st.integers(0, len(WRITTEN) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_a_damaged_publication_is_one_or_a_problem(place: int, new: bytes, gone: int) -> None:
    try:
        read = decode_publication(WRITTEN[:place] + new + WRITTEN[place + gone :])
    except PublicationProblem:
        return
    assert decode_publication(encode_publication(read)) == read


def test_text_that_is_not_unicode_cannot_be_written() -> None:
    half = Publication(a_scope(), (Published(0, partial(UUID(int=4), "\ud800", 0)),))
    with pytest.raises(ValueError, match="surrogates"):
        encode_publication(half)
