"""Who may sign in to the console, before the workspace is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FoundLink:
    """Whose a one-time link is."""

    workspace_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class FoundPassword:
    """A member with an address, in one of the workspaces, and the hash of their password."""

    workspace_id: UUID
    workspace_name: str
    user_id: UUID
    password_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundInvitation:
    """What an invitation offers."""

    workspace_id: UUID
    workspace_name: str
    email: str = field(repr=False)


class SignInStore(Protocol):
    """What strangers present, and whose it is. Every method raises StoreUnavailable."""

    async def find_link(self, link_hash: bytes) -> FoundLink | None:
        """Return whose a link is, expired or not; None if it is unknown or was followed."""
        ...

    async def find_passwords(self, email: str, most: int) -> Sequence[FoundPassword]:
        """Return who has an address, in any case, and a password: those of the oldest workspaces.

        At most so many.
        """
        ...

    async def find_invitation(self, token_hash: bytes, now: datetime) -> FoundInvitation | None:
        """Return what an invitation offers; None if it is unknown, was accepted or has expired."""
        ...

    async def sweep(self, ended_before: datetime) -> None:
        """Remove the sign-ins of all workspaces that have ended before a time."""
        ...
