"""What asks the receivers of agents, over a test's database and real connections."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ringline.bus.memory import MemoryBus
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import CallDirection, TurnRole
from ringline.domain.log import Scope
from ringline.domain.receivers import Message, ToolQuestion, TurnQuestion
from ringline.hooks.sender import WebhookSender
from ringline.ports import Clock
from ringline.services.agent_receivers import AgentReceivers, AskLimits
from ringline.services.repo import Repo
from ringline.services.signing_secrets import WorkspaceSecrets
from ringline.storage.stores import Stores
from ringline.wire.webhook_signature import new_workspace_secret
from tests.database import TestDatabase, make_log, new_id
from tests.delivering import SEALER
from tests.webhook_rows import first_agent

#: A question's own time is not what these tests wait for.
PATIENT = AskLimits(turn_s=20, tool_s=20)


@asynccontextmanager
async def asking(
    stores: Stores, now: Clock, *, limits: AskLimits | None = None, allow_private: bool = True
) -> AsyncIterator[AgentReceivers]:
    """Ask receivers for the length of a block."""
    sender = WebhookSender(allow_private=allow_private)
    bus = MemoryBus()
    yield AgentReceivers(
        Repo(stores.records, bus),
        sender.ask,
        secrets=WorkspaceSecrets(
            stores.signing_secrets,
            SEALER.seal,
            open_sealed=SEALER.open_sealed,
            random_bytes=secrets.token_bytes,
        ),
        open_sealed=SEALER.open_sealed,
        now=now,
        limits=limits or PATIENT,
    )
    await sender.close()
    await bus.close()


async def make_workspace(database: TestDatabase, stores: Stores) -> Scope:
    """Make a workspace whose secret is made when it is first needed."""
    scope = await make_log(stores)
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET signing_secret = NULL")
    return scope


async def a_call_of(stores: Stores, scope: Scope, url: str | None) -> CallFacts:
    """Return a call of the workspace's agent, whose receiver is at a URL."""
    agent_id = await first_agent(stores, scope, url)
    return facts(scope, agent_id)


def facts(scope: Scope, agent_id: UUID | None = None) -> CallFacts:
    return CallFacts(
        scope, new_id(), CallDirection.INBOUND, "+2348050001111", "+2342010002222", agent_id
    )


def a_turn(call: CallFacts, text: str = "Are you open?") -> TurnQuestion:
    return TurnQuestion(call, new_id(), text, (Message(TurnRole.CALLER, text),))


def a_tool(
    call: CallFacts, name: str = "clock", arguments: Mapping[str, object] | None = None
) -> ToolQuestion:
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return ToolQuestion(new_id(), at, call, new_id(), name, arguments or {})


async def set_secrets(database: Any, now: Clock) -> tuple[str, str]:
    """Give the only workspace a secret and, for an hour, one before it; return both."""
    current, previous = (new_workspace_secret(secrets.token_bytes(32)) for _ in range(2))
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET signing_secret = $1, previous_signing_secret = $2,"
            " previous_signing_secret_expires_at = $3",
            SEALER.seal(current),
            SEALER.seal(previous),
            now() + timedelta(hours=1),
        )
    return current, previous
