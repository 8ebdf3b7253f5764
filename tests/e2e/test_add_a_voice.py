"""The page "Add a voice", applied to a copy of the code."""

import json
from pathlib import Path

import aiohttp

from tests.database import TestDatabase
from tests.e2e.carried_out import served
from tests.fake_openai import KEY, fake_provider
from tests.howto import ROOT
from tests.pages import blocks_of
from tests.realtime_session import PATH, Client

PAGE = ROOT / "docs" / "howto" / "add-a-voice.md"
CONFIG = {"model": "parrot/echo", "turn_detection": {"type": "none"}}


async def test_a_newcomer_adds_a_voice_by_the_page(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    async with fake_provider() as fake:
        settings = {"RINGLINE_ACME_URL": fake.url, "RINGLINE_ACME_API_KEY": KEY}
        with served(PAGE, 8, empty_database, tmp_path, **settings) as (base_url, key):
            await talk_to_both(base_url, key)
            assert fake.of("session.update")[0]["session"]["audio"]["output"]["voice"] == "coyote"


def test_a_provider_that_speaks_openais_dialect_takes_few_lines() -> None:
    heading = "A provider that speaks OpenAI's realtime protocol"
    blocks = [block for block in blocks_of(PAGE, "python") if block.heading == heading]
    lines = [line for block in blocks for line in block.code.splitlines() if line.strip()]
    assert 20 <= len(lines) <= 40


async def talk_to_both(base_url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as http:
        assert await mint(http, {**CONFIG, "model": "parrot/none"}) == "model_not_found"
        secret = await mint(http, CONFIG)
        protocols = [f"opper-ticket.{secret}"]
        async with http.ws_connect(PATH, protocols=protocols) as socket:
            await talk(Client(socket))
        async with http.ws_connect(PATH) as socket:
            client = Client(socket)
            await client.send("session.start", config={"model": "parrot/echo"})
            refused = await client.until("session.terminating")
            assert refused["error"]["code"] == "unsupported_turn_detection"
        async with http.ws_connect(PATH) as socket:
            client = Client(socket)
            await client.start(config={"model": "acme/talk-1", "output_transcription": True})
            await client.send("text.input", text="Hello")
            await client.send("response.create")
            await client.until("response.completed")
            assert client.text() == "echo: Hello"


async def mint(http: aiohttp.ClientSession, config: dict[str, object]) -> str:
    """Mint a ticket; return its secret, or the code of the error."""
    async with http.post("/v3/realtime-sessions", json={"config": config}) as answer:
        told = json.loads(await answer.text())
    return told["client_secret"] if answer.status == 200 else told["error"]["code"]


async def talk(client: Client) -> None:
    started = await client.start(config={"output_transcription": True})
    assert (started["input_sample_rate"], started["output_sample_rate"]) == (16_000, 16_000)
    await client.send("text.input", text="Polly wants a cracker.")
    await client.send("response.create")
    await client.until("response.completed")
    assert client.text() == "Polly wants a cracker."
    pcm = bytes(range(256)) * 50
    await client.hear(pcm)
    await client.send("audio.commit")
    await client.until("response.completed")
    assert client.pcm() == pcm
    assert client.text() == "Polly wants a cracker."
