"""The rules of messages: every report in every state, the window, and opting out."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationStatus,
    MessageSender,
    MessageStatus,
)
from ringline.domain.messages import (
    FINAL,
    TRANSITIONS,
    WINDOW,
    Contradiction,
    Report,
    Wish,
    asked_mode,
    may_write,
    sender_in,
    window_end,
    wish_of,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SMS, WHATSAPP = ConversationChannel.SMS, ConversationChannel.WHATSAPP
#: How far each state is on its way.
RANK = {
    MessageStatus.QUEUED: 0,
    MessageStatus.SENT: 1,
    MessageStatus.DELIVERED: 2,
    MessageStatus.READ: 3,
    MessageStatus.FAILED: 4,
    MessageStatus.REJECTED: 4,
    MessageStatus.EXPIRED: 4,
}


def test_reports_move_a_message_forward_or_not_at_all() -> None:
    for state, report in product(RANK, Report):
        after = TRANSITIONS.get((state, report))
        assert after is None or RANK[after] > RANK[state]


@given(st.permutations(list(Report)), st.sampled_from(list(Report)))
def test_whatever_order_reports_come_in_a_message_ends_and_stays(
    order: list[Report], again: Report
) -> None:
    state, seen = MessageStatus.QUEUED, [MessageStatus.QUEUED]
    for report in (*order, again):
        state = TRANSITIONS.get((state, report), state)
        seen.append(state)
    assert state in FINAL
    assert [RANK[one] for one in seen] == sorted(RANK[one] for one in seen)
    # Nothing that was delivered fails afterwards.
    assert not (MessageStatus.DELIVERED in seen and seen[-1] in {MessageStatus.FAILED})


def test_what_came_in_and_what_has_ended_stay_as_they_are() -> None:
    assert (
        frozenset(
            {
                MessageStatus.RECEIVED,
                MessageStatus.READ,
                MessageStatus.FAILED,
                MessageStatus.REJECTED,
                MessageStatus.EXPIRED,
            }
        )
        == FINAL
    )


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("STOP", Wish.STOP),
        ("  stop\n", Wish.STOP),
        ("Unsubscribe", Wish.STOP),
        ("CANCEL", Wish.STOP),
        ("end", Wish.STOP),
        ("quit", Wish.STOP),
        ("start", Wish.START),
        ("Subscribe", Wish.START),
        ("stop it", None),
        ("STOP!", None),
        ("", None),
        ("please stop", None),
    ],
)
def test_a_word_by_itself_is_a_wish(text: str, wish: Wish | None) -> None:
    found = wish_of(text)
    assert (found and found[0]) == wish
    assert found is None or found[1] == text.strip().upper()


def test_a_window_is_open_for_24_hours_after_a_message_of_whatsapp() -> None:
    end = window_end(WHATSAPP, NOW)
    assert end is not None
    assert end == NOW + timedelta(hours=24) == NOW + WINDOW
    assert may_write(WHATSAPP, end, now=end - timedelta(microseconds=1))
    assert not may_write(WHATSAPP, end, now=end)
    assert not may_write(WHATSAPP, None, now=NOW)
    assert window_end(SMS, NOW) is None
    assert may_write(SMS, None, now=NOW)


def test_what_is_sent_is_the_agents_while_it_answers() -> None:
    assert sender_in(AiMode.AI) is MessageSender.AI
    assert sender_in(AiMode.HUMAN) is sender_in(AiMode.CLOSED) is MessageSender.HUMAN


CLOSED = AiMode.CLOSED


@pytest.mark.parametrize("now", list(AiMode))
@pytest.mark.parametrize("mode", [None, *AiMode])
@pytest.mark.parametrize("status", [None, *ConversationStatus])
def test_a_thread_is_closed_in_both_ways_or_in_none(
    now: AiMode, mode: AiMode | None, status: ConversationStatus | None
) -> None:
    if mode and status and (mode is CLOSED) is not (status is ConversationStatus.CLOSED):
        with pytest.raises(Contradiction):
            asked_mode(now, mode=mode, status=status)
        return
    after = asked_mode(now, mode=mode, status=status)
    if mode is not None:
        assert after is mode
    elif status is None:
        assert after is now
    else:
        assert (after is CLOSED) is (status is ConversationStatus.CLOSED)
        if now is not CLOSED and after is not CLOSED:
            assert after is now, "it is open, and stays whose it is"
