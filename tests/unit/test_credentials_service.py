"""What closes when a key dies, however the news comes (contract, 6)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.testing import LogCapture

from ringline.domain.credentials import Key, KeyKind, digest
from ringline.domain.log import Environment, Scope
from ringline.domain.tiers import Tier
from ringline.ports import StoreUnavailable
from ringline.services import credentials
from ringline.services.credentials import (
    CACHE_S,
    EXPIRY_CHECK_S,
    MAX_CACHED,
    MAX_CREDENTIAL,
    Credentials,
    Unrecognised,
)
from ringline.services.expiries import Expiry
from ringline.wire.session_token import OperatorToken, new_operator_token, new_token, sign
from tests import clock as virtual
from tests.samples import NOW, a_scope, new_id
from tests.talking import clock

SECRET = "a secret of the tests"


class Keys:
    """A credential store whose database can be down and whose keys can change."""

    def __init__(self) -> None:
        self.keys: dict[UUID, Key] = {}
        #: Members, and the workspace whose team they are in.
        self.users: dict[UUID, UUID] = {}
        self.hashes: dict[bytes, UUID] = {}
        self.lookups = 0
        #: What a look-up waits for after it has read.
        self.delay: asyncio.Event | None = None
        self.touched: dict[UUID, datetime] = {}
        self.away = False
        self.tell: Callable[[UUID | None, bool], None] | None = None

    def add(self, text: str = "sk_live_x", lives: timedelta | None = None) -> Key:
        expires_at = NOW + lives if lives else None
        key = Key(new_id(), a_scope(), KeyKind.SECRET, "", text[-4:], NOW, expires_at)
        self.keys[key.id] = key
        self.hashes[digest(text)] = key.id
        return key

    def change(self, key: Key, **members: Any) -> None:
        self.keys[key.id] = replace(self.keys[key.id], **members)

    def check(self) -> None:
        if self.away:
            raise StoreUnavailable

    async def find_key(self, key_hash: bytes) -> Key | None:
        self.check()
        self.lookups += 1
        found = self.hashes.get(key_hash)
        key = self.keys[found] if found else None
        if self.delay is not None:
            await self.delay.wait()
        return key

    async def get_keys(self, key_ids: Sequence[UUID]) -> list[Key]:
        await asyncio.sleep(0.001)
        self.check()
        self.lookups += 1
        return [self.keys[key_id] for key_id in key_ids if key_id in self.keys]

    async def get_token_key(self, key_id: UUID, user_id: UUID | None) -> Key | None:
        (key,) = await self.get_keys([key_id]) or (None,)
        if key is None or user_id is None:
            return key
        return key if self.users.get(user_id) == key.scope.workspace_id else None

    async def current_members(self, user_ids: Sequence[UUID]) -> set[UUID]:
        await asyncio.sleep(0.001)
        self.check()
        return self.users.keys() & set(user_ids)

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        self.check()
        self.touched |= used

    async def watch_revocations(self, changed: Callable[[UUID | None, bool], None]) -> None:
        self.tell = changed
        await asyncio.Event().wait()


class House:
    """The service with such a store, and connections that register with it."""

    def __init__(self, close_at_expiry: bool) -> None:
        self.store = Keys()
        elapsed = asyncio.get_running_loop().time
        #: How far the time of day is ahead of the loop's.
        self.slept = timedelta()
        self.service = Credentials(
            self.store,
            self.now,
            secrets=[SECRET],
            clock=elapsed,
            close_at_expiry=close_at_expiry,
        )
        self.held = ExitStack()

    def now(self) -> datetime:
        return clock() + self.slept

    async def connect(self, key: Key, user_id: UUID | None = None) -> list[str]:
        """Open a connection of a key or an operator; return the list of its closings."""
        told: list[str] = []
        close = partial(told.append, "closed")
        self.held.enter_context(self.service.register(key.id, close, user_id=user_id))
        assert await self.service.admit(key.id, key.scope, user_id=user_id)
        return told

    def hire(self) -> UUID:
        """Add a member to the team."""
        user_id = new_id()
        self.store.users[user_id] = a_scope().workspace_id
        return user_id

    def dismiss(self, user_id: UUID) -> None:
        self.store.users.pop(user_id)
        assert self.store.tell is not None
        self.store.tell(user_id, False)

    def let_in(self, key: Key) -> list[str]:
        """Open a guest's connection with a ticket of a key; return the list of its closings."""
        told: list[str] = []
        close = partial(told.append, "closed")
        self.held.enter_context(self.service.register(key.id, close, guest=True))
        return told

    def tell(self, key: Key | None, end_calls: bool = False) -> None:
        assert self.store.tell is not None
        self.store.tell(key.id if key else None, end_calls)


