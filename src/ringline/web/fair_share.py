"""Fair shares of the event loop: a key over its share waits while others work.

One event loop serves everybody, so work for one key delays the others. The table estimates
the cost of each request, handshake and frame by its kind and its bytes. Within its share a key
never waits; over it, and only while others work too, its next piece of work waits until the
share has caught up. So an installation with one key is not affected, and a flood is slowed
down to its share instead of being refused.

Clients without a credential are counted by address.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ringline.domain import limits

#: The cost of a piece of work on the loop, in seconds (measured with a profiler).
REQUEST_S = 500e-6
REFUSAL_S = 400e-6
HANDSHAKE_S = 1000e-6
REPLAY_S = 3000e-6  # a step of a replay, read whether or not it is ever sent
#: The cost of a byte: to read it; to encode it and store it in the database, whose core the others
#: share too; and to produce, write and send it.
BYTE_IN_S = 4e-9
BYTE_KEPT_S = 12e-9  # an estimate, unlike the others: as much as to send it
BYTE_OUT_S = 12e-9

#: A key's share of the loop while others work.
SHARE = limits.LOOP_SHARE.most / 100
#: How much of the share may be used at once.
_BURST_S = 0.02
#: The longest debt, in seconds; work beyond it is forgiven.
_MOST_DEBT_S = 1.0
#: Shorter waits would cost more than they save.
_LEAST_WAIT_S = 0.001
#: How long a key counts as working after its last piece of work.
_AT_WORK_S = 1.0
#: How many keys and addresses are tracked; the least recently active is forgotten first.
_REMEMBERED = 10_000


@dataclass(slots=True, eq=False)
class Account:
    """What a key has left of its share; a debt is negative. It grows when it is looked up."""

    left_s: float
    at: float
    turn: asyncio.Lock


class FairShare:
    """Tracks each key's recent work on the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: OrderedDict[Hashable, Account] = OrderedDict()

    def charge(self, who: Hashable, seconds: float) -> Account:
        """Charge a piece of work to a key; return its account."""
        account = self.account(who)
        account.left_s = max(account.left_s - seconds, -_MOST_DEBT_S)
        return account

    def account(self, who: Hashable) -> Account:
        """Return a key's account as it is now."""
        now, account = self._clock(), self._accounts.get(who)
        if account is None:
            account = self._accounts[who] = Account(_BURST_S, now, asyncio.Lock())
            if len(self._accounts) > _REMEMBERED:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(who)
            account.left_s = min(_BURST_S, account.left_s + (now - account.at) * SHARE)
            account.at = now
        return account

    def wait_s(self, who: Hashable) -> float:
        """Return how long a key's next piece of work should wait; 0 within its share."""
        account = self._accounts.get(who)
        if account is None or account.left_s >= 0:
            return 0.0
        account = self.account(who)
        if account.left_s >= 0 or not self._others_work(who):
            return 0.0
        return max(_LEAST_WAIT_S, -account.left_s / SHARE)

    async def begin(self, who: Hashable, seconds: float) -> None:
        """Wait for a key's turn before a piece of work, first come, first served."""
        if self.wait_s(who):
            async with self._accounts[who].turn:
                while wait_s := self.wait_s(who):  # noqa: ASYNC110, the clock alone ends it
                    await asyncio.sleep(wait_s)
                self.charge(who, seconds)
        else:
            self.charge(who, seconds)

    def _others_work(self, who: Hashable) -> bool:
        """Return whether any other key has worked within the last second."""
        since = self._clock() - _AT_WORK_S
        for other in reversed(self._accounts):
            if other != who:
                return self._accounts[other].at >= since
        return False
