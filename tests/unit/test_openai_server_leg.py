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

from ringline.domain import leg, openai_limits
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


def create(text: str, **members: object) -> str:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content, **members}
    return event("conversation.item.create", item=item)


def spoken(duration_ms: float) -> dict[str, object]:
    pcm = speech(duration_ms, 24_000).pcm
    return {"type": "input_audio", "audio": b64encode(pcm).decode()}


OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}


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
        habits = [leg.AnswersOnRequest(turns=False, results=True), leg.SpeechInterrupts(True)]
        assert client.signals == habits
        client.signals.clear()
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


def test_audio_as_most_clients_write_it_is_not_parsed() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        pcm = speech(40, 24_000).pcm
        plain = {"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode()}
        for separators in ((",", ":"), (", ", ": ")):
            assert line.receive_audio(bytearray(json.dumps(plain, separators=separators).encode()))
        assert [chunk.pcm for chunk in client.heard] == [pcm, pcm]
        assert not line.receive_audio(bytearray(append(40).encode())), "it has an id"
        many = b64encode(speech(8_000, 24_000).pcm).decode()
        for _ in range(3):
            frame = json.dumps(plain | {"audio": many}).encode()
            assert line.receive_audio(bytearray(frame))
        assert client.errors == [("invalid_audio", None)]
        line.lost()
        assert line.receive_audio(bytearray(json.dumps(plain).encode()))
        assert len(client.heard) == 4

    run(main)


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
        requests, interrupts, changed = client.signals
        assert requests == leg.AnswersOnRequest(turns=True, results=True)
        assert interrupts == leg.SpeechInterrupts(True)
        assert isinstance(changed, leg.ConfigChanged)
        assert changed.request == "mine"
        line.send(leg.ConfigUpdated(changed.config))
        assert client.sent[-1]["session"]["audio"]["input"]["turn_detection"] is None

    run(main)


def test_speech_that_does_not_interrupt_stops_no_response() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        detection = {"type": "server_vad", "interrupt_response": False}
        session = {"audio": {"input": {"turn_detection": detection}}}
        line.receive(event("session.update", session=session))
        assert leg.SpeechInterrupts(False) in client.signals
        say(line)
        line.send(leg.CallerStarted(new_id(), interrupts=False))
        line.send(leg.AgentFinished(interrupted=True))  # somebody else has stopped it
        done = client.sent[-1]["response"]
        assert done["status_details"] == {"type": "cancelled"}

    run(main)


def test_an_item_that_nothing_has_needed_can_be_deleted() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for item_id in ("one", "two", "three"):
            line.receive(create(f"{item_id}.", id=item_id))
        line.receive(event("conversation.item.delete", item_id="two"))
        assert client.signals == [], "nobody was told of them"
        line.receive(create("four.", id="four"))
        line.receive(event("response.create"))
        typed = [leg.Typed(f"{text}.", "mine") for text in ("one", "three", "four")]
        assert client.signals == [*typed, leg.ResponseRequested("mine")]
        for item_id in ("three", "two", "none"):
            line.receive(event("conversation.item.delete", item_id=item_id))
        assert [code for code, _ in client.errors] == [
            "item_in_use",
            "item_not_found",
            "item_not_found",
        ]
        assert client.types.count("conversation.item.deleted") == 1
        four = [frame for frame in client.sent if frame.get("item", {}).get("id") == "four"]
        assert four[0]["previous_item_id"] == "three"

    run(main)


def test_the_item_after_one_that_was_deleted_follows_the_one_before() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for item_id in ("one", "two"):
            line.receive(create("text", id=item_id))
        line.receive(event("conversation.item.delete", item_id="two"))
        line.receive(create("text", id="three"))
        assert client.sent[-1]["previous_item_id"] == "one"
        line.receive(event("conversation.item.retrieve", item_id="two"))
        assert client.errors == [("item_not_found", "mine")]
        line.receive(create("text", id="one"))
        assert client.errors[1:] == [("invalid_value", "mine")], "there is one of this id"

    run(main)


@pytest.mark.parametrize(
    "needs_them",
    [
        lambda line: line.receive(event("response.create")),
        lambda line: line.receive(event("input_audio_buffer.commit")),
        lambda line: line.receive(event("conversation.item.create", item=OUTPUT)),
        lambda line: line.send(leg.CallerStarted(TURN)),
        lambda line: line.send(leg.AgentStarted(TURN)),
        lambda line: line.lost(),
        lambda line: line.receive_oversized(),
    ],
)
def test_what_needs_the_items_gives_them_to_the_call(
    needs_them: Callable[[OpenAIServerLeg], None],
) -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        line.receive(create("text", id="one"))
        assert client.signals == []
        needs_them(line)
        assert client.signals[0] == leg.Typed("text", "mine")

    run(main)


def test_items_beyond_the_bound_do_not_wait() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        for number in range(openai_limits.DELETABLE_ITEMS.most + 2):
            line.receive(create(str(number), id=f"item {number}"))
        assert client.signals == [leg.Typed("0", "mine"), leg.Typed("1", "mine")]
        image = "data:image/png;base64," + "A" * openai_limits.DELETABLE_BYTES.most
        shown = {"type": "input_image", "image_url": image}
        item = {"type": "message", "role": "user", "content": [shown]}
        line.receive(event("conversation.item.create", item=item))
        assert len(client.signals) == openai_limits.DELETABLE_ITEMS.most + 3
        assert isinstance(client.signals[-1], leg.ImageShown)
        line.receive(event("conversation.item.delete", item_id="item 1"))
        assert client.errors == [("item_in_use", "mine")]

    run(main)


BY_ORDER = event("session.update", session={"audio": {"input": {"turn_detection": None}}})


def test_the_speech_of_a_message_is_a_turn_of_the_caller() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        heard = {"turn_detection": None, "transcription": {"model": "any"}}
        line.receive(event("session.update", session={"audio": {"input": heard}}))
        client.signals.clear()
        line.receive(create("before", id="first"))
        parts = [{"type": "input_text", "text": "Listen:"}, spoken(200)]
        item = {"id": "spoken", "type": "message", "role": "user", "content": parts}
        line.receive(event("conversation.item.create", item=item))
        typed = [leg.Typed("before", "mine"), leg.Typed("Listen:", "mine")]
        assert client.signals == [*typed, leg.EndTurnRequested()]
        assert sum(chunk.duration_ms for chunk in client.heard) == 200
        line.send(leg.CallerStopped(TURN, 0.0, 200.0))
        line.send(leg.TurnTranscribed("hello", TURN))
        assert "input_audio_buffer.committed" not in client.types
        told = client.sent[-1]
        assert told["type"].endswith("input_audio_transcription.completed")
        assert (told["item_id"], told["content_index"]) == ("spoken", 1)
        assert (told["transcript"], told["usage"]["seconds"]) == ("hello", 0.2)
        line.receive(event("conversation.item.retrieve", item_id="spoken"))
        content = client.sent[-1]["item"]["content"]
        assert content == [parts[0], {"type": "input_audio", "transcript": "hello"}]
        line.receive(event("conversation.item.delete", item_id="spoken"))
        assert client.errors == [("item_in_use", "mine")]

    run(main)


def test_the_speech_of_a_message_is_no_part_of_the_audio_buffer() -> None:
    async def main(line: OpenAIServerLeg, client: Client) -> None:
        item = {"type": "message", "role": "user", "content": [spoken(100)]}
        message = event("conversation.item.create", item=item)
        line.receive(message)
        line.receive(BY_ORDER)
        line.receive(append(100))
        line.receive(message)
        assert client.errors == [("unsupported_value", "mine")] * 2
        line.receive(event("input_audio_buffer.clear"))
        line.receive(message)
        line.receive(append(100))
        line.receive(event("input_audio_buffer.commit"))
        line.receive(message)
        assert client.signals.count(leg.EndTurnRequested()) == 3
        line.send(leg.CallerStopped(new_id(), 0.0, 100.0))
        assert "input_audio_buffer.committed" not in client.types
        line.send(leg.CallerStopped(new_id(), 0.0, 100.0))
        assert client.types.count("input_audio_buffer.committed") == 1
        line.send(leg.RequestRefused(leg.Refusal.NOTHING_TO_COMMIT))
        assert client.errors[2:] == [("input_audio_buffer_commit_empty", "mine")]

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
