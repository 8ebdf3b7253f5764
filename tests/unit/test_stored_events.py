"""Events as they are stored are read, also those that an older version wrote."""

import msgspec
import pytest

from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.events import CallCreated, read_event
from tests.samples import NOW, call_ref, ended, new_id


def test_an_event_is_read_as_it_was_written() -> None:
    event = ended(new_id())
    data, call = (msgspec.json.encode(part).decode() for part in (event.data, event.call))
    assert (
        read_event(event.id, event.type, occurred_at=event.occurred_at, data=data, call=call)
        == event
    )


def test_members_that_came_later_are_null() -> None:
    ref = call_ref(new_id())
    call = msgspec.to_builtins(ref)
    del call["conversation_id"]
    data = {"status": "initiated", "source": "api", "started_at": NOW}
    event = read_event(
        new_id(),
        "call.created",
        occurred_at=NOW,
        data=msgspec.json.encode(data).decode(),
        call=msgspec.json.encode(call).decode(),
    )
    assert event.call == ref
    assert event.data == CallCreated(status=CallStatus.INITIATED, source="api", started_at=NOW)


def test_a_type_that_is_not_known_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        read_event(new_id(), "call.begun", occurred_at=NOW, data="{}", call=None)
