"""The page "Record calls", carried out in a terminal beside a server."""

import json
import re
import sys
from pathlib import Path

from ringline.domain.recording import RecordingFailure
from ringline.wire.wav import Wav, read_wav, write_wav
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, ROOT, blocks_of
from tests.recorded import Recorded, loud_ms

PAGE = DOCS / "howto" / "record-calls.md"
SPOKEN_S = 3


def test_calls_are_recorded_as_the_page_says() -> None:
    with reachable_directory() as place:
        (place / "examples").mkdir()
        whole = read_wav((ROOT / "examples" / "demo-call.wav").read_bytes())
        short = Wav(whole.rate_hz, 1, whole.pcm[: 2 * whole.rate_hz * SPOKEN_S])
        (place / "examples" / "demo-call.wav").write_bytes(write_wav(short))
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as server, Shell(place, variables) as shell:
            shown, again = dict[str, str](), b""
            for block in blocks_of(PAGE, "sh", "sh terminal"):
                if block.language == "sh terminal":
                    server.paste(block.code)
                    server.shows("Ringline is at")
                    continue
                if block.heading == "Delete a recording":
                    (before,) = (place / "data" / "recordings").iterdir()
                    again = before.read_bytes()
                shown[block.heading] = shell.run(block.code)
            assert not list((place / "data" / "recordings").iterdir())
        assert json.loads(shown["Ask the caller"]) == {"consentRequired": False}
        heard = Recorded.read(place / "call.wav")
        (call,) = json.loads(shown["Get a recording"])["results"]
        assert call["recordingConsent"] is None
        assert call["recordingMs"] == int(heard.wav.duration_ms)
        assert (place / "call.wav").read_bytes() == again
        assert (place / "fetched.wav").read_bytes() == again
        assert (place / "header.wav").read_bytes() == again[:44]
        assert loud_ms(heard.caller) > 500
        assert loud_ms(heard.agent) > 500


def test_the_page_lists_every_reason() -> None:
    listed = re.findall(r"^\| `(\w+)` \| ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(RecordingFailure) <= set(listed)
