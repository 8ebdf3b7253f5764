"""The page "Run your own models", carried out in a terminal against local endpoints."""

import asyncio
import json
import re
import sys
from pathlib import Path

from ringline.wire.wav import Wav, read_wav, write_wav
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.fake_endpoints import HEARD, FakeEndpoints, fake_endpoints, tone_of
from tests.pages import DOCS, blocks_of
from tests.voice_desk import buzz, quiet

PAGE = DOCS / "howto" / "run-your-own-models.md"


async def test_a_cascade_is_set_up_as_the_page_says() -> None:
    async with fake_endpoints() as fake:
        await asyncio.to_thread(carry_out, fake)


def carry_out(fake: FakeEndpoints) -> None:
    (file,) = blocks_of(PAGE, "toml")
    start, listing, call, mint = (block.code for block in blocks_of(PAGE, "sh"))
    with reachable_directory() as place:
        text = file.code.replace("http://127.0.0.1:9000/v1", fake.url)
        (place / "voices.toml").write_text(text, "utf-8")
        question = Wav(16_000, 1, quiet(300) + buzz(800))
        (place / "question.wav").write_bytes(write_wav(question))
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            shell.run(start)
            assert shell.run(listing).strip() == "cascade/house"
            heard = "".join(HEARD)
            shown = shell.run(call)
            assert heard in shown
            assert f"echo: {heard}" in shown
            assert json.loads(shell.run(mint))["client_secret"]
        spoken = tone_of(f"echo: {heard}")
        recording = read_wav((place / "call.wav").read_bytes())
        assert recording.channels == 2
        assert recording.duration_ms > len(spoken) / 48
        log = (place / "ringline.log").read_text("utf-8")
    assert not re.search("the-key-of-your-endpoints|Traceback", log)
    keys = {asked.headers["authorization"] for asked in fake.asked}
    assert keys == {"Bearer the-key-of-your-endpoints"}
    models = [asked.members["model"] for asked in fake.asked]
    assert models == ["whisper-large-v3", "llama-4", "kokoro"]
    assert fake.asked[0].members["language"] == "en"