def run(main: Callable[[House], Coroutine[Any, Any, None]], close_at_expiry: bool = False) -> None:
    async def whole() -> None:
        house = House(close_at_expiry)
        running = asyncio.create_task(house.service.run())
        await asyncio.sleep(0.01)
        with house.held:
            await main(house)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual.run(whole())


def test_only_a_valid_key_is_found() -> None:
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


def test_each_refused_credential_and_each_revocation_is_one_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = LogCapture()
    everything = structlog.make_filtering_bound_logger(logging.DEBUG)
    log = structlog.wrap_logger(None, processors=[capture], wrapper_class=everything)
    monkeypatch.setattr(credentials, "_log", log)

    async def main(house: House) -> None:
        key = house.store.add("sk_live_x")
        await house.connect(key)
        signed = sign(
            new_token(key.scope, key.id, token_id=new_id(), now=clock(), ttl_s=60, operator=None),
            "another",
        )
        assert await house.service.identify("sk_live_x") is not None
        for text in ("sk_live_y", "x" * (MAX_CREDENTIAL + 1), signed, "x" * 9_999):
            assert await house.service.identify(text) is None
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        await asyncio.sleep(0.1)
        assert await house.service.authenticate("sk_live_x") is None
        logged = capture.entries
        told = [(one["event"], one.get("kind"), one.get("connections")) for one in logged]
        refused = "credential_refused"
        assert told == [
            (refused, "key", None),
            (refused, "key", None),
            (refused, "token", None),
            (refused, "token", None),
            ("key_revoked", None, 1),
            (refused, "key", None),
        ]
        assert logged[-1]["key_id"] == str(key.id)
        assert "sk_live" not in str(logged)

    run(main)


def test_a_revoked_key_closes_its_own_connections_only() -> None:
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


def test_guests_stay_unless_calls_end_with_the_key() -> None:
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


def test_after_missed_notifications_every_key_in_use_is_looked_up() -> None:
    async def main(house: House) -> None:
        dead, gone, alive = (house.store.add(name) for name in ("dead", "gone", "alive"))
        told = [await house.connect(key) for key in (dead, gone, alive)]
        house.store.change(dead, revoked_at=NOW)
        del house.store.keys[gone.id]
        house.tell(None)
        await asyncio.sleep(0.1)
        assert told == [["closed"], ["closed"], []]

    run(main)


def test_missed_notifications_end_guests_calls_too() -> None:
    async def main(house: House) -> None:
        ending, staying = house.store.add("ending"), house.store.add("staying")
        guests = house.let_in(ending), house.let_in(staying)
        house.store.change(ending, revoked_at=NOW, end_calls=True)
        house.store.change(staying, revoked_at=NOW)
        house.tell(None)
        await asyncio.sleep(0.1)
        assert guests == (["closed"], [])

    run(main)


def test_lookups_are_retried_while_the_database_is_down() -> None:
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


def test_a_key_that_expires_closes_its_connections() -> None:
    async def main(house: House) -> None:
        soon = house.store.add("soon", timedelta(seconds=60))
        late = house.store.add("late", timedelta(seconds=120))
        told = await house.connect(soon), await house.connect(late)
        await asyncio.sleep(59)
        assert told == ([], [])
        await asyncio.sleep(1 + EXPIRY_CHECK_S)
        assert told == (["closed"], [])
        await asyncio.sleep(60)
        assert told == (["closed"], ["closed"])

    run(main)


