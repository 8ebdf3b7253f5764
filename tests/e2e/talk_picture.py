"""The picture of the talk page in the quickstart: `python -m tests.e2e.talk_picture` takes it.

It shows the conversation of `examples/demo-call.wav` on a server of its own, with two limits; the
local voice costs nothing.
"""

import asyncio
import json
from base64 import b64decode

from tests.e2e.browser import Page, browsing, close_browsers
from tests.e2e.program import end, is_ready, reachable_directory, start, until
from tests.pages import DOCS, ROOT

PICTURE = DOCS / "talk.png"
SPEECH = ROOT / "examples" / "demo-call.wav"
WIDTH, HEIGHT = 720, 700
MINUTES, USD = 5, 1
#: How often the agent speaks, its greeting included; in the picture it speaks for the last time.
ANSWERS = 4
_ANSWERS = "[...document.querySelectorAll('#turns li')].filter((li) => /^Agent/.test(li.innerText))"


async def take(page: Page) -> bytes:
    """Talk, and return the picture as PNG."""
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    await page.command("Emulation.setDeviceMetricsOverride", **size)
    await page.until("!document.getElementById('talk').disabled")
    await page.evaluate(f"document.getElementById('minutes').value = {MINUTES}")
    await page.evaluate(f"document.getElementById('usd').value = {USD}")
    await page.evaluate("document.getElementById('talk').click()")
    await page.until(f"{_ANSWERS}.length === {ANSWERS}")
    await page.until(f"{_ANSWERS}.at(-1).innerText.split(' ').length > 8")
    return b64decode((await page.command("Page.captureScreenshot", format="png"))["data"])


async def main() -> None:
    """Write the picture."""
    with reachable_directory() as home:
        ready_file = home / "ready.json"
        options = ("--port", 0, "--data-dir", home / "data", "--ready-file", ready_file)
        process = start(home / "dev.log", "dev", *options)
        try:
            until(lambda: is_ready(ready_file))
            url = json.loads(ready_file.read_text())["base_url"]
            async with browsing(f"{url}/talk", SPEECH) as page:
                PICTURE.write_bytes(await take(page))
        finally:
            close_browsers()
            end(process)


if __name__ == "__main__":
    asyncio.run(main())
