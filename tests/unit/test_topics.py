"""Topics: which events belong to them, where they end, and their names on the socket."""

import pytest

from ringline.domain.events import Event
from ringline.domain.ids import Prefix, format_id
from ringline.domain.topics import ALL_EVENTS, CallEvents, ends, topics_of
from ringline.wire.events_socket import TopicRefused, read_topic
from ringline.wire.phoenix_socket import UNAUTHORIZED, UNMATCHED_TOPIC
from tests.samples import ended, new_id, note, partial, turn

WORKSPACE, CALL, OTHER = new_id(), new_id(), new_id()


@pytest.mark.parametrize(
    "event", [note(CALL), partial(CALL, "so far", 0), turn(CALL, "said"), ended(CALL)]
)
def test_an_event_of_a_call_belongs_to_the_log_and_to_its_call(event: Event) -> None:
    assert topics_of(event) == (ALL_EVENTS, CallEvents(CALL))
    assert CallEvents(OTHER) not in topics_of(event)


def test_an_event_of_no_call_belongs_to_the_log_alone() -> None:
    assert topics_of(note()) == (ALL_EVENTS,)


def test_a_call_s_topic_ends_with_that_call_and_the_log_s_never() -> None:
    assert ends(ended(CALL), CallEvents(CALL))
    assert not ends(ended(OTHER), CallEvents(CALL))
    assert not ends(turn(CALL, "said"), CallEvents(CALL))
    assert not ends(note(), CallEvents(CALL))
    assert not ends(ended(CALL), ALL_EVENTS)
    without_call = Event(new_id(), ended(CALL).occurred_at, ended(CALL).data)
    assert not ends(without_call, ALL_EVENTS)


@pytest.mark.parametrize(
    "name", ["events", f"events:{WORKSPACE}", f"events:{format_id(Prefix.WORKSPACE, WORKSPACE)}"]
)
def test_every_spelling_of_a_workspace_s_events_is_one_topic(name: str) -> None:
    assert read_topic(name, WORKSPACE) is ALL_EVENTS


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", UNMATCHED_TOPIC),
        (":", UNMATCHED_TOPIC),
        ("Events", UNMATCHED_TOPIC),
        (f"event:{WORKSPACE}", UNMATCHED_TOPIC),
        ("events:", UNAUTHORIZED),
        ("events:events", UNAUTHORIZED),
        (f"events:{OTHER}", UNAUTHORIZED),
        (f"events:{WORKSPACE}:", UNAUTHORIZED),
        (f"events:{format_id(Prefix.CALL, WORKSPACE)}", UNAUTHORIZED),
    ],
)
def test_any_other_name_is_refused_with_its_reason(name: str, reason: str) -> None:
    with pytest.raises(TopicRefused) as refused:
        read_topic(name, WORKSPACE)
    assert refused.value.reason == reason
