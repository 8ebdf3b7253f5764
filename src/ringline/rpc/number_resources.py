"""The rows of the table of resources about phone numbers (events socket, 5.1)."""

from ringline.domain import v1_limits
from ringline.domain.ids import Prefix
from ringline.domain.numbers import NumberChannel
from ringline.domain.routing import MatchType
from ringline.rpc.fields import ORGANISATION, organisation_id, stamps, words
from ringline.rpc.kinds import Boolean, Id, Integer, PhoneNumber, Text, TextList
from ringline.rpc.resource import Field, Relationship, Resource
from ringline.schema import tables
from ringline.schema.routing_tables import routing_rules

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
    titled="phone_e164",
)

#: The lowest is tried first.
PRIORITY = Integer(minimum=0)
MATCH_TYPE = words(MatchType)
MATCH_VALUE = Text(max_length=v1_limits.MATCH_VALUE.most)

ROUTING_RULE = Resource(
    "RoutingRule",
    "routingRules",
    routing_rules,
    Prefix.ROUTING_RULE,
    (
        Field("id", Id(Prefix.ROUTING_RULE)),
        Field("phoneNumberId", Id(Prefix.PHONE_NUMBER), column=routing_rules.c.number_id),
        Field("priority", PRIORITY),
        Field("matchType", MATCH_TYPE),
        Field("matchValue", MATCH_VALUE, null=True),
        Field("targetAgentId", Id(Prefix.AGENT), null=True),
        organisation_id(routing_rules),
        *stamps(),
    ),
    (
        Relationship("phoneNumber", "PhoneNumber", "number_id", null=False),
        Relationship("targetAgent", "AiAgent", "target_agent_id"),
        ORGANISATION,
    ),
    default_sort=("number_id", "priority", "id"),
)
