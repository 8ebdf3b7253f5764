"""What a client of OpenAI's protocol is told: every frame is legal, in any sequence of orders."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import openai_limits
from ringline.domain.leg import NO_TURN
from ringline.domain.voice import Usage
from ringline.wire.openai_realtime_events import usage_of
from ringline.wire.openai_server_conversation import Conversation, item_of
from tests.outside_types import openai_server
from tests.samples import new_id
from tests.talking import speech

Frame = dict[str, Any]
Told = list[Frame]


def read(frames: Sequence[bytes]) -> Told:
    return [json.loads(frame) for frame in frames]


def spoken(told: Conversation, duration_ms: float = 20) -> list[bytes]:
    opening, place = told.speak(duration_ms)
    return [*opening, place.encode(speech(duration_ms))]


def kinds(told: Told) -> list[str]:
    return [frame["type"] for frame in told]


#: What may happen, by name; each order is one that a call gives at any time.
HAPPENS: dict[str, Callable[[Conversation, list[UUID]], list[bytes]]] = {
    "begins": lambda told, turns: told.begin(new_id(), spoken=True, voice="a"),
    "begins to write": lambda told, turns: told.begin(new_id(), spoken=False, voice=""),
    "says": lambda told, turns: told.say("word "),
    "speaks": lambda told, turns: spoken(told),
    "calls": lambda told, turns: told.call_tool("call_1", "clock", arguments="{}"),
    "ends": lambda told, turns: told.end(interrupted=False),
    "is cut": lambda told, turns: told.end(interrupted=True, spoken_text="wo"),
    "is cut in writing": lambda told, turns: told.end(interrupted=True),
    "is cancelled": lambda told, turns: told.cancelling() or [],
    "caller begins": lambda told, turns: told.speech_started(_begun(turns), at_ms=-20.0),
    "caller stops": lambda told, turns: told.speech_stopped(
        turns[-1], began_at_ms=0, at_ms=200, heard_to_ms=700, kept=len(turns) % 3 > 0
    ),
    "caller is read": lambda told, turns: [told.transcribed(turns[-1], "hello")],
    "caller is not read": lambda told, turns: [told.transcribed(turns[-1], "")],
    "item": lambda told, turns: told.created(
        {"type": "function_call_output", "call_id": "call_1", "output": "x"}, told.new_item_id()
    ),
    "message": lambda told, turns: told.created(SPOKEN, told.new_item_id()),
    "message is spoken": lambda told, turns: _speak_in(told, turns),
    "is deleted": lambda told, turns: _delete_last(told),
    "is cleared": lambda told, turns: [told.cleared()],
}


SPOKEN = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Listen:"}, {"type": "input_audio"}],
}


def _speak_in(told: Conversation, turns: list[UUID]) -> list[bytes]:
    item_id = told.new_item_id()
    turns.append(new_id())
    frames = told.created(SPOKEN, item_id)
    told.spoke_in(item_id, turns[-1], lasted_ms=200.0)
    return frames


def _delete_last(told: Conversation) -> list[bytes]:
    item_id = told.new_item_id()
    return [*told.created(SPOKEN, item_id), told.deleted(item_id)]


def _begun(turns: list[UUID]) -> UUID:
    turns.append(new_id())
    return turns[-1]


@given(st.lists(st.sampled_from(sorted(HAPPENS)), max_size=40))
def test_every_frame_is_legal_and_responses_are_whole(happening: list[str]) -> None:
    conversation, turns = Conversation(new_id), [new_id()]
    told: Told = []
    for name in happening:
        told += read(HAPPENS[name](conversation, turns))
    told += read(conversation.end(interrupted=True))
    wrong = [flaw for frame in told for flaw in openai_server(frame)]
    assert wrong == []
    ids = [frame["event_id"] for frame in told]
    assert len(ids) == len(set(ids))
    _responses_are_whole(told)
    _items_follow_each_other(told)


def _responses_are_whole(told: Told) -> None:
    """Hold that deltas belong to the response under way, and add up to what it says at last."""
    running: str | None = None
    said: dict[str, str] = {}
    for frame in told:
        kind = frame["type"]
        if kind == "response.created":
            assert running is None
            running, said = frame["response"]["id"], {}
        elif kind == "response.done":
            assert frame["response"]["id"] == running
            for item in frame["response"]["output"]:
                if item["type"] == "message":
                    assert item["status"] != "in_progress"
                    (part,) = item["content"]
                    assert part.get("transcript", part.get("text")) == said.get(item["id"], "")
            running = None
        elif kind.startswith("response."):
            assert frame["response_id"] == running
            if kind in ("response.output_audio_transcript.delta", "response.output_text.delta"):
                said[frame["item_id"]] = said.get(frame["item_id"], "") + frame["delta"]
    assert running is None


def _items_follow_each_other(told: Told) -> None:
    ids: list[str] = []
    for frame in told:
        if frame["type"] == "conversation.item.added":
            assert frame["previous_item_id"] == (ids[-1] if ids else None)
            ids.append(frame["item"]["id"])
        elif frame["type"] == "conversation.item.deleted":
            ids.remove(frame["item_id"])


@given(st.tuples(*(st.integers(0, 1_000_000) for _ in range(6))))
def test_usage_is_told_as_the_protocol_nests_it(counts: tuple[int, ...]) -> None:
    usage = Usage(*counts)
    told = Conversation(new_id)
    told.begin(new_id(), spoken=True, voice="a")
    done = read(told.end(interrupted=False, usage=usage))[-1]
    assert openai_server(done) == []
    assert usage_of(done["response"].get("usage", {})) == usage


def test_audio_that_belongs_to_no_response_is_one_of_its_own() -> None:
    """An operator who has taken over speaks without a response of the agent."""
    conversation = Conversation(new_id)
    told = read([*spoken(conversation), *spoken(conversation)])
    assert kinds(told).count("response.created") == 1
    told = read(conversation.begin(new_id(), spoken=True, voice="a"))
    assert kinds(told)[-2:] == ["response.done", "response.created"]
    assert told[-2]["response"]["status"] == "completed"


def test_ids_are_those_of_the_turns() -> None:
    turn, told = new_id(), Conversation(new_id)
    frames = read([*told.begin(turn, spoken=True, voice="a"), *told.say("Hi")])
    assert frames[0]["response"]["id"].removeprefix("resp_") == item_of(turn).removeprefix("item_")
    assert frames[-1]["item_id"] == item_of(turn)
    unnamed = read(told.begin(NO_TURN, spoken=True, voice="a"))
    assert unnamed[-1]["response"]["id"] != frames[0]["response"]["id"]


def test_who_stopped_a_response_is_told_once() -> None:
    def cut(*stops: str) -> Frame:
        told = Conversation(new_id)
        told.begin(new_id(), spoken=True, voice="a")
        for stop in stops:
            if stop == "client":
                told.cancelling()
            else:
                told.speech_started(new_id(), at_ms=0)
        return read(told.end(interrupted=True))[-1]["response"]["status_details"]

    assert cut("client", "caller") == {"type": "cancelled", "reason": "client_cancelled"}
    assert cut("caller") == {"type": "cancelled", "reason": "turn_detected"}
    assert cut() == {"type": "cancelled"}


def test_places_are_those_of_the_audio() -> None:
    turn, told = new_id(), Conversation(new_id)
    (started,) = read(told.speech_started(turn, at_ms=1_234.5))
    assert started["audio_start_ms"] == 1_234
    stopped, *_ = read(
        told.speech_stopped(turn, began_at_ms=0, at_ms=2_000, heard_to_ms=2_500, kept=True)
    )
    assert stopped["audio_end_ms"] == 2_500
    heard = json.loads(told.transcribed(turn, "hello"))
    assert heard["usage"] == {"type": "duration", "seconds": 0.766}


def test_the_oldest_items_are_forgotten() -> None:
    told = Conversation(new_id)
    output = {"type": "function_call_output", "call_id": "c"}
    for number in range(openai_limits.REMEMBERED_ITEMS.most + 1):
        told.created({**output, "output": "x"}, f"item {number}")
    assert told.retrieved("item 0") is None
    assert told.retrieved("item 1") is not None
    told.created({**output, "output": "x" * openai_limits.REMEMBERED_BYTES.most}, "too much")
    assert told.retrieved("too much") is None
    assert told.retrieved("item 1") is None
    told.created({**output, "output": "x"}, "the next")
    assert told.retrieved("the next") is not None


def test_a_message_has_the_length_that_was_sent() -> None:
    def speaking() -> Iterator[tuple[Conversation, str]]:
        told = Conversation(new_id)
        told.begin(turn := new_id(), spoken=True, voice="a")
        spoken(told, 40)
        spoken(told, 60)
        yield told, item_of(turn)

    for told, item in speaking():
        assert (told.length_of(item), told.is_speaking(item)) == (100, True)
        told.end(interrupted=False)
        assert (told.length_of(item), told.is_speaking(item)) == (100, False)
        assert told.length_of("none") is None
