"""What `ringline why` prints of live deliveries."""

from ringline.cli.why import _lines
from ringline.client.webhooks import EventDeliveries, StreamOutcome, Subscriptions


def test_losses_are_shown_with_their_reason_and_only_to_who_may_see_them() -> None:
    at = "2026-11-20T09:15:00.000Z"
    lost = StreamOutcome("events_socket", "events", "key_1", "dropped", at, "buffer_full")
    sent = StreamOutcome("call_socket", "call:call_1", "usr_2", "sent", at)
    found = EventDeliveries("evt_1", "call.answered", "abcdefgh:7", at)
    assert not any("live:" in line for line in _lines(found))
    live = Subscriptions(41, 1, at, (lost, sent))
    lines = list(_lines(EventDeliveries("evt_1", "call.answered", "abcdefgh:7", at, (), live)))
    assert "  live: sent to 41, dropped for 1" in lines
    assert any(
        line.endswith(": dropped, buffer_full: events_socket events of key_1") for line in lines
    )
    assert any(line.endswith(": sent: call_socket call:call_1 of usr_2") for line in lines)
