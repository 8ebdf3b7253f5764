"""What the routes of messages do (live streams, 6.4; sandbox: 1.9)."""

from collections.abc import Mapping

from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment
from ringline.domain.messages import SANDBOX
from ringline.rest import message_members as shown
from ringline.rest.message_inputs import Content, read_content
from ringline.rest.reading import bad
from ringline.rest.route import Listed, Refused, Request
from ringline.services.inbound_messages import Arrival, NobodyTakes
from ringline.services.messages import (
    NewMessage,
    NoProvider,
    NoSuchAgent,
    NoSuchMessage,
    NotOurNumber,
    OptedOut,
    WindowClosed,
)

Answer = Mapping[str, object]

#: The parameters that filter messages, as the service names them.
FILTERS = ("conversation_id", "agent_id", "channel", "direction", "status")


async def send_message(request: Request) -> Answer:
    """Send a message."""
    channel = ConversationChannel(request.given["channel"])
    return await _send(request, channel, content=read_content(request.given))


async def send_template(request: Request) -> Answer:
    """Send a message by a template of WhatsApp."""
    given = request.given
    details = {
        "template_name": given["template_name"],
        "language_code": given["language_code"],
        "parameters": given.get("parameters", []),
    }
    content = Content(MessageType.TEMPLATE, "", details)
    return await _send(request, ConversationChannel.WHATSAPP, content=content)


async def list_messages(request: Request) -> Listed:
    """List messages."""
    query, page = request.query, request.page
    found = await request.services.message_records.listed(
        request.caller.scope,
        {name: query[name] for name in FILTERS if name in query},
        size=page.size + 1,
        after=page.after,
    )
    rows = found[: page.size]
    last = (rows[-1].created_at, rows[-1].id) if len(found) > page.size else None
    return Listed([shown.show_message(message) for message in rows], last)


async def get_message(request: Request) -> Answer:
    """Return a message."""
    finding = request.services.message_records.find(request.caller.scope, request.ids["message_id"])
    try:
        return shown.show_message(await finding)
    except NoSuchMessage:
        raise Refused("NOT_FOUND") from None


async def receive_in_sandbox(request: Request) -> Answer:
    """Take in a message of a made-up contact."""
    scope, given = request.caller.scope, request.given
    if scope.environment is Environment.LIVE:
        raise Refused("PERMISSION_DENIED", "messages come in here with a sk_test_ key only")
    arrival = Arrival(
        SANDBOX,
        None,
        ConversationChannel(given["channel"]),
        our_number=given["to_number"],
        remote_number=given["from_number"],
        message_type=MessageType.TEXT,
        text=given["body"],
    )
    try:
        message = await request.services.inbound_messages.receive(scope, arrival)
    except NobodyTakes:
        raise Refused("NOT_FOUND", "no agent takes messages to this number") from None
    return {
        "message_id": format_id(Prefix.MESSAGE, message.id),
        "conversation_id": format_id(Prefix.CONVERSATION, message.conversation_id),
    }


async def _send(request: Request, channel: ConversationChannel, *, content: Content) -> Answer:
    given = request.given
    new = NewMessage(
        given["agent_id"],
        channel,
        from_number=given["from_number"],
        to_number=given["to_number"],
        message_type=content.message_type,
        text=content.text,
        details=content.details,
    )
    sending = request.services.messages.send(
        request.caller.scope,
        new,
        also=lambda rows, message: request.keep(rows, shown.show_sent(message)),
    )
    try:
        return shown.show_sent(await sending)
    except NoSuchAgent:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    except NotOurNumber:
        raise bad("from_number", f"is no number of the workspace for {channel}") from None
    except OptedOut:
        raise Refused("OPT_OUT_ENFORCED") from None
    except WindowClosed:
        raise Refused(
            "CONVERSATION_WINDOW_CLOSED",
            "the contact's last message is over 24 hours old; send a template",
        ) from None
    except NoProvider:
        raise Refused(
            "UNAVAILABLE", f"no provider carries {channel} messages from this number"
        ) from None
