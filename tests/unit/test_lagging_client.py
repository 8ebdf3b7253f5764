"""What a realtime session's client played that does not always read.

The client here plays what it gets, one piece after the other, and knows how much that was.
"""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import bridge, leg
from ringline.domain.config_members import SessionConfig
from ringline.domain.routes import PartyId, Seat, routes
from ringline.domain.session_config import EffectiveConfig
from ringline.legs.outgoing import MAX_WAITING_SPEECH_MS
from ringline.legs.realtime import RealtimeLeg
from ringline.services.bridge import Bridge
from tests.clock import run
from tests.talking import (
    CALLER,
    CAPABILITIES,
    OUTPUT_HZ,
    VOICE,
    ScriptedVoice,
    half_or_double,
    speech,
)

SEATS: dict[PartyId, Seat] = {CALLER: Seat.TALK, VOICE: Seat.AGENT}
SESSION = EffectiveConfig(SessionConfig(), CAPABILITIES)
PIECE_MS = 20.0
LEAD_MS = 400.0
LONG_MS = 20_000


def now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000


@dataclass
class Client:
    """A client, and the server's side of its socket."""

    paused: bool = False
    got: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def send_text(self, payload: bytes) -> None:
        event = json.loads(payload)
        if event["type"] == "audio.delta":
            duration_ms = len(event["audio"]) * 3 / 4 / 2 / OUTPUT_HZ * 1000
            self.got.append((now_ms(), duration_ms))

    def played_ms(self) -> float:
        """Return how much it has played by now."""
        played = ends_at = 0.0
        for at, duration_ms in self.got:
            starts_at = max(at, ends_at)
            ends_at = starts_at + duration_ms
            played += min(max(0.0, now_ms() - starts_at), duration_ms)
        return played


class Talk:
    """A voice that speaks for 20 s to a client, through a bridge and the session's leg."""

    def __init__(self) -> None:
        self.client = Client()
        self.line = RealtimeLeg(self.client, SESSION, events_per_window=100)
        self.bridge = Bridge(
            lambda _: None, CALLER, caller_leg=self.line, lead_ms=LEAD_MS,
            new_resampler=half_or_double,
        )  # fmt: skip
        speaker = ScriptedVoice(self.bridge.plug_voice(VOICE), CAPABILITIES)
        self.bridge.send(bridge.SetRoutes(routes(SEATS, paused=False), CALLER))
        self.bridge.attach_voice(VOICE, speaker)
        self.bridge.send(bridge.AttachVoice(VOICE))
        pieces = [speech(PIECE_MS)] * round(LONG_MS / PIECE_MS)
        speaker.say("one", *pieces, text="hello")
        self.line.send(leg.AgentStarted())
        self.bridge.send(bridge.PlayResponse("one"))

    async def stall(self, for_ms: float) -> None:
        self.client.paused = True
        await asyncio.sleep(for_ms / 1000)
        self.client.paused = False
        self.line.drained()


times = st.integers(0, 1_500)


@given(st.lists(st.tuples(times, times), max_size=4), times, st.booleans())
def test_an_interruption_knows_what_was_played_whatever_the_client_read(
    stalls: list[tuple[int, int]], then_ms: int, stalled: bool
) -> None:
    async def main() -> None:
        talk = Talk()
        for reads_ms, stalls_ms in stalls:
            await asyncio.sleep(reads_ms / 1000)
            await talk.stall(stalls_ms)
        talk.client.paused = stalled
        await asyncio.sleep(then_ms / 1000)
        played_ms = talk.client.played_ms()
        told = talk.bridge.halt()
        assert talk.bridge.halt() == told, "it was stopped"
        assert played_ms - PIECE_MS <= told.ms <= played_ms + 1

    run(main())


@pytest.mark.parametrize("resumes", [False, True])
def test_what_was_dropped_was_not_played(resumes: bool) -> None:
    async def main() -> None:
        talk = Talk()
        await asyncio.sleep(1.0)
        talk.client.paused = True
        await asyncio.sleep(2 * MAX_WAITING_SPEECH_MS / 1000)
        if resumes:
            talk.client.paused = False
            talk.line.drained()
            await asyncio.sleep(0.5)
        played_ms = talk.client.played_ms()
        assert played_ms == pytest.approx(1_000 + LEAD_MS + 500 * resumes, abs=PIECE_MS)
        assert played_ms - PIECE_MS <= talk.bridge.halt().ms <= played_ms + 1

    run(main())


def test_the_next_response_is_not_charged_for_what_the_last_one_lost() -> None:
    async def main() -> None:
        talk = Talk()
        await talk.stall(2 * MAX_WAITING_SPEECH_MS)
        talk.line.send(leg.AgentStarted())
        await asyncio.sleep(0.1)
        unplayed_ms = talk.line.flush()
        assert unplayed_ms is not None
        assert unplayed_ms <= MAX_WAITING_SPEECH_MS

    run(main())


def test_a_client_that_reads_is_taken_at_the_clocks_word() -> None:
    async def main() -> None:
        talk = Talk()
        await asyncio.sleep(0.3)
        assert talk.line.flush() is None
        assert talk.bridge.halt().ms == pytest.approx(300, abs=1)

    run(main())


def test_a_client_that_is_lost_has_not_played_what_waited() -> None:
    async def main() -> None:
        talk = Talk()
        await asyncio.sleep(0.5)
        talk.client.paused = True
        await asyncio.sleep(1.5)
        talk.line.lost()
        assert talk.bridge.halt().ms == pytest.approx(500 + LEAD_MS, abs=PIECE_MS)

    run(main())
