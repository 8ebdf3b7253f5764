"""The page "Run it in production", carried out: its blocks, its unit and its proxy.

What differs from the page: the database is a fresh cluster that lets us in by our account instead
of by passwords, files go below a directory of the test's, and ports are free ones.
"""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from ringline.storage.binaries import find_binaries
from ringline.storage.embedded import EmbeddedPostgres
from tests.database import TestDatabase
from tests.e2e.nginx import proxied
from tests.e2e.program import environment, reachable_directory
from tests.e2e.programs import find_program
from tests.e2e.shell import Shell
from tests.pages import DOCS, Block, blocks_of
from tests.serving import Service, serving

PAGE = DOCS / "howto" / "production.md"
PROGRAMS = Path(sys.executable).parent


def under(heading: str, language: str = "sh") -> list[Block]:
    return [block for block in blocks_of(PAGE, language) if block.heading == heading]


class Company:
    """A machine with the program on it, and whoever carries the page out there."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place = place
        self.port = unused_port()
        self._environment = {
            **environment(),
            "PATH": f"{PROGRAMS}:{Path(find_binaries().program('psql')).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": str(self.port),
        }
        self.shell = stack.enter_context(Shell(place, self._environment))

    def choose(self, postgres: EmbeddedPostgres) -> dict[str, str]:
        """Set what is ours; return it."""
        (block,) = blocks_of(PAGE, "sh yours")
        values = {
            "ETC": str(self.place / "etc"),
            "BACKUPS": str(self.place / "backups"),
            "ADMIN_URL": postgres.address.dsn("postgres", "postgres"),
            "RESTORE_URL": postgres.address.dsn("postgres", "ringline"),
            "RINGLINE_DATABASE_URL": postgres.address.dsn("ringline", "ringline"),
            "RINGLINE_MIGRATE_DATABASE_URL": postgres.address.dsn("ringline_migrator", "ringline"),
            "BACKUP_URL": postgres.address.dsn("ringline_backup", "ringline"),
        }
        assert set(re.findall(r"^export (\w+)=", block.code, re.MULTILINE)) == set(values)
        for name, value in values.items():
            self.shell.run(f"export {name}='{value}'")
        return values

    def do(self, heading: str) -> str:
        """Carry out what stands under a heading; return what was shown."""
        shown = [
            self.shell.run(block.code.replace(":7400", f":{self.port}")) for block in under(heading)
        ]
        assert shown
        return "\n".join(shown)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the server as the page does by hand, for the length of a block."""
        (block,) = under("The service", "sh stays")
        with Shell(self.place, self._environment) as shell:
            shell.run(f"export ETC='{self.place / 'etc'}'")
            shell.paste(block.code)
            shell.shows("Ringline is at")
            yield


@contextmanager
def cluster(place: Path) -> Iterator[EmbeddedPostgres]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        postgres = EmbeddedPostgres(place)
        runner.run(postgres.start())
        try:
            yield postgres
        finally:
            runner.run(postgres.stop())


@pytest.mark.timeout(300)  # nine starts of the program, which take long on a busy machine
def test_the_page_from_the_database_to_the_restore() -> None:
    with ExitStack() as stack:
        place = stack.enter_context(reachable_directory())
        company = Company(place, stack)
        with cluster(place / "first") as first:
            urls = company.choose(first)
            company.do("The database")
            assert "✗" not in company.do("Secrets and settings")
            assert (place / "etc" / "ringline.env").stat().st_mode & 0o077 == 0
            with company.serving():
                shown = company.do("The service")
                assert '"ready"' in shown
                keys = json.loads(re.findall(r"^\{.*secret_key.*\}$", shown, re.MULTILINE)[0])
                before = asyncio.run(last_position(company, keys["secret_key"]))
                dump = f"pg_dump --file=/dev/null '{urls['RINGLINE_MIGRATE_DATABASE_URL']}'"
                refused, status = company.shell.attempt(dump)
                assert (status, "permission denied for schema" in refused) == (1, True)
                company.do("Back-up")
        with cluster(place / "second") as second:
            company.choose(second)
            company.do("The database")
            company.do("Restore")
            with company.serving():
                asyncio.run(after_the_restore(company, keys["secret_key"], before))


async def ask(company: Company, key: str, action: str, **request: object) -> dict[str, Any]:
    url = f"http://127.0.0.1:{company.port}/rpc/public/run"
    async with (
        aiohttp.ClientSession(headers={"x-api-key": key}) as http,
        http.post(url, json={"action": action, **request}) as answer,
    ):
        told = await answer.json()
    assert told["success"] is True, told
    return told["data"]


async def last_position(company: Company, key: str) -> str:
    """Let something happen; return where the log is then."""
    await ask(company, key, "create_contact", input={"fullName": "Ada"})
    return (await ask(company, key, "list_events", input={}))["position"]


async def after_the_restore(company: Company, key: str, before: str) -> None:
    """Find the workspace as it was, but no position of the time before."""
    contacts = await ask(company, key, "list_contacts", fields=["fullName"])
    assert contacts == [{"fullName": "Ada"}]
    await ask(company, key, "create_contact", input={"fullName": "Grace"})
    events = await ask(company, key, "list_events", input={"after": before})
    assert events["recovered"] is False
    assert [event["type"] for event in events["events"]] == ["contact.created"] * 2


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not there")
    (block,) = under("The service", "ini")
    unit = tmp_path / "ringline.service"
    unit.write_text(block.code.replace("/opt/ringline/bin", str(PROGRAMS)))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_upgrade_names_programs_that_exist() -> None:
    (block,) = under("Upgrade", "sh upgrade")
    done = subprocess.run(["bash", "-n"], input=block.code, text=True, check=False)
    assert done.returncode == 0


# -- the proxy ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nginx() -> str:
    return find_program("nginx")


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, trusted_proxies="127.0.0.1") as service:
        yield service


@pytest.fixture
async def proxy(nginx: str, service: Service, tmp_path: Path) -> AsyncIterator[str]:
    """Run nginx with the page's block before a server; give its address there."""
    async with proxied(nginx, service.base_url, place=tmp_path) as url:
        yield url


async def test_every_surface_works_behind_the_proxy(service: Service, proxy: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=context)
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession(connector=connector, headers=service.bearer()) as http,
    ):
        async with http.get(f"{proxy}/") as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
        async with http.get(f"{proxy}/openapi.json") as answer:
            assert answer.status == 200
        token = (await (await http.post(f"{proxy}/api/realtime/session")).json())["token"]
        agent = {"agent_id": service.agent_id}
        ticket = await (await http.post(f"{proxy}/v3/realtime-sessions", json=agent)).json()
        offer = ("opper-ticket." + ticket["client_secret"],)
        async with (
            http.ws_connect(f"{proxy}/socket/websocket?session_token={token}&vsn=2.0.0") as screen,
            http.ws_connect(f"{proxy}/v3/realtime", protocols=offer) as caller,
        ):
            await screen.send_json(["1", "1", "events", "phx_join", {}])
            assert (await screen.receive_json())[4]["status"] == "ok"
            await caller.send_json({"type": "session.start"})
            started = await caller.receive_json()
            assert started["type"] == "session.started"
            while (await screen.receive_json())[3] != "incoming_call":  # who is present, first
                pass
            stream = f"{proxy}/v1/calls/{started['call_id']}/transcript/stream"
            async with http.get(stream) as transcript:
                assert transcript.content_type == "text/event-stream"
                await caller.send_json({"type": "text.input", "text": "good morning"})
                async for line in transcript.content:
                    if b"good morning" in line:
                        break
