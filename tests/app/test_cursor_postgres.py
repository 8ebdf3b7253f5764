"""The cursor over PostgreSQL: the same machine as in memory, with few examples."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ringline.domain.log import Environment, Scope
from ringline.ports import EventLog
from ringline.storage.stores import Stores
from tests.conftest import TEMPLATE, run_as_superuser
from tests.cursor_machine import CursorMachine
from tests.database import ME, TestDatabase, a_workspace

DATABASE = "cursor"


class PostgresCursorMachine(CursorMachine):
    """Every example has a workspace of its own in one database."""

    tempo = 0.2
    database: TestDatabase
    stores: Stores

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def make_truth(self, calls: list[UUID]) -> tuple[EventLog, list[Scope]]:
        self.stores = await Stores.open(self.database.app_dsn, ME, claim=True)
        workspace = a_workspace()
        await self.stores.workspaces.create_workspace(workspace)
        return self.stores.log, [Scope(workspace.id, env) for env in Environment]

    async def end_truth(self) -> None:
        await self.stores.close()


@pytest.mark.timeout(300)
def test_every_history_is_sound_whatever_goes_wrong(cluster: Any) -> None:
    asyncio.run(run_as_superuser(cluster, f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}"))
    try:
        PostgresCursorMachine.database = TestDatabase(cluster, DATABASE)
        run_state_machine_as_test(
            PostgresCursorMachine,
            settings=settings(
                max_examples=8,
                stateful_step_count=30,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
    finally:
        asyncio.run(run_as_superuser(cluster, f"DROP DATABASE {DATABASE} WITH (FORCE)"))
