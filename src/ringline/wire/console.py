"""What the console's routes are sent and answer (console, 5.1): JSON in camelCase."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from ringline.domain import console_limits
from ringline.domain.credentials import Person
from ringline.domain.log import Environment
from ringline.domain.permissions import deeds_of
from ringline.wire.strict_json import StrictDecoder, encode
from ringline.wire.times import micros

#: Which parts of the whole this server has; a page whose part is missing is not shown.
FEATURES = ("hooks", "live", "meter", "rest", "voice")

_Secret = Annotated[str, msgspec.Meta(max_length=console_limits.SECRET_CHARACTERS.most)]
_Name = Annotated[str, msgspec.Meta(max_length=console_limits.NAME_CHARACTERS.most)]


class LinkBody(msgspec.Struct, frozen=True):
    """The body that follows a one-time link."""

    token: _Secret


class ProfileBody(msgspec.Struct, frozen=True, rename="camel"):
    """The changes of one's profile; an empty or null name is none."""

    full_name: _Name | UnsetType | None = UNSET


read_link = StrictDecoder(LinkBody).decode
read_profile = StrictDecoder(ProfileBody).decode


def write_hello(version: str, methods: Sequence[str], *, insecure: bool) -> bytes:
    """Write what the sign-in page offers."""
    return encode({"version": version, "signIn": list(methods), "insecure": insecure})


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
