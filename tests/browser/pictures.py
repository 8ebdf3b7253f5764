"""The pictures of the console in the docs: `python -m tests.browser.pictures` takes them.

They show a morning at a made-up practice (`practice.py`); its calls are real ones.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from playwright.async_api import Locator, Page, expect

from ringline.domain.credentials import FirstKeys
from tests.browser.conftest import started
from tests.browser.external_calls import register
from tests.browser.practice import Practice, on_the_line, practice
from tests.browser.scripts import PRIYA, SCRIPTS, Script
from tests.browser.visits import Theme, visiting
from tests.console import Browser, browsing
from tests.e2e.program import end, is_ready, reachable_directory, ringline, start, until
from tests.e2e.programs import find_program
from tests.pages import DOCS
from tests.rpc_calls import Rpc
from tests.serving import Service

OWNER = ("Ada Okafor", "ada@harbour.example")
#: The others of the team: name and status.
TEAM = (
    ("Mei Lin", "offline"),
    ("Sam Ortiz", "on_break"),
    ("Jonas Weber", "available"),
)
#: Who waits for a person: name, number, and for how long when the pictures are taken.
WAITING = (("Oliver Brandt", "+442920180466", 78), (None, "+442920180467", 54))
#: The call that a person has taken over, and how long before the pictures.
TAKEN, TAKEN_S = "Tomás Vidal", 9
#: When the pictures are taken, after the first call.
SHOT_S = 80
LAST_WORDS = PRIYA.exchanges[-1].asks
#: Size, theme, and what the names of the pictures end in.
ROUNDS: tuple[tuple[str, Theme, str], ...] = (
    ("desktop", "light", ""),
    ("phone", "dark", "-phone"),
)


async def gather_team(owner: Browser, service: Service) -> None:
    """Have the others join, each with a line of their own and a status."""
    name, _ = OWNER
    assert (await owner.ask("PATCH", "/me", {"fullName": name})).status == 200
    for colleague, _ in TEAM:
        asked = {"email": f"{colleague.split()[0].lower()}@harbour.example", "role": "operator"}
        invited = await owner.data("invite_team_member", input=asked)
        accepted = {"token": invited["token"], "name": colleague, "password": "a horse on the line"}
        async with browsing(service) as browser:
            assert (await browser.ask("POST", "/invitations/accept", accepted)).status == 200
    rpc = Rpc(service)
    users = await owner.data("list_users", fields=["id", "email"])
    ids = {user["email"].partition("@")[0]: user["id"] for user in users}
    for one, status in (*TEAM, (name, "busy")):
        line = one.split()[0].lower()
        asked = {"sipUsername": line, "sipPassword": "made up", "userId": ids[line]}
        made = await rpc.run("create_sip_user", input=asked, fields=["id"])
        await rpc.run(
            "set_operator_status",
            input={"sipUserId": made["id"], "status": status},
            fields=["id"],
        )


async def wait_for_person(service: Service, name: str | None, number: str) -> None:
    """Have somebody wait in the queue."""
    if name is not None:
        contact = {"fullName": name, "phoneE164": number}
        await Rpc(service).run("create_contact", input=contact, fields=["id"])
    await register(service, fromNumber=number, status="queued")


async def keep_calling(service: Service, script: Script, agent_id: str) -> None:
    """Call at the right time for the pictures, and stay on the line."""
    await asyncio.sleep(max(0, SHOT_S - script.lasts_s - script.quiet_s))
    async with on_the_line(service, script, agent_id) as caller:
        if script.caller == TAKEN:
            await asyncio.sleep(script.lasts_s + script.quiet_s - TAKEN_S)
            asked = {"callUuid": caller.uuid, "agentName": OWNER[0]}
            await Rpc(service).run("barge_call", input=asked)
        await asyncio.Event().wait()


async def keep_waiting(service: Service, name: str | None, number: str, *, for_s: float) -> None:
    await asyncio.sleep(SHOT_S - for_s)
    await wait_for_person(service, name, number)


async def take(page: Page, where: Locator, *, name: str) -> None:
    """Write a picture, as soon as the last words are where they are to be seen."""
    await expect(where).to_contain_text(LAST_WORDS)
    await page.get_by_role("main").evaluate("main => main.scrollTo(0, 0)")
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=DOCS / name, animations="disabled")


async def take_all(service: Service, links: list[str], stack: AsyncExitStack) -> None:
    """Picture the board and a call, on a desktop and on a phone."""
    chromium = await stack.enter_async_context(started(find_program("chromium")))
    boards: list[Page] = []
    for (size, theme, _), link in zip(ROUNDS, links, strict=True):
        visit = await stack.enter_async_context(
            visiting(chromium, service.base_url, size=size, theme=theme)
        )
        boards.append(await visit.sign_in(link))
    for page, (_, _, suffix) in zip(boards, ROUNDS, strict=True):
        row = page.get_by_role("row", name=PRIYA.caller)
        await expect(row).to_contain_text(LAST_WORDS, timeout=3_000 * SHOT_S)
        await row.get_by_role("button", name="Show what is said").click()
        await take(page, row, name=f"console-board{suffix}.png")
    for page, (_, _, suffix) in zip(boards, ROUNDS, strict=True):
        await page.get_by_role("link", name="Open").click()
        transcript = page.get_by_role("log", name="Transcript")
        await take(page, transcript, name=f"console-call{suffix}.png")


async def picture(base_url: str, home: Path, ours: Practice) -> None:
    """Have a morning go by, and take the pictures."""
    made = json.loads(run("workspace", "create", "--name", "Harbour Dental", "--json", home=home))
    keys = FirstKeys(**{name: made[name] for name in FirstKeys.__dataclass_fields__})
    link = ("console", "--json", "--workspace", made["workspace_id"], "--email", OWNER[1])
    links = [json.loads(run(*link, home=home))["url"] for _ in range(len(ROUNDS) + 1)]
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        service = Service(base_url, http, keys, None)  # type: ignore[arg-type]
        owner = await stack.enter_async_context(browsing(service))
        assert (await owner.follow(links.pop().partition("#")[2])).status == 200
        await gather_team(owner, service)
        rpc = Rpc(service)
        agents = [
            await rpc.run("create_ai_agent", fields=["id"], input=ours.agent_of(script))
            for script in SCRIPTS
        ]
        tasks = [
            asyncio.create_task(keep_calling(service, script, agent["id"]))
            for script, agent in zip(SCRIPTS, agents, strict=True)
        ]
        tasks += [
            asyncio.create_task(keep_waiting(service, name, number, for_s=seconds))
            for name, number, seconds in WAITING
        ]
        try:
            await take_all(service, links, stack)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def run(*arguments: str, home: Path) -> str:
    """Run a command on the server's data; return what it prints."""
    done = ringline(*arguments, "--data-dir", home / "data")
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings(voices_file: Path) -> dict[str, str]:
    """Return the server's settings; it does not mind that last words take long."""
    return {
        "RINGLINE_VOICES_FILE": str(voices_file),
        "RINGLINE_VOICE_STALL_SECONDS": "300",
        "RINGLINE_WEBHOOK_ALLOW_PRIVATE": "true",
    }


async def main() -> None:
    """Write the pictures."""
    with reachable_directory() as home:
        ready_file, voices_file = home / "ready.json", home / "voices.toml"
        options = ("--port", 0, "--data-dir", home / "data", "--ready-file", ready_file)
        async with practice() as ours:
            voices_file.write_text(ours.voices)
            process = start(home / "dev.log", "dev", *options, **settings(voices_file))
            try:
                until(lambda: is_ready(ready_file))
                await picture(json.loads(ready_file.read_text())["base_url"], home, ours)
            finally:
                end(process)


if __name__ == "__main__":
    asyncio.run(main())
