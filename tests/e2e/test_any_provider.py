"""One page, every provider: what a caller changes is one string, the model.

The page is the server's own talk page, in a headless Chromium whose microphone plays a
recording. Behind the server are the fakes of all providers, which judge each frame by their
vendors' types.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.database import TestDatabase
from tests.e2e.browser import Page, browsing
from tests.fake_endpoints import HEARD, FakeEndpoints, fake_endpoints
from tests.fake_endpoints import KEY as HOUSE_KEY
from tests.fake_gemini import FakeGemini
from tests.fake_openai import OPENAI, XAI, FakeProvider, fake_provider
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.pages import ROOT
from tests.serving import Service, serving

SPEECH = ROOT / "examples" / "demo-call.wav"
SPOKEN = r"heard \d+ ms"
#: What each model's fake hears, as a pattern: the one string, and what comes of it.
MODELS = {
    "openai/gpt-realtime-2.1": SPOKEN,
    "xai/grok-voice-latest": SPOKEN,
    "gemini/gemini-3.8-live": SPOKEN,
    "cascade/house": re.escape("".join(HEARD)),
}
_LINES = "[...document.querySelectorAll('#turns li')].map((line) => line.innerText)"
_STATE = "document.getElementById('state').textContent"


@dataclass(frozen=True)
class House:
    """A server with the models of every provider, and the providers."""

    service: Service
    openai: FakeProvider
    xai: FakeProvider
    gemini: FakeGemini
    endpoints: FakeEndpoints

    def used(self) -> dict[str, int]:
        """Return how often each was dialled, or asked."""
        return {
            "openai": len(self.openai.requests),
            "xai": len(self.xai.requests),
            "gemini": len(self.gemini.dialled),
            "cascade": len(self.endpoints.of("speech")),
        }


@pytest.fixture
async def house(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setenv("HOUSE_KEY", HOUSE_KEY)
    key = SecretStr("a key of the fakes")
    async with (
        fake_provider(OPENAI) as openai,
        fake_provider(XAI) as xai,
        FakeGemini(EchoModel()) as gemini,
        fake_endpoints() as endpoints,
    ):
        voices_file = tmp_path / "voices.toml"
        voices_file.write_text(endpoints.voices_file(), "utf-8")
        chosen = {
            "openai_api_key": key,
            "openai_url": openai.url,
            "xai_api_key": key,
            "xai_url": xai.url,
            "gemini_api_key": key,
            "gemini_url": gemini.url,
            "voices_file": voices_file,
        }
        async with serving(database, dev=True, **chosen) as service:
            yield House(service, openai, xai, gemini, endpoints)


async def test_the_page_talks_with_every_provider(house: House) -> None:
    async with browsing(f"{house.service.base_url}/talk", SPEECH) as page:
        for model, heard in MODELS.items():
            before = house.used()
            await talk(page, model, heard)
            after = house.used()
            provider = model.partition("/")[0]
            assert {name for name in after if after[name] > before[name]} == {provider}


async def test_the_page_talks_with_gpt_live(database: TestDatabase) -> None:
    """Its fake answers below the same URL as that of OpenAI's realtime models."""
    async with fake_live() as fake:
        chosen = {"openai_api_key": SecretStr(LIVE_KEY), "openai_url": fake.url}
        async with (
            serving(database, dev=True, **chosen) as service,
            browsing(f"{service.base_url}/talk", SPEECH) as page,
        ):
            await talk(page, "openai/gpt-live-1.1", SPOKEN)
            assert len(fake.requests) == 1


async def talk(page: Page, model: str, heard: str) -> None:
    """Choose a model, say what the recording says, and wait for the answer to it."""
    asked = json.dumps({"config": {"model": model}}, separators=(",", ":"))
    option = f"[...document.getElementById('who').options].find((one) => one.value === {asked!r})"
    # The menu is filled again after each session, and can be used once it is.
    await page.until(f"!document.getElementById('who').disabled && {option}")
    await page.evaluate(f"void ({option}.selected = true)")
    await click_talk(page)
    said = f"/^You\\n{heard}/"
    await page.until(f"{_LINES}.some((line) => {said}.test(line))")
    # The page writes this once speech has come to be played.
    answered = rf"/^Agent · after \d+\.\d\d s.*\necho: {heard}/"
    await page.until(f"{_LINES}.some((line) => {answered}.test(line))")
    assert await page.evaluate("document.getElementById('notice').hidden")
    await click_talk(page)
    await page.until(f"{_STATE} === 'Not connected'")
    assert await page.evaluate("document.getElementById('notice').hidden")


async def click_talk(page: Page) -> None:
    await page.until("!document.getElementById('talk').disabled")
    await page.evaluate("document.getElementById('talk').click()")