def test_a_key_that_expired_while_the_machine_slept_closes_when_it_wakes() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(days=40))
        told = await house.connect(key)
        house.slept = timedelta(days=39)
        await asyncio.sleep(1)
        assert told == []
        house.slept = timedelta(days=40)  # no timer has run meanwhile
        await asyncio.sleep(EXPIRY_CHECK_S)
        assert told == ["closed"]

    run(main)


def test_a_changed_expiry_takes_effect() -> None:
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


def test_a_deregistered_connection_is_not_closed() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(seconds=60))
        told: list[str] = []
        with house.service.register(key.id, lambda: told.append("closed")):
            assert await house.service.admit(key.id, key.scope)
        house.tell(key)
        await asyncio.sleep(120)
        assert told == []

    run(main)


def test_a_key_revoked_before_it_was_registered_is_not_admitted() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        house.store.change(key, revoked_at=NOW)
        assert not await house.service.admit(key.id, key.scope)
        assert not await house.service.admit(new_id(), key.scope)

    run(main)


def test_last_uses_are_written_together_and_retried_after_an_outage() -> None:
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


# -- operators --------------------------------------------------------------------------


def operator_token(key: Key, user_id: UUID) -> tuple[OperatorToken, str]:
    token = new_operator_token(
        key.scope, key.id, token_id=new_id(), now=clock(), user_id=user_id, email="ada@example.com"
    )
    return token, sign(token, SECRET)


def test_a_removed_member_closes_their_own_connections_only() -> None:
    async def main(house: House) -> None:
        key, ada, bob = house.store.add(), house.hire(), house.hire()
        told = [await house.connect(key, ada), await house.connect(key, ada)]
        others = [await house.connect(key), await house.connect(key, bob)]
        house.dismiss(ada)
        await asyncio.sleep(0.1)
        assert told == [["closed"], ["closed"]]
        assert others == [[], []]

    run(main)


def test_a_revoked_key_closes_its_operators_connections() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        told = await house.connect(key, ada)
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        await asyncio.sleep(0.1)
        assert told == ["closed"]

    run(main)


def test_after_missed_notifications_a_valid_member_stays_connected() -> None:
    async def main(house: House) -> None:
        key, ada, bob = house.store.add(), house.hire(), house.hire()
        told = await house.connect(key, ada), await house.connect(key, bob)
        house.store.users.pop(bob)
        house.tell(None)
        await asyncio.sleep(0.1)
        assert told == ([], ["closed"])

    run(main)


def test_an_operator_who_is_not_a_member_is_not_admitted() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        house.store.users.pop(ada)
        assert not await house.service.admit(key.id, key.scope, user_id=ada)
        assert await house.service.admit(key.id, key.scope)

    run(main)


def test_a_member_who_connects_during_a_check_stays() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        house.tell(None)
        await asyncio.sleep(0.0005)  # the look-up of everything is under way
        told = await house.connect(key, ada)
        await asyncio.sleep(1)
        assert told == []

    run(main)


# -- being recognised -------------------------------------------------------------------


def test_a_credential_is_cached_for_half_a_second() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        for _ in range(5):
            assert await house.service.identify("sk_live_x") == key
        assert house.store.lookups == 1
        await asyncio.sleep(CACHE_S)
        assert await house.service.identify("sk_live_x") == key
        assert house.store.lookups == 2

    run(main)


def test_a_revocation_takes_effect_within_a_second_without_a_notification() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        assert await house.service.identify("sk_live_x") == key
        house.store.change(key, revoked_at=NOW)
        await asyncio.sleep(CACHE_S)
        assert await house.service.identify("sk_live_x") is None

    run(main)


def test_any_notification_empties_the_cache() -> None:
    async def main(house: House) -> None:
        key, other = house.store.add(), house.store.add("other")
        for news in (key, None, other):
            assert await house.service.identify("sk_live_x") == key
            house.store.change(key, revoked_at=NOW)
            house.tell(news)
            assert await house.service.identify("sk_live_x") is None
            house.store.change(key, revoked_at=None)

    run(main)


