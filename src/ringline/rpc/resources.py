"""The table of resources: the records that RPC exposes (events socket, 5.1).

A field is read from its column, from an expression over the row, or *through* a to-one
relationship. Engine, documentation, OpenAPI, the SDK and the tests read this table, so a
new field is one row here (and its column in `schema/tables.py` with a migration).
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ringline.domain import limits, webhook_limits
from ringline.domain.agent import BuiltinTool, Language
from ringline.domain.call_vocabulary import CallDirection, HangupCause, ParticipantRole
from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    ItemModality,
    ItemRole,
    MessageDirection,
    MessageStatus,
    MessageType,
)
from ringline.domain.ids import Prefix
from ringline.domain.operators import (
    DEFAULT_QUEUE,
    GatewayProvider,
    OperatorAvailability,
    QueueEntryStatus,
    QueueStrategy,
    StatusSource,
    TeamRole,
)
from ringline.domain.providers import VoiceProvider
from ringline.domain.spelling import camel
from ringline.domain.tiers import Tier
from ringline.domain.usage import UNITS
from ringline.domain.voice import UsageKind
from ringline.rpc.audit_resources import AUDIT_ENTRY, KEY
from ringline.rpc.fields import ORGANISATION as _ORGANISATION
from ringline.rpc.fields import organisation_id as _organisation_id
from ringline.rpc.fields import stamps as _stamps
from ringline.rpc.fields import words as _words
from ringline.rpc.kinds import (
    AnswerLatency,
    Boolean,
    Choice,
    Dialogue,
    Id,
    Integer,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.number_resources import PHONE_NUMBER, ROUTING_RULE
from ringline.rpc.resource import Expression, Field, Relationship, Resource
from ringline.schema import tables
from ringline.schema.names import ENVIRONMENT_SETTING
from ringline.services.record_events import contact_events, conversation_events
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.events_socket import TURN_ROLES
from ringline.wire.rpc import TAKES_SECRET_KEY, forbid

#: Texts that voices and recognisers write, never clients.
UNBOUNDED = Text(max_length=None)
LONG = Text(max_length=None, max_bytes=limits.LONG_TEXT_BYTES.most)
GREETING_TEXT = Text(max_length=None, max_bytes=limits.GREETING_BYTES.most, blank="")
INSTRUCTIONS = Text(max_length=None, max_bytes=limits.INSTRUCTIONS_BYTES.most, blank="")
#: A key that somebody else issued: printable ASCII.
PROVIDER_KEY = Text(
    max_length=None,
    max_bytes=limits.PROVIDER_KEY_CHARACTERS.most,
    pattern=f"[ -~]{{8,{limits.PROVIDER_KEY_CHARACTERS.most}}}",
)
_URL = webhook_limits.URL_CHARACTERS.most
#: Checked further when it is written: whether it is public depends on a setting.
WEBHOOK_URL = Text(max_length=_URL, max_bytes=_URL)
#: Of the call window: hours and minutes of 24.
TIME_OF_DAY = Text(pattern=r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
IDLE_TIMEOUT = Integer(minimum=3, maximum=120)

STATUSES = tuple(dict.fromkeys(RPC_STATUS.values()))


def _translated(column: sa.Column[Any], words: Mapping[Any, str]) -> Expression:
    """Translate a column's words to the surface's, where they differ."""
    others = {str(word): shown for word, shown in words.items() if str(word) != shown}
    return sa.case(others, value=column, else_=column)


_entries = tables.call_queue_entries

#: A queue entry past its deadline has timed out, whatever its row says.
_ENTRY_STATUS: sa.ColumnElement[str] = sa.case(
    (
        sa.or_(
            _entries.c.status == QueueEntryStatus.WAITING.value,
            _entries.c.status == QueueEntryStatus.OFFERED.value,
        )
        & (_entries.c.expires_at <= sa.func.now()),
        QueueEntryStatus.TIMED_OUT.value,
    ),
    else_=_entries.c.status,
)
_LEFT_AT: Expression = sa.case(
    {QueueEntryStatus.TIMED_OUT.value: _entries.c.expires_at},
    value=_ENTRY_STATUS,
    else_=_entries.c.left_at,
)


def _position() -> Expression:
    """Rank an entry among those waiting in its queue, from 1."""
    before = _entries.alias("before")
    rank = (
        sa.select(sa.func.count())
        .select_from(before)
        .where(
            before.c.queue_id == _entries.c.queue_id,
            before.c.status == QueueEntryStatus.WAITING.value,
            sa.or_(before.c.expires_at.is_(None), before.c.expires_at > sa.func.now()),
            sa.tuple_(before.c.entered_at, before.c.id)
            <= sa.tuple_(_entries.c.entered_at, _entries.c.id),
        )
        .correlate(_entries)
        .scalar_subquery()
    )
    ranked = {QueueEntryStatus.WAITING.value: sa.cast(rank, sa.Integer)}
    return sa.case(ranked, value=_ENTRY_STATUS, else_=None)


ORGANISATION = Resource(
    "Organisation",
    "organisations",
    tables.workspaces,
    Prefix.WORKSPACE,
    (
        Field("id", Id(Prefix.WORKSPACE)),
        Field("name", Text()),
        Field(
            "environment",
            Choice(("live", "sandbox")),
            column=sa.case(
                (sa.func.current_setting(ENVIRONMENT_SETTING) == "test", "sandbox"),
                else_="live",
            ),
        ),
        Field("tier", Choice(tuple(Tier))),
        Field("webhookUrl", Text(), null=True),
        Field("retentionDays", Integer()),
        Field("recordingEnabled", Boolean()),
        Field("allowedOrigins", TextList()),
        *_stamps(),
    ),
)

USER = Resource(
    "User",
    "users",
    tables.users,
    Prefix.USER,
    (
        Field("id", Id(Prefix.USER)),
        Field("email", Text()),
        Field("fullName", Text(), null=True),
        Field("role", _words(TeamRole)),
        *_stamps(),
    ),
    titled="email",
)

CONTACT = Resource(
    "Contact",
    "contacts",
    tables.contacts,
    Prefix.CONTACT,
    (
        Field("id", Id(Prefix.CONTACT)),
        Field("fullName", Text()),
        Field("email", Text(), null=True),
        Field("phoneE164", PhoneNumber(), null=True),
        Field("notes", LONG, null=True),
        *_stamps(),
    ),
    operators=True,
    events_of=contact_events,
    titled="full_name",
)

#: The number of a call's other side. Contacts have numbers in E.164, so SIP names match none.
_REMOTE_NUMBER: Expression = sa.case(
    {CallDirection.INBOUND.value: tables.calls.c.from_number},
    value=tables.calls.c.direction,
    else_=tables.calls.c.to_number,
)

CALL = Resource(
    "Call",
    "calls",
    tables.calls,
    Prefix.CALL,
    (
        Field("id", Id(Prefix.CALL)),
        Field("callUuid", Text(trim=False)),
        Field("callSource", Text()),
        Field("direction", _words(CallDirection)),
        Field("fromNumber", Text()),
        Field("toNumber", Text()),
        Field(
            "status",
            Choice(STATUSES),
            null=True,
            column=_translated(tables.calls.c.status, RPC_STATUS),
        ),
        Field("startedAt", Timestamp(), null=True),
        Field("answeredAt", Timestamp(), null=True),
        Field("endedAt", Timestamp(), null=True),
        Field("durationSeconds", Integer(), null=True),
        Field("hangupCause", _words(HangupCause), null=True),
        Field("sipUsername", Text(), null=True),
        Field("conversationId", Id(Prefix.CONVERSATION), null=True),
        Field("aiAgentId", Id(Prefix.AGENT), null=True, column=tables.calls.c.agent_id),
        Field("model", Text(), null=True),
        Field("metadata", Map(limits.SESSION_METADATA_BYTES.most), null=True),
        Field("recordingConsent", Boolean(), null=True),
        Field("recordingMs", Integer(), null=True),
        *_stamps(),
    ),
    (
        Relationship("conversation", "Conversation", "conversation_id"),
        Relationship("aiAgent", "AiAgent", "agent_id"),
        Relationship("contact", "Contact", _REMOTE_NUMBER, "phone_e164"),
        _ORGANISATION,
        Relationship("participants", "CallParticipant", "id", "call_id", many=True),
        Relationship("transcripts", "CallTranscript", "id", "call_id", many=True),
    ),
    operators=True,
    titled="call_uuid",
)

CALL_PARTICIPANT = Resource(
    "CallParticipant",
    "callParticipants",
    tables.call_participants,
    Prefix.PARTICIPANT,
    (
        Field("id", Id(Prefix.PARTICIPANT)),
        Field("callId", Id(Prefix.CALL)),
        Field("memberUuid", Text()),
        _organisation_id(tables.call_participants),
        Field("role", _words(ParticipantRole)),
        Field("joinedAt", Timestamp(), null=True),
        Field("leftAt", Timestamp(), null=True),
        *_stamps(),
    ),
    (Relationship("call", "Call", "call_id", null=False), _ORGANISATION),
    operators=True,
)


def _latency() -> sa.ColumnElement[Any]:
    """Return an answer's latency as an object; null if it was not measured."""
    total, gateway = tables.call_transcripts.c.latency_ms, tables.call_transcripts.c.gateway_ms
    shares = {"totalMs": total, "voiceMs": total - gateway, "gatewayMs": gateway}
    named = [part for name, share in shares.items() for part in (sa.literal(name), share)]
    return sa.case((total.is_not(None), sa.func.jsonb_build_object(*named)))


