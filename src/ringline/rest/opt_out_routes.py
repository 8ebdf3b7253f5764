"""The rows of the routes of opt-outs, and what they do (live streams, 6.4 and 6.12)."""

from collections.abc import Mapping

from ringline.domain.conversations import ConversationChannel
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.rest.message_inputs import CHANNELS
from ringline.rest.route import Input, Listed, Members, Paging, PathId, Refused, Request, Route
from ringline.rpc.kinds import Choice, Id, PhoneNumber, Text, Timestamp
from ringline.services.opt_outs import NoAgentToOptOut, NoSuchOptOut, OptOut
from ringline.wire.times import seconds

_TAG = "Opt-outs"
_OPT_OUTS = "/v1/opt-outs"

_OPT_OUT: Members = (
    Member("agent_id", Shape.TEXT, "whose messages they do not want, `agt_…`"),
    Member("number", Shape.TEXT, "the contact's number, in E.164"),
    Member("channel", Shape.TEXT, "on which channel", words=CHANNELS),
    Member("opted_out_at", Shape.TIME, "since when"),
)


async def list_opt_outs(request: Request) -> Listed:
    """List opt-outs."""
    size = request.page.size
    found = await request.services.opt_outs.listed(
        request.caller.scope,
        agent_id=request.query.get("agent_id"),
        size=size + 1,
        after=request.page.after,
    )
    rows = found[:size]
    last = None
    if len(found) > size:
        end = rows[-1]
        last = (end.opted_out_at, end.agent_id, end.number, end.channel.value)
    return Listed([_show(one) for one in rows], last)


async def add_opt_out(request: Request) -> Mapping[str, object]:
    """Note that a contact wants no more messages."""
    given = request.given
    try:
        added = await request.services.opt_outs.add(
            request.caller.scope,
            given["agent_id"],
            number=given["number"],
            channel=ConversationChannel(given["channel"]),
        )
    except NoAgentToOptOut:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    return _show(added)


async def delete_opt_out(request: Request) -> None:
    """Let an agent send a contact messages again."""
    channel = request.query.get("channel")
    try:
        await request.services.opt_outs.remove(
            request.caller.scope,
            request.ids["agent_id"],
            number=request.parts["e164"],
            channel=None if channel is None else ConversationChannel(channel),
        )
    except NoSuchOptOut:
        raise Refused("NOT_FOUND") from None


def _show(one: OptOut) -> dict[str, object]:
    return {
        "agent_id": format_id(Prefix.AGENT, one.agent_id),
        "number": one.number,
        "channel": one.channel,
        "opted_out_at": seconds(one.opted_out_at),
    }


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        _OPT_OUTS,
        "listOptOuts",
        _TAG,
        "List who wants no more messages",
        list_opt_outs,
        "A page of opt-outs",
        query=(
            Input(
                Member("agent_id", Shape.TEXT, "only those of this agent", "none"),
                Id(Prefix.AGENT),
            ),
        ),
        answers=_OPT_OUT,
        paging=Paging("opt_outs", (Timestamp(), Id(Prefix.AGENT), Text(), Text())),
    ),
    Route(
        "POST",
        _OPT_OUTS,
        "addOptOut",
        _TAG,
        "Note that a contact wants no more messages of an agent",
        add_opt_out,
        "The opt-out",
        "A contact does it themselves with STOP, UNSUBSCRIBE, CANCEL, END or QUIT. One who has "
        "opted out already keeps the first time.",
        201,
        body=(
            Input(Member("agent_id", Shape.TEXT, "whose messages"), Id(Prefix.AGENT)),
            Input(Member("number", Shape.TEXT, "the contact's number, in E.164"), PhoneNumber()),
            Input(
                Member("channel", Shape.TEXT, "on which channel", words=CHANNELS),
                Choice(CHANNELS),
            ),
        ),
        answers=_OPT_OUT,
        errors=("NOT_FOUND",),
    ),
    Route(
        "DELETE",
        f"{_OPT_OUTS}/{{agent_id}}/{{e164}}",
        "deleteOptOut",
        _TAG,
        "Let an agent send a contact messages again",
        delete_opt_out,
        "It is done",
        "A contact does it themselves with START or SUBSCRIBE.",
        204,
        ids=(PathId("agent_id", Prefix.AGENT, "the agent's id"),),
        parts=(Input(Member("e164", Shape.TEXT, "the contact's number, in E.164"), PhoneNumber()),),
        query=(
            Input(
                Member("channel", Shape.TEXT, "on this channel only", "all", CHANNELS),
                Choice(CHANNELS),
            ),
        ),
    ),
)
