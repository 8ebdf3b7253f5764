"""What the routes of calls do that only read: list them, one call, a transcript.

Live streams, 6.3.2, 6.3.3 and 6.3.7.
"""

from collections.abc import Mapping

from ringline.domain import v1_limits
from ringline.domain.ids import Prefix, format_id
from ringline.rest import call_record_members as shown
from ringline.rest.route import Listed, Refused, Request
from ringline.services.call_records import NoSuchCall, TranscriptTooLong

Answer = Mapping[str, object]

#: The parameters that filter calls, as the service names them.
FILTERS = (
    "agent_id",
    "status",
    "direction",
    "from_number",
    "to_number",
    "started_after",
    "started_before",
)


async def list_calls(request: Request) -> Listed:
    """List calls."""
    query, page = request.query, request.page
    if "campaign_id" in query:  # no call belongs to one in this version
        return Listed([], None)
    found = await request.services.call_records.listed(
        request.caller.scope,
        {name: query[name] for name in FILTERS if name in query},
        size=page.size + 1,
        after=page.after,
    )
    rows = found[: page.size]
    last = (rows[-1].started_at, rows[-1].id) if len(found) > page.size else None
    return Listed([shown.show_call(call) for call in rows], last)


async def get_call(request: Request) -> Answer:
    """Return a call with its transcript."""
    try:
        call, turns = await request.services.call_records.find(
            request.caller.scope, request.ids["call_id"]
        )
    except NoSuchCall:
        raise Refused("NOT_FOUND") from None
    return shown.show_whole(call, turns)


async def get_transcript(request: Request) -> Answer:
    """Return a call's finished turns."""
    call_id = request.ids["call_id"]
    try:
        turns = await request.services.call_records.transcript(request.caller.scope, call_id)
    except NoSuchCall:
        raise Refused("NOT_FOUND") from None
    except TranscriptTooLong:
        most = v1_limits.TRANSCRIPT_BYTES.most
        raise Refused(
            "INVALID_ARGUMENT",
            f"the transcript is over {most:,} bytes; read it with the action list_call_transcripts",
        ) from None
    return {"call_id": format_id(Prefix.CALL, call_id), "turns": shown.show_turns(turns)}
