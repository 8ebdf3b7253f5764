"""RPC actions run on a real database, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any, cast
from uuid import UUID

import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain import leg, voice
from ringline.domain.config_members import SessionConfig
from ringline.domain.events import Event
from ringline.domain.log import Scope
from ringline.domain.publication import Publication
from ringline.domain.records import StoredCall
from ringline.ports import ALL_LOGS, Transaction, VoiceListener
from ringline.rpc.actions import ACTIONS
from ringline.rpc.context import ActionContext, Change, Create, Generic, Services
from ringline.rpc.inputs import cast_inputs
from ringline.services.agents import AgentRules
from ringline.services.api_keys import ApiKeys
from ringline.services.callers import Caller, Operator
from ringline.services.calls import Calls
from ringline.services.found_calls import find_call
from ringline.services.journal import Journal
from ringline.services.live_call import CallLimits, NewCall
from ringline.services.pricing import Pricing
from ringline.services.repo import Repo
from ringline.services.team import Team
from ringline.services.voices import Catalogue, VoiceModel
from ringline.storage.stores import Stores
from ringline.wire.rpc import RpcRefused
from tests.callers import LIMIT_S
from tests.database import NOW, a_call, make_log, new_id
from tests.house import PRICES, run_no_tool
from tests.talking import CAPABILITIES, ScriptedLeg, ScriptedVoice, half_or_double


@dataclass
class ActionRunner:
    """A workspace, and the services that run its actions."""

    stores: Stores
    scope: Scope
    services: Services
    operator: Operator | None = None
    now: datetime = NOW
    published: list[Publication] = field(default_factory=list[Publication])

    def at(self, seconds: float) -> ActionRunner:
        return replace(self, now=NOW + timedelta(seconds=seconds))

    def acted_by(self, operator: Operator) -> ActionRunner:
        return replace(self, operator=operator)

    @property
    def context(self) -> ActionContext:
        return ActionContext(
            Caller(self.scope, UUID(int=5), self.operator), self.services, self.now
        )

    async def create(self, name: str, **given: object) -> UUID:
        """Run an action that creates a record; `given` is its input as in JSON."""
        act, values = cast("Create", ACTIONS[name].act), cast_inputs(ACTIONS[name], given)
        return await self.services.repo.write(self.scope, lambda t: act(self.context, t, values))

    async def change(self, name: str, record_id: UUID, **given: object) -> None:
        act, values = cast("Change", ACTIONS[name].act), cast_inputs(ACTIONS[name], given)

        async def work(transaction: Transaction) -> None:
            await act(self.context, transaction, record_id, values)

        await self.services.repo.write(self.scope, work)

    async def run(self, name: str, **given: object) -> Any:
        return await cast("Generic", ACTIONS[name].act)(
            self.context, cast_inputs(ACTIONS[name], given)
        )

    async def call(self, call: UUID | str) -> StoredCall:
        """Return a stored call."""

        async def work(transaction: Transaction) -> StoredCall:
            found = await find_call(transaction, call)
            assert found is not None
            stored = await transaction.lock_call(found.id)
            assert stored is not None
            return stored

        return await self.services.repo.write(self.scope, work)

    async def insert(self, table: str, **columns: object) -> UUID:
        """Insert a row directly, for what an action needs but does not test."""
        row: dict[str, object] = {
            "workspace_id": self.scope.workspace_id,
            "environment": self.scope.environment.value,
            "id": new_id(),
            **columns,
        }
        if table == "users":
            del row["environment"]
        parameters = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        text = f"INSERT INTO ringline.{table} ({', '.join(row)}) VALUES ({parameters})"

        async def work(transaction: Transaction) -> None:
            await transaction.fetch(text, list(row.values()))

        await self.services.repo.write(self.scope, work)
        return cast("UUID", row["id"])

    async def user(self, name: str) -> Operator:
        email = f"{name}@example.com"
        return Operator(await self.insert("users", email=email, role="operator"), email)

    async def sip_user(self, name: str, user: Operator | None = None) -> UUID:
        """Insert a SIP user; without a user, insert one for it too."""
        user = user or await self.user(name)
        return await self.insert(
            "sip_users", sip_username=name, sip_password=b"sealed", user_id=user.id
        )

    async def events(self) -> list[Event]:
        page = await self.stores.log.page(self.scope, 0, limit=10_000)
        return [stored.event for stored in page.events]

    async def types(self) -> list[str]:
        return [event.type for event in await self.events()]

    async def live_call(self) -> UUID:
        """Start a call in this process, and wait until it is answered."""
        row = a_call(started_at=self.now)
        leg_ = AnsweredLeg()
        config = SessionConfig(model="local/attendant")
        self.services.calls.start(NewCall(self.scope, row, config, "", CallLimits()), leg_)
        async with asyncio.timeout(LIMIT_S):
            await leg_.answered.wait()
        return row.id


class AnsweredLeg(ScriptedLeg):
    """A leg that signals when its call is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()

    def send(self, order: leg.LegOrder) -> None:
        super().send(order)
        if isinstance(order, leg.SessionStarted):
            self.answered.set()


async def open_voice(_: voice.VoiceOpening, listener: VoiceListener) -> ScriptedVoice:
    return ScriptedVoice(listener)


@asynccontextmanager
async def action_runner(stores: Stores) -> AsyncGenerator[ActionRunner]:
    """Create a workspace and run its services."""
    bus = MemoryBus()
    journal = Journal(stores.log, bus)
    journal.start()
    calls = Calls(
        journal,
        open_voice,
        run_tool=run_no_tool,
        pricing=Pricing(PRICES),
        new_resampler=half_or_double,
        now=lambda: NOW,
        new_id=new_id,
    )
    repo = Repo(stores.records, bus)
    team = Team(
        repo,
        "a secret of the tests alone: thirty-two",
        now=lambda: NOW,
        new_id=new_id,
        random_bytes=token_bytes,
    )
    keys = ApiKeys(
        repo, lambda: NOW, new_id=new_id, random_bytes=token_bytes, secret_ended=lambda: None
    )
    agents = AgentRules(Catalogue((VoiceModel("local/attendant", CAPABILITIES, None),)))
    services = Services(repo, calls, lambda: NOW, new_id, str.encode, team, keys, agents)
    open_ = ActionRunner(stores, await make_log(stores), services)
    bus.subscribe(ALL_LOGS, open_.published.append)
    try:
        yield open_
    finally:
        await calls.shutdown()
        await repo.close()
        await journal.close()


@contextmanager
def refused(type_: str, *fields: str) -> Generator[None]:
    """Expect an action to be refused with one problem about these fields."""
    with pytest.raises(RpcRefused) as caught:
        yield
    (problem,) = caught.value.problems
    assert (problem.type, problem.fields) == (type_, fields)
