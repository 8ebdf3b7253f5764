"""The table of actions: what clients can do (events socket, 5.2 and 5.3; contract, 10).

A row defines an action's inputs and result. The engine reads records and writes plain rows;
an action that does more names its function. Documentation, OpenAPI, the SDK and the tests
read this table.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain import limits
from ringline.domain.call_vocabulary import TERMINAL_STATUSES
from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    ItemModality,
    ItemRole,
)
from ringline.domain.email import EMAIL
from ringline.domain.events import COMING_TYPES, EVENT_TYPES
from ringline.domain.ids import Prefix
from ringline.domain.log import Scope
from ringline.domain.operators import OperatorAvailability, StatusSource, TeamRole
from ringline.domain.permissions import lowest_role
from ringline.domain.usage import UNITS
from ringline.rpc import (
    agent_actions,
    audit_actions,
    call_actions,
    conversation_actions,
    event_actions,
    key_actions,
    queue_actions,
    routing_actions,
    sip_actions,
    team_actions,
    usage_actions,
)
from ringline.rpc import resources as r
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.action_rows import creates as _create
from ringline.rpc.action_rows import deletes as _delete
from ringline.rpc.action_rows import given as _given
from ringline.rpc.action_rows import list_of as _list
from ringline.rpc.action_rows import updates as _update
from ringline.rpc.context import Services
from ringline.rpc.kinds import (
    Boolean,
    Choice,
    Choices,
    Id,
    Integer,
    LogPoint,
    Map,
    Number,
    Text,
    Timestamp,
)

_K = ActionKind

_CALL_UUID = Input("callUuid", Text(trim=False), required=True)
_AGENT_NAME = Input("agentName", Text())
_SIP_USER = Input("sipUserId", Id(Prefix.SIP_USER))
_PASSWORD = Text(trim=False)
_EMAIL = Text(max_length=limits.EMAIL_CHARACTERS.most, pattern=EMAIL)
_CALL_ANSWER = Answer("call_uuid", Text())

#: The states in which an external call may be registered (contract, 4).
_OPEN = Choice(
    tuple(word for word in r.STATUSES if word not in {str(s) for s in TERMINAL_STATUSES})
)

_CONTACT = _given(r.CONTACT, "fullName*", "email", "phoneE164", "notes")
_QUEUE = _given(r.QUEUE, "strategy*", "mohSound", "maxWaitTime")
_GATEWAY = (
    *_given(r.GATEWAY, "username*", "realm*", "inboundAcl", "provider", "proxy", "fromDomain"),
    *_given(r.GATEWAY, "fromUser", "register"),
    Input("password", _PASSWORD, column="password", sealed=True),
)
_SIP_USER_INPUTS = (
    Input("sipPassword", _PASSWORD, True, False, "sip_password", sealed=True),
    *_given(r.SIP_USER, "userId*"),
)
_NUMBER = _given(
    r.PHONE_NUMBER,
    "phoneE164*",
    "label",
    "gatewayId",
    "queueId",
    "aiAgentId",
    "inboundEnabled",
    "outboundEnabled",
    "channels",
)
_API_KEY = Input("apiKey", r.PROVIDER_KEY, True, False, "api_key", sealed=True, tail="last_four")
_AGENT = (
    *_given(r.AI_AGENT, "model*", "enabled", "tools", "local"),
    *_given(r.AI_AGENT, "instructions", "greeting", "recordingEnabled", "consentRequired"),
    *_given(r.AI_AGENT, "language", "preCallAnnouncement", "shareable", "callWindowStart"),
    *_given(r.AI_AGENT, "callWindowEnd", "idleTimeoutSeconds", "builtinTools", "webhookUrl"),
    Input("voice", Text(), column="voice", cleared=""),
)
_PARTICIPANT = _given(r.CALL_PARTICIPANT, "callId*", "memberUuid*", "role*", "joinedAt", "leftAt")
_ITEM = (
    *_given(r.CONVERSATION_ITEM, "conversationId*", "content*"),
    Input("role", Choice(tuple(ItemRole)), True, False, "role"),
    Input("modality", Choice(tuple(ItemModality)), False, False, "modality", default="text"),
    *_given(r.CONVERSATION_ITEM, "itemId", "contentIndex", "metadata", "occurredAt"),
)


def _provider_keys_changed(services: Services, scope: Scope) -> None:
    services.provider_keys_changed(scope)


_ROWS = (
    Action(
        "accept_team_invitation",
        _K.GENERIC,
        "Join the team with an invitation's token",
        inputs=(
            Input("token", Text(trim=False), required=True),
            Input("password", Text(trim=False)),  # there are no passwords yet; ignored
            Input("name", Text()),
        ),
        answers=(
            Answer("accepted", Boolean()),
            Answer("organisation_id", Id(Prefix.WORKSPACE)),
            Answer("role", Choice(tuple(TeamRole))),
        ),
        team=True,
        act=team_actions.accept_team_invitation,
    ),
    _list(r.GATEWAY),
    _list(r.OPERATOR_STATUS, operator=True),
    Action(
        "set_operator_status",
        _K.CREATE,
        "Set the status of an operator",
        r.OPERATOR_STATUS,
        (
            Input("sipUserId", Id(Prefix.SIP_USER), True, False),
            Input("status", Choice(tuple(OperatorAvailability)), True, False),
            Input("source", Choice(tuple(StatusSource))),
        ),
        operator=True,
        act=queue_actions.set_operator_status,
    ),
    _list(r.CONVERSATION),
    Action(
        "create_conversation",
        _K.CREATE,
        "Create a conversation",
        r.CONVERSATION,
        (
            *_given(r.CONVERSATION, "aiAgentId", "metadata"),
            Input("channel", Choice(tuple(ConversationChannel)), null=False, default="chat"),
            Input("mode", Choice(tuple(ConversationMode)), null=False, default="text"),
        ),
        presets=conversation_actions.new_conversation,
    ),
    Action(
        "update_conversation",
        _K.UPDATE,
        "Update a conversation",
        r.CONVERSATION,
        (
            Input("status", Choice(tuple(ConversationStatus)), False, False, "status"),
            *_given(r.CONVERSATION, "aiAgentId", "metadata"),
            Input("mode", Choice(tuple(ConversationMode)), False, False, "mode"),
            Input("aiMode", Choice(tuple(AiMode)), False, False, "ai_mode"),
        ),
        identities=("publicId",),
        row_rule=conversation_actions.hand_over,
    ),
    _list(r.CALL_QUEUE_ENTRY, operator=True),
    Action(
        "accept_call_queue_entry",
        _K.UPDATE,
        "Take a waiting call",
        r.CALL_QUEUE_ENTRY,
        (_SIP_USER, _AGENT_NAME),
        one_of=(("sipUserId", "agentName"),),
        operator=True,
        act=queue_actions.accept_call_queue_entry,
    ),
    Action(
        "get_call_queue_entry",
        _K.GET,
        "Get a queue entry by its id, or a call's latest",
        r.CALL_QUEUE_ENTRY,
        (
            Input("id", Id(Prefix.QUEUE_ENTRY)),
            Input("callUuid", Text(trim=False), through=("call", "callUuid")),
        ),
        one_of=(("id", "callUuid"),),
        operator=True,
        latest="entered_at",
    ),
    _list(r.CALL_PARTICIPANT, operator=True),
    _list(r.QUEUE, operator=True),
    _list(r.CALL_TRANSCRIPT, operator=True),
    _list(r.CALL, operator=True),
    _list(r.USAGE),
    Action(
        "sum_usage",
        _K.GENERIC,
        "Sum up what agents and models used in a calendar month (UTC), by default this one",
        inputs=(Input("month", Text(pattern=usage_actions.MONTH)),),
        answers=(
            Answer("month", Text()),
            Answer(
                "totals",
                many=True,
                members=(
                    Answer("agent_id", Id(Prefix.AGENT), null=True),
                    Answer("model", Text()),
                    *(Answer(unit, Number()) for unit in (*UNITS, "usd")),
                ),
            ),
        ),
        act=usage_actions.sum_usage,
    ),
    Action(
        "create_call",
        _K.CREATE,
        "Register a call on another system",
        r.CALL,
        (
            Input("callUuid", Text(trim=False), null=False),
            *_given(r.CALL, "direction*", "fromNumber*", "toNumber*"),
            Input("callSource", Text(), null=False),
            Input("sipUsername", Text()),
            Input("status", _OPEN),
            Input("startedAt", Timestamp()),
            Input("conversationId", Id(Prefix.CONVERSATION)),
            Input("queueId", Id(Prefix.QUEUE)),
        ),
        rule=call_actions.check_new_call,
        act=call_actions.create_call,
    ),
    Action(
        "update_call",
        _K.UPDATE,
        "Report a change of an external call",
        r.CALL,
        (
            Input("status", Choice(r.STATUSES), null=False),
            Input("endedAt", Timestamp()),
            Input("durationSeconds", Integer(minimum=0)),
            Input("callSource", Text(), null=False),
        ),
        identities=("callUuid",),
        rule=call_actions.check_report,
        act=call_actions.update_call,
    ),
    Action(
        "call_codec",
        _K.GENERIC,
        "Get a call's codecs",
        inputs=(_CALL_UUID,),
        answers=(
            _CALL_ANSWER,
            Answer("read_codec", Choice(("PCMU", "opus")), null=True),
            Answer("write_codec", Choice(("PCMU", "opus")), null=True),
        ),
        operator=True,
        act=call_actions.call_codec,
    ),
    Action(
        "barge_call",
        _K.GENERIC,
        "Take a call over from its agent; until there is telephony, its caller hears silence",
        inputs=(
            _CALL_UUID,
            Input("sipUsername", Text()),
            _AGENT_NAME,
            Input("mode", Choice(("listen", "whisper", "barge"))),
        ),
        answers=(_CALL_ANSWER, Answer("status", Choice(("barged",)))),
        operator=True,
        needs="telephony, for `listen` and `whisper` and for external calls",
        audited="Call",
        act=call_actions.barge_call,
    ),
    Action(
        "resume_ai_call",
        _K.GENERIC,
        "Hand a call back to its agent",
        inputs=(_CALL_UUID,),
        answers=(_CALL_ANSWER, Answer("status", Choice(("ai_resumed",)))),
        operator=True,
        audited="Call",
        act=call_actions.resume_ai_call,
    ),
    Action(
        "issue_sip_access",
        _K.GENERIC,
        "Issue temporary SIP credentials",
        inputs=(
            Input("operatorEmail", Text()),
            _SIP_USER,
            _AGENT_NAME,
            Input("ttlSeconds", Integer(minimum=1)),
        ),
        answers=(
            Answer("sip_username", Text()),
            Answer("sip_password", Text()),
            Answer("sip_domain", Text()),
            Answer("ws_url", Text()),
            Answer("expires_at", Timestamp()),
            Answer("ttl_seconds", Integer()),
        ),
        operator=True,
        secret=True,
        needs="telephony",
        rule=sip_actions.check_whose,
        act=sip_actions.issue_sip_access,
    ),
    Action(
        "revoke_sip_access",
        _K.GENERIC,
        "Revoke SIP credentials",
        inputs=(Input("sipUsername", Text(), required=True),),
        answers=(Answer("revoked", Boolean()),),
        operator=True,
        act=sip_actions.revoke_sip_access,
    ),
    Action(
        "end_call",
        _K.GENERIC,
        "End a call",
        inputs=(_CALL_UUID,),
        answers=(
            _CALL_ANSWER,
            Answer("status", Choice(r.STATUSES)),
            Answer("ended_at", Timestamp()),
        ),
        operator=True,
        audited="Call",
        act=call_actions.end_call,
    ),
    Action(
        "start_outbound_call",
        _K.GENERIC,
        "Place a call",
        inputs=(
            Input("toNumber", Text(), required=True),
            Input("fromNumber", Text()),
            Input("sipUsername", Text()),
            Input("aiAgentId", Id(Prefix.AGENT)),
            Input("metadata", Map()),
        ),
        answers=(
            _CALL_ANSWER,
            Answer("call_id", Id(Prefix.CALL)),
            Answer("status", Choice(("initiated",))),
            Answer("from_number", Text()),
            Answer("to_number", Text()),
        ),
        operator=True,
        needs="telephony",
        act=call_actions.start_outbound_call,
    ),
    _list(r.CONVERSATION_ITEM, operator=True),
    Action(
        "list_conversation_items_by_public_id",
        _K.LIST,
        "List the items of the conversation with a public id",
        r.CONVERSATION_ITEM,
        (
            Input(
                "publicId",
                Text(trim=False),
                required=True,
                through=("conversation", "publicId"),
            ),
        ),
        pages=False,
        operator=True,
    ),
    _list(r.PHONE_NUMBER, operator=True),
    _list(r.CONTACT, operator=True),
    _create(r.CONTACT, *_CONTACT),
    _update(r.CONTACT, *_CONTACT),
    _delete(r.CONTACT),
    Action(
        "issue_operator_access_token",
        _K.GENERIC,
        "Mint an operator token for a browser",
        inputs=(Input("email", Text(), required=True),),
        answers=(
            Answer("token", Text()),
            Answer("expires_at", Timestamp()),
            Answer("ttl_seconds", Integer()),
        ),
        secret=True,
        act=team_actions.issue_operator_access_token,
    ),
    Action(
        "list_events",
        _K.GENERIC,
        "Read the event log from a position",
        inputs=(
            Input("after", LogPoint()),
            Input(
                "limit",
                Integer(minimum=1, clamped=limits.PAGE_EVENTS.most),
                default=event_actions.DEFAULT_LIMIT,
            ),
            Input("callUuid", Text(trim=False)),
            Input("type", Choices((*EVENT_TYPES, *COMING_TYPES))),
        ),
        answers=(
            Answer(
                "events",
                many=True,
                members=(
                    Answer("position", Text()),
                    Answer("offset", Integer()),
                    Answer("eventId", Text()),
                    Answer("type", Choice((*EVENT_TYPES, *COMING_TYPES))),
                    Answer("callUuid", Text(), null=True),
                    Answer("occurredAt", Timestamp()),
                    Answer("data", Map()),
                ),
            ),
            Answer("position", Text()),
            Answer("hasMore", Boolean()),
            Answer("recovered", Boolean()),
        ),
        act=event_actions.list_events,
    ),
    _create(r.QUEUE, *_given(r.QUEUE, "queueName*"), *_QUEUE),
    _update(r.QUEUE, *_QUEUE),
    _delete(r.QUEUE),
    _create(r.GATEWAY, *_given(r.GATEWAY, "name*"), *_GATEWAY),
    _update(r.GATEWAY, *_GATEWAY),
    _delete(r.GATEWAY),
    _list(r.SIP_USER),
    _create(r.SIP_USER, *_given(r.SIP_USER, "sipUsername*"), *_SIP_USER_INPUTS),
    _update(r.SIP_USER, *_SIP_USER_INPUTS),
    _delete(r.SIP_USER),
    _create(r.PHONE_NUMBER, *_NUMBER),
    _update(r.PHONE_NUMBER, *_NUMBER),
    _delete(r.PHONE_NUMBER),
    *routing_actions.ROWS,
    _list(r.AI_AGENT),
    *(
        replace(action, rule=agent_actions.check_agent, row_rule=agent_actions.check_row)
        for action in (
            _create(r.AI_AGENT, *_given(r.AI_AGENT, "name*"), *_AGENT),
            _update(r.AI_AGENT, *_AGENT),
        )
    ),
    _delete(r.AI_AGENT),
    _list(r.PROVIDER_CREDENTIAL),
    *(
        replace(action, after=_provider_keys_changed)
        for action in (
            _create(r.PROVIDER_CREDENTIAL, *_given(r.PROVIDER_CREDENTIAL, "provider*"), _API_KEY),
            _update(r.PROVIDER_CREDENTIAL, _API_KEY),
            _delete(r.PROVIDER_CREDENTIAL),
        )
    ),
    _list(r.USER),
    Action(
        "invite_team_member",
        _K.GENERIC,
        "Invite somebody to the team",
        inputs=(
            Input("email", _EMAIL, required=True),
            Input("role", Choice(tuple(TeamRole))),
        ),
        answers=(
            Answer("token", Text()),
            Answer("email", Text()),
            Answer("role", Choice(tuple(TeamRole))),
            Answer("expires_at", Timestamp()),
        ),
        team=True,
        secret=True,
        audited="Invitation",
        act=team_actions.invite_team_member,
    ),
    Action(
        "remove_team_member",
        _K.DESTROY,
        "Remove somebody from the team",
        r.USER,
        team=True,
        act=team_actions.remove_team_member,
    ),
    Action(
        "update_team_member",
        _K.UPDATE,
        "Change the role or the name of a member of the team",
        r.USER,
        (Input("role", Choice(tuple(TeamRole)), null=False), *_given(r.USER, "fullName")),
        team=True,
        people=True,
        act=team_actions.update_team_member,
    ),
    *key_actions.ROWS,
    *audit_actions.ROWS,
    Action(
        "create_call_participant",
        _K.CREATE,
        "Report that somebody joined an external call",
        r.CALL_PARTICIPANT,
        _PARTICIPANT,
        rule=call_actions.check_participant,
        act=call_actions.create_call_participant,
    ),
    Action(
        "update_call_participant",
        _K.UPDATE,
        "Report that somebody left an external call",
        r.CALL_PARTICIPANT,
        (Input("leftAt", Timestamp(), False, False),),
        act=call_actions.update_call_participant,
    ),
    Action(
        "create_conversation_item",
        _K.CREATE,
        "Add an item to a conversation",
        r.CONVERSATION_ITEM,
        _ITEM,
        presets=conversation_actions.new_item,
    ),
)

#: Every action by name, with the role that it takes in a sign-in.
ACTIONS: Mapping[str, Action] = {
    action.name: replace(action, role=lowest_role(action.name)) for action in _ROWS
}
