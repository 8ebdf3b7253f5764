"""The console that the demo builds beside its call."""

import asyncio
from pathlib import Path

import psutil
import pytest

from ringline.cli import demo_console
from ringline.cli.demo_console import console_beside

LINK = "http://127.0.0.1:7400/console/sign-in#once"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout whose console is not built, and whose tool does what a test says."""
    (tmp_path / "tools").mkdir()
    monkeypatch.setattr(demo_console, "checkout", lambda: tmp_path)
    return tmp_path


def tool(checkout: Path, script: str) -> None:
    (checkout / "tools" / "console.py").write_text(script)


async def test_the_link_comes_when_the_console_is_built(checkout: Path) -> None:
    tool(checkout, "import os; print(os.nice(0), flush=True); assert os.sys.argv[1:] == ['build']")
    log = checkout / "demo" / "console.log"
    async with console_beside(log, wanted=True) as build:
        assert (await build.line(LINK)).endswith(LINK)
    assert log.read_text() == "19\n"


async def test_a_build_that_fails_is_one_line(checkout: Path) -> None:
    tool(checkout, "import sys; sys.exit('no room on the disk')")
    log = checkout / "console.log"
    async with console_beside(log, wanted=True) as build:
        assert await build.line(LINK) == f"The browser console could not be built; see {log}."
    assert log.read_text() == "no room on the disk\n"


async def test_a_demo_that_ends_takes_the_build_along(checkout: Path) -> None:
    tool(checkout, "import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    log = checkout / "console.log"
    async with console_beside(log, wanted=True):
        while not log.exists() or not log.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert not psutil.pid_exists(int(log.read_text()))


async def test_nothing_is_built_where_nobody_will_look(checkout: Path) -> None:
    tool(checkout, "raise AssertionError")
    async with console_beside(checkout / "console.log", wanted=False) as build:
        assert LINK in await build.line(LINK)
    assert not (checkout / "console.log").exists()


async def test_an_installation_has_its_console(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_console, "checkout", lambda: None)
    async with console_beside(checkout / "console.log", wanted=True) as build:
        assert LINK in await build.line(LINK)
    assert not (checkout / "console.log").exists()
