"""What each role of a team may do in a sign-in: one table (console, 5.3).

RPC, the console's routes, what `me` says that a person can do, the documentation and the tests
read it. A row is a group of deeds with the lowest role that may do them; owners may do
everything. API keys and operator tokens are not people, and what they may do stands with each
action (contract, 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringline.domain.operators import TeamRole

#: The roles, the highest first.
RANKING = tuple(TeamRole)


def is_at_least(role: TeamRole, lowest: TeamRole) -> bool:
    """Return whether a role may do what another one may."""
    return RANKING.index(role) <= RANKING.index(lowest)


@dataclass(frozen=True, slots=True)
class Permission:
    """A group of deeds, and the lowest role that may do them.

    `actions` are RPC's, `deeds` what other routes of the console ask for.
    """

    what: str
    role: TeamRole
    actions: tuple[str, ...] = ()
    deeds: tuple[str, ...] = ()


PERMISSIONS: tuple[Permission, ...] = (
    Permission(
        "see calls, transcripts, conversations, contacts, events, agents, queues, numbers, team",
        TeamRole.MEMBER,
        (
            "call_codec",
            "explain_route",
            "get_call_queue_entry",
            "list_ai_agents",
            "list_call_participants",
            "list_call_queue_entries",
            "list_call_transcripts",
            "list_calls",
            "list_contacts",
            "list_conversation_items",
            "list_conversation_items_by_public_id",
            "list_conversations",
            "list_events",
            "list_gateways",
            "list_operator_statuses",
            "list_phone_numbers",
            "list_queues",
            "list_routing_rules",
            "list_sip_users",
            "list_users",
        ),
    ),
    Permission(
        "talk to an agent of the test environment", TeamRole.MEMBER, deeds=("talk_in_test",)
    ),
    Permission(
        "talk to an agent of the live environment", TeamRole.OPERATOR, deeds=("talk_in_live",)
    ),
    Permission("hear recordings", TeamRole.OPERATOR, deeds=("hear_recordings",)),
    Permission(
        "end calls, pause and resume their agents, take calls over, place and accept them",
        TeamRole.OPERATOR,
        (
            "accept_call_queue_entry",
            "barge_call",
            "end_call",
            "issue_sip_access",
            "resume_ai_call",
            "revoke_sip_access",
            "start_outbound_call",
        ),
    ),
    Permission(
        "set their own status; an admin sets any operator's",
        TeamRole.OPERATOR,
        ("set_operator_status",),
    ),
    Permission(
        "change contacts and conversations",
        TeamRole.OPERATOR,
        (
            "create_contact",
            "create_conversation",
            "create_conversation_item",
            "delete_contact",
            "update_contact",
            "update_conversation",
        ),
    ),
    Permission(
        "change agents, queues, numbers, routing, gateways and SIP users",
        TeamRole.ADMIN,
        (
            "create_ai_agent",
            "create_gateway",
            "create_phone_number",
            "create_queue",
            "create_routing_rule",
            "create_sip_user",
            "delete_ai_agent",
            "delete_gateway",
            "delete_phone_number",
            "delete_queue",
            "delete_routing_rule",
            "delete_sip_user",
            "update_ai_agent",
            "update_gateway",
            "update_phone_number",
            "update_queue",
            "update_routing_rule",
            "update_sip_user",
        ),
    ),
    Permission(
        "report calls of other systems",
        TeamRole.ADMIN,
        (
            "create_call",
            "create_call_participant",
            "update_call",
            "update_call_participant",
        ),
    ),
    Permission(
        "see what is used, and see and change the keys of providers",
        TeamRole.ADMIN,
        (
            "create_provider_credential",
            "delete_provider_credential",
            "list_provider_credentials",
            "list_usage",
            "sum_usage",
            "update_provider_credential",
        ),
    ),
    Permission(
        "invite, change and remove operators and members; an owner, anybody",
        TeamRole.ADMIN,
        ("invite_team_member", "remove_team_member", "update_team_member"),
    ),
    Permission(
        "see, make and revoke keys",
        TeamRole.ADMIN,
        ("create_key", "list_keys", "revoke_key"),
    ),
    Permission(
        "see what they did themselves in the audit log; an admin, what anybody did",
        TeamRole.MEMBER,
        ("list_audit_entries",),
    ),
)

#: Whom a role may invite, change and remove: members of these roles.
MANAGED: Mapping[TeamRole, frozenset[TeamRole]] = {
    TeamRole.OWNER: frozenset(TeamRole),
    TeamRole.ADMIN: frozenset({TeamRole.OPERATOR, TeamRole.MEMBER}),
    TeamRole.OPERATOR: frozenset(),
    TeamRole.MEMBER: frozenset(),
}

#: RPC's actions that no sign-in may call: they mint credentials for somebody else, or make a
#: member of somebody who is one.
NOT_FOR_PEOPLE = frozenset({"accept_team_invitation", "issue_operator_access_token"})

_LOWEST: Mapping[str, TeamRole] = {
    deed: row.role for row in PERMISSIONS for deed in (*row.actions, *row.deeds)
}


def lowest_role(deed: str) -> TeamRole | None:
    """Return the lowest role that may do a deed or call an action; None if no role may."""
    return _LOWEST.get(deed)


def may_do(role: TeamRole, deed: str) -> bool:
    """Return whether a role may do a deed or call an action."""
    lowest = lowest_role(deed)
    return lowest is not None and is_at_least(role, lowest)


def deeds_of(role: TeamRole) -> list[str]:
    """Return what a role may do: RPC's actions and other deeds, sorted by name."""
    return sorted(deed for deed, lowest in _LOWEST.items() if is_at_least(role, lowest))
