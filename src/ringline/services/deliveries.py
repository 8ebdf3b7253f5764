"""The worker that delivers webhooks: what is due to whom, and who may be sent more.

The rows of obligations are the truth. This process remembers only when to look at which
target next: because it was told that something has become due there, because a claim said
when more will be, or because it read so. It reads at the start, after notifications may have
been missed, and once a minute, so nothing depends on being told.

One task claims, for all targets that are due and have room, in one statement at a time; the
busier it is, the more a claim brings. Another writes what followed from the attempts, many at
once. Each target has its own room, so a slow one delays no other, and however much is owed to
it, only what was claimed is in memory.

    look --> claim --> queue of the target --> attempt (32 at a time) --> settle
      ^                                            |
      +---- room again, or due again --------------+

First attempts of one call at one target start in the order of the log. An attempt that is
under way when the process ends is made again by the next one, and so is one whose lease ran
out before its report was written: a receiver may see an event twice, never not at all.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ringline.domain import delivery_limits
from ringline.domain.unavailable import Unavailable
from ringline.domain.webhooks import Claimed, DeliveryStatus, Settled
from ringline.ports import Clock, DeliveryStore, Due, EntryRefused
from ringline.services.schedule import Schedule

_log = structlog.get_logger(__name__)

#: Makes an attempt: `Attempts.make`.
MakeAttempt = Callable[[Claimed], Awaitable[Settled | None]]

#: How often the truth is read, and how far ahead of that the process remembers.
_REREAD_S = 60.0
_AHEAD = timedelta(seconds=90)
_TARGETS_PER_CLAIM = 64
_SETTLED_AT_ONCE = 500
_BURIED_AT_ONCE = 5_000
_BACKOFF_S = (0.1, 0.25, 0.5, 1.0, 2.0)
#: When a delivery is tried again that could not be attempted here.
_CANNOT = timedelta(minutes=5)
#: A target that empties its queue within this gets more at a time; one that takes longer than
#: this, less: what waits here waits for no other process.
_QUICK_S, _SLOW_S = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much this process does at a time."""

    #: Attempts at one target, and at all of them together.
    per_target: int = delivery_limits.IN_FLIGHT.most
    in_all: int = delivery_limits.IN_FLIGHT_IN_ALL.most
    #: What a target has at most that is claimed: under way, or waiting for that.
    claimed: int = delivery_limits.CLAIMED.most
    #: Targets whose next time is remembered.
    targets: int = delivery_limits.TARGETS.most
    #: How long a claim lasts. An attempt begins in its first half: the rest is for the attempt
    #: and its report.
    lease_s: float = delivery_limits.LEASE_S.most
    #: How long attempts under way may take at the end.
    grace_s: float = 3.0


@dataclass(slots=True, eq=False)
class _Target:
    """What this process has of one target: waiting, and under way."""

    id: UUID
    batch: int
    waiting: deque[tuple[Claimed, float]] = field(default_factory=deque[tuple[Claimed, float]])
    under_way: int = 0
    #: Whether a claim was filled, so that more may be due.
    more: bool = False
    claimed_at: float = 0.0

    @property
    def held(self) -> int:
        """Return how many deliveries the process has of the target."""
        return self.under_way + len(self.waiting)


