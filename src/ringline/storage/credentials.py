"""Keys, members and tickets in PostgreSQL, looked up before a workspace is known.

Lookups go by the SHA-256 of 32 random bytes, in an index: their timing reveals nothing about
credentials that the client does not have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from ringline.domain.credentials import Key, KeyKind, Person, Ticket
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.domain.origins import OriginNotAllowed
from ringline.domain.tiers import Tier
from ringline.schema.names import KEYS_CHANNEL
from ringline.storage.database import Database
from ringline.storage.pool import CREDENTIALS, INTERNAL

_KEY = "SELECT * FROM ringline.get_keys(ARRAY[$1]::uuid[])"
_KEY_WITH_MEMBER = f"""
    {_KEY} k WHERE EXISTS (
        SELECT FROM ringline.current_members(ARRAY[$2]::uuid[]) u
        WHERE u.workspace_id = k.workspace_id
    )
"""
_PUT_TICKET = "SELECT ringline.put_ticket($1, $2, $3, $4, $5, $6, $7, $8)"
_TAKE_TICKET = "SELECT * FROM ringline.take_ticket($1, $2, $3)"
_DROP_TICKET = "SELECT ringline.drop_ticket($1, $2, $3, $4)"
#: A ticket is valid for 300 s at most. One mint in so many also deletes tickets that were
#: never redeemed, by the database's clock, and more of them than were minted meanwhile.
SWEEP_EVERY = 20
_SWEEP_TICKETS = "SELECT ringline.sweep_tickets($1, $2)"


class PostgresCredentials:
    """The ports `CredentialStore` and `TicketStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._minted = count(1)

    async def find_key(self, key_hash: bytes) -> Key | None:
        """Find a key by its hash, active or not. Raises StoreUnavailable."""
        rows = await self._database.look_up(
            CREDENTIALS, "SELECT * FROM ringline.find_key($1)", key_hash
        )
        return _read_found(rows[0]) if rows else None

    async def get_keys(self, key_ids: Sequence[UUID]) -> list[Key]:
        """Return keys by id, to re-check the ones in use. Raises StoreUnavailable."""
        if not key_ids:
            return []
        rows = await self._database.look_up(
            INTERNAL, "SELECT * FROM ringline.get_keys($1)", list(key_ids)
        )
        return [_read_found(row) for row in rows]

    async def get_token_key(self, key_id: UUID, user_id: UUID | None) -> Key | None:
        """Return the key behind a token, None if its member is not in the key's team.

        Raises StoreUnavailable.
        """
        values = (key_id,) if user_id is None else (key_id, user_id)
        text = _KEY if user_id is None else _KEY_WITH_MEMBER
        rows = await self._database.look_up(CREDENTIALS, text, *values)
        return _read_found(rows[0]) if rows else None

    async def current_members(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these users are still members of a team.

        Raises StoreUnavailable.
        """
        if not user_ids:
            return set()
        rows = await self._database.look_up(
            INTERNAL, "SELECT id FROM ringline.current_members($1)", list(user_ids)
        )
        return {row["id"] for row in rows}

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        """Record when keys were last used. Raises StoreUnavailable."""
        if used:
            await self._database.look_up(
                INTERNAL,
                "SELECT ringline.touch_keys($1, $2)",
                list(used),
                list(used.values()),
                owned=True,
            )

    async def put_ticket(self, ticket_hash: bytes, ticket: Ticket, *, now: datetime) -> bool:
        """Store a ticket if its key is active; sometimes sweep old ones.

        Raises StoreUnavailable.
        """
        place = (ticket.scope.workspace_id, ticket.scope.environment.value)
        borrower = ticket.scope.workspace_id  # its mints wait for each other, and for no stranger's
        kept = await self._database.look_up(
            borrower,
            _PUT_TICKET,
            *place,
            ticket_hash,
            ticket.call_id,
            ticket.key_id,
            ticket.binding,
            ticket.expires_at,
            now,
            owned=True,
        )
        if next(self._minted) % SWEEP_EVERY == 0:
            await self._database.look_up(borrower, _SWEEP_TICKETS, *place, owned=True)
        return bool(kept)

    async def find_ticket(self, ticket_hash: bytes) -> Ticket | None:
        """Return a ticket without redeeming it. Raises StoreUnavailable."""
        rows = await self._database.look_up(
            CREDENTIALS, "SELECT * FROM ringline.find_ticket($1)", ticket_hash
        )
        return _read_ticket(rows[0]) if rows else None

    async def drop_ticket(self, scope: Scope, call_id: UUID, *, now: datetime) -> bool:
        """Delete a ticket by its session's id; return whether it was still valid.

        Raises StoreUnavailable.
        """
        place = scope.workspace_id, scope.environment.value
        dropped = await self._database.look_up(
            scope.workspace_id, _DROP_TICKET, *place, call_id, now, owned=True
        )
        return bool(dropped)

    async def take_ticket(
        self, ticket_hash: bytes, now: datetime, *, origins: Sequence[str] = ()
    ) -> Ticket | None:
        """Redeem a ticket: delete and return it, if it and its key are valid.

        It is atomic: of two racing clients one gets the ticket. Raises OriginNotAllowed if the
        workspace does not let these origins in, and the ticket stays; StoreUnavailable, after
        which the ticket may be spent.
        """
        rows = await self._database.look_up(
            CREDENTIALS, _TAKE_TICKET, ticket_hash, now, list(origins), owned=True
        )
        if not rows:
            return None
        if not rows[0]["allowed"]:
            raise OriginNotAllowed
        return _read_ticket(rows[0])

    async def watch_revocations(self, changed: Callable[[UUID | None, bool], None]) -> None:
        """Call back, until cancelled, with the id of each key or member that may be gone.

        The flag says whether a key's calls end with it. Keys whose expiry was moved are
        reported too. None instead of an id means that notifications may have been missed:
        check everything. The first call comes at once, with None.
        """

        def notified(payload: str | None) -> None:
            if payload is None:
                changed(None, False)
            else:
                revoked, _, end_calls = payload.partition(" ")
                changed(UUID(revoked), end_calls == "1")

        await self._database.watch(KEYS_CHANNEL, notified)


def _read_found(row: Any) -> Key:
    """Return the key in a row of a lookup function, with its workspace's and its person's."""
    return replace(
        read_key(row),
        tier=Tier(row["tier"]),
        allowed_origins=tuple(row["allowed_origins"]),
        person=None if row["user_id"] is None else _read_person(row),
    )


def _read_person(row: Any) -> Person:
    return Person(
        id=row["user_id"],
        email=row["email"],
        name=row["full_name"],
        role=TeamRole(row["role"]),
        sign_in_id=row["sign_in_id"],
    )


def read_key(row: Any) -> Key:
    """Return the key in a row of `keys`."""
    return Key(
        id=row["id"],
        scope=Scope(row["workspace_id"], Environment(row["environment"])),
        kind=KeyKind(row["kind"]),
        label=row["label"],
        last_four=row["last_four"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        end_calls=row["end_calls"],
        first_id=row["first_id"],
    )


def _read_ticket(row: Any) -> Ticket:
    return Ticket(
        call_id=row["call_id"],
        scope=Scope(row["workspace_id"], Environment(row["environment"])),
        key_id=row["key_id"],
        binding=row["binding"],
        expires_at=row["expires_at"],
    )