CALL_TRANSCRIPT = Resource(
    "CallTranscript",
    "callTranscripts",
    tables.call_transcripts,
    Prefix.TRANSCRIPT,
    (
        Field("id", Id(Prefix.TRANSCRIPT)),
        Field("callId", Id(Prefix.CALL)),
        Field("callUuid", Text(trim=False), through=("call", "callUuid")),
        Field("itemId", Text(), null=True),
        Field("contentIndex", Integer(), null=True),
        Field(
            "role", _words(ItemRole), column=_translated(tables.call_transcripts.c.role, TURN_ROLES)
        ),
        Field("speaker", Text(), null=True, column=sa.cast(sa.null(), sa.Text)),
        Field("text", UNBOUNDED),
        Field("interrupted", Boolean()),
        Field("spokenText", UNBOUNDED, null=True),
        Field("recognized", Boolean()),
        Field("latency", AnswerLatency(), null=True, column=_latency()),
        # Only finished turns are rows.
        Field("isFinal", Boolean(), column=sa.cast(sa.true(), sa.Boolean)),
        Field("startedAtMs", Integer(), null=True, column=sa.cast(sa.null(), sa.Integer)),
        Field("endedAtMs", Integer(), null=True, column=sa.cast(sa.null(), sa.Integer)),
        Field("occurredAt", Timestamp()),
        _organisation_id(tables.call_transcripts),
        *_stamps(),
    ),
    (Relationship("call", "Call", "call_id", null=False), _ORGANISATION),
    operators=True,
    default_sort=("occurred_at", "content_index", "id"),
)