def test_a_key_read_before_its_revocation_is_not_cached_after_it() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        house.store.delay = asyncio.Event()
        reading = asyncio.create_task(house.service.identify("sk_live_x"))
        await asyncio.sleep(0.01)
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        house.store.delay.set()
        assert await reading == key  # it was asked before
        assert await house.service.identify("sk_live_x") is None

    run(main)


def test_an_expired_key_is_not_served_from_the_cache() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(seconds=CACHE_S / 2))
        assert await house.service.identify("sk_live_x") == key
        await asyncio.sleep(CACHE_S / 2)
        assert await house.service.identify("sk_live_x") is None
        assert house.store.lookups == 1

    run(main)


def test_invalid_credentials_are_looked_up_every_time_and_never_cached() -> None:
    async def main(house: House) -> None:
        for stranger in ("sk_live_y", "sk_live_ü", "x" * 5000, ""):
            for _ in range(2):
                assert await house.service.identify(stranger) is None
        assert house.store.lookups == 4  # what can be no key is not even looked up

    run(main)


def test_the_cache_is_bounded_and_evicts_the_oldest() -> None:
    async def main(house: House) -> None:
        names = [f"key {number}" for number in range(MAX_CACHED + 1)]
        for name in names:
            house.store.add(name)
            await house.service.identify(name)
        before = house.store.lookups
        await house.service.identify(names[1])
        assert house.store.lookups == before
        await house.service.identify(names[0])
        assert house.store.lookups == before + 1

    run(main)


def test_an_operator_is_identified_by_their_token() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        token, text = operator_token(key, ada)
        for _ in range(5):
            assert await house.service.identify(text) == token
        assert house.store.lookups == 1
        for stranger in (text[:-4] + "AAAA", sign(token, "another secret")):
            assert await house.service.identify(stranger) is None
        watching = new_token(
            key.scope, key.id, token_id=new_id(), now=clock(), ttl_s=300, operator="ada@example.com"
        )
        assert await house.service.identify(sign(watching, SECRET)) is None
        await asyncio.sleep((token.expires_at - clock()).total_seconds())
        assert await house.service.identify(text) is None

    run(main)


def test_an_operators_token_is_valid_as_long_as_member_and_key() -> None:
    async def main(house: House) -> None:
        key, ada, bob = house.store.add(), house.hire(), house.hire()
        tokens = [operator_token(key, user)[1] for user in (ada, bob)]
        assert None not in [await house.service.identify(token) for token in tokens]
        house.dismiss(ada)
        found = [await house.service.identify(token) for token in tokens]
        assert found[0] is None
        assert isinstance(found[1], OperatorToken)
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        assert await house.service.identify(tokens[1]) is None

    run(main)


def test_an_uncached_credential_raises_while_the_database_is_down() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        house.store.away = True
        for credential in ("sk_live_x", operator_token(key, ada)[1]):
            with pytest.raises(StoreUnavailable):
                await house.service.identify(credential)

    run(main)


# -- what a token says is held against its key --------------------------------------------


@pytest.mark.parametrize(
    "scope", [a_scope(2), a_scope(environment=Environment.TEST)], ids=["workspace", "environment"]
)
def test_a_token_for_another_log_than_its_keys_is_invalid(scope: Scope) -> None:
    """Whoever has a signing secret forges tokens; they reach no further than a key does."""

    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        forged = new_operator_token(
            scope, key.id, token_id=new_id(), now=clock(), user_id=ada, email="ada@example.com"
        )
        assert await house.service.identify(sign(forged, SECRET)) is None
        assert not await house.service.admit(key.id, scope)
        assert not await house.service.admit(key.id, scope, user_id=ada)

    run(main)


def test_a_member_of_another_workspace_is_not_admitted() -> None:
    async def main(house: House) -> None:
        key, eve = house.store.add(), house.hire()
        house.store.users[eve] = a_scope(2).workspace_id
        assert await house.service.identify(operator_token(key, eve)[1]) is None
        assert not await house.service.admit(key.id, key.scope, user_id=eve)

    run(main)


# -- who is let in is looked at again -----------------------------------------------------


