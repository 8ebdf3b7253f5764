"""What the routes of conversations do (live streams, 6.5)."""

from ringline.domain.conversations import AiMode
from ringline.rest import conversation_members as shown
from ringline.rest.message_members import show_in_thread
from ringline.rest.route import Listed, Refused, Request
from ringline.services.thread_modes import NoSuchUser
from ringline.services.threads import NoSuchThread

#: The parameters that filter conversations, as the service names them.
FILTERS = ("agent_id", "channel")


async def list_conversations(request: Request) -> Listed:
    """List threads of messages."""
    query, page = request.query, request.page
    found = await request.services.message_records.threads(
        request.caller.scope,
        {name: query[name] for name in FILTERS if name in query},
        size=page.size + 1,
        after=page.after,
    )
    rows = found[: page.size]
    last = (rows[-1].created_at, rows[-1].id) if len(found) > page.size else None
    return Listed([shown.show_conversation(thread) for thread in rows], last)


async def get_conversation(request: Request) -> Listed:
    """Return a thread with a page of its messages."""
    size = request.page.size
    try:
        thread, found = await request.services.message_records.thread(
            request.caller.scope,
            request.ids["conversation_id"],
            size=size + 1,
            after=request.page.after,
        )
    except NoSuchThread:
        raise Refused("NOT_FOUND") from None
    rows = found[:size]
    last = (rows[-1].created_at, rows[-1].id) if len(found) > size else None
    return Listed(
        [show_in_thread(message) for message in rows], last, beside=shown.show_whole(thread)
    )


async def update_conversation(request: Request) -> Listed:
    """Hand a thread over, close it or reopen it; return it."""
    given = request.given
    if "ai_mode" in given:
        try:
            await request.services.thread_modes.change(
                request.caller.scope,
                request.ids["conversation_id"],
                mode=AiMode(given["ai_mode"]),
                actor_user_id=given.get("actor_user_id"),
            )
        except NoSuchThread:
            raise Refused("NOT_FOUND") from None
        except NoSuchUser:
            raise Refused("NOT_FOUND", "the user was not found") from None
    return await get_conversation(request)