USAGE = Resource(
    "Usage",
    "usage",
    tables.usage,
    Prefix.USAGE,
    (
        Field("id", Id(Prefix.USAGE)),
        Field("callId", Id(Prefix.CALL), null=True),
        Field("callUuid", Text(trim=False), null=True, through=("call", "callUuid")),
        Field("agentId", Id(Prefix.AGENT), null=True),
        Field("model", Text()),
        Field("kind", _words(UsageKind)),
        *(Field(camel(unit), Number() if unit == "seconds" else Integer()) for unit in UNITS),
        Field("usd", Number()),
        Field("pricesDate", Text(), column=sa.cast(tables.usage.c.prices_date, sa.Text)),
        Field("occurredAt", Timestamp()),
    ),
    (
        Relationship("call", "Call", "call_id"),
        Relationship("agent", "AiAgent", "agent_id"),
        _ORGANISATION,
    ),
    default_sort=("occurred_at", "id"),
)

CALL_QUEUE_ENTRY = Resource(
    "CallQueueEntry",
    "callQueueEntries",
    _entries,
    Prefix.QUEUE_ENTRY,
    (
        Field("id", Id(Prefix.QUEUE_ENTRY)),
        Field("queueId", Id(Prefix.QUEUE)),
        Field("queueName", Text(), through=("queue", "queueName")),
        Field("callId", Id(Prefix.CALL)),
        Field("callUuid", Text(trim=False), through=("call", "callUuid")),
        Field("fromNumber", Text(), through=("call", "fromNumber")),
        Field("toNumber", Text(), through=("call", "toNumber")),
        Field("position", Integer(), null=True, column=_position()),
        Field("status", _words(QueueEntryStatus), column=_ENTRY_STATUS),
        Field("enteredAt", Timestamp(), null=True),
        Field("offeredAt", Timestamp(), null=True),
        Field("acceptedAt", Timestamp(), null=True),
        Field("leftAt", Timestamp(), null=True, column=_LEFT_AT),
        Field("acceptedBySipUserId", Id(Prefix.SIP_USER), null=True),
        Field("acceptedByAgentName", Text(), null=True),
        _organisation_id(_entries),
        *_stamps(),
    ),
    (
        Relationship("queue", "Queue", "queue_id", null=False),
        Relationship("call", "Call", "call_id", null=False),
    ),
    operators=True,
)

