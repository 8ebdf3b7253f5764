"""A process that owns an embedded database until its input ends.

    python embedded_owner.py DIR server|command

Prints `ready SERVER_PID` once it answers a query, or `refused SENTENCE`.
"""

import asyncio
import sys
from pathlib import Path

import asyncpg

from ringline.storage.embedded import EmbeddedError, EmbeddedPostgres, Owner


async def own(data_dir: Path, owner: Owner) -> int:
    postgres = EmbeddedPostgres(data_dir, owner=owner)
    try:
        await postgres.start()
    except EmbeddedError as error:
        print("refused", error, flush=True)
        return 1
    connection = await asyncpg.connect(postgres.bootstrap_dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    await connection.close()
    print("ready", postgres.pid, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await postgres.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(own(Path(sys.argv[1]), Owner(sys.argv[2]))))
