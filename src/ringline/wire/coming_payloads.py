"""The envelope's events that nothing produces yet, as tables (live streams, 3.7).

Receivers may prepare for them. `tool.invocation` has its members beside `event_type`, without a
`payload`, and expects the tool's result as the answer; the others are as the envelope is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringline.domain.members import Member, Shape
from ringline.wire.payload_members import Members


@dataclass(frozen=True, slots=True)
class ComingEvent:
    """An event of a later version: when it happens, and its payload."""

    means: str
    payload: Members


def _text(name: str, means: str, *, words: tuple[str, ...] = (), null: bool = False) -> Member:
    return Member(name, Shape.TEXT, means, words=words, null=null)


def _integer(name: str, means: str) -> Member:
    return Member(name, Shape.INTEGER, means)


def _number(name: str, means: str) -> Member:
    return Member(name, Shape.NUMBER, means)


_CALL_ID = _text("call_id", "`call_…`: the call")
_MESSAGE_ID = _text("message_id", "`msg_…`: the message")
_CONVERSATION_ID = _text("conversation_id", "`conv_…`: the conversation")
_MOS = _number("mos", "the audio quality, 1 to 5")
_REASON = _text("reason", "the same in words")
_MODES = ("ai", "human", "closed")

#: Each by its `event_type`.
COMING: Mapping[str, ComingEvent] = {
    "call.quality": ComingEvent(
        "the audio's statistics, at the end of a call",
        (
            _CALL_ID,
            _MOS,
            _number("jitter_ms", "the jitter"),
            _number("packet_loss_pct", "lost packets, in percent"),
            _number("rtt_ms", "the round trip"),
            _integer("packets_received", "packets that came"),
            _integer("packets_lost", "packets that did not"),
            _text("mno_used", "the carrier", null=True),
        ),
    ),
    "call.quality_degraded": ComingEvent(
        "packets are lost or late, during a call",
        (
            _CALL_ID,
            _text("metric", "what is bad", words=("packet_loss", "jitter", "rtt")),
            _number("value", "how bad it is"),
            _number("threshold", "from where on it is bad"),
            _MOS,
            Member("at", Shape.TIME, "when it was measured"),
        ),
    ),
    "tool.invocation": ComingEvent(
        "the agent calls a tool of the workspace; the answer must carry its result", ()
    ),
    "message.received": ComingEvent(
        "a message came in; one of WhatsApp has `message_type` and `inbound_message`",
        (
            _MESSAGE_ID,
            _CONVERSATION_ID,
            _text("body", "its text"),
            _text("encoding", "of an SMS: `GSM-7` or `UCS-2`"),
        ),
    ),
    "message.sent": ComingEvent(
        "a message of ours was accepted for delivery",
        (
            _MESSAGE_ID,
            _CONVERSATION_ID,
            _text("status", "its state", words=("sent",)),
            _text("to_number", "to whom"),
            _integer("segments", "the parts of an SMS"),
        ),
    ),
    "message.delivered": ComingEvent(
        "a message of ours has reached the device",
        (
            _MESSAGE_ID,
            _CONVERSATION_ID,
            _text("status", "its state", words=("delivered",)),
            Member("delivered_at", Shape.TIME, "when"),
        ),
    ),
    "message.read": ComingEvent(
        "a message of ours was read (WhatsApp)",
        (
            _MESSAGE_ID,
            _CONVERSATION_ID,
            _text("status", "its state", words=("read",)),
            Member("read_at", Shape.TIME, "when"),
        ),
    ),
    "message.dlr": ComingEvent(
        "an SMS has a delivery receipt",
        (
            _MESSAGE_ID,
            _text(
                "status",
                "the receipt's word",
                words=("DELIVRD", "UNDELIV", "REJECTD", "EXPIRED"),
            ),
            _text(
                "delivery_status",
                "the same as a state",
                words=("delivered", "failed", "rejected", "expired"),
            ),
            _text("error_code", "three digits, `000` for none"),
            _integer("submitted", "parts that were handed on"),
            _integer("delivered", "parts that arrived"),
            _text("mno", "the carrier", null=True),
        ),
    ),
    "message.failed": ComingEvent(
        "the provider refused a message that it had accepted",
        (_MESSAGE_ID, _text("error_code", "the provider's"), _REASON),
    ),
    "message.send_failed": ComingEvent(
        "a message could not be handed on",
        (
            _MESSAGE_ID,
            _text(
                "error_code",
                "why",
                words=("QUOTA_EXCEEDED", "SMPP_UNAVAILABLE", "OPT_OUT_ENFORCED", "INTERNAL"),
            ),
            _REASON,
        ),
    ),
    "message.opt_out": ComingEvent(
        "somebody wants no more messages",
        (
            _MESSAGE_ID,
            _CONVERSATION_ID,
            _text("keyword", "what they sent: `STOP`, …"),
            Member("opted_out_at", Shape.TIME, "when"),
        ),
    ),
    "window.closing": ComingEvent(
        "WhatsApp's window of 24 hours ends in an hour",
        (
            _CONVERSATION_ID,
            Member("window_expires_at", Shape.TIME, "when it ends"),
            _integer("minutes_remaining", "60"),
        ),
    ),
    "conversation.mode_changed": ComingEvent(
        "a conversation by messages was handed over, or closed",
        (
            _CONVERSATION_ID,
            _text("from_mode", "who answered until now", words=_MODES),
            _text("to_mode", "who answers from now on", words=_MODES),
            _text("actor_user_id", "the user who did it", null=True),
        ),
    ),
}
