"""A second process on a server's database, which changes a workspace's keys of providers.

    python -m tests.e2e.key_changer DSN WORKSPACE_ID

Each line that it reads is a JSON list: a provider, and its next key or null. When the change
is committed it answers with the time, by the machine's monotonic clock.
"""

import asyncio
import json
import os
import sys
import time
from uuid import UUID, uuid4

from ringline.domain.log import Environment, Scope
from ringline.ports import Transaction
from ringline.services.sealer import Sealer
from ringline.storage.stores import Stores
from tests.database import OTHER
from tests.serving import ENCRYPTION_KEY

_DELETE = "DELETE FROM ringline.provider_credentials WHERE provider = $1"
_PUT = """
    INSERT INTO ringline.provider_credentials
        (workspace_id, environment, id, provider, api_key, last_four)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


async def change(stores: Stores, scope: Scope, *, provider: str, key: str | None) -> None:
    """Replace a provider's key, or remove it, in one transaction."""
    sealed = Sealer(ENCRYPTION_KEY, os.urandom).seal(key or "")

    async def work(transaction: Transaction) -> None:
        await transaction.fetch(_DELETE, [provider])
        if key is not None:
            place = (scope.workspace_id, scope.environment.value)
            await transaction.fetch(_PUT, [*place, uuid4(), provider, sealed, key[-4:]])

    await stores.records.write(scope, work)


async def main(dsn: str, workspace_id: str) -> None:
    scope = Scope(UUID(workspace_id), Environment.LIVE)
    stores = await Stores.open(dsn, OTHER, claim=False)
    try:
        for line in sys.stdin:  # nothing else runs here
            provider, key = json.loads(line)
            await change(stores, scope, provider=provider, key=key)
            print(time.monotonic(), flush=True)
    finally:
        await stores.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
