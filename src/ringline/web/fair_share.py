"""No key takes the event loop from the others: who works too much, while others work, waits.

One event loop serves everybody, so what one key has done there is time that the others wait.
Each request, handshake and frame costs about as much as this table says, by its kind and its
bytes. Within its share a key never waits; over it, and only while others are at work too, its
next piece of work begins when the share has caught up. So an installation with one key knows
nothing of this, and a flood is slowed down to its share instead of refused at once.

A stranger is known by their address.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ringline.domain import limits

#: What a piece of work takes on the loop, in seconds (measured with a profiler).
REQUEST_S = 500e-6
REFUSAL_S = 400e-6
HANDSHAKE_S = 1000e-6
REPLAY_S = 3000e-6  # a step of the past, read whether or not it is ever written
FRAME_S = 50e-6
JOIN_S = 150e-6  # a frame of the events socket, most of which join and leave
#: What a byte takes: to be read; to be encoded for the database and kept there, whose core
#: others wait for too; and to be made, written and sent.
BYTE_IN_S = 4e-9
BYTE_KEPT_S = 12e-9
BYTE_OUT_S = 12e-9

#: A key's part of the loop while others are at work.
SHARE = limits.LOOP_SHARE.most / 100
#: How much of it may be used at once.
_BURST_S = 0.02
#: Longest debt: more work than this at once is not paid for.
_MOST_DEBT_S = 1.0
#: Shorter waits would cost more than they save.
_LEAST_WAIT_S = 0.001
#: How long somebody counts as at work after their last piece of it.
_AT_WORK_S = 1.0
#: Keys and addresses that are remembered; who worked longest ago is forgotten first.
_REMEMBERED = 10_000


@dataclass(slots=True, eq=False)
class _Account:
    left_s: float
    at: float
    turn: asyncio.Lock


class FairShare:
    """What each key has done on the loop of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()

    def charge(self, who: Hashable, seconds: float) -> None:
        """Count a piece of work that somebody had done."""
        account = self._account(who)
        account.left_s = max(account.left_s - seconds, -_MOST_DEBT_S)

    def wait_s(self, who: Hashable) -> float:
        """Return how long somebody's next piece of work should wait; 0 within their share."""
        account = self._accounts.get(who)
        if account is None or account.left_s >= 0:
            return 0.0
        account = self._account(who)
        if account.left_s >= 0 or not self._others_work(who):
            return 0.0
        return max(_LEAST_WAIT_S, -account.left_s / SHARE)

    async def begin(self, who: Hashable, seconds: float) -> None:
        """Begin a piece of work when it is somebody's turn, in the order in which they asked."""
        if self.wait_s(who):
            async with self._accounts[who].turn:
                while wait_s := self.wait_s(who):  # noqa: ASYNC110, the clock alone ends it
                    await asyncio.sleep(wait_s)
                self.charge(who, seconds)
        else:
            self.charge(who, seconds)

    def _account(self, who: Hashable) -> _Account:
        now, account = self._clock(), self._accounts.get(who)
        if account is None:
            account = self._accounts[who] = _Account(_BURST_S, now, asyncio.Lock())
            if len(self._accounts) > _REMEMBERED:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(who)
            account.left_s = min(_BURST_S, account.left_s + (now - account.at) * SHARE)
            account.at = now
        return account

    def _others_work(self, who: Hashable) -> bool:
        """Tell whether anybody else has worked within the last second."""
        since = self._clock() - _AT_WORK_S
        for other in reversed(self._accounts):
            if other != who:
                return self._accounts[other].at >= since
        return False
