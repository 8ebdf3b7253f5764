"""The numbers of a workspace, as `/v1` takes and shows them (live streams, 6.6)."""

from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.numbers import Mno, NumberChannel, NumberType, mno_of, type_of
from ringline.rest.route import Input, Members
from ringline.rpc.kinds import Id, PhoneNumber
from ringline.rpc.number_resources import CHANNELS
from ringline.services.numbers import OurNumber
from ringline.wire.times import seconds

#: A number that was released is not shown any more.
_STATUS = "provisioned"
_ALL_CHANNELS = ", ".join(f"`{channel}`" for channel in NumberChannel)

NUMBER: Members = (
    Member("number_id", Shape.TEXT, "the number, `num_…`"),
    Member("e164", Shape.TEXT, "the number itself, in E.164"),
    Member(
        "type",
        Shape.TEXT,
        "what its country's plan says of it: Nigerian geographic or mobile, or of another country; "
        "null: anything else, or a range that is not assigned",
        words=tuple(NumberType),
        null=True,
    ),
    Member("status", Shape.TEXT, "it is yours", words=(_STATUS,)),
    Member("agent_id", Shape.TEXT, "who answers it, if no rule says otherwise", null=True),
    Member("channels", Shape.TEXT, "what it is used for", words=tuple(NumberChannel), many=True),
    Member(
        "mno",
        Shape.TEXT,
        "the operator that a Nigerian mobile prefix belongs to; null for any other number",
        words=tuple(Mno),
        null=True,
    ),
    Member("provisioned_at", Shape.TIME, "when it was added"),
)

E164 = Input(Member("e164", Shape.TEXT, "the number, in E.164"), PhoneNumber())
AGENT_ID = Input(
    Member("agent_id", Shape.TEXT, "the agent who answers it", "null", null=True), Id(Prefix.AGENT)
)
CHANNELS_OF_NUMBER = Input(
    Member(
        "channels",
        Shape.TEXT,
        "what it is used for, at least one of these",
        f"{_ALL_CHANNELS}",
        words=tuple(NumberChannel),
        many=True,
    ),
    CHANNELS,
)


def show_number(number: OurNumber) -> dict[str, object]:
    """Return a number's members."""
    agent_id = number.agent_id
    return {
        "number_id": format_id(Prefix.PHONE_NUMBER, number.id),
        "e164": number.e164,
        "type": type_of(number.e164),
        "status": _STATUS,
        "agent_id": None if agent_id is None else format_id(Prefix.AGENT, agent_id),
        "channels": list(number.channels),
        "mno": mno_of(number.e164),
        "provisioned_at": seconds(number.created_at),
    }
