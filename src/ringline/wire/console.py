"""What the console's routes are sent and answer (console, 5.1): JSON in camelCase."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from ringline.domain import console_limits, limits
from ringline.domain.credentials import Person
from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import deeds_of
from ringline.wire.errors import HttpRefusal, refuse_rpc
from ringline.wire.strict_json import StrictDecoder, encode
from ringline.wire.times import micros

#: Which parts of the whole this server has; a page whose part is missing is not shown.
FEATURES = ("hooks", "live", "meter", "rest", "voice")

_Secret = Annotated[str, msgspec.Meta(max_length=console_limits.SECRET_CHARACTERS.most)]
#: Longer than any that may be set, so that a long one is told why it is refused.
_Password = Annotated[str, msgspec.Meta(max_length=2 * console_limits.PASSWORD_MOST.most)]
_Email = Annotated[str, msgspec.Meta(max_length=limits.EMAIL_CHARACTERS.most)]
_Name = Annotated[str, msgspec.Meta(max_length=console_limits.NAME_CHARACTERS.most)]


class LinkBody(msgspec.Struct, frozen=True):
    """The body that follows a one-time link, or reads an invitation."""

    token: _Secret


class PasswordBody(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a sign-in with a password."""

    email: _Email
    password: _Password
    workspace_id: UUID | None = None

    def __repr__(self) -> str:
        return "PasswordBody(…)"


class InvitationBody(msgspec.Struct, frozen=True):
    """The body that accepts an invitation."""

    token: _Secret
    password: _Password
    name: _Name | None = None

    def __repr__(self) -> str:
        return "InvitationBody(…)"


class NewPassword(msgspec.Struct, frozen=True):
    """A change of one's password; without one before, `old` is null."""

    new: _Password
    old: _Password | None = None

    def __repr__(self) -> str:
        return "NewPassword(…)"


class ProfileBody(msgspec.Struct, frozen=True, rename="camel"):
    """The changes of one's profile; an empty or null name is none."""

    full_name: _Name | UnsetType | None = UNSET
    password: NewPassword | None = None


read_link = StrictDecoder(LinkBody).decode
read_password = StrictDecoder(PasswordBody).decode
read_invitation = StrictDecoder(InvitationBody).decode
read_profile = StrictDecoder(ProfileBody).decode


def write_hello(version: str, methods: Sequence[str], *, insecure: bool) -> bytes:
    """Write what the sign-in page offers."""
    return encode({"version": version, "signIn": list(methods), "insecure": insecure})


def write_offer(workspace_name: str, *, email: str, role: TeamRole) -> bytes:
    """Write what an invitation offers."""
    return encode({"workspace": {"name": workspace_name}, "email": email, "role": role.value})


def write_me(
    person: Person,
    *,
    workspace_id: UUID,
    workspace_name: str,
    has_password: bool,
    expires_at: datetime | None,
    build: str,
) -> bytes:
    """Write who is signed in, and what their role may do."""
    return encode(
        {
            "user": {
                "id": str(person.id),
                "email": person.email,
                "fullName": person.name,
                "hasPassword": has_password,
            },
            "workspace": {"id": str(workspace_id), "name": workspace_name},
            "environments": [environment.value for environment in Environment],
            "role": person.role.value,
            "can": deeds_of(person.role),
            "features": FEATURES,
            "expiresAt": None if expires_at is None else micros(expires_at),
            "build": build,
        }
    )


def write_sign_in(
    sign_in_id: UUID,
    device: str,
    *,
    created_at: datetime,
    expires_at: datetime,
    last_used_at: datetime | None,
    current: bool,
) -> dict[str, object]:
    """Return one of a person's sign-ins, for their list."""
    return {
        "id": str(sign_in_id),
        "device": device,
        "createdAt": micros(created_at),
        "expiresAt": micros(expires_at),
        "lastUsedAt": None if last_used_at is None else micros(last_used_at),
        "current": current,
    }


def write_choice(workspaces: Sequence[tuple[UUID, str]]) -> HttpRefusal:
    """Write that a password fits in several workspaces, of which one is to be chosen."""
    listed = [{"id": str(workspace_id), "name": name} for workspace_id, name in workspaces]
    return refuse_rpc("choose_workspace", more={"workspaces": listed})
