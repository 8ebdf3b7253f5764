"""The rows of the routes of messages (live streams, 6.4; sandbox: 1.9)."""

from ringline.domain.conversations import MessageDirection, MessageStatus
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest import message_actions as act
from ringline.rest import message_inputs as asked
from ringline.rest import message_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Choice, Id, Timestamp

_TAG = "Messages"
_MESSAGES = "/v1/messages"

_REFUSALS = ("NOT_FOUND", "OPT_OUT_ENFORCED", "CONVERSATION_WINDOW_CLOSED")
_WHOSE = (
    "It goes into the thread of the agent and the contact, which is opened if there is none. While "
    "the thread's `ai_mode` is `ai`, the message counts as the AI's, else as a person's. With a "
    "`sk_test_` key it does not leave: its receipt comes after a second."
)

_FILTERS = (
    Input(
        Member("conversation_id", Shape.TEXT, "only those of this thread", "none"),
        Id(Prefix.CONVERSATION),
    ),
    Input(Member("agent_id", Shape.TEXT, "only those of this agent", "none"), Id(Prefix.AGENT)),
    Input(
        Member("channel", Shape.TEXT, "only those", "none", asked.CHANNELS),
        Choice(asked.CHANNELS),
    ),
    Input(
        Member("direction", Shape.TEXT, "only those", "none", tuple(MessageDirection)),
        Choice(tuple(MessageDirection)),
    ),
    Input(
        Member("status", Shape.TEXT, "only those in this state", "none", tuple(MessageStatus)),
        Choice(tuple(MessageStatus)),
    ),
)

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _MESSAGES,
        "sendMessage",
        _TAG,
        "Send a message",
        act.send_message,
        "The message, which is queued",
        f"{_WHOSE} A WhatsApp message may be sent within 24 hours of the contact's last one only; "
        "later, send a template.",
        body=(
            asked.AGENT,
            asked.CHANNEL,
            asked.FROM,
            asked.TO,
            asked.BODY,
            asked.TYPE,
            asked.MEDIA_URL,
            asked.CAPTION,
            asked.INTERACTIVE,
        ),
        answers=shown.SENT,
        errors=_REFUSALS,
        idempotent=True,
    ),
    Route(
        "POST",
        f"{_MESSAGES}/template",
        "sendTemplate",
        _TAG,
        "Send a WhatsApp template",
        act.send_template,
        "The message, which is queued",
        f"It may be sent at any time. {_WHOSE}",
        body=(
            asked.AGENT,
            asked.FROM,
            asked.TO,
            asked.TEMPLATE_NAME,
            asked.LANGUAGE_CODE,
            asked.PARAMETERS,
        ),
        answers=shown.SENT,
        errors=_REFUSALS[:2],
        idempotent=True,
    ),
    Route(
        "GET",
        _MESSAGES,
        "listMessages",
        _TAG,
        "List messages",
        act.list_messages,
        "A page of messages",
        query=_FILTERS,
        answers=shown.MESSAGE,
        paging=Paging("messages", (Timestamp(), Id(Prefix.MESSAGE))),
    ),
    Route(
        "GET",
        f"{_MESSAGES}/{{message_id}}",
        "getMessage",
        _TAG,
        "Get a message",
        act.get_message,
        "The message",
        ids=(PathId("message_id", Prefix.MESSAGE, "the message's id"),),
        answers=shown.MESSAGE,
    ),
    Route(
        "POST",
        "/v1/sandbox/messages",
        "receiveSandboxMessage",
        _TAG,
        "Let a made-up contact send a message",
        act.receive_in_sandbox,
        "The message has come in",
        "It does what a provider's inbound message does: it finds its thread, or opens one with "
        "the agent of `to_number`, and the agent answers. Any number may be used; one without an "
        "agent of its own is answered by the environment's first agent. A `sk_live_` key is "
        "refused: 403.",
        202,
        body=(
            asked.CHANNEL,
            Input(
                Member("from_number", Shape.TEXT, "the contact's number, in E.164"),
                asked.FROM.kind,
            ),
            Input(
                Member("to_number", Shape.TEXT, "the number of yours that they write to, in E.164"),
                asked.TO.kind,
            ),
            asked.INBOUND_BODY,
        ),
        answers=(shown.MESSAGE[0], shown.MESSAGE[1]),
        errors=("NOT_FOUND",),
    ),
)
