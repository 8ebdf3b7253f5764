"""A Chromium that Playwright drives, shared by the tests of a file."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.built_console import require_console
from tests.e2e.programs import find_program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Provide the system's Chromium; Playwright downloads none."""
    require_console()
    program = find_program("chromium")
    async with started(program) as browser:
        yield browser


@asynccontextmanager
async def started(program: str) -> AsyncIterator[Browser]:
    """Run a Chromium for the length of a block."""
    flags = ["--disable-gpu", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=program, args=flags) as browser,
    ):
        yield browser
