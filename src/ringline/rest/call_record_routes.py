"""The rows of the routes of calls that only read (live streams, 6.3)."""

from ringline.domain.call_vocabulary import CallDirection
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest import call_record_actions as act
from ringline.rest import call_record_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Choice, Id, Text, Timestamp

TAG = "Calls"
CALLS = "/v1/calls"
CALL = f"{CALLS}/{{call_id}}"
CALL_ID = PathId("call_id", Prefix.CALL, "the call's id")

_FILTERS = (
    Input(Member("agent_id", Shape.TEXT, "only those of this agent", "none"), Id(Prefix.AGENT)),
    Input(
        Member("status", Shape.TEXT, "only those in this state", "none", shown.STATUSES),
        Choice(shown.STATUSES),
    ),
    Input(
        Member("direction", Shape.TEXT, "only those", "none", tuple(CallDirection)),
        Choice(tuple(CallDirection)),
    ),
    Input(Member("from_number", Shape.TEXT, "only those from this number", "none"), Text()),
    Input(Member("to_number", Shape.TEXT, "only those to this number", "none"), Text()),
    Input(
        Member("started_after", Shape.TIME, "only those that began then or later", "none"),
        Timestamp(),
    ),
    Input(
        Member("started_before", Shape.TIME, "only those that began before then", "none"),
        Timestamp(),
    ),
    Input(
        Member(
            "campaign_id",
            Shape.TEXT,
            "only those of this campaign, which are none in this version",
            "none",
        ),
        Text(),
    ),
)

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        CALLS,
        "listCalls",
        TAG,
        "List calls",
        act.list_calls,
        "A page of calls",
        "All calls of the environment: phone calls, voice sessions, and calls that live elsewhere.",
        query=_FILTERS,
        answers=shown.CALL,
        paging=Paging("calls", (Timestamp(), Id(Prefix.CALL))),
    ),
    Route(
        "GET",
        CALL,
        "getCall",
        TAG,
        "Get a call with its transcript",
        act.get_call,
        "The call",
        ids=(CALL_ID,),
        answers=shown.WHOLE_CALL,
    ),
    Route(
        "GET",
        f"{CALL}/transcript",
        "getCallTranscript",
        TAG,
        "Get a call's transcript",
        act.get_transcript,
        "The finished turns",
        "Of a call under way, what was said so far. To follow it, use the transcript stream.",
        ids=(CALL_ID,),
        answers=shown.TRANSCRIPT,
    ),
)
