"""The talk page's modules that come from the SDK: compiled from its source, or part of it.

`python -m tests.e2e.talk_modules` writes them anew; a test compares them.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.request import Request, urlopen

from ringline.web.talk import FILES
from tests.e2e.node import SDK, find_node
from tests.e2e.sdk import build
from tests.pages import ROOT

LIMIT_S = 60
WEB = ROOT / "src" / "ringline" / "web"
_WORKLET = "import { MICROPHONE_WORKLET } from %s; process.stdout.write(MICROPHONE_WORKLET);"


def modules() -> Mapping[Path, str]:
    """Return the modules by the paths where they stand."""
    voice = build() / "voice.js"
    done = subprocess.run(
        [find_node().node, "--input-type=module", "--eval", _WORKLET % json.dumps(voice.as_uri())],
        cwd=SDK,
        capture_output=True,
        text=True,
        check=True,
    )
    text = voice.read_text("utf-8")
    assert not re.search(r"^\s*(?:import\b(?!\()|export .* from )", text, re.MULTILINE)
    return {WEB / "voice.js": text, WEB / "microphone.js": done.stdout.strip() + "\n"}


def check_talk_page(url: str) -> None:
    """Check that a server has the page's files as they stand here, and a key to mint with."""
    for name in FILES:
        with urlopen(f"{url}/talk/{name}", timeout=LIMIT_S) as answer:
            assert answer.read() == (WEB / name).read_bytes()
    asked = Request(f"{url}/talk/ticket", data=b"{}", headers={"Origin": url})
    with urlopen(asked, timeout=LIMIT_S) as answer:
        assert json.load(answer)["client_secret"]


if __name__ == "__main__":
    for path, text in modules().items():
        path.write_text(text, "utf-8")
