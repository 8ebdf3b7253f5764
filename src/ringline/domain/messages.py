"""The rules of messages: their states, the window of WhatsApp, opting out. Pure.

Live streams, 6.4, 6.5 and 7. A provider may report twice, late and out of order, so a report
moves a message forward or not at all: `TRANSITIONS` says where.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationStatus,
    MessageSender,
    MessageStatus,
)

#: How long a contact's message lets free-form messages be sent on WhatsApp.
WINDOW = timedelta(hours=24)
#: How long before its end a window is said to close.
CLOSING = timedelta(minutes=60)

#: The provider of the sandbox, which sends nothing and reports everything as delivered.
SANDBOX = "sandbox"

#: What a contact sends to get no more messages of an agent, and to get them again.
STOP_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "SUBSCRIBE"})


class Report(StrEnum):
    """What becomes of a message of ours, as its provider reports it."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"


_S = MessageStatus
_ENDS = {
    Report.FAILED: _S.FAILED,
    Report.REJECTED: _S.REJECTED,
    Report.EXPIRED: _S.EXPIRED,
}

#: A message's next state; a report that is not listed changes nothing. A receipt may overtake the
#: answer to the request that sent the message, so a queued one may be delivered.
TRANSITIONS: Mapping[tuple[MessageStatus, Report], MessageStatus] = {
    (_S.QUEUED, Report.SENT): _S.SENT,
    (_S.QUEUED, Report.DELIVERED): _S.DELIVERED,
    (_S.QUEUED, Report.READ): _S.READ,
    (_S.SENT, Report.DELIVERED): _S.DELIVERED,
    (_S.SENT, Report.READ): _S.READ,
    (_S.DELIVERED, Report.READ): _S.READ,
    **{(_S.QUEUED, report): ended for report, ended in _ENDS.items()},
    **{(_S.SENT, report): ended for report, ended in _ENDS.items()},
}

#: The states that nothing follows.
FINAL = frozenset(MessageStatus) - {before for before, _ in TRANSITIONS}


class Wish(StrEnum):
    """What a contact asks for with a word of its own."""

    STOP = "stop"
    START = "start"


def wish_of(text: str) -> tuple[Wish, str] | None:
    """Return what a message asks for and its keyword; None of an ordinary one.

    The keyword is all of the message, whatever its case and the spaces around it.
    """
    keyword = text.strip().upper()
    if keyword in STOP_WORDS:
        return Wish.STOP, keyword
    return (Wish.START, keyword) if keyword in START_WORDS else None


def window_end(channel: ConversationChannel, received_at: datetime) -> datetime | None:
    """Return when the window that a contact's message opens ends; None if it has no end."""
    return received_at + WINDOW if channel is ConversationChannel.WHATSAPP else None


def may_write(
    channel: ConversationChannel, window_expires_at: datetime | None, *, now: datetime
) -> bool:
    """Return whether a free-form message may be sent now."""
    if channel is not ConversationChannel.WHATSAPP:
        return True
    return window_expires_at is not None and now < window_expires_at


def sender_in(mode: AiMode) -> MessageSender:
    """Return who writes what is sent through the API: the agent's backend, or a person."""
    return MessageSender.AI if mode is AiMode.AI else MessageSender.HUMAN


class Contradiction(Exception):
    """A thread is asked to be closed and open at once."""


def asked_mode(now: AiMode, *, mode: str | None, status: str | None) -> AiMode:
    """Return who answers a thread after a change of its mode, its status or both.

    Closing one closes the other. A closed thread that gets another status is the agent's again.
    Raises Contradiction.
    """
    closing = status == ConversationStatus.CLOSED
    if mode is not None:
        wanted = AiMode(mode)
        if status is not None and closing is not (wanted is AiMode.CLOSED):
            raise Contradiction
        return wanted
    if closing:
        return AiMode.CLOSED
    return AiMode.AI if status is not None and now is AiMode.CLOSED else now