class Deliveries:
    """Delivers what is due, for as long as `run` runs."""

    def __init__(
        self,
        store: DeliveryStore,
        make: MakeAttempt,
        *,
        now: Clock,
        limits: DeliveryLimits | None = None,
    ) -> None:
        self._store = store
        self._make = make
        self._now = now
        self._limits = limits or DeliveryLimits()
        self._targets: dict[UUID, _Target] = {}
        self._lease = timedelta(seconds=self._limits.lease_s)
        self._schedule = Schedule(self._limits.targets)
        self._settled: list[Settled] = []
        #: Ids of what is claimed, until its report is written.
        self._held: set[UUID] = set()
        self._reread = True
        self._wake = asyncio.Event()
        self._reported = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._attempts: dict[asyncio.Task[None], Claimed] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._settling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start delivering."""
        self._settling = asyncio.create_task(self._settle_forever(), name="deliveries settle")
        self._tasks = [
            asyncio.create_task(self._claim_forever(), name="deliveries claim"),
            asyncio.create_task(self._reread_forever(), name="deliveries reread"),
            asyncio.create_task(self._store.watch_due(self._told), name="deliveries watch"),
        ]

    async def close(self) -> None:
        """Stop delivering: give back what was not attempted, and write what was."""
        await _cancel(self._tasks)
        unattempted = [one for target in self._targets.values() for one, _ in target.waiting]
        for target in self._targets.values():
            target.waiting.clear()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=self._limits.grace_s)
        unattempted += self._attempts.values()
        await _cancel(list(self._attempts))
        if self._settling is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.grace_s):
                    await self._written.wait()
            await _cancel([self._settling])
        with suppress(Unavailable, EntryRefused, TimeoutError):
            async with asyncio.timeout(self._limits.grace_s):
                await self._store.release(unattempted, self._now())

    @property
    def held(self) -> int:
        """Return how many deliveries this process has taken and not reported on."""
        return len(self._held)

    def look(self) -> None:
        """Read again what is due, now."""
        self._reread = True
        self._wake.set()

    def _told(self, target_id: UUID | None) -> None:
        if target_id is None or not self._schedule.add(target_id, _loop_time()):
            self._reread = True
        self._wake.set()

    async def _reread_forever(self) -> None:
        while True:
            await asyncio.sleep(_REREAD_S)
            self.look()

    # -- claiming ---------------------------------------------------------------------------

    async def _claim_forever(self) -> None:
        failures, adopted = 0, False
        while True:
            self._wake.clear()
            try:
                if not adopted:
                    await self._store.adopt(self._now())
                    adopted = True
                if self._reread:
                    await self._read_schedule()
                idle = not await self._claim_once()
            except Unavailable:
                self._reread = True  # what was asked for may have been claimed, or not
            except Exception as error:  # a defect must not end all deliveries
                self._reread = True
                _log.error("deliveries_failed", error=type(error).__name__)
            else:
                failures = 0
                if idle:
                    full = len(self._held) >= self._limits.in_all
                    await self._sleep(None if full else self._schedule.wait_s(_loop_time()))
                continue
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1

    async def _sleep(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _read_schedule(self) -> None:
        self._reread = False
        now = self._now()
        most = self._limits.targets
        for target_id, due_at in (await self._store.due_targets(now + _AHEAD, most=most)).items():
            self._schedule.add(target_id, _loop_time() + _seconds(due_at - now))

    async def _claim_once(self) -> bool:
        """Claim for the targets that are due and have room; return whether there were any."""
        room = self._room()
        if not room:
            return False
        try:
            due = await self._store.claim(room, self._now(), lease=self._lease)
        except BaseException:
            for target_id in room:
                self._schedule.add(target_id, _loop_time())
            raise
        for target_id in self._take(due, room):
            await self._bury(target_id)
        return True

    def _room(self) -> dict[UUID, int]:
        """Return how much may be claimed for whom, of those who are due."""
        room: dict[UUID, int] = {}
        free = self._limits.in_all - len(self._held)
        while len(room) < _TARGETS_PER_CLAIM and free > 0:
            target_id = self._schedule.pop(_loop_time())
            if target_id is None:
                break
            target = self._target(target_id)
            most = min(self._share(target), free)
            if most < 1:
                target.more = True  # looked at again when an attempt has ended
                continue
            room[target_id] = most
            free -= most
        return room

    def _target(self, target_id: UUID) -> _Target:
        target = self._targets.get(target_id)
        if target is None:
            target = self._targets[target_id] = _Target(target_id, self._limits.per_target)
        return target

    def _share(self, target: _Target) -> int:
        """Return how much more a target may have.

        When half of what the process can do is under way, a target gets a few at a time, so
        that a crowd of slow ones leaves room for others.
        """
        batch = target.batch
        if len(self._held) * 2 > self._limits.in_all:
            batch = max(1, self._limits.per_target // 8)
        return batch - target.held

    def _take(self, due: Due, room: Mapping[UUID, int]) -> set[UUID]:
        """Queue what was claimed, and begin it; return the targets that are gone."""
        claimed_at, now = _loop_time(), self._now()
        count = dict.fromkeys(room, 0)
        gone = {one.target.id for one in due.claimed if one.target.url is None}
        for delivery in due.claimed:
            count[delivery.target.id] += 1
            if delivery.target.id in gone or delivery.id in self._held:
                continue  # the report of one that is held is not written yet
            self._held.add(delivery.id)
            self._target(delivery.target.id).waiting.append((delivery, claimed_at))
        for target_id, most in room.items():
            target = self._target(target_id)
            target.more = target_id not in gone and count[target_id] >= most
            target.claimed_at = claimed_at
            next_at = due.next_at.get(target_id)
            if next_at is not None and next_at - now <= _AHEAD:
                self._schedule.add(target_id, claimed_at + _seconds(next_at - now))
            self._begin(target)
        return gone

    async def _bury(self, target_id: UUID) -> None:
        """End all that is owed to a target that is gone."""
        while await self._store.bury(target_id, most=_BURIED_AT_ONCE):
            pass

    # -- attempting -------------------------------------------------------------------------

    def _begin(self, target: _Target) -> None:
        """Begin attempts while a target has any waiting, and room; forget an idle one."""
        now = _loop_time()
        while target.waiting and target.under_way < self._limits.per_target:
            delivery, claimed_at = target.waiting.popleft()
            if now - claimed_at > self._limits.lease_s / 2:
                # Its lease will end; whoever claims it then begins it.
                self._held.discard(delivery.id)
                self._schedule.add(target.id, claimed_at + self._limits.lease_s)
                continue
            target.under_way += 1
            task = asyncio.create_task(self._attempt(target, delivery))
            self._attempts[task] = delivery
            task.add_done_callback(self._forget)
        if target.more and target.held <= target.batch // 2:
            self._adapt(target, now)
            self._schedule.add(target.id, now)
            self._wake.set()
        elif not target.held and not target.more:
            self._targets.pop(target.id, None)

    def _adapt(self, target: _Target, now: float) -> None:
        """Give a quick target more at a time, and a slow one less."""
        took_s = now - target.claimed_at
        if took_s < _QUICK_S:
            target.batch = min(2 * target.batch, self._limits.claimed)
        elif took_s > _SLOW_S:
            target.batch = max(target.batch // 2, self._limits.per_target)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._attempts.pop(task, None)

    async def _attempt(self, target: _Target, delivery: Claimed) -> None:
        settled: Settled | None = None
        try:
            settled = await self._make(delivery)
        except Unavailable:
            pass
        except Exception as error:  # a defect of ours: what it is about waits
            _log.error("attempt_failed", error=type(error).__name__)
        self._settled.append(settled or _cannot(delivery, self._now()))
        self._written.clear()
        self._reported.set()
        target.under_way -= 1
        self._begin(target)

    # -- settling ---------------------------------------------------------------------------

    async def _settle_forever(self) -> None:
        failures = 0
        while True:
            if not self._settled:
                self._reported.clear()
                await self._reported.wait()
            batch = self._settled[:_SETTLED_AT_ONCE]
            try:
                await self._store.settle(batch)
            except Unavailable:
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
                continue
            except EntryRefused as error:  # their leases will end, and they are made again
                _log.error(
                    "attempts_refused",
                    error=type(error).__name__,
                    sqlstate=error.sqlstate,
                    entries=len(batch),
                )
            failures = 0
            del self._settled[: len(batch)]
            self._settle_here(batch)
            if not self._settled:
                self._written.set()

    def _settle_here(self, batch: Sequence[Settled]) -> None:
        now, loop_time = self._now(), _loop_time()
        for settled in batch:
            self._held.discard(settled.delivery.id)
            at = settled.next_attempt_at
            if at is not None and at - now <= _AHEAD:
                self._schedule.add(settled.delivery.target.id, loop_time + _seconds(at - now))
        self._wake.set()  # there is room again


def _cannot(delivery: Claimed, now: datetime) -> Settled:
    """Return the later start of a delivery that could not be attempted."""
    return Settled(
        delivery,
        now,
        None,
        DeliveryStatus.PENDING,
        step=delivery.step,
        next_attempt_at=now + _CANNOT,
    )


def _seconds(span: timedelta) -> float:
    return max(span.total_seconds(), 0.0)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
