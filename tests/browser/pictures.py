"""The pictures of the console in the docs: `python -m tests.browser.pictures` takes them.

People and numbers are made up; the calls are real ones, typed to the local voice, which costs
nothing.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from ringline.domain.credentials import FirstKeys
from tests.browser.conftest import started
from tests.browser.visits import Theme, connection, visiting
from tests.callers import Caller, calling
from tests.e2e.program import end, is_ready, reachable_directory, ringline, start, until
from tests.e2e.programs import find_program
from tests.pages import DOCS
from tests.rpc_calls import Rpc
from tests.serving import Service

AGENT = {
    "name": "Front desk",
    "model": "local/attendant",
    "greeting": "Harbour Dental, good morning. How may I help?",
    "local": {
        "phrases": [
            {"text": "i would like to move my appointment", "intent": "move"},
            {"text": "friday morning is perfect", "intent": "friday"},
            {"text": "could you tell me whether you have a car park", "intent": "parking"},
            {"text": "thank you goodbye", "intent": "goodbye"},
        ],
        "replies": {
            "move": "Of course. I can offer Friday at nine fifteen with Doctor Osei.",
            "friday": "Done: Friday at nine fifteen. You will get a text to confirm it.",
            "parking": "We do: it is behind the house, and free for an hour.",
            "goodbye": "Goodbye.",
            "fallback": "Let me find out. What is it about?",
        },
    },
}
#: Who calls, and what they say.
CALLERS = {
    "Grace Lim": ["which insurances do you take"],
    "Samuel Adeyemi": ["could you tell me whether you have a car park"],
    "Lena Fischer": ["i would like to move my appointment"],
    "Tomás Vidal": ["friday morning is perfect", "could you tell me whether you have a car park"],
    "Priya Raman": ["i would like to move my appointment", "friday morning is perfect"],
}
ENDED = ("Rosa Marin", "Oliver Brandt")


async def fill(service: Service, stack: AsyncExitStack) -> list[Caller]:
    """Have people call; return the calls that go on."""
    rpc = Rpc(service)
    made = await rpc.run("create_ai_agent", fields=["id"], input=AGENT)

    def asked(name: str) -> object:
        return {"agent_id": made["id"], "subject": name}

    for name in ENDED:
        async with calling(service, asked=asked(name)) as caller:
            await caller.ask("i would like to move my appointment")
    callers: list[Caller] = []
    for name, texts in CALLERS.items():
        caller = await stack.enter_async_context(calling(service, asked=asked(name)))
        for text in texts:
            await caller.ask(text)
            await asyncio.sleep(2)  # a line with pauses in it
        callers.append(caller)
    return callers


async def take(page: Page, name: str) -> None:
    """Write a picture."""
    await expect(connection(page)).to_contain_text("Connected")
    await page.evaluate("document.fonts.ready")
    await page.wait_for_timeout(1000)
    await page.screenshot(path=DOCS / name, animations="disabled")


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


def another_link(home: Path) -> str:
    """Have the command line make a one-time link."""
    done = ringline("console", "--json", "--data-dir", home / "data")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["url"]


async def picture(ready: dict[str, str], home: Path) -> None:
    """Picture the board and a call, on a desktop and on a phone."""
    keys = FirstKeys(*(ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    async with (
        AsyncExitStack() as stack,
        aiohttp.ClientSession() as http,
        started(find_program("chromium")) as chromium,
    ):
        service = Service(ready["base_url"], http, keys, None)  # type: ignore[arg-type]
        callers = await fill(service, stack)
        call = f"/live/calls/{callers[-1].uuid}"
        rounds: list[tuple[str, Theme, str]] = [
            ("desktop", "light", ""),
            ("phone", "dark", "-phone"),
        ]
        links = [ready["console_url"], *(another_link(home) for _ in rounds[1:])]
        for (size, theme, suffix), link in zip(rounds, links, strict=True):
            async with visiting(chromium, service.base_url, size=size, theme=theme) as visit:
                await visit.sign_in(link)
                board = await visit.open("/live/board")
                await board.get_by_role("button", name="Show what is said").first.click()
                await take(board, f"console-board{suffix}.png")
                await take(await visit.open(call), f"console-call{suffix}.png")


if __name__ == "__main__":
    asyncio.run(main())
