"""What closes when a key dies, however the news comes (contract, 6)."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from ringline.domain.credentials import Key, KeyKind, Ticket, digest
from ringline.ports import StoreAway
from ringline.services.credentials import MAX_CREDENTIAL, Credentials
from tests import clock as virtual
from tests.samples import NOW, log_key, new_id
from tests.talking import clock


class Keys:
    """The keys of a database that can be away, and the news of them."""

    def __init__(self) -> None:
        self.keys: dict[UUID, Key] = {}
        self.hashes: dict[bytes, UUID] = {}
        self.touched: dict[UUID, datetime] = {}
        self.away = False
        self.tell: Callable[[UUID | None, bool], None] | None = None

    def add(self, text: str = "sk_live_x", lives: timedelta | None = None) -> Key:
        expires_at = NOW + lives if lives else None
        key = Key(new_id(), log_key(), KeyKind.SECRET, "", text[-4:], NOW, expires_at)
        self.keys[key.id] = key
        self.hashes[digest(text)] = key.id
        return key

    def change(self, key: Key, **members: Any) -> None:
        self.keys[key.id] = replace(self.keys[key.id], **members)

    def check(self) -> None:
        if self.away:
            raise StoreAway

    async def find_key(self, key_hash: bytes) -> Key | None:
        self.check()
        found = self.hashes.get(key_hash)
        return self.keys[found] if found else None

    async def get_keys(self, key_ids: Sequence[UUID]) -> list[Key]:
        await asyncio.sleep(0.001)
        self.check()
        return [self.keys[key_id] for key_id in key_ids if key_id in self.keys]

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        self.check()
        self.touched |= used

    async def put_ticket(self, ticket_hash: bytes, ticket: Ticket) -> None:
        raise NotImplementedError

    async def find_ticket(self, ticket_hash: bytes) -> Ticket | None:
        raise NotImplementedError

    async def take_ticket(self, ticket_hash: bytes, now: datetime) -> Ticket | None:
        raise NotImplementedError

    async def watch_keys(self, changed: Callable[[UUID | None, bool], None]) -> None:
        self.tell = changed
        await asyncio.Event().wait()


class House:
    """The service over such keys, with connections and calls that stand on them."""

    def __init__(self) -> None:
        self.store = Keys()
        self.service = Credentials(self.store, clock)
        self.held = ExitStack()

    async def connect(self, key: Key) -> list[str]:
        """Open a connection on a key; return what it is told."""
        told: list[str] = []
        self.held.enter_context(self.service.standing_on(key.id, lambda: told.append("closed")))
        assert await self.service.admit(key.id)
        return told

    def let_in(self, key: Key) -> list[str]:
        """Let a guest in by a ticket of a key; return what it is told."""
        told: list[str] = []
        close = partial(told.append, "closed")
        self.held.enter_context(self.service.standing_on(key.id, close, guest=True))
        return told

    def tell(self, key: Key | None, end_calls: bool = False) -> None:
        assert self.store.tell is not None
        self.store.tell(key.id if key else None, end_calls)


def run(main: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        house = House()
        running = asyncio.create_task(house.service.run())
        await asyncio.sleep(0.01)
        with house.held:
            await main(house)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual.run(whole())


def test_a_living_key_is_found_and_a_dead_one_is_not() -> None:
    async def main(house: House) -> None:
        key = house.store.add("sk_live_x", lives=timedelta(seconds=60))
        find = house.service.authenticate
        assert await find("sk_live_x") == key
        assert await find("sk_live_y") is None
        assert await find("sk_live_ü") is None
        assert await find("x" * (MAX_CREDENTIAL + 1)) is None
        await asyncio.sleep(60)
        assert await find("sk_live_x") is None
        house.store.change(key, expires_at=None, revoked_at=NOW)
        assert await find("sk_live_x") is None

    run(main)


def test_a_revoked_key_closes_what_stands_on_it_and_nothing_else() -> None:
    async def main(house: House) -> None:
        key, other = house.store.add(), house.store.add("other")
        told = [await house.connect(key), await house.connect(key)]
        others = await house.connect(other)
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        await asyncio.sleep(0.1)
        assert told == [["closed"], ["closed"]]
        assert others == []

    run(main)


def test_guests_leave_only_where_that_was_said() -> None:
    async def main(house: House) -> None:
        staying, ending = house.store.add("staying"), house.store.add("ending")
        guests = house.let_in(staying), house.let_in(ending)
        house.store.change(staying, revoked_at=NOW)
        house.tell(staying)
        house.store.change(ending, revoked_at=NOW, end_calls=True)
        house.tell(ending, end_calls=True)
        await asyncio.sleep(0.1)
        assert guests == ([], ["closed"])

    run(main)


def test_where_news_were_missed_every_key_in_use_is_looked_up() -> None:
    async def main(house: House) -> None:
        dead, gone, alive = (house.store.add(name) for name in ("dead", "gone", "alive"))
        told = [await house.connect(key) for key in (dead, gone, alive)]
        house.store.change(dead, revoked_at=NOW)
        del house.store.keys[gone.id]
        house.tell(None)
        await asyncio.sleep(0.1)
        assert told == [["closed"], ["closed"], []]

    run(main)


def test_missed_news_end_the_calls_that_a_ticket_let_in() -> None:
    async def main(house: House) -> None:
        ending, staying = house.store.add("ending"), house.store.add("staying")
        guests = house.let_in(ending), house.let_in(staying)
        house.store.change(ending, revoked_at=NOW, end_calls=True)
        house.store.change(staying, revoked_at=NOW)
        house.tell(None)
        await asyncio.sleep(0.1)
        assert guests == (["closed"], [])

    run(main)


def test_a_database_that_is_away_is_asked_again() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        told = await house.connect(key)
        house.store.change(key, revoked_at=NOW)
        house.store.away = True
        house.tell(key)
        await asyncio.sleep(30)
        assert told == []
        house.store.away = False
        await asyncio.sleep(1)
        assert told == ["closed"]

    run(main)


def test_a_key_that_expires_closes_what_it_opened() -> None:
    async def main(house: House) -> None:
        days = timedelta(days=40)
        soon, late = house.store.add("soon", timedelta(seconds=60)), house.store.add("late", days)
        told = await house.connect(soon), await house.connect(late)
        await asyncio.sleep(61)
        assert told == (["closed"], [])
        await asyncio.sleep(days.total_seconds() - 120)
        assert told == (["closed"], [])
        await asyncio.sleep(120)
        assert told == (["closed"], ["closed"])

    run(main)


def test_an_expiry_that_is_moved_counts_from_then_on() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(seconds=60))
        told = await house.connect(key)
        house.store.change(key, expires_at=NOW + timedelta(seconds=600))
        house.tell(key)
        await asyncio.sleep(300)
        assert told == []
        await asyncio.sleep(301)
        assert told == ["closed"]

    run(main)


def test_a_connection_that_has_gone_is_told_nothing() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(seconds=60))
        told: list[str] = []
        with house.service.standing_on(key.id, lambda: told.append("closed")):
            assert await house.service.admit(key.id)
        house.tell(key)
        await asyncio.sleep(120)
        assert told == []

    run(main)


def test_a_key_that_died_before_it_was_registered_is_not_admitted() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        house.store.change(key, revoked_at=NOW)
        assert not await house.service.admit(key.id)
        assert not await house.service.admit(new_id())

    run(main)


def test_the_last_use_is_noted_together_and_again_after_an_outage() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        await house.service.authenticate("sk_live_x")
        used = clock()
        house.store.away = True
        await asyncio.sleep(20)
        assert house.store.touched == {}
        house.store.away = False
        await asyncio.sleep(6)
        assert house.store.touched == {key.id: used}

    run(main)
