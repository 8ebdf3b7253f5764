"""The page "Meter usage", carried out in a terminal beside a server."""

import csv
import io
import json
import re
import sys
from collections import Counter

import pytest

from ringline.wire.wav import Wav, write_wav
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, ROOT, blocks_of
from tests.voice_desk import buzz, quiet

PAGE = DOCS / "howto" / "meter-usage.md"
#: What the page's table says of a million tokens of the test voices.
HEARD_USD, SPOKEN_USD = 100, 200


def test_usage_is_metered_as_the_page_says() -> None:
    (prices,) = blocks_of(PAGE, "toml")
    start, call, listing, summing, export, compare = (b.code for b in blocks_of(PAGE, "sh"))
    with reachable_directory() as place:
        (place / "prices.toml").write_text(prices.code, "utf-8")
        (place / "examples").symlink_to(ROOT / "examples")
        question = Wav(16_000, 1, quiet(300) + buzz(800))
        (place / "question.wav").write_bytes(write_wav(question))
        variables = {
            **environment(),
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            shell.run(start)
            for _ in range(2):
                shell.run(call)
            rows = json.loads(shell.run(listing))["results"]
            totals = json.loads(shell.run(summing))["totals"]
            shell.run(export)
            compared = shell.run(compare)
            ends = shell.attempt(call.replace("0.50", "0.0001"))[0]
        exported = list(csv.DictReader(io.StringIO((place / "usage.csv").read_text("utf-8"))))
        log = (place / "ringline.log").read_text("utf-8")
    assert len({row["callUuid"] for row in rows}) == 2
    for row in rows:
        cost = row["audioInTokens"] * HEARD_USD + row["audioOutTokens"] * SPOKEN_USD
        assert row["usd"] == pytest.approx(cost / 1e6)
        assert (row["model"], row["pricesDate"]) == ("mock/echo", "2026-11-28")
    assert sum(row["audioOutTokens"] for row in rows) > 0
    added: Counter[str] = Counter()
    for row in exported:
        added.update({name: round(float(row[name]) * 1e9) for name in ("audioInTokens", "usd")})
    (total,) = totals
    assert total["audio_in_tokens"] * 1e9 == added["audioInTokens"] > 0
    assert round(total["usd"] * 1e9) == added["usd"]
    assert {row["callUuid"] for row in exported} == {row["callUuid"] for row in rows}
    assert [row["occurredAt"] for row in exported] == sorted(row["occurredAt"] for row in exported)
    shown = re.search(r"mock/echo response .*'audioInTokens': (\d+)\.0", compared)
    assert shown is not None
    assert int(shown[1]) == total["audio_in_tokens"]
    assert "budget" in ends
    assert "Traceback" not in log