def test_a_pass_is_valid_without_a_lookup_until_a_notification() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        granted = await house.service.pass_for("sk_live_x")
        assert granted is not None
        assert granted.who == key
        for _ in range(3):
            await granted.check()
        assert house.store.lookups == 1
        house.tell(None)
        await granted.check()
        await granted.check()
        assert house.store.lookups == 2
        house.store.change(key, revoked_at=NOW)
        house.tell(key)
        with pytest.raises(Unrecognised):
            await granted.check()

    run(main)


def test_a_pass_is_checked_again_after_half_a_second() -> None:
    async def main(house: House) -> None:
        key = house.store.add(lives=timedelta(seconds=60))
        granted = await house.service.pass_for("sk_live_x")
        assert granted is not None
        await asyncio.sleep(CACHE_S)
        await granted.check()
        assert house.store.lookups == 2
        house.slept = timedelta(seconds=60)
        with pytest.raises(Unrecognised):
            await granted.check()
        assert house.store.lookups == 2, "its expiry was known"
        assert await house.service.pass_for("sk_live_y") is None
        house.slept = timedelta()
        house.store.change(key, revoked_at=NOW)
        await asyncio.sleep(CACHE_S)
        with pytest.raises(Unrecognised):
            await granted.check()

    run(main)


def test_an_operators_pass_ends_with_the_member() -> None:
    async def main(house: House) -> None:
        key, ada = house.store.add(), house.hire()
        granted = await house.service.pass_for(operator_token(key, ada)[1])
        assert granted is not None
        await granted.check()
        house.dismiss(ada)
        with pytest.raises(Unrecognised):
            await granted.check()

    run(main)


def test_the_tier_of_a_workspace_is_what_its_keys_said_last() -> None:
    async def main(house: House) -> None:
        key = house.store.add()
        workspace_id = key.scope.workspace_id
        assert house.service.tier_of(workspace_id) is Tier.SCALE
        house.store.change(key, tier=Tier.STARTER)
        await house.service.authenticate("sk_live_x")
        assert house.service.tier_of(workspace_id) is Tier.STARTER
        house.store.change(key, tier=Tier.BUILDER)
        await house.connect(key)  # as a token's, by its id
        assert house.service.tier_of(workspace_id) is Tier.BUILDER

    run(main)


# -- tokens that end what they opened -------------------------------------------------------


def watching(house: House) -> list[str]:
    """Open a connection with a token of a minute; return the list of its closings."""
    key, told = house.store.add(), list[str]()
    expiry = Expiry(key.id, NOW + timedelta(seconds=60), lambda: told.append("expired"))
    house.held.enter_context(
        house.service.register(key.id, lambda: told.append("revoked"), expiry=expiry)
    )
    return told


@pytest.mark.parametrize("close_at_expiry", [True, False])
def test_a_token_ends_its_connection_where_that_is_set(close_at_expiry: bool) -> None:
    async def main(house: House) -> None:
        told, kept = watching(house), await house.connect(house.store.add())
        await asyncio.sleep(59)
        assert told == []
        await asyncio.sleep(1 + EXPIRY_CHECK_S)
        assert told == (["expired"] if close_at_expiry else [])
        await asyncio.sleep(60)
        assert told == (["expired"] if close_at_expiry else [])
        assert kept == []

    run(main, close_at_expiry)


def test_a_clock_that_jumps_ends_it_too_and_one_defect_does_not_keep_the_others() -> None:
    async def main(house: House) -> None:
        key = house.store.add()

        def broken() -> None:
            raise RuntimeError

        expiry = Expiry(key.id, NOW + timedelta(seconds=60), broken)
        with house.service.register(key.id, broken, expiry=expiry):
            told = watching(house)
            house.slept = timedelta(hours=1)
            await asyncio.sleep(EXPIRY_CHECK_S * 2)
            assert told == ["expired"]

    run(main, close_at_expiry=True)


def test_a_connection_that_has_left_is_not_closed_by_its_token() -> None:
    async def main(house: House) -> None:
        key, told = house.store.add(), list[str]()
        expiry = Expiry(key.id, NOW + timedelta(seconds=60), lambda: told.append("expired"))
        with house.service.register(key.id, lambda: None, expiry=expiry):
            pass
        await asyncio.sleep(120)
        assert told == []

    run(main, close_at_expiry=True)
