"""The rows of the table of resources about phone numbers (events socket, 5.1)."""

from ringline.domain.ids import Prefix
from ringline.domain.numbers import NumberChannel
from ringline.rpc.fields import ORGANISATION, organisation_id, stamps, words
from ringline.rpc.kinds import Boolean, Id, PhoneNumber, Text, TextList
from ringline.rpc.resource import Field, Relationship, Resource
from ringline.schema import tables

#: What a number is used for: at least one thing, each once.
CHANNELS = TextList(words(NumberChannel), least=1, distinct=True)

PHONE_NUMBER = Resource(
    "PhoneNumber",
    "phoneNumbers",
    tables.phone_numbers,
    Prefix.PHONE_NUMBER,
    (
        Field("id", Id(Prefix.PHONE_NUMBER)),
        Field("phoneE164", PhoneNumber()),
        Field("label", Text(), null=True),
        Field("gatewayId", Id(Prefix.GATEWAY), null=True),
        Field("queueId", Id(Prefix.QUEUE), null=True),
        Field("aiAgentId", Id(Prefix.AGENT), null=True, column=tables.phone_numbers.c.agent_id),
        Field("inboundEnabled", Boolean()),
        Field("outboundEnabled", Boolean()),
        Field("channels", CHANNELS),
        organisation_id(tables.phone_numbers),
        *stamps(),
    ),
    (
        Relationship("gateway", "Gateway", "gateway_id"),
        Relationship("queue", "Queue", "queue_id"),
        Relationship("aiAgent", "AiAgent", "agent_id"),
        ORGANISATION,
    ),
    operators=True,
)
