"""The leg of a session in OpenAI's protocol: places, requests, and a client that does not read."""

import json
from base64 import b64encode
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import leg
from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.session_config import EffectiveConfig
from ringline.domain.voice import VoiceFailure
from ringline.legs.openai_server import OpenAIServerLeg
from ringline.legs.outgoing import MAX_WAITING_FRAMES
from ringline.voices import mock
from ringline.wire.openai_server_conversation import Conversation, item_of
from ringline.wire.openai_server_errors import CODES, OWN_ERRORS
from ringline.wire.openai_server_session import Shown
from ringline.wire.openai_server_tables import TOLD
from tests import clock
from tests.openai_examples import OPENAI_CLIENT_EXAMPLES
from tests.outside_types import openai_server
from tests.samples import new_id
from tests.talking import speech

CONFIG = SessionConfig(model="mock/echo", voice="a")
SESSION = Shown(
    "sess_1", EffectiveConfig(CONFIG, mock.ECHO, members={"model": "mock/echo"}), {}, {}
)
TURN = new_id()


@dataclass
class Client:
    """The socket, its client, and the call's listener."""

    paused: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    signals: list[leg.LegSignal] = field(default_factory=list[leg.LegSignal])
    frames: int = 0
    heard: list[Chunk] = field(default_factory=list[Chunk])

    def send_text(self, payload: bytes) -> None:
        self.sent.append(json.loads(payload))

    def on_leg_frame(self) -> None:
        self.frames += 1

    def on_leg_signal(self, signal: leg.LegSignal) -> None:
        self.signals.append(signal)

    def on_leg_audio(self, chunk: Chunk) -> None:
        self.heard.append(chunk)

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.sent]

    @property
    def errors(self) -> list[tuple[str, str | None]]:
        found = [frame["error"] for frame in self.sent if frame["type"] == "error"]
        return [(error["code"], error["event_id"]) for error in found]


def event(kind: str, **members: object) -> str:
    return json.dumps({"type": kind, "event_id": "mine", **members})


def append(duration_ms: float) -> str:
    pcm = speech(duration_ms, 24_000).pcm
    return event("input_audio_buffer.append", audio=b64encode(pcm).decode())


def run(
    main: Callable[[OpenAIServerLeg, Client], Coroutine[Any, Any, None]],
    *,
    updated: bool = False,
    events_per_window: int = 0,
) -> None:
    async def whole() -> None:
        client = Client()
        line = OpenAIServerLeg(
            client,
            SESSION,
            conversation=Conversation(new_id),
            events_per_window=events_per_window,
            updated=updated,
        )
        line.report_to(client)
        assert client.signals.pop() == leg.AnswersOnRequest(turns=False, results=True)
        await main(line, client)
        assert [flaw for frame in client.sent for flaw in openai_server(frame)] == []

    clock.run(whole())


def say(line: OpenAIServerLeg) -> str:
    """Let the agent speak 100 ms; return the item."""
    line.send(leg.AgentStarted(TURN))
    line.send(leg.AgentSaid("word"))
    line.play(speech(100))
    return item_of(TURN)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        (event("response.create"), leg.ResponseRequested("mine")),
        (event("response.cancel"), leg.CancelRequested("mine")),
        (event("input_audio_buffer.commit"), leg.EndTurnRequested()),
        (event("input_audio_buffer.clear"), leg.ClearRequested()),
    ],
)
def test_what_the_client_says_becomes_a_signal(text: str, signal: leg.LegSignal) -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.receive(text)
        assert client.signals == [signal]
        assert client.errors == []
        assert client.frames == 1

    run(main)


@pytest.mark.parametrize("updated", [True, False])
def test_the_session_is_confirmed_once_the_call_is_answered(updated: bool) -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.send(leg.SessionStarted(new_id(), "uuid"))
        assert client.types == (["session.updated"] if updated else [])

    run(main, updated=updated)


