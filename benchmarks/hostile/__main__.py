"""`python -m benchmarks.hostile`: a generator (`benchmarks.generators`) that attacks.

Its order names the surface; each answer counts what the server made of the attack.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import cores
from benchmarks.generators import obey, order, step_back
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.hostile.target import Step, Target
from ringline.web.admission import raise_descriptor_limit

PREPARE_S = 60.0


async def _attack(target: Target, steps: Sequence[Step], seconds: float) -> dict[str, Any]:
    target.counted.clear()
    begun, used, delayed_s = time.monotonic(), time.process_time(), cores.delayed_s(os.getpid())
    workers = [asyncio.create_task(target.repeat(step)) for step in steps]
    await asyncio.wait(workers, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for worker in workers:
        worker.cancel()
    ends = await asyncio.gather(*workers, return_exceptions=True)
    lasted = time.monotonic() - begun
    broken = [repr(end) for end in ends if isinstance(end, Exception)]
    return {
        "counted": dict(target.counted.most_common()),
        "seconds": lasted,
        "busy": (time.process_time() - used) / lasted,
        "delayed": (cores.delayed_s(os.getpid()) - delayed_s) / lasted,
        "broken": broken[:3],
    }


def source() -> str:
    """Return an address to attack from: another than the quiet neighbour's where there is one."""
    for address in ("127.0.0.2", "127.0.0.1"):
        with socket.socket() as tried:
            try:
                tried.bind((address, 0))
            except OSError:
                continue
            return address
    raise SystemExit("There is no loopback address.")


async def _main() -> None:
    asked = order()
    raise_descriptor_limit()
    target = Target(asked["port"], asked["key"], source())
    async with asyncio.timeout(PREPARE_S):
        steps = await SURFACES[asked["surface"]].prepare(target)
    # A machine with other work to do would leave nothing for a generator that is only tried.
    priority = "normal" if asked["normal"] else step_back()
    await obey(lambda seconds: _attack(target, steps, seconds), priority)


if __name__ == "__main__":
    asyncio.run(_main())
