"""`ringline migrate` and `ringline serve` on an external database."""

import json
from pathlib import Path

from ringline.schema.names import Roles
from tests.conftest import run_as_superuser
from tests.database import TestDatabase
from tests.e2e.program import end, is_ready, mint_status, ringline, start, until
from tests.refusals import reason


async def test_a_server_on_a_database_of_ones_own(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    variables = {
        "RINGLINE_DATABASE_URL": empty_database.app_dsn,
        "RINGLINE_MIGRATE_DATABASE_URL": empty_database.dsn("postgres"),
        "RINGLINE_SIGNING_SECRET": "a secret of the tests alone: thirty-two",
        "RINGLINE_ENCRYPTION_KEY": "another secret of the tests: thirty-two",
    }
    early = ringline("serve", "--port", 0, **variables)
    assert early.returncode == 1
    assert reason(early.stderr).endswith("run `ringline migrate`.")

    for _ in range(2):
        migrated = ringline("migrate", **variables)
        assert migrated.returncode == 0, migrated.stderr

    ready_file, output = tmp_path / "ready.json", tmp_path / "serve.log"
    process = start(output, "serve", "--port", 0, "--ready-file", ready_file, **variables)
    try:
        until(lambda: is_ready(ready_file) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        ring = json.loads(ready_file.read_text())
        assert set(ring) == {"base_url"}

        made = ringline("workspace", "create", "--name", "First", "--json", **variables)
        assert made.returncode == 0, made.stderr
        keys = json.loads(made.stdout)
        assert mint_status(ring, keys["secret_key"]) == 200
    finally:
        end(process)
    assert process.returncode == 0
    told = output.read_text()
    assert "Traceback" not in told
    assert not any(secret in told for secret in ("a secret", "another secret", keys["secret_key"]))


async def test_an_installation_with_a_prefix_of_its_own(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    prefix = f"{empty_database.name}_of_e2e"
    roles = Roles(prefix)
    variables = {
        "RINGLINE_DATABASE_URL": empty_database.dsn(roles.server),
        "RINGLINE_MIGRATE_DATABASE_URL": empty_database.dsn("postgres"),
        "RINGLINE_DATA_DIR": str(tmp_path),
        "RINGLINE_ENCRYPTION_KEY": "what seals the workspace's signing secret",
    }
    create, name = f"CREATE ROLE {roles.server} LOGIN", empty_database.name
    await run_as_superuser(empty_database.cluster, create)
    try:
        wrong = ringline("migrate", **variables, RINGLINE_DATABASE_ROLE_PREFIX="No prefix")
        assert wrong.returncode == 1
        assert "RINGLINE_DATABASE_ROLE_PREFIX" in wrong.stderr
        variables["RINGLINE_DATABASE_ROLE_PREFIX"] = prefix
        migrated = ringline("migrate", **variables)
        assert migrated.returncode == 0, migrated.stderr
        made = ringline("workspace", "create", "--name", "First", "--json", **variables)
        assert made.returncode == 0, made.stderr

        assert "every role in its PostgreSQL cluster" not in ringline("doctor", **variables).stdout
        opened = f"GRANT CONNECT ON DATABASE {name} TO PUBLIC"
        await run_as_superuser(empty_database.cluster, opened)
        assert "every role in its PostgreSQL cluster" in ringline("doctor", **variables).stdout
    finally:
        everyone = f"{roles.owner}, {roles.app}, {roles.lookup}, {roles.server}"
        async with empty_database.connection() as superuser:
            await superuser.execute(f"DROP OWNED BY {everyone} CASCADE; DROP ROLE {everyone}")
