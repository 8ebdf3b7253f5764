"""The pictures of the console in the docs: `python -m tests.browser.pictures` takes them.

People are made up; the calls are real ones. One caller speaks what is in `examples/demo-call.wav`,
the others type; the local voice answers, which costs nothing.
"""

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
from playwright.async_api import Locator, Page, expect

from ringline.client.http import Api
from ringline.client.realtime import place_call
from ringline.client.sound import load_sound
from ringline.domain.credentials import FirstKeys
from tests.browser.conftest import started
from tests.browser.visits import Theme, visiting
from tests.callers import calling
from tests.e2e.program import end, is_ready, reachable_directory, ringline, start, until
from tests.e2e.programs import find_program
from tests.pages import DOCS, ROOT
from tests.rpc_calls import Rpc
from tests.serving import Service

SPEECH = ROOT / "examples" / "demo-call.wav"
SPEAKER, LAST_WORDS = "Priya Raman", "can i speak to a person"
AGENT = {
    "name": "Front desk",
    "model": "local/attendant",
    "greeting": "Harbour Restaurant, good evening.",
    "local": {
        "phrases": [
            {"text": "what are your opening hours", "intent": "hours"},
            {"text": "i would like to book a table", "intent": "table"},
            {"text": "can i speak to a person", "intent": "person"},
            {"text": "thank you goodbye", "intent": "goodbye"},
        ],
        "replies": {
            "hours": "We are open every day from noon to eleven, and on Sundays until nine.",
            "table": "Certainly. For how many people, and on which day?",
            "person": "Of course. I am looking for somebody who can help you right away.",
            "goodbye": "Goodbye.",
            "fallback": "Let me find out. What is it about?",
        },
    },
}
#: Who types, and what.
CALLERS = {
    "Grace Lim": "do you have a car park",
    "Samuel Adeyemi": "what are your opening hours",
    "Tomás Vidal": "i would like to book a table",
}
ENDED = ("Rosa Marin", "Oliver Brandt")
#: Size, theme, and what the names of the pictures end in.
ROUNDS: tuple[tuple[str, Theme, str], ...] = (
    ("desktop", "light", ""),
    ("phone", "dark", "-phone"),
)


async def type_calls(service: Service, agent_id: str, stack: AsyncExitStack) -> None:
    """Have people call who type: two hang up, the others stay."""
    for name in ENDED:
        async with calling(service, asked={"agent_id": agent_id, "subject": name}) as caller:
            await caller.ask("i would like to book a table")
    for name, text in CALLERS.items():
        asked = {"agent_id": agent_id, "subject": name}
        caller = await stack.enter_async_context(calling(service, asked=asked))
        await asyncio.sleep(3)  # they have heard the greeting
        await caller.ask(text)


async def take(page: Page, where: Locator, *, name: str) -> None:
    """Write a picture, as soon as the last words are where they are to be seen."""
    await expect(where).to_contain_text(LAST_WORDS)
    await page.get_by_role("main").evaluate("main => main.scrollTo(0, 0)")
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=DOCS / name, animations="disabled")


async def picture(ready: dict[str, str], home: Path) -> None:
    """Picture the board and a call, on a desktop and on a phone."""
    keys = FirstKeys(*(ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    async with (
        AsyncExitStack() as stack,
        aiohttp.ClientSession() as http,
        started(find_program("chromium")) as chromium,
    ):
        service = Service(ready["base_url"], http, keys, None)  # type: ignore[arg-type]
        rpc = Rpc(service)
        links = [another_link(home) for _ in ROUNDS]
        agent_id = (await rpc.run("create_ai_agent", fields=["id"], input=AGENT))["id"]
        await type_calls(service, agent_id, stack)
        boards: list[Page] = []
        for (size, theme, _), link in zip(ROUNDS, links, strict=True):
            visit = await stack.enter_async_context(
                visiting(chromium, service.base_url, size=size, theme=theme)
            )
            boards.append(await visit.sign_in(link))
        api = Api(service.base_url, ready["secret_key"], http)
        call = asyncio.create_task(
            place_call(
                api,
                load_sound(SPEECH),
                tell=lambda _: None,
                agent_id=agent_id,
                leash={"subject": SPEAKER},
            )
        )
        for page, (_, _, suffix) in zip(boards, ROUNDS, strict=True):
            row = page.get_by_role("row", name=SPEAKER)
            await row.get_by_role("button", name="Show what is said").click()
            await take(page, row, name=f"console-board{suffix}.png")
        for page, (_, _, suffix) in zip(boards, ROUNDS, strict=True):
            await page.get_by_role("link", name="Open").click()
            transcript = page.get_by_role("log", name="Transcript")
            await take(page, transcript, name=f"console-call{suffix}.png")
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call


def another_link(home: Path) -> str:
    """Have the command line make a one-time link."""
    done = ringline("console", "--json", "--data-dir", home / "data")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["url"]


async def main() -> None:
    """Write the pictures."""
    with reachable_directory() as home:
        ready_file = home / "ready.json"
        options = ("--port", 0, "--data-dir", home / "data", "--ready-file", ready_file)
        process = start(home / "dev.log", "dev", *options)
        try:
            until(lambda: is_ready(ready_file))
            await picture(json.loads(ready_file.read_text()), home)
        finally:
            end(process)


if __name__ == "__main__":
    asyncio.run(main())
