"""What an agent's receiver is asked, and how its answers are read (live streams, 4 and 5)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import CallDirection, TurnRole
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.receivers import (
    Message,
    ReceiverFailed,
    ReceiverFailure,
    ToolQuestion,
    TurnAction,
    TurnAnswer,
    TurnQuestion,
)
from ringline.domain.tool_calls import TOO_MANY
from ringline.domain.tool_runs import CANCELLED, LARGE_ARGUMENTS, NO_WEBHOOK, TOO_MANY_ROUNDS
from ringline.domain.webhooks import AttemptError
from ringline.services.tool_runs import FAILED
from ringline.wire import receiver_members
from ringline.wire.receivers import (
    decode_tool_result,
    decode_turn_answer,
    encode_tool,
    encode_tool_failure,
    encode_turn,
)

AT = datetime(2026, 11, 30, 9, 15, tzinfo=UTC)
CALL = CallFacts(
    Scope(UUID(int=1), Environment.TEST),
    UUID(int=77),
    CallDirection.INBOUND,
    "+2348050001111",
    "+2342010002222",
    UUID(int=5),
)
TURN = UUID(int=82)


def test_a_turn_is_asked_as_documented() -> None:
    said = "Is the Ikeja branch open today?"
    messages = (Message(TurnRole.AGENT, "Welcome."), Message(TurnRole.CALLER, said))
    body = json.loads(encode_turn(TurnQuestion(CALL, TURN, said, messages), language="en", at=AT))
    assert body == {
        "event": "turn",
        "turn_id": format_id(Prefix.TURN, TURN),
        "agent_id": format_id(Prefix.AGENT, UUID(int=5)),
        "call_id": format_id(Prefix.CALL, UUID(int=77)),
        "from_number": "+2348050001111",
        "to_number": "+2342010002222",
        "direction": "inbound",
        "language": "en",
        "timestamp": "2026-11-30T09:15:00Z",
        "transcription": said,
        "messages": [
            {"role": "agent", "text": "Welcome."},
            {"role": "caller", "text": said},
        ],
    }


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"text":"Yes, until five."}', TurnAnswer("Yes, until five.")),
        ('{"text":""}', TurnAnswer("")),
        ('{"text":"","end_call":false,"transfer_to":null,"dtmf":""}', TurnAnswer("")),
        ('{"text":"Hi","mood":{"x":[1]}}', TurnAnswer("Hi")),
        ('{"text":"Bye","end_call":true}', TurnAnswer("Bye", TurnAction.END_CALL)),
        (
            '{"text":"One moment","transfer_to":"+2348030000000"}',
            TurnAnswer("One moment", TurnAction.TRANSFER_TO, "+2348030000000"),
        ),
        (
            '{"text":"One moment","transfer_to":"+234 (0)803-000-0000"}',
            TurnAnswer("One moment", TurnAction.TRANSFER_TO, "+2348030000000"),
        ),
        ('{"text":"","dtmf":"12#,A"}', TurnAnswer("", TurnAction.DTMF, "12#,A")),
        (
            '{"dtmf":"1","transfer_to":"+2348030000000","end_call":true,"text":"x"}',
            TurnAnswer("x", TurnAction.END_CALL, "", (TurnAction.TRANSFER_TO, TurnAction.DTMF)),
        ),
        (
            '{"text":"x","end_call":"yes","transfer_to":"0803","dtmf":"9"}',
            TurnAnswer("x", TurnAction.DTMF, "9", (TurnAction.END_CALL, TurnAction.TRANSFER_TO)),
        ),
        (
            '{"text":"x","dtmf":"1 2","transfer_to":"+234803\\n"}',
            TurnAnswer("x", None, "", (TurnAction.TRANSFER_TO, TurnAction.DTMF)),
        ),
    ],
)
def test_an_answer_has_a_text_and_at_most_one_action(body: str, answer: TurnAnswer) -> None:
    assert decode_turn_answer(body.encode()) == answer


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", ReceiverFailure.NOT_JSON),
        (b"OK", ReceiverFailure.NOT_JSON),
        (b'{"text":"\xff"}', ReceiverFailure.NOT_JSON),
        (b'{"text":"a\\u0000b"}', ReceiverFailure.NOT_JSON),
        (b'{"text":"a","more":' + b"[" * 80 + b"]" * 80 + b"}", ReceiverFailure.NOT_JSON),
        (b'{"text":"a","more":[' + b"0," * 20_001 + b"0]}", ReceiverFailure.NOT_JSON),
        (b'["text"]', ReceiverFailure.INVALID_ANSWER),
        (b'"text"', ReceiverFailure.INVALID_ANSWER),
        (b"null", ReceiverFailure.INVALID_ANSWER),
        (b'{"end_call":true}', ReceiverFailure.INVALID_ANSWER),
        (b'{"text":null}', ReceiverFailure.INVALID_ANSWER),
        (b'{"text":7}', ReceiverFailure.INVALID_ANSWER),
    ],
)
def test_an_answer_that_is_none(body: bytes, failure: ReceiverFailure) -> None:
    with pytest.raises(ReceiverFailed) as failed:
        decode_turn_answer(body)
    assert failed.value.failure is failure


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["text", "end_call", "transfer_to", "dtmf", "x"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_answered_is_an_answer_or_a_documented_failure(body: bytes) -> None:
    answer: TurnAnswer | None = None
    failure: ReceiverFailure | None = None
    try:
        answer = decode_turn_answer(body)
    except ReceiverFailed as failed:
        failure = failed.failure
    if answer is None:
        assert failure in {ReceiverFailure.NOT_JSON, ReceiverFailure.INVALID_ANSWER}
    else:
        assert answer.action not in answer.ignored
        assert bool(answer.target) == (answer.action in {TurnAction.TRANSFER_TO, TurnAction.DTMF})


def test_a_tool_is_asked_as_observed() -> None:
    question = ToolQuestion(UUID(int=9), AT, CALL, TURN, "lookup_order", {"order_no": "A-19"})
    body = json.loads(encode_tool(question))
    assert body == {
        "event_id": format_id(Prefix.EVENT, UUID(int=9)),
        "event_type": "tool.invocation",
        "channel": "voice",
        "timestamp": "2026-11-30T09:15:00Z",
        "agent_id": format_id(Prefix.AGENT, UUID(int=5)),
        "call_id": format_id(Prefix.CALL, UUID(int=77)),
        "turn_id": format_id(Prefix.TURN, TURN),
        "tool": {
            "name": "lookup_order",
            "arguments": {"order_no": "A-19"},
            "tool_call_id": format_id(Prefix.TOOL_CALL, UUID(int=9)),
        },
    }


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b'{"status":"shipped","items":[1,2]}', {"status": "shipped", "items": [1, 2]}),
        (b'{"error":"unknown_tool"}', {"error": "unknown_tool"}),
        (b"[1]", {"result": [1]}),
        (b'"shipped"', {"result": "shipped"}),
        (b"null", {"result": None}),
        (b"7", {"result": 7}),
    ],
)
def test_a_tools_result_is_an_object(body: bytes, result: Any) -> None:
    assert json.loads(decode_tool_result(body)) == result


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (ReceiverFailed(ReceiverFailure.TIMEOUT), {"error": "tool_timeout"}),
        (ReceiverFailed(ReceiverFailure.STATUS, 503), {"error": "tool_failed", "status": 503}),
        (
            ReceiverFailed(ReceiverFailure.NOT_JSON, 200),
            {"error": "tool_failed", "status": 200, "reason": "not_json"},
        ),
        (
            ReceiverFailed(ReceiverFailure.REFUSED),
            {"error": "tool_failed", "reason": "refused"},
        ),
    ],
)
def test_what_the_model_is_told_of_a_failure(failed: ReceiverFailed, told: Any) -> None:
    assert json.loads(encode_tool_failure(failed)) == told


def names_of(members: Any) -> list[str]:
    return [member.name for member in members]


def test_the_tables_are_what_is_sent_and_read() -> None:
    turn = json.loads(
        encode_turn(
            TurnQuestion(CALL, TURN, "Hi", (Message(TurnRole.CALLER, "Hi"),)), language="en", at=AT
        )
    )
    assert list(turn) == names_of(receiver_members.TURN)
    assert list(turn["messages"][0]) == names_of(receiver_members.TURN[-1].members)
    tool = json.loads(encode_tool(ToolQuestion(TURN, AT, CALL, TURN, "t")))
    assert list(tool) == names_of(receiver_members.TOOL)
    assert list(tool["tool"]) == names_of(receiver_members.TOOL[-1].members)
    assert names_of(receiver_members.TURN_ANSWER) == ["text", *TurnAction]
    assert list(receiver_members.FAILURE_MEANS) == list(ReceiverFailure)
    assert {error.value for error in AttemptError} <= {*ReceiverFailure}


def test_every_reason_that_the_model_may_be_told_is_documented() -> None:
    ours = {json.loads(text)["reason"] for text in (CANCELLED, LARGE_ARGUMENTS, NO_WEBHOOK, FAILED)}
    assert ours == set(receiver_members.TOOL_REASONS)
    assert {TOO_MANY_ROUNDS, TOO_MANY} < set(receiver_members.TOOL_RESULTS)
    timeout = encode_tool_failure(ReceiverFailed(ReceiverFailure.TIMEOUT))
    assert timeout in receiver_members.TOOL_RESULTS