CONVERSATION = Resource(
    "Conversation",
    "conversations",
    tables.conversations,
    Prefix.CONVERSATION,
    (
        Field("id", Id(Prefix.CONVERSATION)),
        Field("publicId", Text(trim=False)),
        Field("channel", _words(ConversationChannel)),
        Field("mode", _words(ConversationMode)),
        Field("status", _words(ConversationStatus)),
        Field("aiAgentId", Id(Prefix.AGENT), null=True, column=tables.conversations.c.agent_id),
        Field("metadata", Map(), null=True),
        Field("aiMode", _words(AiMode), null=True),
        Field("ourNumber", Text(), null=True),
        Field("remoteNumber", Text(), null=True),
        Field("windowExpiresAt", Timestamp(), null=True),
        Field("lastMessageAt", Timestamp(), null=True),
        *_stamps(),
    ),
    (
        Relationship("aiAgent", "AiAgent", "agent_id"),
        Relationship("call", "Call", "id", "conversation_id", latest="started_at"),
        Relationship("conversationItems", "ConversationItem", "id", "conversation_id", many=True),
        _ORGANISATION,
    ),
    events_of=conversation_events,
    titled="public_id",
)

CONVERSATION_ITEM = Resource(
    "ConversationItem",
    "conversationItems",
    tables.conversation_items,
    Prefix.CONVERSATION_ITEM,
    (
        Field("id", Id(Prefix.CONVERSATION_ITEM)),
        Field("conversationId", Id(Prefix.CONVERSATION)),
        Field("role", _words(ItemRole)),
        Field("modality", _words(ItemModality)),
        Field("content", LONG),
        Field("itemId", Text(), null=True),
        Field("contentIndex", Integer(minimum=0), null=True),
        Field("metadata", Map(), null=True),
        Field("occurredAt", Timestamp(), null=True),
        Field("direction", _words(MessageDirection), null=True),
        Field("messageType", _words(MessageType), null=True),
        Field("messageStatus", _words(MessageStatus), null=True),
        Field("errorCode", Text(), null=True),
        *_stamps(),
    ),
    (Relationship("conversation", "Conversation", "conversation_id", null=False), _ORGANISATION),
    operators=True,
    default_sort=("occurred_at", "content_index", "id"),
)

QUEUE = Resource(
    "Queue",
    "queues",
    tables.queues,
    Prefix.QUEUE,
    (
        Field("id", Id(Prefix.QUEUE)),
        Field("queueName", Text()),
        Field("strategy", _words(QueueStrategy)),
        Field("mohSound", Text(), null=True),
        Field("maxWaitTime", Integer(minimum=1), null=True),
        *_stamps(),
    ),
    (_ORGANISATION,),
    operators=True,
    lasting=lambda row: row["queue_name"] == DEFAULT_QUEUE,
    titled="queue_name",
)

GATEWAY = Resource(
    "Gateway",
    "gateways",
    tables.gateways,
    Prefix.GATEWAY,
    (
        Field("id", Id(Prefix.GATEWAY)),
        Field("name", Text()),
        Field("username", Text()),
        Field("realm", Text()),
        Field("inboundAcl", TextList()),
        Field("provider", _words(GatewayProvider), null=True),
        Field("proxy", Text(), null=True),
        Field("fromDomain", Text(), null=True),
        Field("fromUser", Text(), null=True),
        Field("register", Boolean(), null=True),
        *_stamps(),
    ),
    (_ORGANISATION,),
    titled="name",
)

