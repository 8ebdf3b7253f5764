"""A worker that delivers webhooks in the test's own process, over a real database."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ringline.domain.log import Scope
from ringline.domain.records import Entry
from ringline.hooks.sender import SendLimits, WebhookSender
from ringline.ports import Clock
from ringline.services.deliveries import Deliveries, DeliveryLimits
from ringline.services.delivery_attempts import Attempts
from ringline.services.sealer import Sealer
from ringline.services.signing_secrets import WorkspaceSecrets
from ringline.storage.stores import Stores
from ringline.wire.webhook_signature import new_endpoint_secret
from tests.callers import LIMIT_S
from tests.database import TestDatabase
from tests.serving import ENCRYPTION_KEY
from tests.webhook_rows import a_contact, add_endpoint

SEALER = Sealer(ENCRYPTION_KEY, secrets.token_bytes)


@asynccontextmanager
async def delivering(
    stores: Stores,
    now: Clock,
    *,
    limits: DeliveryLimits | None = None,
    attempt_s: float = 10.0,
    send: Any = None,
) -> AsyncIterator[Deliveries]:
    """Deliver what is due for the length of a block; attempts have no jitter."""
    sender = WebhookSender(allow_private=True, limits=SendLimits(attempt_s=attempt_s))
    workspace_secrets = WorkspaceSecrets(
        stores.signing_secrets,
        SEALER.seal,
        open_sealed=SEALER.open_sealed,
        random_bytes=secrets.token_bytes,
    )
    attempts = Attempts(
        send or sender.send,
        workspace_secrets,
        open_sealed=SEALER.open_sealed,
        now=now,
        random=lambda: 0.0,
    )
    deliveries = Deliveries(stores.deliveries, attempts.make, now=now, limits=limits)
    deliveries.start()
    try:
        yield deliveries
    finally:
        await deliveries.close()
        await sender.close()


async def add_receiver(
    stores: Stores, scope: Scope, url: str, *events: str, paused: bool = False
) -> UUID:
    """Register an endpoint that is sent everything, or only some types."""
    secret = SEALER.seal(new_endpoint_secret(secrets.token_bytes(32)))
    return await add_endpoint(
        stores, scope, *(events or ("*",)), url=url, secret=secret, paused=paused
    )


async def publish(stores: Stores, scope: Scope, count: int) -> list[UUID]:
    """Append events that belong to no call; return their ids."""
    events = [a_contact() for _ in range(count)]
    await stores.log.commit([Entry(scope, tuple(events))])
    return [event.id for event in events]


@dataclass
class Ledger:
    """What the database says of deliveries."""

    database: TestDatabase

    async def rows(self) -> Sequence[Any]:
        async with self.database.connection() as superuser:
            return await superuser.fetch(
                "SELECT d.*, (SELECT array_agg(a.error ORDER BY a.attempt)"
                " FROM ringline.webhook_attempts a WHERE a.delivery_id = d.id) AS errors"
                ' FROM ringline.webhook_deliveries d ORDER BY d."offset"'
            )

    async def until(self, done: Callable[[Sequence[Any]], bool]) -> Sequence[Any]:
        """Wait until the rows satisfy a condition; return them."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                rows = await self.rows()
                if done(rows):
                    return rows
                await asyncio.sleep(0.02)

    async def due_at(self) -> datetime:
        """Return when the next attempt is due."""
        return min(row["next_attempt_at"] for row in await self.rows() if row["next_attempt_at"])


def settled(rows: Sequence[Any]) -> bool:
    """Return whether nothing is pending."""
    return all(row["status"] != "pending" for row in rows)
