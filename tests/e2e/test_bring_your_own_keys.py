"""The page "Bring your own keys", carried out in a terminal beside a server."""

import asyncio
import json
import sys
from pathlib import Path

from ringline.services.provider_keys import MAX_CACHED
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.fake_openai import KEY, FakeProvider, fake_provider
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "bring-your-own-keys.md"
NEW = "another key of the provider"


async def test_a_workspace_brings_its_key_as_the_page_says() -> None:
    async with fake_provider() as fake:
        await asyncio.to_thread(carry_out, fake)


def carry_out(fake: FakeProvider) -> None:
    bring, listing, change, remove = (block.code for block in blocks_of(PAGE, "sh"))
    with reachable_directory() as place:
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_PORT": "0",
            "RINGLINE_OPENAI_URL": fake.url,
            "OPENAI_KEY": KEY,
            "NEW_KEY": NEW,
        }
        with Shell(place, variables) as server, Shell(place, variables) as shell:
            server.paste('ringline dev --data-dir "$PWD/data"')
            server.shows("Ringline is at")
            made = json.loads(shell.run(bring))
            assert (made["provider"], made["lastFour"]) == ("openai", KEY[-4:])
            models = {model["id"] for model in json.loads(shell.run(listing))["models"]}
            assert "openai/gpt-realtime-2.1" in models
            assert {name.partition("/")[0] for name in models} == {"openai"}
            assert json.loads(shell.run(change)) == {"lastFour": NEW[-4:]}
            shell.run(remove)
            assert json.loads(shell.run(listing.splitlines()[-1]))["models"] == []
        assert KEY not in server.shown + shell.shown
        assert NEW not in server.shown + shell.shown
    assert fake.requests == [], "nothing is asked of the provider"


def test_what_is_said_of_the_cache_is_true() -> None:
    assert f"{MAX_CACHED:,} environments" in (DOCS / "why.md").read_text("utf-8")
