"""The actions on the team (events socket, 5.3 and 7.1)."""

from uuid import UUID

from ringline.domain.operators import TeamRole
from ringline.domain.spelling import snake
from ringline.ports import Transaction
from ringline.rpc.context import ActionContext, Values
from ringline.services.team import AlreadyMember, InvitationRefused, LastOwner, NotManaged
from ringline.wire.rpc import OWNERS_ALONE, forbid, refuse
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
            context.caller.scope,
            values["email"],
            role=role,
            by=_role_of(context),
            auditor=context.auditor,
        )
    except NotManaged:
        raise forbid(OWNERS_ALONE) from None
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
        await context.services.team.remove(transaction, user_id, by=_role_of(context))
    except NotManaged:
        raise forbid(OWNERS_ALONE) from None
    except LastOwner:
        raise refuse("invalid_changes", "a team needs an owner") from None


async def update_team_member(
    context: ActionContext, transaction: Transaction, user_id: UUID, values: Values
) -> None:
    """Change a member's role, which counts within a second, or their name."""
    changes = {snake(name): value for name, value in values.items()}
    try:
        await context.services.team.change(
            transaction, user_id, changes=changes, by=_role_of(context)
        )
    except NotManaged:
        raise forbid(OWNERS_ALONE) from None
    except LastOwner:
        raise refuse("invalid_changes", "a team needs an owner") from None


def _role_of(context: ActionContext) -> TeamRole:
    """Return the role whose rights over the team count; a key's are an owner's."""
    person = context.caller.person
    return TeamRole.OWNER if person is None else person.role


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
