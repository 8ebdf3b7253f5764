"""The benchmark of neighbours: its frames, its bodies, its table."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clients import frame
from benchmarks.hostile.rpc import BODY_BYTES, hard_bodies
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.neighbours_table import Flooded, Size, recorded, section
from benchmarks.rounds import Figures, doubts
from ringline.domain.limits import RPC_BODY_BYTES
from ringline.wire.websocket_frames import text_frame

SIZE = Size(10, 10, 2, 1.0, 1.0)


def figures(times: float) -> Figures:
    return Figures(1.0 * times, 2.0 * times, 3.0 * times, 4.0 * times, (5.0 * times, 4.0 * times))


def a_record(**changed: Any) -> dict[str, Any]:
    record = {
        "surface": "rpc-flood",
        "priority": "first, last",
        "asked": {"rpc": 50, "fanout": 100, "voice": 1},
        "failed": {"rpc": 2},
        "probe": {"busy": 0.05, "lag_p99_ms": 0.3},
        "delayed": 0.01,
        "server": 0.5,
        "peak_mb": 120.0,
        "attack": {"counted": {"429": 30, "200": 10}, "seconds": 2.0, "broken": []},
    }
    return record | changed


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_the_servers_own_with_a_mask_of_zeros(length: int) -> None:
    payload, theirs, ours = b"x" * length, text_frame(b"x" * length), frame(b"x" * length)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1] | 0x80
    assert ours[2:].removesuffix(payload) == theirs[2:].removesuffix(payload) + bytes(4)


def test_hard_bodies_are_as_long_as_they_may_be() -> None:
    lengths = [len(body) for body in hard_bodies()]
    assert max(lengths) <= RPC_BODY_BYTES.most
    assert sum(length > 0.8 * BODY_BYTES for length in lengths) >= len(lengths) - 1


def test_the_table_pairs_rounds() -> None:
    flooded = Flooded("rpc-flood", [figures(1), figures(2), figures(3)], [figures(2), figures(8)])
    flooded.records = [a_record(attack=None), a_record()]
    text = section([flooded, Flooded("mints", ended="(ended: it hung)")], SIZE).render()
    assert "| 3.00 → 10.0 (× 3.0, 2.0 – 4.0) |" in text
    assert "| 10.0 → 40.0 (× 4.0) |" in text
    assert "| 2 of 151 | 429: 15.0, 200: 5.0 | 50% | 120 |" in text
    assert "(`mints`) | (ended: it hung) |" in text
    assert "| RPC p99, attacked ÷ quiet, on the surface where it is most (`rpc-flood`) |" in text
    assert "0 of 2 rounds are doubtful." in text


def test_a_round_that_shows_something_else_is_doubtful() -> None:
    assert doubts(a_record()) == []
    nothing = {"counted": {"opened": 5}, "seconds": 1.0, "broken": ["KeyError('x')"]}
    probe = {"busy": 0.9, "lag_p99_ms": 20.0}
    assert len(doubts(a_record(probe=probe, delayed=0.6, attack=nothing))) == 5


def test_every_surface_says_what_shows_that_the_server_took_part() -> None:
    assert all(surface.answers({}) == 0 for surface in SURFACES.values())
    assert SURFACES["rpc-flood"].answers({"429 rate_limited": 3, "closed": 2}) == 3
    assert SURFACES["strangers"].answers({"opened": 9, "401 unauthorized": 1}) == 1


def test_a_surface_whose_rounds_a_file_holds_is_not_flooded_again(tmp_path: Path) -> None:
    path, alone, under = tmp_path / "rounds", asdict(figures(1)), asdict(figures(2))
    whole = [a_record(**alone, attack=None), a_record(**under)] * SIZE.rounds
    short = {"counted": {}, "seconds": 0.5, "broken": []}
    others = [
        a_record(surface="mints", **alone, attack=None),
        a_record(surface="streams", ended="(ended: it hung)", attack=None),
        *[a_record(surface="realtime", **alone, attack=None)] * SIZE.rounds,
        *[a_record(surface="realtime", **under, attack=short)] * SIZE.rounds,
    ]
    path.write_text("".join(json.dumps(made) + "\n" for made in [*whole, *others]))
    held = recorded(path, SIZE)
    assert list(held) == ["rpc-flood"]
    assert held["rpc-flood"].quiet == [figures(1)] * SIZE.rounds
    assert held["rpc-flood"].attacked == [figures(2)] * SIZE.rounds
    assert "(× 2.0, 2.0 – 2.0)" in section([held["rpc-flood"]], SIZE).render()
    assert recorded(tmp_path / "none", SIZE) == recorded(None, SIZE) == {}
