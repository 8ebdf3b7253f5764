"""A server that runs the code after a how-to page has changed it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.database import TestDatabase
from tests.e2e.program import end, is_ready, ringline, start, until
from tests.howto import carry_out


@contextmanager
def served(
    page: Path, blocks: int, database: TestDatabase, target: Path, **settings: str
) -> Iterator[tuple[str, str]]:
    """Carry out a page of so many blocks and serve the outcome; yield its URL and a key."""
    assert carry_out(page, target) == blocks
    variables = {
        "PYTHONPATH": str(target / "src"),
        "RINGLINE_DATABASE_URL": database.app_dsn,
        "RINGLINE_MIGRATE_DATABASE_URL": database.dsn("postgres"),
        "RINGLINE_SIGNING_SECRET": "a secret of the tests alone: thirty-two",
        "RINGLINE_ENCRYPTION_KEY": "another secret of the tests: thirty-two",
        **settings,
    }
    migrated = ringline("migrate", **variables)
    assert migrated.returncode == 0, migrated.stderr
    made = ringline("workspace", "create", "--name", "First", "--json", **variables)
    ready_file, output = target / "ready.json", target / "serve.log"
    process = start(output, "serve", "--port", 0, "--ready-file", ready_file, **variables)
    try:
        until(lambda: is_ready(ready_file) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield json.loads(ready_file.read_text())["base_url"], json.loads(made.stdout)["secret_key"]
    finally:
        end(process)
