"""The actions on the team (events socket, 5.3 and 7.1)."""

from uuid import UUID

from ringline.domain.operators import TeamRole
from ringline.ports import Transaction
from ringline.rpc.context import ActionContext, Values
from ringline.services.team import AlreadyMember, InvitationRefused, LastOwner
from ringline.wire.rpc import refuse
from ringline.wire.session_token import OPERATOR_TTL_S
from ringline.wire.times import seconds


async def accept_team_invitation(context: ActionContext, values: Values) -> object:
    """Make the holder of an invitation's token a member; `password` is ignored."""
    scope = context.caller.scope
    try:
        role = await context.services.team.accept(
            scope, values["token"], full_name=values.get("name")
        )
    except InvitationRefused:
        raise refuse("invalid_token") from None
    return {"accepted": True, "organisation_id": str(scope.workspace_id), "role": role.value}


async def invite_team_member(context: ActionContext, values: Values) -> object:
    """Return a token for `accept_team_invitation`, valid once, within seven days."""
    role = TeamRole(values.get("role") or TeamRole.MEMBER)
    try:
        invitation = await context.services.team.invite(
            context.caller.scope, values["email"], role=role
        )
    except AlreadyMember:
        raise refuse(
            "invalid_argument",
            "is a member already",
            variables={"field": "email"},
            fields=("email",),
        ) from None
    return {
        "token": invitation.token,
        "email": invitation.email,
        "role": invitation.role.value,
        "expires_at": seconds(invitation.expires_at),
    }


async def remove_team_member(
    context: ActionContext, transaction: Transaction, user_id: UUID, values: Values
) -> None:
    """Remove a member who is not the last owner and has no SIP user."""
    try:
        await context.services.team.remove(transaction, user_id)
    except LastOwner:
        raise refuse("invalid_changes", "a team needs an owner") from None


async def issue_operator_access_token(context: ActionContext, values: Values) -> object:
    """Mint an operator token for a browser."""
    caller = context.caller
    access = await context.services.team.issue_access(
        caller.scope, caller.key_id, email=values["email"]
    )
    if access is None:
        raise refuse("not_found")
    return {
        "token": access.text,
        "expires_at": seconds(access.token.expires_at),
        "ttl_seconds": OPERATOR_TTL_S,
    }
