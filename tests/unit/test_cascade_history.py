"""What a cascade remembers, and how its chat model is told."""

from typing import Any

import pytest

from ringline.domain import voice_limits
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.voice import AddImage, PastCall, PastTurn
from ringline.voices.cascade_history import FORGOTTEN, INAUDIBLE, PENDING, Conversation
from ringline.wire.chat_completions import ChatCall, encode_chat
from tests.fake_endpoints import read_chat

PNG = "data:image/png;base64,AAAA"


def told(conversation: Conversation, instructions: str = "") -> list[dict[str, Any]]:
    """Return the messages, after the vendor's types and the rules for calls have passed them."""
    messages = conversation.messages(instructions)
    read_chat("application/json", encode_chat(messages, "m"))
    return messages


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def agent(content: str | None, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


def test_turns_that_no_response_came_between_are_one_message() -> None:
    conversation = Conversation((PastTurn(TurnRole.CALLER, "Hi"), PastTurn(TurnRole.AGENT, "Yes?")))
    conversation.add_text("One.")
    conversation.add_text("Two.")
    assert told(conversation, "Be brief.") == [
        {"role": "system", "content": "Be brief."},
        user("Hi"),
        agent("Yes?"),
        user("One.\nTwo."),
    ]


def test_a_turn_that_nobody_could_make_out_is_told_if_nothing_else_was_said() -> None:
    conversation = Conversation(
        (PastTurn(TurnRole.CALLER, ""), PastTurn(TurnRole.AGENT, "Pardon?"))
    )
    assert told(conversation) == [user(INAUDIBLE), agent("Pardon?")]
    conversation.add_text("")
    conversation.add_text("Hello")
    assert told(conversation)[-1] == user("Hello")


def test_past_calls_stand_where_they_were_made_and_take_late_results() -> None:
    conversation = Conversation(
        (
            PastTurn(TurnRole.CALLER, "Time?"),
            PastCall("c1", "clock", {"tz": "UTC"}, "12:00"),
            PastCall("c2", "lamp", {}),
        )
    )

    def calls(lamp: str) -> list[dict[str, object]]:
        asked, *results = told(conversation)[1:]
        assert [call["id"] for call in asked["tool_calls"]] == ["c1", "c2"]  # type: ignore[union-attr, index]
        assert results == [
            {"role": "tool", "tool_call_id": "c1", "content": "12:00"},
            {"role": "tool", "tool_call_id": "c2", "content": lamp},
        ]
        return results

    calls(PENDING)
    conversation.remember((PastCall("c2", "lamp", {}, "on"), PastCall("c1", "clock", {}, "13:00")))
    calls("on")
    again = conversation.begin("r1")
    assert conversation.call(again, ChatCall("c1", "clock", {})) == "call_1"


def test_nothing_at_all_is_told_as_inaudible() -> None:
    assert told(Conversation()) == [user(INAUDIBLE)]
    system = {"role": "system", "content": "Greet the caller."}
    assert told(Conversation(), "Greet the caller.") == [system]


def test_pictures_are_parts() -> None:
    conversation = Conversation()
    conversation.add_text("Look:")
    conversation.add_image(AddImage(PNG, "low", "a map"))
    conversation.add_image(AddImage(PNG))
    low, auto = ({"url": PNG, "detail": detail} for detail in ("low", "auto"))
    assert told(conversation) == [
        user(
            [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": low},
                {"type": "text", "text": "a map"},
                {"type": "image_url", "image_url": auto},
            ]
        )
    ]


def speaking(*sentences: tuple[str, float]) -> Conversation:
    conversation = Conversation()
    conversation.add_text("Tell me.")
    turn = conversation.begin("r1")
    for text, ms in sentences:
        turn.say(text)
        turn.speak(ms)
    return conversation


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [
        (0, None),
        (999, "One two"),
        (1_000, "One two three."),
        (1_600, "One two three. Four"),
        (2_000, "One two three. Four five six."),
        (9_000, "One two three. Four five six."),
    ],
)
def test_of_an_interrupted_response_the_model_is_told_what_was_heard(
    played_ms: float, heard: str | None
) -> None:
    conversation = speaking(("One two three. ", 1_000.0), ("Four five six.", 1_000.0))
    conversation.interrupt("r1", played_ms)
    conversation.interrupt("unknown", 0)
    conversation.add_text("Stop.")
    if heard is None:
        assert told(conversation) == [user("Tell me.\nStop.")]
        return
    first, said, _ = told(conversation)
    assert first == user("Tell me.")
    content = said["content"]
    assert isinstance(content, str)
    assert content.strip() == heard


def test_what_was_written_and_not_spoken_counts_as_read() -> None:
    conversation = Conversation()
    conversation.begin("r1").say("Some text")
    conversation.interrupt("r1", 0)
    assert told(conversation) == [agent("Some text")]


def test_calls_have_their_results_or_are_told_as_open() -> None:
    conversation = Conversation()
    conversation.add_text("Time?")
    turn = conversation.begin("r1")
    first = conversation.call(turn, ChatCall("a", "clock", {"tz": "UTC"}))
    second = conversation.call(turn, ChatCall("a", "clock", {}))
    third = conversation.call(turn, ChatCall("", "lamp", {}))
    assert first == "a"
    assert len({first, second, third, ""}) == 4
    conversation.answer(third, "on")
    conversation.answer(third, "off")
    conversation.answer("unknown", "x")
    conversation.add_text("Well?")
    function = {"name": "clock", "arguments": '{"tz":"UTC"}'}
    messages = told(conversation)
    assert messages[1]["tool_calls"][0] == {"id": "a", "type": "function", "function": function}
    assert [message["content"] for message in messages] == [
        "Time?",
        None,
        PENDING,
        PENDING,
        "on",
        "Well?",
    ]
    conversation.answer(first, "12:00")  # late, and where it belongs
    assert told(conversation)[2]["content"] == "12:00"


def test_the_oldest_turns_are_forgotten() -> None:
    conversation = Conversation()
    most = voice_limits.CASCADE_HISTORY_CHARACTERS.most
    for number in range(10):
        conversation.add_text(f"{number}" * (most // 4))
        conversation.begin(f"r{number}").say("Yes.")
    first, *_ = told(conversation)
    assert first["content"][0] == "7"
    conversation.add_text("x" * (2 * most))
    assert told(conversation) == [user("x" * (2 * most))], "what was said last is never forgotten"


def test_a_long_result_is_cut_and_its_call_is_kept() -> None:
    conversation = Conversation()
    turn = conversation.begin("r1")
    call_id = conversation.call(turn, ChatCall("", "read", {}))
    most = voice_limits.CASCADE_HISTORY_CHARACTERS.most
    conversation.answer(call_id, "y" * (3 * most))
    _, result = told(conversation)
    assert len(result["content"]) == most // 2


def test_the_oldest_pictures_are_forgotten_and_not_their_words() -> None:
    conversation = Conversation()
    large = PNG + "A" * (voice_limits.CASCADE_IMAGE_BYTES.most // 2)
    conversation.add_image(AddImage(large, text="first"))
    conversation.add_image(AddImage(large))
    conversation.add_image(AddImage(large, text="third"))
    (message,) = told(conversation)
    kinds = [part.get("text") or part["type"] for part in message["content"]]
    assert kinds == ["first", FORGOTTEN, "image_url", "third"]