def test_places_count_the_audio_of_the_client() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for _ in range(10):
            line.receive(append(100))
        line.send(leg.CallerStarted(TURN, 300.0))
        for _ in range(10):
            line.receive(append(100))
        line.send(leg.CallerStopped(TURN, 500.0, 1_300.0))
        line.send(leg.TurnTranscribed("hello", TURN))
        started, stopped, committed, *_ = client.sent
        assert started["audio_start_ms"] == 700
        assert stopped["audio_end_ms"] == 2_000
        assert committed["item_id"] == started["item_id"] == item_of(TURN)
        assert sum(chunk.duration_ms for chunk in client.heard) == 2_000
        assert "input_audio_transcription" not in str(client.types), "nobody asked for it"

    run(main)


def test_the_session_says_who_requests_answers() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        heard = {"turn_detection": None}
        line.receive(event("session.update", session={"audio": {"input": heard}}))
        requests, changed = client.signals
        assert requests == leg.AnswersOnRequest(turns=True, results=True)
        assert isinstance(changed, leg.ConfigChanged)
        assert changed.request == "mine"
        line.send(leg.ConfigUpdated(changed.config))
        assert client.sent[-1]["session"]["audio"]["input"]["turn_detection"] is None

    run(main)


def test_a_refusal_names_the_event_that_it_answers() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.send(leg.RequestRefused(leg.Refusal.RESPONSE_ACTIVE, "theirs"))
        for _ in range(20):
            line.receive(event("input_audio_buffer.commit"))
        line.send(leg.RequestRefused(leg.Refusal.NOTHING_TO_COMMIT))
        line.send(leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL))
        assert client.errors == [
            ("conversation_already_has_active_response", "theirs"),
            ("input_audio_buffer_commit_empty", "mine"),
            ("tool_call_not_found", None),
        ]

    run(main)


def test_a_message_can_be_truncated_within_what_was_sent() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        item = say(line)

        def truncate(audio_end_ms: int, **others: object) -> None:
            members = {"item_id": item, "content_index": 0, "audio_end_ms": audio_end_ms}
            line.receive(event("conversation.item.truncate", **(members | others)))

        truncate(100)
        truncate(101)
        truncate(-1)
        truncate(10, content_index=1)
        truncate(10, item_id="another")
        assert client.signals == [leg.PlaybackTold(100)]
        assert [code for code, _ in client.errors] == [
            "invalid_value",
            "invalid_value",
            "item_not_found",
            "item_not_found",
        ]
        line.send(leg.AgentFinished())
        truncate(50)
        assert len(client.signals) == 1, "the response is over: nothing revises it"
        assert client.types.count("conversation.item.truncated") == 2

    run(main)


def test_a_cancel_is_of_the_response_that_it_names() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        say(line)
        response = client.sent[0]["response"]["id"]
        line.receive(event("response.cancel", response_id="another"))
        assert client.errors == [("response_cancel_not_active", "mine")]
        assert client.signals == []
        line.receive(event("response.cancel", response_id=response))
        assert client.signals == [leg.CancelRequested("mine")]

    run(main)


def test_a_turn_that_was_cleared_is_no_item() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.send(leg.CallerStarted(TURN))
        line.receive(event("input_audio_buffer.clear"))
        line.send(leg.CallerStopped(TURN))
        assert client.types[-2:] == [
            "input_audio_buffer.cleared",
            "input_audio_buffer.speech_stopped",
        ]
        line.send(leg.CallerStarted(another := new_id()))
        line.send(leg.CallerStopped(another))
        assert "input_audio_buffer.committed" in client.types

    run(main)


def test_audio_may_not_come_much_faster_than_time() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for _ in range(3):
            line.receive(append(10_000))
        assert client.errors == [("invalid_audio", "mine")]
        line.receive(append(10_001))
        assert len(client.errors) == 2

    run(main)


def test_events_are_counted_but_audio_is_not() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for _ in range(5):
            line.receive(append(20))
        for _ in range(3):
            line.receive(event("response.create"))
        assert client.errors == [("rate_limit_exceeded", "mine")]
        assert len(client.signals) == 2

    run(main, events_per_window=2)


