"""What voices of providers cost: the codec of a frame, and what a session adds to its way."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import psutil

from benchmarks import cores
from benchmarks.relay_clients import Sessions
from benchmarks.relay_contestants import tickets
from benchmarks.report import Grid, Row, Section, brief, percentile, ratios
from benchmarks.servers import LIMIT_S, UNLIMITED, Server, dev, directory
from benchmarks.voice_codecs import Cost, costs
from benchmarks.voice_frames import Frames

SESSIONS, SECONDS, RUNS = 10, 10.0, 5
#: The models, and what they hear.
MODELS = {
    "openai/gpt-realtime-2.1": Frames(24_000),
    "openai/gpt-live-1.1": Frames(24_000),
    "xai/grok-voice-latest": Frames(24_000),
    "gemini/gemini-3.8-live": Frames(16_000),
    "cascade/bench": Frames(16_000),
}
_KEY = "a key of the benchmark"


@dataclass(slots=True)
class Delays:
    """The ages of frames, in ms, by round: what a provider heard, and what a client did."""

    inward: list[list[float]] = field(default_factory=list[list[float]])
    outward: list[list[float]] = field(default_factory=list[list[float]])


class Providers:
    """The process of all providers."""

    def __init__(self, process: subprocess.Popen[bytes], urls: Mapping[str, str]) -> None:
        self._process = process
        self.own = psutil.Process(process.pid)
        self.urls = urls

    def heard(self, place: Path) -> list[float]:
        """Return the ages of the frames that were heard since last asked."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{place / 'heard'}\n".encode())
        stdin.flush()
        stdout.readline()
        return json.loads((place / "heard").read_text())


def voices(*, tiny: bool = False) -> Section:
    codec = costs(tiny=tiny)
    sessions, seconds, rounds = (2, 0.5, 1) if tiny else (SESSIONS, SECONDS, RUNS)
    found = {model: Delays() for model in MODELS}
    with directory() as place, providers() as ours, server_of(ours, place) as server:
        for number in (1,) if tiny else range(rounds + 1):
            for model, delays in found.items():
                with sessions_with(model, server, count=sessions) as talking:
                    said = talk(talking, ours, place=place, model=model, seconds=seconds)
                if number:  # the first is a warm-up
                    delays.inward.append(said.inward)
                    delays.outward.append(said.outward)
    return Section(
        "voices",
        "Voices of providers",
        "The first table compares the codecs with `json` and `base64` of the standard library, for "
        "one frame of 40 ms. Frames to a provider reuse the client's base64, or are encoded again "
        "after resampling; frames from a provider are decoded to samples. A cascade sends the "
        "caller's turn as one request and receives plain samples, so its figures are shares. The "
        "second table shows the delay that a session adds to a frame. "
        f"{sessions} sessions run for {seconds:.0f} s with a fake of each provider on this "
        "machine; client and provider both send a frame every 40 ms. A frame carries the time it "
        "was made, and its age is taken when the other side has read it, so the kernel's time and "
        f"theirs count as ours. {cores.how()}",
        [*_dearest(codec), *(row for model in found for row in _rows(model, found[model]))],
        Grid(["ours, µs", "`json` and `base64`, µs", "ratio"], [_compared(cost) for cost in codec]),
    )


def _compared(cost: Cost) -> tuple[str, list[str]]:
    ratio = brief(ratios(cost.ours, cost.plain))
    return cost.name, [brief(cost.ours), brief(cost.plain), ratio]


def _dearest(codec: list[Cost]) -> list[Row]:
    """Return the codec with the highest ratio."""
    dearest = max(codec, key=lambda cost: percentile(ratios(cost.ours, cost.plain), 50))
    what = f"codec ÷ `json` and `base64`, the dearest ({dearest.name})"
    return [Row(what, ratios(dearest.ours, dearest.plain), "", "≤ 2")]


def _rows(model: str, delays: Delays) -> list[Row]:
    ways = (("client → provider", delays.inward), ("provider → client", delays.outward))
    return [
        Row(f"{model}: {way}, p{percent}", [percentile(run, percent) for run in runs], "ms", goal)
        for way, runs in ways
        for percent, goal in ((50, "≤ 1"), (99, "≤ 10"))
        if all(runs)  # a cascade sends no frames
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """The ages of frames in ms, both ways; and how many frames the clients sent."""

    inward: list[float]
    outward: list[float]
    sent: int


@contextlib.contextmanager
def sessions_with(
    model: str, server: Server, *, count: int, **asked: object
) -> Generator[Sessions]:
    """Open sessions with a model that speaks; `asked` are other members of the mint."""
    config = {"model": model, **cast("dict[str, object]", asked.pop("config", {}))}
    offers = tickets(server, {"config": config, **asked})(count)
    talking = Sessions(server.port, offers, prompt="Speak.", frames=MODELS[model])
    try:
        talking.talk(1.0)
        yield talking
    finally:
        talking.close()


def talk(
    talking: Sessions, providers: Providers, *, place: Path, model: str, seconds: float
) -> Said:
    """Talk for a while; return the ages of frames. SystemExit if they did not come."""
    providers.heard(place)
    ours = talking.talk(seconds)
    time.sleep(0.2)  # the last frames are read
    inward = providers.heard(place)
    hears = not model.startswith("cascade/")
    if len(ours.ages_ms) < 0.9 * ours.sent or (hears and len(inward) < 0.9 * ours.sent):
        raise SystemExit(
            f"{model}: of {ours.sent} frames each way {len(inward)} were heard and "
            f"{len(ours.ages_ms)} came."
        )
    return Said(inward, ours.ages_ms, ours.sent)


@contextlib.contextmanager
def providers() -> Generator[Providers]:
    """Run the providers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.voice_providers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Providers(process, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()


@contextlib.contextmanager
def server_of(providers: Providers, place: Path) -> Generator[Server]:
    """Run a server whose models are all at these providers, on a core of its own."""
    with (
        server_beside(providers, place) as server,
        cores.apart([server.own], [providers.own]),
    ):
        yield server


@contextlib.contextmanager
def server_beside(providers: Providers, place: Path) -> Generator[Server]:
    """Run a server whose models are all at these providers, on any core."""
    urls = providers.urls
    stages = "".join(
        f'[cascade.bench.{stage}]\nurl = "{urls["endpoints"]}"\nmodel = "m"\n'
        for stage in ("transcription", "chat", "speech")
    )
    voices_file = place / "voices.toml"
    voices_file.write_text(f'[cascade.bench]\nvoices = ["one"]\n{stages}', "utf-8")
    settings = {
        **UNLIMITED,
        "RINGLINE_OPENAI_API_KEY": _KEY,
        "RINGLINE_OPENAI_URL": urls["realtime"],
        "RINGLINE_XAI_API_KEY": _KEY,
        "RINGLINE_XAI_URL": urls["realtime"],
        "RINGLINE_GEMINI_API_KEY": _KEY,
        "RINGLINE_GEMINI_URL": urls["gemini"],
        "RINGLINE_VOICES_FILE": str(voices_file),
    }
    with dev(place / "data", settings) as (server, _):
        yield server
