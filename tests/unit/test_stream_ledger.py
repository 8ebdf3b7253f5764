"""The ledger of live deliveries: what it remembers, and for how long."""

from datetime import datetime, timedelta

from ringline.domain import limits
from ringline.domain.topics import ALL_EVENTS, CallEvents, ThreadEvents
from ringline.services.stream_ledger import DropReason, LoggedEvent, StreamLedger, topic_name
from tests.clock import HandClock
from tests.samples import NOW, a_scope, a_subscriber, new_id

SCOPE, OTHER = a_scope(1), a_scope(2)
CALL, THREAD = new_id(), new_id()
ONE, TWO = a_subscriber(1), a_subscriber(2)


def at(offset: int) -> LoggedEvent:
    return LoggedEvent(SCOPE, new_id(), offset, CALL)


def test_past_events_that_were_sent_or_could_not_be_are_known_by_their_place() -> None:
    ledger = StreamLedger(lambda: NOW)
    ledger.note_past(SCOPE, CallEvents(CALL), subscriber=ONE, after=10, up_to=20)
    ledger.note_past(SCOPE, CallEvents(new_id()), subscriber=ONE, after=10, up_to=20)
    ledger.note_past(OTHER, ALL_EVENTS, subscriber=ONE, after=0, up_to=99)
    ledger.note_not_recovered(SCOPE, ALL_EVENTS, subscriber=TWO, after=0, up_to=12)
    found = ledger.deliveries_of(at(11))
    assert (found.sent, found.dropped) == (1, 1)
    assert [(one.subscriber, one.reason) for one in found.recent] == [
        (TWO, DropReason.NOT_RECOVERED),
        (ONE, None),
    ]
    for offset, sent, dropped in ((10, 0, 1), (13, 1, 0), (20, 1, 0), (21, 0, 0)):
        found = ledger.deliveries_of(at(offset))
        assert (found.sent, found.dropped) == (sent, dropped), offset


def test_the_oldest_is_forgotten_and_the_ledger_says_since_when_it_knows() -> None:
    clock = HandClock(NOW)
    ledger = StreamLedger(clock, most=3)
    event = at(1)

    def write(event: LoggedEvent) -> datetime:
        clock.advance(timedelta(seconds=1))
        ledger.note_written(SCOPE, ALL_EVENTS, event_ids=[event.id], listeners=[ONE], dropped={})
        return clock.now

    first = write(event)
    for _ in range(2):
        write(at(2))
    found = ledger.deliveries_of(event)
    assert (found.sent, found.kept_since, found.recent[0].at) == (1, NOW, first)
    write(at(3))
    found = ledger.deliveries_of(event)
    assert (found.sent, found.recent, found.kept_since) == (0, [], first)


def test_what_is_shown_of_one_event_is_bounded() -> None:
    ledger = StreamLedger(lambda: NOW)
    event = at(5)
    for _ in range(limits.STREAM_OUTCOMES.most + 5):
        ledger.note_past(SCOPE, ALL_EVENTS, subscriber=ONE, after=0, up_to=9)
    found = ledger.deliveries_of(event)
    assert found.sent == limits.STREAM_OUTCOMES.most + 5
    assert len(found.recent) == limits.STREAM_OUTCOMES.most


def test_an_event_is_of_its_call_or_its_thread() -> None:
    of_thread = LoggedEvent(SCOPE, new_id(), 1, None, THREAD)
    assert at(1).is_of(ALL_EVENTS)
    assert at(1).is_of(CallEvents(CALL))
    assert not at(1).is_of(ThreadEvents(THREAD))
    assert of_thread.is_of(ThreadEvents(THREAD))
    assert not of_thread.is_of(CallEvents(CALL))
    assert topic_name(ALL_EVENTS) == "events"
    assert topic_name(CallEvents(CALL)).startswith("call:call_")
    assert topic_name(ThreadEvents(THREAD)).startswith("conversation:conv_")
