"""People who have signed in, as RPC's engine sees them: without a browser and a cookie."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ringline.domain.audit import Origin
from ringline.domain.credentials import Person
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.rpc.engine import Engine
from ringline.rpc.reader import Reader
from ringline.services.callers import Caller, Operator
from ringline.storage.stores import Stores
from ringline.wire.rpc import RpcRefused, answer_problems
from tests.action_runner import ActionRunner, action_runner
from tests.database import TestDatabase, add_member, make_log, new_id
from tests.rpc_calls import Asking

ORIGIN = Origin("req_0000000000000000000001", "192.0.2.7")


class Acting(Asking):
    """Runs actions as a caller."""

    def __init__(self, engine: Engine, caller: Caller) -> None:
        self.engine = engine
        self.caller = caller

    async def ask(
        self, body: object, way: str = "run", headers: dict[str, str] | None = None
    ) -> Any:
        """Run or validate; return the answer."""
        try:
            doing = self.engine.run if way == "run" else self.engine.validate
            return json.loads(await doing(self.caller, body))
        except RpcRefused as refused:
            return json.loads(answer_problems(refused.problems))


@dataclass
class House:
    """A workspace of ours on a database, with its engine."""

    runner: ActionRunner
    engine: Engine
    database: TestDatabase

    @property
    def scope(self) -> Scope:
        return self.runner.scope

    def within(self, environment: Environment) -> Scope:
        return Scope(self.scope.workspace_id, environment)

    def program(self, scope: Scope | None = None) -> Acting:
        """Act with a secret key."""
        return Acting(self.engine, Caller(scope or self.scope, new_id(), origin=ORIGIN))

    async def member(self, role: TeamRole, name: str | None = None) -> UUID:
        async with self.database.connection() as superuser:
            email = f"{name or role}@example.com"
            return await add_member(superuser, self.scope.workspace_id, email, role.value)

    async def person(
        self, role: TeamRole, *, name: str | None = None, scope: Scope | None = None
    ) -> Acting:
        """Act as a new member of the team who has signed in."""
        user_id = await self.member(role, name)
        email = f"{name or role}@example.com"
        person = Person(user_id, email, None, role, new_id())
        caller = Caller(scope or self.scope, new_id(), person=person, origin=ORIGIN)
        return Acting(self.engine, caller)

    async def operator(self, name: str) -> Acting:
        """Act with the operator token of a new member."""
        operator = Operator(await self.member(TeamRole.OPERATOR, name), f"{name}@example.com")
        return Acting(self.engine, Caller(self.scope, new_id(), operator, origin=ORIGIN))

    async def entries(self, *columns: str) -> list[dict[str, Any]]:
        """Return the audit log, oldest first; of each entry these columns, or all."""
        shown = ", ".join(columns) or "*"
        async with self.database.connection() as superuser:
            rows = await superuser.fetch(
                f"SELECT {shown} FROM ringline.audit_entries WHERE workspace_id = $1"
                " AND action <> 'create_workspace' ORDER BY inserted_at, id",
                self.scope.workspace_id,
            )
        return [dict(row) for row in rows]

    async def neighbour(self) -> Scope:
        """Make another workspace."""
        return await make_log(self.runner.stores)


@asynccontextmanager
async def a_house(stores: Stores, database: TestDatabase) -> AsyncIterator[House]:
    async with action_runner(stores) as runner:
        yield House(runner, Engine(runner.services, Reader(("a secret of the tests",))), database)
