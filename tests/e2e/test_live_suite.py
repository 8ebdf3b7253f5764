"""The live suite, proved to run: the command of `make live` against the fakes of the tests.

The fakes judge each frame by their vendors' types, so what the suite sends there a provider
takes as well; whether it does what the suite expects, only a key can tell.
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.program import environment
from tests.fake_endpoints import KEY, fake_endpoints
from tests.fake_gemini import FakeGemini
from tests.fake_openai import OPENAI, XAI, fake_provider
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.pages import ROOT

SUITE = "tests/live/live_voices.py"
KEYS = ("OPENAI_API_KEY", "XAI_API_KEY", "GEMINI_API_KEY", "VOICES_FILE")


async def run(*arguments: str, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run pytest as `make live` does; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-rs", "-p", "no:cacheprovider", *arguments),
        cwd=ROOT,
        env=environment() | {"PYTHONPATH": os.fspath(ROOT / "src"), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_every_provider_passes_the_suite(tmp_path: Path) -> None:
    async with (
        fake_provider(OPENAI) as openai,
        fake_provider(XAI) as xai,
        FakeGemini(EchoModel(pace_s=0.05)) as gemini,
        fake_endpoints() as endpoints,
    ):
        voices_file = tmp_path / "voices.toml"
        voices_file.write_text(endpoints.voices_file(), "utf-8")
        variables = {
            **{f"RINGLINE_{name}": "a key of the fakes" for name in KEYS[:3]},
            "RINGLINE_OPENAI_URL": openai.url,
            "RINGLINE_XAI_URL": xai.url,
            "RINGLINE_GEMINI_URL": gemini.url,
            "RINGLINE_VOICES_FILE": os.fspath(voices_file),
            "HOUSE_KEY": KEY,
        }
        code, printed = await run(SUITE, "-k", "not openai-live", variables=variables)
        assert code == 0, printed
        skipped = re.findall(r"^SKIPPED .*\.py:\d+: (.*)$", printed, re.MULTILINE)
        assert skipped == ["gemini/gemini-3.8-live: instructions are fixed for a session"]
        assert "35 passed, 1 skipped" in printed
        assert openai.refused == xai.refused == []


async def test_openais_live_sessions_pass_the_suite() -> None:
    """They are below the same URL as OpenAI's realtime models, and have a fake of their own."""
    async with fake_live(hurry=5) as fake:
        variables = {"RINGLINE_OPENAI_API_KEY": LIVE_KEY, "RINGLINE_OPENAI_URL": fake.url}
        code, printed = await run(SUITE, "-k", "openai-live", variables=variables)
        assert code == 0, printed
        skipped = re.findall(r"^SKIPPED .*\.py:\d+: (.*)$", printed, re.MULTILINE)
        assert skipped == ["openai/gpt-live-1.1: instructions are fixed for a session"]
        assert "8 passed, 1 skipped" in printed
        assert fake.refused == []


async def test_a_provider_that_is_not_set_is_skipped_by_name() -> None:
    code, printed = await run(SUITE, variables={})
    assert code == 0, printed
    for name in KEYS:
        assert f"RINGLINE_{name} is not set" in printed
    assert "45 skipped" in printed


async def test_the_other_tests_do_not_collect_it() -> None:
    _, printed = await run("tests/live", "--collect-only", variables={})
    assert "no tests collected" in printed
