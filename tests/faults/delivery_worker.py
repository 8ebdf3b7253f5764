"""A process that delivers webhooks from a database that it shares: `DSN SERVER_ID`.

It prints a line when it delivers, and ends with its input.
"""

import asyncio
import sys
from uuid import UUID

from ringline.services.clock import now
from ringline.services.deliveries import DeliveryLimits
from ringline.storage.stores import Stores
from tests.delivering import delivering


async def main(dsn: str, server_id: str) -> None:
    stores = await Stores.open(dsn, UUID(server_id), claim=False)
    async with delivering(stores, now, limits=DeliveryLimits(lease_s=2.0)):
        print("delivering", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await stores.close()


asyncio.run(main(*sys.argv[1:]))
