"""The words that a call's rows, events and ports share: enumerations that stay plain text."""

from enum import StrEnum
from typing import get_args, get_type_hints

import msgspec
import pytest

from ringline.domain import call_vocabulary as words
from ringline.domain.conversations import (
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    MessageDirection,
    MessageStatus,
)
from ringline.domain.events import (
    EVENT_TYPES,
    CallRef,
    TranscriptLine,
    read_event,
)
from ringline.domain.records import CallRow, ParticipantRow, TurnRow
from ringline.schema.columns import one_of
from ringline.wire.strict_json import encode
from tests.payload_examples import STORED as LOG
from tests.samples import NOW, new_id

#: As they stand in databases and logs that exist.
STORED = {
    words.CallDirection: "inbound outbound",
    words.CallTransport: "websocket sip webrtc esl sandbox external",
    words.AnsweredBy: "operator ai_agent",
    words.TurnRole: "caller agent",
    words.AuditType: "tool_call tool_result handoff policy error note",
    words.ParticipantRole: "caller callee operator ai_agent supervisor",
    words.CallStatus: (
        "initiated ringing queued answered held completed failed busy no_answer cancelled"
    ),
}
#: The members of events and rows that hold one of some words.
VOCABULARIES: dict[str, set[type[StrEnum]]] = {
    "direction": {words.CallDirection, MessageDirection},
    "transport": {words.CallTransport},
    "role": {words.ParticipantRole, words.TurnRole},
    "answered_by": {words.AnsweredBy},
    "hangup_cause": {words.HangupCause},
    "status": {words.CallStatus, ConversationStatus, MessageStatus},
    "audit_type": {words.AuditType},
    "channel": {ConversationChannel},
    "mode": {ConversationMode},
}


@pytest.mark.parametrize("kind", STORED)
def test_words_stay_as_they_are_stored(kind: type[StrEnum]) -> None:
    assert [str(word) for word in kind] == STORED[kind].split()


@pytest.mark.parametrize("kind", STORED)
def test_a_word_is_its_text_wherever_it_goes(kind: type[StrEnum]) -> None:
    for word in kind:
        text = word.value
        assert word == text
        members: dict[str, int] = {word: 1}
        assert (members[text], {text: 2}[word]) == (1, 2)
        assert encode({"a": word, "b": [word]}) == f'{{"a":"{text}","b":["{text}"]}}'.encode()
        assert encode({word: 1}) == f'{{"{text}":1}}'.encode()
        assert msgspec.to_builtins(word) == text
        assert f"{word}" == text


def test_a_column_of_words_takes_these_alone() -> None:
    check = str(one_of("direction", words.CallDirection).sqltext)
    assert check == "direction IN ('inbound', 'outbound')"


def test_events_come_back_from_the_log_with_their_words() -> None:
    for stored in LOG:
        event = stored.event
        call = None if event.call is None else encode(event.call).decode()
        text = encode(event.data).decode()
        read = read_event(event.id, event.type, occurred_at=event.occurred_at, data=text, call=call)
        assert read == event
        assert encode(read.data).decode() == text
        for struct in (read.data, read.call):
            for name in VOCABULARIES:
                assert isinstance(getattr(struct, name, words.CallStatus.RINGING), StrEnum)


def test_what_has_a_vocabulary_is_never_plain_text() -> None:
    seen: set[str] = set()
    for kind in (*EVENT_TYPES.values(), CallRef, TranscriptLine, CallRow, ParticipantRow, TurnRow):
        for name, type_ in get_type_hints(kind).items():
            if name in VOCABULARIES:
                (word,) = {*(get_args(type_) or (type_,))} - {type(None)}
                assert word in VOCABULARIES[name], f"{kind.__name__}.{name}"
                seen.add(name)
    assert seen == set(VOCABULARIES)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("call.ringing", b'{"status":"ringin"}'),
        ("call.audit", b'{"audit_type":"gossip","code":"x","detail":{}}'),
    ],
)
def test_a_word_that_the_log_never_held_is_a_defect(type_: str, data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="enum"):
        read_event(new_id(), type_, occurred_at=NOW, data=data.decode(), call=None)
