"""Minting and redeeming: what asks the store, and what is remembered."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest

from ringline.domain.credentials import Key, KeyKind, Ticket, digest
from ringline.domain.log import Environment, Scope
from ringline.domain.session_config import Binding
from ringline.services.minted import REMEMBERED, Minted
from ringline.services.sessions import Sessions
from ringline.services.voices import Catalogue
from ringline.wire.realtime_mint import TicketRequest
from tests.samples import NOW, new_id
from tests.unit.test_workspaces_service import Store as Workspaces

SCOPE = Scope(new_id(), Environment.LIVE)
KEY = Key(new_id(), SCOPE, KeyKind.SECRET, "a key", "wxyz", NOW)
SMALL = TicketRequest(Binding(values={"model": "local/attendant"}), ttl_s=60)
LARGE = TicketRequest(Binding(values={"instructions": "x" * 5000}), ttl_s=60)


class Store:
    """A `TicketStore` that notes which tickets it was asked for."""

    def __init__(self, *, keeps: bool = True) -> None:
        self.tickets: dict[bytes, Ticket] = {}
        self.found: list[bytes] = []
        self._keeps = keeps

    async def put_ticket(self, ticket_hash: bytes, ticket: Ticket, *, now: datetime) -> bool:
        if self._keeps:
            self.tickets[ticket_hash] = ticket
        return self._keeps

    async def find_ticket(self, ticket_hash: bytes) -> Ticket | None:
        self.found.append(ticket_hash)
        return self.tickets.get(ticket_hash)

    async def drop_ticket(self, scope: Scope, call_id: UUID, *, now: datetime) -> bool:
        raise AssertionError("no session is ended by its id")

    async def take_ticket(
        self, ticket_hash: bytes, now: datetime, *, origins: Sequence[str] = ()
    ) -> Ticket | None:
        return self.tickets.pop(ticket_hash, None)


def sessions(store: Store) -> Sessions:
    bytes_ = iter(range(1 << 32))
    return Sessions(
        store,
        Workspaces(),
        catalogue=Catalogue([]),
        now=lambda: NOW,
        new_id=new_id,
        random_bytes=lambda length: next(bytes_).to_bytes(length, "big"),
    )


async def mint(minting: Sessions, asked: TicketRequest = SMALL) -> tuple[str, Ticket]:
    minted = await minting.mint(KEY, asked)
    assert isinstance(minted, tuple)
    return minted


def test_whose_ticket_it_is_takes_no_query_where_it_was_minted() -> None:
    async def run() -> None:
        store = Store()
        here, elsewhere = sessions(store), sessions(store)
        secret, ticket = await mint(here)
        for _ in range(2):  # looking does not take
            assert await here.peek(secret) == ticket
        assert store.found == []
        assert await elsewhere.peek(secret) == ticket
        assert store.found == [digest(secret)]

    asyncio.run(run())


def test_a_ticket_is_forgotten_when_somebody_tries_to_redeem_it() -> None:
    async def run() -> None:
        store = Store()
        here = sessions(store)
        secret, _ = await mint(here)
        assert await here.redeem(secret) is not None
        assert await here.peek(secret) is None
        assert await here.redeem(secret) is None
        assert store.found == [digest(secret)]

    asyncio.run(run())


def test_what_is_remembered_of_a_ticket_that_is_gone_opens_nothing() -> None:
    async def run() -> None:
        store = Store()
        here, elsewhere = sessions(store), sessions(store)
        secret, ticket = await mint(here)
        assert await elsewhere.redeem(secret) is not None
        assert await here.peek(secret) == ticket
        assert await here.redeem(secret) is None
        assert await here.peek(secret) is None

    asyncio.run(run())


@pytest.mark.parametrize(("store", "asked"), [(Store(keeps=False), SMALL), (Store(), LARGE)])
def test_a_ticket_without_a_row_and_a_large_one_are_not_remembered(
    store: Store, asked: TicketRequest
) -> None:
    async def run() -> None:
        here = sessions(store)
        minted = await here.mint(KEY, asked)
        secret = minted[0] if isinstance(minted, tuple) else "none"
        await here.peek(secret)
        assert store.found == [digest(secret)]

    asyncio.run(run())


def test_the_oldest_tickets_are_forgotten_first() -> None:
    minted = Minted()
    ticket = Ticket(new_id(), SCOPE, KEY.id, b"binding", NOW)
    names = [number.to_bytes(32, "big") for number in range(REMEMBERED + 2)]
    for name in names:
        minted.remember(name, replace(ticket, call_id=new_id()))
    assert len(minted) == REMEMBERED
    assert [minted.find(name) is None for name in names[:3]] == [True, True, False]
    assert minted.find(names[-1]) is not None
    minted.forget(names[-1])
    minted.forget(names[-1])
    assert len(minted) == REMEMBERED - 1
