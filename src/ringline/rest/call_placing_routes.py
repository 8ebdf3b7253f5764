"""The rows of the routes that place and end calls (live streams, 6.3.1 and 6.3.4)."""

from collections.abc import Mapping
from typing import cast

from ringline.domain import v1_limits
from ringline.domain.call_vocabulary import CallDirection, CallStatus
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest import call_placing_actions as act
from ringline.rest.call_inputs import CALL_ID
from ringline.rest.route import Input, Route
from ringline.rpc.kinds import Id, Map, PhoneNumber
from ringline.wire.call_status import V1_STATUS


class Metadata:
    """An object of the integrator's own."""

    def cast(self, value: object) -> Mapping[str, object]:
        """Take an object that is not too large."""
        Map(v1_limits.METADATA_BYTES.most).cast(value)
        return cast("Mapping[str, object]", value)


_TAG = "Calls"
_CALLS = "/v1/calls"
_CALL = f"{_CALLS}/{{call_id}}"

_TO = Member("to_number", Shape.TEXT, "whom to call, in E.164")
_FROM = Member(
    "from_number",
    Shape.TEXT,
    "whose call it is, in E.164; any number in the sandbox, by convention `+234800000xxxx` (mobile "
    "virtual) or `+234100000xxxx` (Lagos)",
)

_PLACED = (
    Member("call_id", Shape.TEXT, "the call, `call_…`"),
    Member("status", Shape.TEXT, "how it stands", words=(V1_STATUS[CallStatus.INITIATED],)),
    Member("direction", Shape.TEXT, "seen from you", words=(CallDirection.OUTBOUND,)),
    Member("from_number", Shape.TEXT, "as it was given, in E.164"),
    Member("to_number", Shape.TEXT, "as it was given, in E.164"),
    Member("started_at", Shape.TIME, "when it began"),
)

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _CALLS,
        "placeCall",
        _TAG,
        "Place a call",
        act.place_call,
        "The call, which has begun",
        "With a `sk_test_` key it is a sandbox call: nobody is called and nothing costs. Its "
        "caller follows a script; its events are real, and so are the webhooks. With a `sk_live_` "
        "key it is 503 `UNAVAILABLE`: this version has no telephone line.",
        body=(
            Input(Member("agent_id", Shape.TEXT, "the agent who speaks"), Id(Prefix.AGENT)),
            Input(_TO, PhoneNumber()),
            Input(_FROM, PhoneNumber()),
            Input(
                Member(
                    "metadata",
                    Shape.OBJECT,
                    "your own data: the call and `call.completed` repeat it",
                    "null",
                    null=True,
                ),
                Metadata(),
            ),
        ),
        answers=_PLACED,
        errors=("NOT_FOUND", "CALL_WINDOW_RESTRICTED"),
        idempotent=True,
    ),
    Route(
        "DELETE",
        _CALL,
        "endCall",
        _TAG,
        "End a call",
        act.end_call,
        "The call has ended",
        "One that has ended already is 404, as an unknown one.",
        204,
        ids=(CALL_ID,),
    ),
)
