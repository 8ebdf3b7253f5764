"""The journal and what can happen to a transaction, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from ringline.domain.events import Event, TranscriptDelta
from ringline.domain.publication import Publication
from ringline.domain.records import Entry
from ringline.ports import EntryRefused, LogBusy, StoreUnavailable, Violation
from ringline.services.backlog import Bounds, Outcome, Refused, StorageLost, Written
from ringline.services.journal import Journal
from ringline.storage.database_errors import DiskFull
from tests import clock
from tests.faulty import FaultyBus, FaultyLog, MemoryLog
from tests.samples import a_scope, ended, entry, new_id, note, partial, turn

SCOPE, OTHER = a_scope(1), a_scope(2)


class Desk:
    """A journal on a log and a bus that fail as they are told."""

    def __init__(self, bounds: Bounds | None = None, inner: MemoryLog | None = None) -> None:
        self.truth = inner or MemoryLog()
        self.store = FaultyLog(self.truth)
        self.bus = FaultyBus()
        self.journal = Journal(self.store, self.bus, bounds=bounds)
        self.told: list[tuple[Event, Outcome]] = []

    def submit(self, item: Entry, *, last: bool = False) -> None:
        event = item.events[0]
        self.journal.submit(item, lambda outcome: self.told.append((event, outcome)), last=last)

    @property
    def written(self) -> list[Event]:
        return [row.event for row in self.truth.logs.get(SCOPE, [])]

    @property
    def published(self) -> list[tuple[int, Event]]:
        return [(p.offset, p.event) for sent in self.bus.published for p in sent.events]


def scenario(
    steps: Callable[[Desk], Awaitable[None]],
    bounds: Bounds | None = None,
    inner: MemoryLog | None = None,
) -> Desk:
    async def main() -> Desk:
        desk = Desk(bounds, inner)
        desk.journal.start()
        await steps(desk)
        await desk.journal.close()
        return desk

    return clock.run(main())


def test_queued_entries_are_one_transaction_in_order() -> None:
    notes = [note() for _ in range(5)]

    async def steps(desk: Desk) -> None:
        for each in notes[:4]:
            desk.submit(entry(SCOPE, each))
        desk.submit(entry(OTHER, notes[4]))
        await asyncio.sleep(0.01)

    desk = scenario(steps)
    assert len(desk.store.commits) == 1
    assert desk.written == notes[:4]
    assert desk.published == [*enumerate(notes[:4], start=1), (1, notes[4])]
    assert [outcome for _, outcome in desk.told] == [
        Written((offset,)) for offset in (1, 2, 3, 4, 1)
    ]


def test_a_callback_comes_after_the_commit_and_the_publication() -> None:
    facts: list[tuple[int, int]] = []

    async def steps(desk: Desk) -> None:
        desk.journal.submit(
            entry(SCOPE, note(), note()),
            lambda _: facts.append((len(desk.written), len(desk.published))),
        )
        assert not desk.published
        await asyncio.sleep(0.01)

    scenario(steps)
    assert facts == [(2, 2)]


def test_a_transaction_whose_commit_was_lost_is_looked_up() -> None:
    notes = [note(), note(), note()]

    async def steps(desk: Desk) -> None:
        desk.store.lose_answers = 1
        desk.submit(entry(SCOPE, notes[0], notes[1]))
        await asyncio.sleep(0.0005)
        desk.submit(entry(SCOPE, notes[2]))
        await asyncio.sleep(1)

    desk = scenario(steps)
    assert desk.written == notes
    assert desk.published == [(1, notes[0]), (2, notes[1]), (3, notes[2])]
    assert [outcome for _, outcome in desk.told] == [Written((1, 2)), Written((3,))]
    assert [len(tried) for tried in desk.store.commits] == [1, 1]


class LateLog(MemoryLog):
    """A log whose first transaction ends after the journal has looked it up."""

    late: Sequence[Entry] = ()

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        if not self.logs and not self.late:
            self.late = entries
            raise StoreUnavailable
        if not self.logs:
            await super().commit(self.late)
        return await super().commit(entries)


def test_a_transaction_that_ends_after_the_look_up_is_not_written_twice() -> None:
    notes = [note(), note()]

    async def steps(desk: Desk) -> None:
        desk.submit(entry(SCOPE, notes[0]))
        await asyncio.sleep(0.0005)
        desk.submit(entry(SCOPE, notes[1]))
        await asyncio.sleep(1)

    desk = scenario(steps, inner=LateLog())
    assert desk.written == notes
    assert desk.published == [(1, notes[0]), (2, notes[1])]
    assert [outcome for _, outcome in desk.told] == [Written((1,)), Written((2,))]


class ForgetfulLog(MemoryLog):
    """A log whose adapter fails after its first transaction was written."""

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        offsets = await super().commit(entries)
        if len(self.logs[SCOPE]) == 1:
            raise ValueError
        return offsets


def test_an_unknown_failure_is_looked_up_too() -> None:
    async def steps(desk: Desk) -> None:
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(1)

    desk = scenario(steps, inner=ForgetfulLog())
    assert [outcome for _, outcome in desk.told] == [Written((1,))]
    assert len(desk.written) == 1


def test_one_bad_entry_ends_only_its_own_call() -> None:
    bad, good = new_id(), new_id()
    of_bad = [note(bad), note(bad)]
    of_good = [note(good), note(good)]
    elsewhere = note()
    end = ended(bad)

    async def steps(desk: Desk) -> None:
        desk.store.refused.add(bad)
        for pair in zip(of_bad, of_good, strict=True):
            for each in pair:
                desk.submit(entry(SCOPE, each))
        desk.submit(entry(OTHER, elsewhere))
        await asyncio.sleep(1)
        desk.store.refused.clear()
        desk.submit(entry(SCOPE, note(bad)))  # before it knew
        desk.submit(entry(SCOPE, end), last=True)
        await asyncio.sleep(1)

    desk = scenario(steps)
    assert desk.written == [*of_good, end]
    assert [row.event for row in desk.truth.logs[OTHER]] == [elsewhere]
    outcomes = {event.id: outcome for event, outcome in desk.told}
    assert [outcomes[each.id] for each in of_bad] == [Refused(Violation.OTHER)] * 2
    assert [outcomes[each.id] for each in of_good] == [Written((1,)), Written((2,))]
    assert outcomes[end.id] == Written((3,))
    assert len(desk.told) == 7
    # Together; log by log: 4 and 1; call by call: 2 and 2; the bad entry; the last entry.
    tried = sorted((len(entries) for entries in desk.store.commits), reverse=True)
    assert tried == [5, 4, 2, 2, 1, 1, 1]


def test_only_the_bad_entry_of_a_call_and_what_follows_is_refused() -> None:
    call = new_id()
    before, after = note(call), note(call)
    bad = note(call, code="bad")

    async def steps(desk: Desk) -> None:
        for each in (before, bad, after):
            desk.submit(entry(SCOPE, each))
        await asyncio.sleep(1)

    class Picky(MemoryLog):
        async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
            if any(bad in item.events for item in entries):
                raise EntryRefused(Violation.BAD_VALUE, "22P05")
            return await super().commit(entries)

    desk = scenario(steps, inner=Picky())
    assert desk.written == [before]
    assert [outcome for _, outcome in desk.told] == [
        Written((1,)),
        Refused(Violation.BAD_VALUE, "22P05"),
        Refused(Violation.BAD_VALUE, "22P05"),
    ]


def test_a_locked_log_waits_alone_and_in_order() -> None:
    locked, free = [note() for _ in range(3)], [note() for _ in range(3)]

    async def steps(desk: Desk) -> None:
        desk.store.busy.add(SCOPE)
        desk.submit(entry(SCOPE, locked[0]))
        desk.submit(entry(OTHER, free[0]))
        await asyncio.sleep(1.5)
        assert [event for event, _ in desk.told] == [free[0]]
        for mine, its in zip(locked[1:], free[1:], strict=True):
            desk.submit(entry(SCOPE, mine))
            desk.submit(entry(OTHER, its))
        await asyncio.sleep(0.1)
        assert [event for event, _ in desk.told] == free
        assert desk.journal.accepting
        desk.store.busy.clear()
        await asyncio.sleep(5)

    desk = scenario(steps)
    assert desk.written == locked
    assert all(isinstance(outcome, Written) for _, outcome in desk.told)


def test_a_deadlock_is_retried() -> None:
    async def steps(desk: Desk) -> None:
        desk.store.fail_commits = [LogBusy(), LogBusy()]
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(0.3)
        assert desk.journal.accepting

    desk = scenario(steps)
    assert [outcome for _, outcome in desk.told] == [Written((1,))]


def test_a_full_disk_is_an_outage_and_not_a_refusal() -> None:
    async def steps(desk: Desk) -> None:
        desk.store.fail_commits = [DiskFull()] * 3
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(0.05)
        assert not desk.journal.accepting
        await asyncio.sleep(10)
        assert desk.journal.accepting

    desk = scenario(steps)
    assert [outcome for _, outcome in desk.told] == [Written((1,))]


def test_while_the_database_is_away_everything_waits_in_order() -> None:
    notes = [note() for _ in range(30)]

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        for each in notes:
            desk.submit(entry(SCOPE, each))
            await asyncio.sleep(1)
        assert not desk.journal.accepting
        assert desk.told == []
        desk.store.come_back()
        await asyncio.sleep(1)
        assert desk.journal.accepting

    desk = scenario(steps)
    assert desk.written == notes
    assert desk.published == list(enumerate(notes, start=1))


def test_losing_the_database_stops_new_calls_at_once() -> None:
    async def steps(desk: Desk) -> None:
        assert desk.journal.accepting
        desk.store.go_away()
        desk.journal.store_unavailable()
        assert not desk.journal.accepting
        desk.store.come_back()
        await asyncio.sleep(1)
        assert desk.journal.accepting

    scenario(steps)


def test_nothing_is_written_before_the_database_is_ours_again() -> None:
    async def steps(desk: Desk) -> None:
        desk.store.busy.add(SCOPE)
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(2.1)  # it is tried alone, and waits between two attempts
        tried = len(desk.store.commits)
        desk.store.busy.clear()
        desk.store.go_away()
        desk.store.away = False  # it answers, but another server may own it
        desk.journal.store_unavailable()
        desk.submit(entry(OTHER, note()))
        await asyncio.sleep(30)
        assert len(desk.store.commits) == tried
        desk.store.come_back()
        await asyncio.sleep(5)

    desk = scenario(steps)
    assert [outcome for _, outcome in desk.told] == [Written((1,))] * 2


def test_a_partial_is_published_at_once_if_nothing_is_queued_before_it() -> None:
    call = new_id()
    parts = [partial(call, "a", 0), partial(call, "a b", 1)]
    first = note(call)

    async def steps(desk: Desk) -> None:
        desk.submit(entry(SCOPE, first))
        desk.submit(entry(SCOPE, parts[0]))
        await asyncio.sleep(0.01)
        desk.store.go_away()
        desk.submit(entry(SCOPE, parts[1]))
        assert desk.published[-1] == (1, parts[1])
        desk.store.come_back()

    desk = scenario(steps)
    assert desk.published == [(1, first), (1, parts[0]), (1, parts[1])]
    assert [len(tried) for tried in desk.store.commits] == [1]


def test_after_an_outage_only_the_latest_partial_of_each_turn_is_published() -> None:
    call = new_id()
    begun, done = note(call), turn(call, "a b c", "one")

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        desk.journal.store_unavailable()
        desk.journal.submit(entry(SCOPE, begun))
        for sequence, word in enumerate("abc"):
            text = " ".join("abc"[: sequence + 1])
            delta = word if sequence == 0 else f" {word}"
            desk.submit(entry(SCOPE, partial(call, text, sequence, "one", delta)))
            desk.journal.submit(entry(SCOPE, partial(call, "other", sequence, "two", "x")))
        assert desk.journal.pending == 3
        desk.journal.submit(entry(SCOPE, done))
        await asyncio.sleep(0)
        assert [outcome for _, outcome in desk.told] == [Written(())] * 3
        desk.store.come_back()
        await asyncio.sleep(1)

    desk = scenario(steps)
    first, one, two, last = (event for _, event in desk.published)
    assert (first, last) == (begun, done)
    assert isinstance(one.data, TranscriptDelta)
    assert isinstance(two.data, TranscriptDelta)
    assert (one.data.text, one.data.delta, one.data.sequence) == ("a b c", "a b c", 2)
    assert (two.data.item_id, two.data.delta) == ("two", "xxx")


def test_at_the_bound_calls_end_and_their_last_entries_have_room() -> None:
    bounds = Bounds(entries=10, entries_for_last=4)
    calls = [new_id() for _ in range(8)]
    ends = [ended(call) for call in calls]

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        for call in calls:
            desk.submit(entry(SCOPE, note(call)))
        await asyncio.sleep(1)
        assert [outcome for _, outcome in desk.told] == [StorageLost()] * 2
        desk.submit(entry(OTHER, note()))  # another workspace has its own bound
        desk.submit(entry(SCOPE, note(calls[6])))  # a call that is told is told again
        for end in ends[6:]:
            desk.submit(entry(SCOPE, end), last=True)
        await asyncio.sleep(0.01)
        assert len(desk.told) == 3
        desk.store.come_back()
        await asyncio.sleep(1)

    desk = scenario(steps, bounds)
    assert [event.call.id for event in desk.written if event.call] == calls
    assert desk.written[6:] == ends[6:]


def test_the_bytes_of_a_process_are_bounded() -> None:
    bounds = Bounds(size=100_000, size_for_last=30_000)
    text = "x" * 20_000
    call = new_id()

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        for _ in range(4):
            desk.submit(entry(SCOPE, turn(new_id(), text)))
        await asyncio.sleep(0.1)
        assert [outcome for _, outcome in desk.told] == [StorageLost()]
        desk.submit(entry(OTHER, turn(call, text)), last=True)
        await asyncio.sleep(0.1)
        assert len(desk.told) == 1
        desk.store.come_back()
        await asyncio.sleep(1)

    desk = scenario(steps, bounds)
    assert len(desk.written) == 3
    assert len(desk.truth.logs[OTHER]) == 1


def test_the_bytes_of_a_workspace_are_bounded_and_leave_room_for_others() -> None:
    bounds = Bounds(workspace_size=100_000, workspace_size_for_last=30_000)
    text = "x" * 20_000

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        for _ in range(5):
            desk.submit(entry(SCOPE, turn(new_id(), text)))
        await asyncio.sleep(0.1)
        assert [outcome for _, outcome in desk.told] == [StorageLost()] * 2
        desk.submit(entry(SCOPE, turn(new_id(), text)), last=True)
        for _ in range(3):
            desk.submit(entry(OTHER, turn(new_id(), text)))
        await asyncio.sleep(0.1)
        assert len(desk.told) == 2
        desk.store.come_back()
        await asyncio.sleep(1)
        desk.submit(entry(SCOPE, turn(new_id(), text)))
        await asyncio.sleep(1)

    desk = scenario(steps, bounds)
    assert len(desk.written) == 5
    assert len(desk.truth.logs[OTHER]) == 3


def test_after_five_minutes_the_waiting_calls_end_but_no_entry_is_discarded() -> None:
    call = new_id()
    first, late, end = note(call), note(call), ended(call)

    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        desk.submit(entry(SCOPE, first))
        await asyncio.sleep(295)
        assert desk.told == []
        await asyncio.sleep(10)
        assert desk.told == [(first, StorageLost())]
        desk.submit(entry(SCOPE, late))
        desk.submit(entry(SCOPE, end), last=True)
        await asyncio.sleep(0.1)
        assert desk.told[1:] == [(late, StorageLost())]
        desk.store.come_back()
        await asyncio.sleep(5)

    desk = scenario(steps)
    assert desk.written == [first, end]
    assert desk.told[2:] == [(end, Written((2,)))]


def test_closing_writes_the_backlog() -> None:
    notes = [note() for _ in range(120)]

    async def steps(desk: Desk) -> None:
        for each in notes:
            desk.submit(entry(SCOPE, each))

    desk = scenario(steps)
    assert desk.written == notes
    assert [len(tried) for tried in desk.store.commits] == [50, 50, 20]


def test_closing_gives_up_after_its_grace_and_returns_how_much_is_lost() -> None:
    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        desk.submit(entry(SCOPE, note()))
        desk.submit(entry(SCOPE, note()))
        begun = asyncio.get_running_loop().time()
        assert await desk.journal.close(grace_s=5) == 2
        assert asyncio.get_running_loop().time() - begun == pytest.approx(5)
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(0)
        assert [outcome for _, outcome in desk.told] == [StorageLost()] * 3

    scenario(steps)


def test_a_failing_callback_does_not_affect_others() -> None:
    def fail(_: Outcome) -> None:
        raise RuntimeError

    async def steps(desk: Desk) -> None:
        desk.journal.submit(entry(SCOPE, note()), fail)
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(0.1)
        desk.submit(entry(SCOPE, note()))

    desk = scenario(steps)
    assert [outcome for _, outcome in desk.told] == [Written((2,)), Written((3,))]


def test_a_bus_that_breaks_its_promise_does_not_end_the_writer() -> None:
    class Raising(FaultyBus):
        def publish(self, publication: Publication) -> None:
            if not self.published:
                self.published.append(publication)
                raise RuntimeError
            super().publish(publication)

    async def main() -> list[Outcome]:
        told: list[Outcome] = []
        journal = Journal(MemoryLog(), Raising())
        journal.start()
        journal.submit(entry(SCOPE, note()), told.append)
        await asyncio.sleep(1)
        journal.submit(entry(SCOPE, note()), told.append)
        await journal.close()
        return told

    assert clock.run(main()) == [Written((1,)), Written((2,))]


def test_ids_are_made_before_the_write() -> None:
    """The look-up works because an event keeps its id through every attempt."""
    event_id: list[UUID] = []

    async def steps(desk: Desk) -> None:
        desk.store.fail_commits = [StoreUnavailable(), StoreUnavailable()]
        desk.submit(entry(SCOPE, note()))
        await asyncio.sleep(5)
        event_id.extend(item.events[0].id for tried in desk.store.commits for item in tried)

    scenario(steps)
    assert len(event_id) == 3
    assert len(set(event_id)) == 1
