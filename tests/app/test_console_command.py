"""`ringline console`: who gets a link, and what it opens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from ringline.cli.program import main
from ringline.domain.ids import Prefix, format_id
from tests.app.test_commands import Done
from tests.console import browsing, join_team
from tests.database import TestDatabase, new_id
from tests.serving import Service

Run: TypeAlias = Callable[..., Awaitable[Done]]


@pytest.fixture
def run(
    service: Service,
    database: TestDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("RINGLINE_DATABASE_URL", database.app_dsn)
    monkeypatch.setenv("RINGLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RINGLINE_PUBLIC_URL", service.base_url)

    async def run(*words: object) -> Done:
        code = await asyncio.to_thread(main, ["console", *map(str, words)])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


async def email_behind(service: Service, url: str) -> str:
    """Follow a link; return whom it signs in."""
    page, _, token = url.strip().partition("#")
    assert page == f"{service.base_url}/console/sign-in"
    async with browsing(service) as browser:
        told = await browser.follow(token)
        assert told.status == 200, told
        return told.body["user"]["email"]


async def test_a_workspace_without_members_gets_its_first_owner(service: Service, run: Run) -> None:
    done = await run()
    assert done.code == 0
    assert "owner@localhost" in done.err
    assert await email_behind(service, done.out) == "owner@localhost"
    again = await run("--json")
    told = json.loads(again.out)
    assert set(told) == {"url", "email", "workspace_id", "expires_at"}
    assert told["workspace_id"] == str(service.keys.workspace_id)
    assert await email_behind(service, told["url"]) == "owner@localhost"


@pytest.mark.parametrize("known", [False, True])
async def test_a_team_without_an_owner_gets_one(
    service: Service, database: TestDatabase, run: Run, known: bool
) -> None:
    await join_team(database, service, "ann@example.com", "operator")
    if known:
        await join_team(database, service, "owner@localhost", "member")
    done = await run()
    assert done.code == 0, done.err
    _, _, token = done.out.strip().partition("#")
    async with browsing(service) as browser:
        told = await browser.follow(token)
    assert (told.body["user"]["email"], told.body["role"]) == ("owner@localhost", "owner")


async def test_the_first_owner_may_be_named(service: Service, run: Run) -> None:
    done = await run("--email", "Ada@Example.com")
    assert await email_behind(service, done.out) == "Ada@Example.com"
    done = await run()
    assert await email_behind(service, done.out) == "Ada@Example.com"


async def test_a_member_who_is_locked_out_gets_in(
    service: Service, database: TestDatabase, run: Run
) -> None:
    await join_team(database, service, "owner@example.com", "owner")
    await join_team(database, service, "ann@example.com", "member")
    done = await run("--email", "ANN@example.com", "--ttl", 60)
    assert await email_behind(service, done.out) == "ann@example.com"
    done = await run("--email", "eve@example.com")
    assert (done.code, done.out) == (1, "")
    assert "Nobody in the team has the address eve@example.com." in done.err


async def test_of_several_workspaces_one_is_chosen(service: Service, run: Run) -> None:
    other = await service.admin.workspaces.create("Other")
    done = await run()
    assert done.code == 1
    assert "--workspace" in done.err
    for named in (str(other.workspace_id), format_id(Prefix.WORKSPACE, other.workspace_id)):
        done = await run("--workspace", named, "--json")
        assert json.loads(done.out)["workspace_id"] == str(other.workspace_id)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--ttl", "0"), "between one second and a day"),
        (("--ttl", "86401"), "between one second and a day"),
        (("--email", "nobody"), "no email address"),
        (("--workspace", "x"), "is not the id of a workspace"),
        (("--workspace", str(new_id())), "There is no workspace"),
    ],
)
async def test_what_the_command_refuses(run: Run, words: tuple[str, ...], says: str) -> None:
    done = await run(*words)
    assert (done.code, done.out) == (1, "")
    assert says in done.err
    assert "Traceback" not in done.err


async def test_a_console_that_is_switched_off_has_no_links(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGLINE_CONSOLE", "false")
    done = await run()
    assert done.code == 1
    assert "RINGLINE_CONSOLE" in done.err
