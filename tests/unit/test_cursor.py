"""The one cursor over logs in memory, in virtual time."""

import asyncio
from uuid import UUID

from hypothesis import HealthCheck, settings

from ringline.domain.log import Environment, Scope
from ringline.ports import EventLog
from tests.clock import VirtualClockLoop
from tests.cursor_machine import CursorMachine
from tests.faulty import MemoryLog
from tests.samples import a_scope


class MemoryCursorMachine(CursorMachine):
    def make_loop(self) -> asyncio.AbstractEventLoop:
        return VirtualClockLoop()

    async def make_truth(self, calls: list[UUID]) -> tuple[EventLog, list[Scope]]:
        return MemoryLog(), [a_scope(1), a_scope(1, Environment.TEST)]


TestCursor = MemoryCursorMachine.TestCase
TestCursor.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
