"""The talk page in a headless Chromium whose microphone plays a WAV, or is refused."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ringline.domain.ids import Prefix, format_id
from tests.database import TestDatabase
from tests.e2e.browser import Page, browsing
from tests.e2e.program import end, is_ready, reachable_directory, start, until
from tests.e2e.talk_modules import check_talk_page, modules
from tests.pages import ROOT
from tests.realtime_session import calls_of
from tests.realtime_session import until as until_stored
from tests.serving import Service, serving

SPEECH = ROOT / "examples" / "demo-call.wav"
_LINES = "[...document.querySelectorAll('#turns li')].map((line) => line.innerText)"
STATE = "document.getElementById('state').textContent"
NOTICE = "document.getElementById('notice').textContent"


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, dev=True, warm=True) as service:
        yield service


async def test_the_modules_are_compiled_from_their_source() -> None:
    for path, text in (await asyncio.to_thread(modules)).items():
        assert path.read_text("utf-8") == text, "run: python -m tests.e2e.talk_modules"


async def test_the_development_server_has_the_page_and_prints_its_address() -> None:
    with reachable_directory() as home:
        output, ready_file = home / "dev.log", home / "ready.json"
        options = ("--port", 0, "--data-dir", home / "data", "--ready-file", ready_file)
        process = start(output, "dev", *options)
        try:
            until(lambda: is_ready(ready_file) or process.poll() is not None)
            assert process.poll() is None, output.read_text()
            url = json.loads(ready_file.read_text())["base_url"]
            await asyncio.to_thread(check_talk_page, url)
            until(lambda: f"Talk to an agent at {url}/talk." in output.read_text())
        finally:
            end(process)


async def click(page: Page, button: str) -> None:
    await page.until(f"!document.getElementById({button!r}).disabled")
    await page.evaluate(f"document.getElementById({button!r}).click()")


async def lines(page: Page) -> list[str]:
    return await page.evaluate(_LINES)


async def say(page: Page, text: str) -> None:
    """Type a message as a person does: into the field, then Enter."""
    await page.until("!document.getElementById('typed').disabled")
    await page.evaluate("document.getElementById('typed').focus()")
    await page.command("Input.insertText", text=text)
    await press(page, "Enter")


async def press(page: Page, key: str) -> None:
    code = {"Enter": 13, "Tab": 9, " ": 32}[key]
    text = {"Enter": "\r", " ": " "}.get(key, "")
    for kind in ("keyDown", "keyUp"):
        await page.command(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code={" ": "Space"}.get(key, key),
            windowsVirtualKeyCode=code,
            text=text if kind == "keyDown" else "",
        )


async def test_somebody_talks(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk", SPEECH) as page:
        await page.until("document.querySelectorAll('#who option:enabled').length > 1")
        labels = "[...document.querySelectorAll('#who optgroup')].map((group) => group.label)"
        assert await page.evaluate(labels) == ["Agents", "Models"]
        chosen = "document.getElementById('who').selectedOptions[0].textContent"
        assert await page.evaluate(chosen) == "Attendant (local/attendant)"
        await click(page, "talk")
        await page.until("document.getElementById('level').value > 0")
        heard = "You\nwhat are your opening hours"
        await page.until(f"{_LINES}.includes({heard!r})")
        answered = r"/^Agent · after \d+\.\d\d s/"
        await page.until(f"{_LINES}.some((line) => {answered}.test(line))")
        cut_off = "/^Agent.* · cut off\\n/"  # the recording speaks while the agent does
        await page.until(f"{_LINES}.some((line) => {cut_off}.test(line))")
        assert await page.evaluate("document.getElementById('notice').hidden")
        await click(page, "mute")
        pressed = "document.getElementById('mute').getAttribute('aria-pressed')"
        assert await page.evaluate(pressed) == "true"
        await click(page, "talk")
        await page.until(f"{STATE} === 'Not connected'")
        assert await page.evaluate("document.getElementById('notice').hidden")
        assert heard in await lines(page), "it can still be read"


async def refuse_microphone(page: Page) -> None:
    """Refuse the page the microphone: what Chromium makes up for one is never silent."""
    denied = "Object.assign(new Error('no'), { name: 'NotAllowedError' })"
    refuse = f"navigator.mediaDevices.getUserMedia = () => Promise.reject({denied})"
    await page.evaluate(f"void ({refuse})")


async def test_somebody_types_whose_microphone_is_refused(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await refuse_microphone(page)
        await click(page, "talk")
        await page.until(f"{NOTICE} === 'The microphone was not allowed. You can type instead.'")
        await say(page, "what are your opening hours")
        asked = "You\nwhat are your opening hours"
        await page.until(f"{_LINES}.includes({asked!r})")
        await page.until(f"{_LINES}.at(-1).startsWith('Agent · after ')")
        assert await page.evaluate("document.getElementById('typed').value") == ""
        assert await page.evaluate("document.getElementById('mute').disabled")
        await say(page, "thank you goodbye")
        await page.until(f"{NOTICE} === 'The agent has hung up.'")
        assert await page.evaluate("document.getElementById('typed').disabled")


async def test_a_page_without_a_microphone_to_ask_for_says_so(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await page.evaluate(
            "void Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
        )
        await click(page, "talk")
        await page.until(f"{NOTICE}.startsWith('There is no microphone here')")
        await say(page, "hello")
        await page.until(f"{_LINES}.includes('You\\nhello')")


async def test_a_keyboard_is_enough(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk", SPEECH) as page:
        await page.until("!document.getElementById('talk').disabled")
        reached: list[str] = []
        for _ in range(4):
            await press(page, "Tab")
            reached.append(await page.evaluate("document.activeElement.id"))
        assert "who" in reached
        assert "talk" in reached
        await page.evaluate("document.querySelector('#limits summary').focus()")
        await press(page, "Enter")
        assert await page.evaluate("document.getElementById('limits').open")
        for field in ("minutes", "audio", "usd"):
            await press(page, "Tab")
            assert await page.evaluate("document.activeElement.id") == field
        await page.evaluate("document.getElementById('talk').focus()")
        await press(page, " ")
        await page.until("document.body.dataset.talking !== undefined")
        await page.until(f"{STATE} !== 'Connecting…'")
        await press(page, "Enter")
        await page.until(f"{STATE} === 'Not connected'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_in_light_and_dark(service: Service, scheme: str) -> None:
    async with browsing(f"{service.base_url}/talk", SPEECH) as page:
        await page.command(
            "Emulation.setDeviceMetricsOverride",
            width=360,
            height=640,
            deviceScaleFactor=2,
            mobile=True,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await page.command("Emulation.setEmulatedMedia", features=[feature])
        await set_limits(page, {"minutes": 30, "audio": 1000, "usd": 5})
        await click(page, "talk")
        await say(page, "what are your opening hours " * 10)
        await page.until(f"{_LINES}.length > 1")
        root = "document.documentElement"
        assert await page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        for part in ("talk", "mute", "who", "typed", "minutes", "audio", "usd"):
            box = f"document.getElementById({part!r}).getBoundingClientRect()"
            assert await page.evaluate(f"{box}.height >= 44 && {box}.bottom <= innerHeight"), part
        for part in ("left", "used", "spent"):
            box = f"document.getElementById({part!r}).getBoundingClientRect()"
            assert await page.evaluate(f"{box}.width >= 48 && {box}.bottom <= innerHeight"), part
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = await page.evaluate(colour) == "rgb(20, 23, 26)"
        assert dark == (scheme == "dark")


async def set_limits(page: Page, limits: Mapping[str, object]) -> None:
    """Open the limits and fill them in; keep every notice from then on in `notices`."""
    await page.until("!document.getElementById('talk').disabled")
    await page.evaluate("document.querySelector('#limits summary').click()")
    for field, value in limits.items():
        await page.evaluate(f"document.getElementById({field!r}).focus()")
        await page.command("Input.insertText", text=str(value))
    await page.evaluate(
        "window.notices = []; const notice = document.getElementById('notice');"
        "new MutationObserver(() => notices.push(notice.textContent))"
        ".observe(notice, { childList: true, characterData: true, subtree: true })"
    )


def shown(part: str) -> str:
    return f"!document.getElementById({part!r}).hidden"


async def test_a_session_has_its_time_and_a_meter_of_it(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await set_limits(page, {"minutes": 0.05})
        await click(page, "talk")
        await page.until(shown("time"))
        meter = "document.getElementById('left')"
        assert await page.evaluate(f"{meter}.max") == 3
        assert 0 < await page.evaluate(f"{meter}.value") <= 3
        text = await page.evaluate(f"{meter}.getAttribute('aria-valuetext')")
        assert text in {"0:03 of 0:03", "0:02 of 0:03", "0:01 of 0:03"}
        assert await page.evaluate("document.getElementById('sound').hidden"), (
            "it has no such limit"
        )
        assert await page.evaluate("document.getElementById('minutes').matches(':disabled')")
        await page.until(
            "notices.some((text) => /^The session ends in 0\\.\\d seconds\\.$/.test(text))"
        )
        await page.until(f"{NOTICE} === 'The session has reached its time limit.'")
        assert await page.evaluate("document.getElementById('time').hidden")
        assert await page.evaluate("document.getElementById('minutes').matches(':enabled')")


async def test_a_session_uses_its_budget_up(service: Service) -> None:
    async with browsing(f"{service.base_url}/talk", SPEECH) as page:
        await set_limits(page, {"audio": 2.5, "usd": 1})
        await page.evaluate(
            "window.values = []; const meter = document.getElementById('used');"
            "new MutationObserver(() => values.push([meter.value, meter.max]))"
            ".observe(meter, { attributes: true })"
        )
        await click(page, "talk")
        await page.until(f"{NOTICE} === 'The session has used up its budget.'")
        left = r"/^The budget has 0\.\d seconds of audio left\.$/"
        assert await page.evaluate(f"notices.some((text) => {left}.test(text))")
        values = await page.evaluate("values")
        assert {most for _, most in values} == {2.5}
        used = [value for value, _ in values]
        assert used[0] < 0.5
        assert max(used) >= 2, "it was warned at 2"


SPENT = "document.getElementById('spent')"
SPENT_TEXT = "document.getElementById('spenttext').textContent"


async def choose(page: Page, model: str) -> None:
    """Choose a model in the menu."""
    await page.until("!document.getElementById('talk').disabled")
    option = json.dumps({"config": {"model": model}}, separators=(",", ":"))
    await page.evaluate(f"void (document.getElementById('who').value = {option!r})")
    assert await page.evaluate("document.getElementById('who').value") == option


async def costs(database: TestDatabase) -> float:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT coalesce(sum(usd), 0) FROM ringline.usage")


async def test_a_session_shows_what_it_costs_of_its_budget(
    service: Service, database: TestDatabase
) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await refuse_microphone(page)
        await set_limits(page, {"usd": 0.0005})
        await choose(page, "mock/echo")
        await click(page, "talk")
        await page.until(shown("money"))
        assert await page.evaluate(f"{SPENT}.max") == 0.0005
        assert await page.evaluate(SPENT_TEXT) == "$0.00 of $0.0005"
        for text in ("Hello", "Hello again, and again"):
            before = await page.evaluate(f"{SPENT}.value")
            await say(page, text)
            await page.until(f"{SPENT}.value > {before}")

        async def agrees() -> bool:
            value = await page.evaluate(f"{SPENT}.value")
            return value == pytest.approx(await costs(database))

        await until_stored(agrees)
        text = await page.evaluate(f"{SPENT}.getAttribute('aria-valuetext')")
        assert re.fullmatch(r"\$0\.000\d{1,3} of \$0\.0005", text)
        assert await page.evaluate(SPENT_TEXT) == text
        await say(page, "/long 3000")
        await page.until(f"{NOTICE} === 'The session has used up its budget.'")
        assert not await page.evaluate(shown("money"))


async def test_a_session_without_a_budget_shows_its_cost_alone(
    service: Service, database: TestDatabase
) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await refuse_microphone(page)
        await choose(page, "mock/echo")
        await click(page, "talk")
        await page.until(f"{STATE} !== 'Connecting…'")
        assert not await page.evaluate(shown("money")), "nothing is used yet"
        await say(page, "Hello")
        await page.until(shown("money"))
        assert await page.evaluate(f"{SPENT}.hidden")
        cost = await page.evaluate(SPENT_TEXT)
        assert re.fullmatch(r"\$0\.0\d{1,5}", cost)
        await click(page, "talk")
        await page.until(f"{STATE} === 'Not connected'")
        assert not await page.evaluate(shown("money"))
        await click(page, "talk")  # the next one begins at nothing
        await page.until(f"{STATE} !== 'Connecting…' && {STATE} !== 'Not connected'")
        await say(page, "Hello")
        await page.until(shown("money"))
    assert float(cost.removeprefix("$")) < await costs(database)


async def test_a_ticket_is_taken_back_while_its_session_runs(
    service: Service, database: TestDatabase
) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await click(page, "talk")
        await say(page, "hello")
        assert await page.evaluate("document.getElementById('time').hidden"), "it has no leash"
        await until_stored(lambda: calls_of(service, database))
        (call,) = await calls_of(service, database)
        url = f"{service.base_url}/v3/realtime-sessions/{format_id(Prefix.SESSION, call['id'])}"
        async with service.http.delete(url, headers=service.bearer()) as answer:
            assert answer.status == 204
        await page.until(f"{NOTICE} === 'The session ended because its ticket was revoked.'")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"minutes": 1441}, "max_duration_seconds"),
        ({"minutes": "1e308"}, "max_duration_seconds"),
        ({"minutes": "0.001"}, "max_duration_seconds"),
        ({"audio": -1}, "budget.audio_seconds"),
        ({"usd": 0}, "budget.usd"),
    ],
)
async def test_a_limit_that_the_server_refuses(
    service: Service, limits: Mapping[str, object], message: str
) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await set_limits(page, limits)
        await click(page, "talk")
        await page.until(f"{NOTICE}.includes({message!r})")
        await page.until(f"{STATE} === 'Not connected'")
        assert await page.evaluate("document.getElementById('fields').matches(':enabled')")


async def test_a_limit_that_is_no_number_starts_nothing(
    service: Service, database: TestDatabase
) -> None:
    async with browsing(f"{service.base_url}/talk") as page:
        await set_limits(page, {"usd": "-"})
        await click(page, "talk")
        await page.until("document.activeElement.id === 'usd'")
        assert await page.evaluate("document.body.dataset.talking === undefined")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM ringline.tickets") == 0


async def test_each_warning_speaks_of_its_unit(service: Service) -> None:
    cases = [
        ("max_duration", {}, 0, 12.4, "The session ends in 12 seconds."),
        (
            "idle_timeout",
            {},
            0,
            0.25,
            "The session ends in 0.3 seconds unless you say or type something.",
        ),
        ("budget_exhausted", {"usd": 0.5}, 0, 0.02, "The budget has $0.02 left."),
        ("budget_exhausted", {"usd": 0.5, "audio_seconds": 10}, 3, 0.000123, "$0.000123"),
        ("budget_exhausted", {"usd": 0.5, "audio_seconds": 10}, 8, 2, "2.0 seconds of audio"),
    ]
    async with browsing(f"{service.base_url}/talk") as page:
        for reason, budget, used_s, remaining, text in cases:
            arguments = json.dumps([reason, budget, used_s])[1:-1]
            said = await page.evaluate(
                "import('./talk/leash.js').then(({ unitOf, warningText }) => "
                f"warningText(unitOf({arguments}), {remaining}))"
            )
            assert text in said


async def blank(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html>", content_type="text/html")


async def test_a_page_of_another_origin_gets_no_ticket(
    service: Service, database: TestDatabase
) -> None:
    async def tickets() -> int:
        async with database.connection() as connection:
            return await connection.fetchval("SELECT count(*) FROM ringline.tickets")

    url = f"{service.base_url}/talk/ticket"
    asks = [
        f"fetch({url!r}, {{ method: 'POST', body: '{{}}', mode: {mode!r} }})"
        for mode in ("cors", "no-cors")
    ]
    status = "((answer) => answer.status, (error) => error.name)"
    app = web.Application()
    app.router.add_get("/", blank)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        browsing(str(server.make_url("/"))) as page,  # of the same site: a site has no port
    ):
        told = [await page.evaluate(f"{ask}.then{status}") for ask in asks]
    assert told == ["TypeError", 0], "nothing that the page could read"
    assert await tickets() == 0
    async with browsing(f"{service.base_url}/talk") as page:
        assert await page.evaluate(f"{asks[0]}.then{status}") == 200
    assert await tickets() == 1


async def test_a_name_that_was_rebound_to_the_server_gets_nothing(service: Service) -> None:
    port = service.base_url.rpartition(":")[2]
    rebound = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    async with browsing(f"http://evil.example:{port}/talk", flags=(rebound,)) as page:
        assert await page.evaluate("location.host") == f"evil.example:{port}"
        for ask in ("'talk/ticket', { method: 'POST', body: '{}' }", "'talk/agents'"):
            assert await page.evaluate(f"fetch({ask}).then((answer) => answer.status)") == 403
        await page.until(f"{NOTICE}.includes('only this server')")