PROVIDER_CREDENTIAL = Resource(
    "ProviderCredential",
    "providerCredentials",
    tables.provider_credentials,
    Prefix.PROVIDER_CREDENTIAL,
    (
        Field("id", Id(Prefix.PROVIDER_CREDENTIAL)),
        Field("provider", _words(VoiceProvider)),
        Field("lastFour", Text()),
        *_stamps(),
    ),
    (_ORGANISATION,),
    titled="provider",
)

SIP_USER = Resource(
    "SipUser",
    "sipUsers",
    tables.sip_users,
    Prefix.SIP_USER,
    (
        Field("id", Id(Prefix.SIP_USER)),
        Field("sipUsername", Text()),
        Field("userId", Id(Prefix.USER)),
        *_stamps(),
    ),
    (Relationship("user", "User", "user_id", null=False), _ORGANISATION),
    titled="sip_username",
)

OPERATOR_STATUS = Resource(
    "OperatorStatus",
    "operatorStatuses",
    tables.operator_statuses,
    Prefix.OPERATOR_STATUS,
    (
        Field("id", Id(Prefix.OPERATOR_STATUS)),
        Field("sipUserId", Id(Prefix.SIP_USER)),
        # An operator's agent has the name of their SIP user.
        Field("agentName", Text(), through=("sipUser", "sipUsername")),
        Field("status", _words(OperatorAvailability)),
        Field("source", _words(StatusSource), null=True),
        Field("changedByUserId", Id(Prefix.USER), null=True),
        *_stamps(),
    ),
    (
        Relationship("changedByUser", "User", "changed_by_user_id"),
        _ORGANISATION,
        Relationship("sipUser", "SipUser", "sip_user_id", null=False),
    ),
    operators=True,
)

AI_AGENT = Resource(
    "AiAgent",
    "aiAgents",
    tables.agents,
    Prefix.AGENT,
    (
        Field("id", Id(Prefix.AGENT)),
        Field("name", Text(), column=tables.agents.c.display_name),
        Field("enabled", Boolean()),
        Field("model", Text()),
        Field("instructions", INSTRUCTIONS),
        Field("voice", Text(), null=True, column=sa.func.nullif(tables.agents.c.voice, "")),
        Field("greeting", GREETING_TEXT),
        Field("tools", ToolList()),
        Field("local", Dialogue(), null=True),
        Field("recordingEnabled", Boolean()),
        Field("consentRequired", Boolean()),
        Field("language", _words(Language)),
        Field("preCallAnnouncement", GREETING_TEXT),
        Field("shareable", Boolean()),
        Field("callWindowStart", TIME_OF_DAY, null=True),
        Field("callWindowEnd", TIME_OF_DAY, null=True),
        Field("idleTimeoutSeconds", IDLE_TIMEOUT, null=True),
        Field("builtinTools", TextList(_words(BuiltinTool))),
        Field("webhookUrl", WEBHOOK_URL, null=True),
        *_stamps(),
    ),
    (_ORGANISATION,),
    titled="display_name",
)

#: Every resource by its name.
RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        CONTACT,
        CALL,
        CALL_PARTICIPANT,
        CALL_TRANSCRIPT,
        USAGE,
        CALL_QUEUE_ENTRY,
        CONVERSATION,
        CONVERSATION_ITEM,
        QUEUE,
        GATEWAY,
        OPERATOR_STATUS,
        SIP_USER,
        PHONE_NUMBER,
        ROUTING_RULE,
        AI_AGENT,
        PROVIDER_CREDENTIAL,
        ORGANISATION,
        USER,
        KEY,
        AUDIT_ENTRY,
    )
}


def related_resource(relationship: Relationship, *, operator: bool) -> Resource:
    """Return a relationship's target. Raises RpcRefused if it is closed to operators."""
    target = RESOURCES[relationship.target]
    if operator and not target.operators:
        raise forbid(TAKES_SECRET_KEY)
    return target