def test_a_client_that_does_not_read_keeps_its_place_and_is_let_go_in_the_end() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        client.paused = True
        say(line)
        assert client.sent == []
        client.paused = False
        line.drained()
        assert client.types[0] == "response.created"
        assert client.types[-1] == "response.output_audio.delta"
        client.paused = True
        for _ in range(MAX_WAITING_FRAMES + 1):
            line.send(leg.AgentSaid("word"))
        assert client.signals == [leg.LegFailed(EndCause.LEG_TOO_SLOW)]
        line.send(leg.HangUp(EndCause.LEG_TOO_SLOW))
        assert line.hung_up.result().close_code == 1008
        assert client.sent[-1]["error"]["code"] == "slow_client"

    run(main)


def test_the_end_is_an_error_and_nothing_follows_it() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.play(speech(20))  # an operator's
        line.send(leg.HangUp(EndCause.MAX_DURATION))
        line.play(speech(20))
        line.send(leg.AgentStarted(TURN))
        line.receive(event("response.create"))
        assert client.types[-2:] == ["response.done", "error"]
        assert client.errors == [("max_duration", None)]
        assert line.hung_up.result().close_code == 1000
        assert client.signals == []

    run(main)


def test_an_error_of_the_voice_is_the_servers() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.send(leg.VoiceError(VoiceFailure.OVERLOADED, ""))
        (told,) = client.sent
        assert told["error"]["type"] == "server_error"
        assert told["error"]["message"]

    run(main)


def test_binary_frames_end_it_the_third_time() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for _ in range(3):
            line.receive_binary()
        assert client.errors == [("binary_not_supported", None)] * 2
        assert client.signals == [leg.LegFailed(EndCause.LEG_UNSUPPORTED_DATA)]

    run(main)


# -- anything at any time -----------------------------------------------------------------

_EXAMPLES = [example for examples in OPENAI_CLIENT_EXAMPLES.values() for example in examples]
#: What a call may order, whatever the client does meanwhile.
_ORDERS: list[Callable[[UUID], leg.LegOrder]] = [
    leg.CallerStarted,
    leg.CallerStopped,
    lambda turn: leg.TurnTranscribed("hello", turn),
    leg.AgentStarted,
    lambda _: leg.AgentSaid("word "),
    lambda _: leg.ToolCalled("call_1", "clock", {"tz": "UTC"}),
    lambda _: leg.AgentFinished(),
    lambda _: leg.AgentFinished(interrupted=True, spoken_text="wo"),
    lambda _: leg.RequestRefused(leg.Refusal.NOTHING_TO_COMMIT),
    lambda _: leg.ConfigUpdated(CONFIG),
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def frames_of_a_client(draw: st.DrawFn) -> str:
    """Draw an event that is right, one with a wrong member, or no event at all."""
    frame = json.loads(draw(st.sampled_from(_EXAMPLES)))
    match draw(st.integers(0, 3)):
        case 0:
            return draw(st.text(max_size=20))
        case 1:
            frame[draw(st.sampled_from([*frame, "event_id"]))] = draw(_JSON)
        case 2:
            del frame[draw(st.sampled_from(list(frame)))]
        case _:
            pass
    return json.dumps(frame)


@given(st.lists(frames_of_a_client() | st.sampled_from(range(len(_ORDERS) + 1)), max_size=25))
def test_whatever_comes_is_answered_by_legal_frames(happening: list[str | int]) -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        turn = new_id()
        for one in happening:
            if isinstance(one, str):
                line.receive(one)
            elif one < len(_ORDERS):
                line.send(_ORDERS[one](turn))
            else:
                line.play(speech(20))
        assert client.frames == sum(isinstance(one, str) for one in happening)
        line.send(leg.HangUp(EndCause.AGENT_HUNG_UP))
        assert client.errors[-1] == ("call_ended", None)
        known = {*OWN_ERRORS, *TOLD, *CODES.values()}
        assert {code for code, _ in client.errors} <= known

    run(main)
