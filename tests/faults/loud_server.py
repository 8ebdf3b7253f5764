"""A server that logs everything: `loud_server.py dev|serve --data-dir D --ready-file F`.

It takes the command line's arguments and fails like it: with a sentence and exit code 1.
Unlike it, it logs everything, including libraries' messages, so that tests can search for
texts that must never be logged.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import structlog
import uvloop

from ringline.app import Running, StartRefused, serve
from ringline.config import Settings
from ringline.domain.credentials import FirstKeys
from ringline.storage.data_directory import EmbeddedError
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.migrate import MigrationError

KEYS = "first-keys.json"


async def run(dev: bool, settings: Settings, ready_file: Path) -> None:
    async def ready(server: Running) -> None:
        keys = await _keys(server, settings.data_dir / KEYS) if dev else {}
        partial = ready_file.with_suffix(".new")
        partial.write_text(json.dumps({"base_url": server.base_url, **keys}))
        partial.replace(ready_file)

    asyncio.get_running_loop().set_debug(False)
    await serve(settings, dev=dev, ready=ready)


async def _keys(server: Running, path: Path) -> dict[str, str]:
    if not path.exists():
        made: FirstKeys = await server.admin.workspaces.create("Test")
        path.write_text(
            json.dumps({name: str(value) for name, value in asdict(made).items()}), "utf-8"
        )
    found = json.loads(path.read_text())
    return {**found, "agent_id": str(UUID(found["agent_id"]))}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("dev", "serve"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings.read(port=asked.port, data_dir=asked.data_dir)
    try:
        uvloop.run(run(asked.mode == "dev", settings, asked.ready_file))
    except (DatabaseRefused, EmbeddedError, MigrationError, StartRefused) as error:
        print(f"ringline: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("RINGLINE_SIGNING_SECRET", "a secret of the tests alone: thirty-two")
    os.environ.setdefault("RINGLINE_ENCRYPTION_KEY", "another secret of the tests: thirty-two")
    sys.exit(main())
