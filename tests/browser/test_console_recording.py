"""The recording of a call on its page: it plays, it seeks, and whoever opened it is on record."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from ringline.domain.log import Environment, Scope
from tests.browser.visits import link_for, visiting
from tests.database import TestDatabase
from tests.serving import on_shared_server, serving
from tests.stored_recordings import store_recording

SECOND_BYTES = 64_000


@pytest.mark.timeout(120)
@on_shared_server
async def test_a_recording_plays_and_is_audited(
    shared_database: TestDatabase, chromium: Browser, tmp_path: Path
) -> None:
    async with serving(shared_database, data_dir=tmp_path) as service:
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        stored = await store_recording(shared_database, scope, tmp_path, size=3 * SECOND_BYTES)
        async with visiting(chromium, service.base_url) as visit:
            page = await visit.sign_in(await link_for(service))
            await page.goto(f"{service.base_url}/console/live/calls/{stored.call.uuid}")
            await page.get_by_role("button", name="2×").click()
            async with page.expect_response(lambda answer: answer.url.endswith("/peaks")) as peaks:
                await page.get_by_role("button", name="Play").click()
            assert len(await (await peaks.value).body()) == 3 * 20 * 4
            position = page.get_by_role("slider", name="Position in the call")
            await expect(page.get_by_role("button", name="Play")).to_be_visible()  # at its end
            await expect(position).to_have_attribute("aria-valuetext", "0:03")
            await position.press("Shift+ArrowLeft")
            await expect(position).to_have_attribute("aria-valuetext", "0:00")
            about = page.get_by_role("navigation", name="About this call")
            await about.get_by_role("link", name="Audit", exact=True).click()
            entries = page.get_by_role("region", name="About this call, in full")
            await expect(entries).to_contain_text("owner@localhost opened the recording")
