"""The types that endpoints are sent, and what their filters let through."""

import pytest

from ringline.domain.events import COMING_TYPES, EVENT_TYPES
from ringline.domain.webhook_types import (
    ENDPOINT_TYPES,
    FAMILIES,
    filters_of,
    is_wanted,
    sent_type,
    unknown_filters,
)


def test_every_durable_type_is_sent_and_no_other() -> None:
    durable = [name for name, data in EVENT_TYPES.items() if data.durable]
    assert len(ENDPOINT_TYPES) == len(durable) + len(COMING_TYPES) == len(set(ENDPOINT_TYPES))
    assert set(map(sent_type, durable)) <= set(ENDPOINT_TYPES)
    assert "call.transcript_delta" not in ENDPOINT_TYPES


def test_messages_are_named_as_on_the_second_surface() -> None:
    assert sent_type("message.received") == "communication.message.received"
    assert sent_type("call.ended") == "call.ended"
    assert not any(type_.startswith("message.") for type_ in ENDPOINT_TYPES)


def test_families() -> None:
    assert FAMILIES == (
        "call.*",
        "contact.*",
        "conversation.*",
        "communication.message.*",
        "window.*",
        "queue.*",
        "operator.*",
    )


@pytest.mark.parametrize(
    ("filters", "unknown"),
    [
        (["*"], ()),
        (["call.*", "contact.created", "communication.message.received"], ()),
        ([*ENDPOINT_TYPES, *FAMILIES], ()),
        ([], ()),
        (["call.started", "call.ended", "call.started"], ("call.started",)),
        (["message.received"], ("message.received",)),
        (["call.transcript_delta"], ("call.transcript_delta",)),
        (["email.classification.*", "callback.*"], ("email.classification.*", "callback.*")),
        (["**", "", "call", "call.", "CALL.*", "*.ended"],) * 2,
    ],
)
def test_what_does_not_exist_is_told(filters: list[str], unknown: tuple[str, ...]) -> None:
    assert unknown_filters(filters) == tuple(unknown)


@pytest.mark.parametrize(
    ("type_", "filters", "wanted"),
    [
        ("call.ended", ["*"], True),
        ("call.ended", ["call.*"], True),
        ("call.ended", ["call.ended"], True),
        ("call.ended", ["call.created", "contact.*"], False),
        ("call.ended", [], False),
        ("message.sent", ["communication.message.*"], True),
        ("message.sent", ["communication.message.sent"], True),
        ("conversation.updated", ["communication.message.*"], False),
    ],
)
def test_a_filter(type_: str, filters: list[str], wanted: bool) -> None:
    assert is_wanted(type_, filters) is wanted
    assert bool(set(filters) & set(filters_of(type_))) is wanted
