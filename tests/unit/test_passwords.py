"""Passwords: what a new one must be, and how they are hashed."""

import asyncio
from threading import Event, Lock

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from ringline.domain import console_limits
from ringline.domain.passwords import flaw_of
from ringline.domain.unavailable import Unavailable
from ringline.services.password_hashing import PasswordHashing

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("x" * 11, False),
        ("x" * 12, True),
        ("x" * 256, True),
        ("x" * 257, False),
        ("Harbour Dental", False),
        (" harbour dental ", False),
        ("ADA@example.com", False),
        ("Harbour Dental 7", True),
        ("🂡" * 12, True),
    ],
)
def test_a_new_password_is_long_and_not_what_everybody_knows(password: str, good: bool) -> None:
    flaw = flaw_of(password, email="ada@example.com", workspace="Harbour Dental")
    assert (flaw is None) is good
    assert password not in (flaw or "")


async def test_the_parameters_are_those_of_rfc_9106() -> None:
    hashing = PasswordHashing()
    stored = await hashing.hash("a password of mine")
    parameters = extract_parameters(stored.decode())
    assert (parameters.type, parameters.memory_cost, parameters.time_cost) == (Type.ID, 65_536, 3)
    assert (parameters.parallelism, parameters.salt_len, parameters.hash_len) == (4, 16, 32)
    assert await hashing.verify("a password of mine", stored)
    hashing.close()


async def test_a_password_fits_its_own_hash_alone() -> None:
    hashing = PasswordHashing(FAST)
    stored = await hashing.hash("a password of mine")
    assert await hashing.verify("a password of mine", stored)
    for wrong, hashed in (
        ("another", stored),
        ("a password of mine", None),
        ("", None),
        ("a password of mine", b"no hash"),
    ):
        assert not await hashing.verify(wrong, hashed)
    assert await hashing.hash("a password of mine") != stored, "each has a salt of its own"
    hashing.close()


class Slow:
    """Hashes for as long as it is told to, and counts how many at once."""

    def __init__(self) -> None:
        self.go = Event()
        self.running = 0
        self.most = 0
        self._lock = Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(20)
        with self._lock:
            self.running -= 1
        return "hash"


async def test_few_are_hashed_at_once_and_few_wait() -> None:
    slow = Slow()
    hashing = PasswordHashing(slow)  # pyright: ignore[reportArgumentType]
    room = console_limits.HASHES_AT_ONCE.most + console_limits.HASHES_WAITING.most
    waiting = [asyncio.create_task(hashing.hash("x")) for _ in range(room)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hashing.hash("one too many")
    waiting[-1].cancel()
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hashing.hash("its thread is still to come")
    slow.go.set()
    assert await asyncio.gather(*waiting[:-1]) == [b"hash"] * (room - 1)
    assert slow.most <= console_limits.HASHES_AT_ONCE.most
    assert await hashing.hash("there is room again") == b"hash"
    hashing.close()
