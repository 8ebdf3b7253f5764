"""The cursor, driven by hypothesis through everything that can go wrong."""

import asyncio
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ringline.domain.events import Event
from ringline.domain.log import Scope
from ringline.domain.topics import ALL_EVENTS, CallEvents
from ringline.ports import EventLog, LogBusy, StoreUnavailable
from ringline.services.follow import OnLoss
from tests.samples import entry, new_id, note, partial, turn
from tests.world import Client, World

PROCESS = st.integers(0, 1)
CALL = st.integers(0, 3)
CLIENT = st.integers(0, 5)


class CursorMachine(RuleBasedStateMachine):
    """Publish, follow and inject faults; every client's history must stay consistent.

    A test provides the loop and the event log by overriding the three methods below.
    Calls 0 and 1 belong to the first log, 2 and 3 to the second; a call lives in one process.
    """

    #: How many seconds of the loop's clock a second of waiting takes.
    tempo = 1.0

    world: World
    loop: asyncio.AbstractEventLoop

    def make_loop(self) -> asyncio.AbstractEventLoop:
        raise NotImplementedError

    async def make_truth(self, calls: list[UUID]) -> tuple[EventLog, list[Scope]]:
        """Return an event log, and two empty logs in it."""
        raise NotImplementedError

    async def end_truth(self) -> None:
        """Release the event log."""

    @initialize()
    def begin(self) -> None:
        self.loop = self.make_loop()
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        self.calls = [new_id() for _ in range(4)]
        self.turns = [0] * 4
        self.sequences = [0] * 4
        truth, scopes = await self.make_truth(self.calls)
        self.world = World(truth, scopes)
        for number in range(6):
            topic = CallEvents(self.calls[number]) if number < 3 else ALL_EVENTS
            on_loss = OnLoss.STOP if number % 2 else OnLoss.WITHOUT_POSITIONS
            scope = scopes[number // 2] if number < 3 else scopes[0]
            client = Client(self.world, scope, topic, on_loss)
            self.world.clients.append(client)
            client.connect(self.world.processes[number % 2])

    # -- what goes well -----------------------------------------------------------------

    @rule(call=CALL, count=st.integers(1, 7))
    def publish(self, call: int, count: int) -> None:
        async def run() -> None:
            for _ in range(count):
                note_of_call = note(self.calls[call])
                self._submit(call, note_of_call)

        self.loop.run_until_complete(run())

    @rule(call=CALL)
    def speak(self, call: int) -> None:
        async def run() -> None:
            self.sequences[call] += 1
            item = f"{call}-{self.turns[call]}"
            self._submit(call, partial(self.calls[call], "so far", self.sequences[call], item))

        self.loop.run_until_complete(run())

    @rule(call=CALL, faults=st.lists(st.sampled_from(["double", "hold", ""]), max_size=6))
    def speak_over_a_bad_bus(self, call: int, faults: list[str]) -> None:
        """Publish partials and their turn one by one over a bus that reorders them."""

        async def run() -> None:
            self.world.bus.faults = list(faults)
            item = f"{call}-{self.turns[call]}"
            for sequence in range(3):
                number = self.sequences[call] + 1 + sequence
                self._submit(call, partial(self.calls[call], "so far", number, item))
                await asyncio.sleep(0.005)
            self._submit(call, turn(self.calls[call], "all", item))
            await asyncio.sleep(0.005)
            self.world.bus.release_held()
            self.turns[call] += 1
            self.sequences[call] = 0

        self.loop.run_until_complete(run())

    @rule(call=CALL)
    def finish_turn(self, call: int) -> None:
        async def run() -> None:
            item = f"{call}-{self.turns[call]}"
            self.turns[call] += 1
            self.sequences[call] = 0
            self._submit(call, turn(self.calls[call], "all", item))

        self.loop.run_until_complete(run())

    @rule(call=CALL)
    def request(self, call: int) -> None:
        async def run() -> None:
            scope = self.world.scopes[call // 2]
            process = self.world.processes[call % 2]
            self.world.request(process, entry(scope, note(self.calls[call])))

        self.loop.run_until_complete(run())

    @rule(ms=st.sampled_from([0, 1, 3, 60, 1500]))
    def wait(self, ms: int) -> None:
        self.loop.run_until_complete(asyncio.sleep(ms / 1000 * self.tempo))

    # -- clients ------------------------------------------------------------------------

    @rule(client=CLIENT, process=PROCESS)
    def resume(self, client: int, process: int) -> None:
        async def run() -> None:
            self.world.clients[client].disconnect()
            self.world.clients[client].connect(self.world.processes[process])

        self.loop.run_until_complete(run())

    @rule(client=CLIENT)
    def disconnect(self, client: int) -> None:
        async def run() -> None:
            self.world.clients[client].disconnect()

        self.loop.run_until_complete(run())

    @rule(client=CLIENT)
    def stop_reading(self, client: int) -> None:
        self.world.clients[client].paused = True

    @rule(client=CLIENT, call=CALL, count=st.integers(3, 8))
    def read_too_slowly(self, client: int, call: int, count: int) -> None:
        """Publish more than the client's outbox holds, and one event afterwards."""

        async def run() -> None:
            self.world.clients[client].paused = True
            for _ in range(count):
                self._submit(call, note(self.calls[call]))
            await asyncio.sleep(0.01)
            self.world.clients[client].read_on()
            self._submit(call, note(self.calls[call]))
            await asyncio.sleep(0.01)

        self.loop.run_until_complete(run())

    @rule(client=CLIENT)
    def read_on(self, client: int) -> None:
        async def run() -> None:
            self.world.clients[client].read_on()

        self.loop.run_until_complete(run())

    # -- what goes wrong ----------------------------------------------------------------

    @rule(faults=st.lists(st.sampled_from(["lose", "double", "hold", ""]), max_size=4))
    def disturb_the_bus(self, faults: list[str]) -> None:
        self.world.bus.faults += faults

    @rule()
    def release_held_publications(self) -> None:
        async def run() -> None:
            self.world.bus.release_held()

        self.loop.run_until_complete(run())

    @rule(process=PROCESS)
    def lose_the_answer_of_a_commit(self, process: int) -> None:
        self.world.processes[process].store.lose_answers += 1

    @rule(process=PROCESS, kind=st.sampled_from([StoreUnavailable, LogBusy]))
    def fail_a_commit(self, process: int, kind: type[Exception]) -> None:
        self.world.processes[process].store.fail_commits.append(kind())

    @rule(process=PROCESS, notified=st.booleans())
    def take_the_database_away(self, process: int, notified: bool) -> None:
        async def run() -> None:
            self.world.processes[process].store.go_away()
            if notified:
                self.world.processes[process].journal.store_unavailable()

        self.loop.run_until_complete(run())

    @rule(process=PROCESS)
    def bring_the_database_back(self, process: int) -> None:
        self.world.processes[process].store.come_back()

    @rule(process=PROCESS, log=st.integers(0, 1))
    def lock_a_log(self, process: int, log: int) -> None:
        self.world.processes[process].store.busy.add(self.world.scopes[log])

    @rule(process=PROCESS)
    def unlock_the_logs(self, process: int) -> None:
        self.world.processes[process].store.busy.clear()

    @rule(process=PROCESS)
    def crash(self, process: int) -> None:
        self.loop.run_until_complete(self.world.crash(process))

    @rule(process=PROCESS)
    def crash_between_commit_and_publishing(self, process: int) -> None:
        """The commit after this one's submit is the process's last deed."""
        dying = self.world.processes[process]

        def die() -> None:
            dying.bus.dead = True
            dying.store.away = True

        async def run() -> None:
            dying.store.die_after_commit = die
            self._submit(process, note(self.calls[process]))
            await asyncio.sleep(0.01)
            await self.world.crash(process)

        self.loop.run_until_complete(run())

    # -- what must be true --------------------------------------------------------------

    @invariant()
    def histories_are_sound(self) -> None:
        if hasattr(self, "world"):
            self.loop.run_until_complete(self.world.check())

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.loop.run_until_complete(self.end_truth())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    async def _end(self) -> None:
        try:
            await self.world.heal()
            await self.world.check_end()
        finally:
            await self.world.close()

    def _submit(self, call: int, *events: Event) -> None:
        scope = self.world.scopes[call // 2]
        self.world.submit(self.world.processes[call % 2], entry(scope, *events))
