"""Examples of every event of the OpenAI-compatible surface, written by its own codec."""

import json
from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec

from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.wire import openai_server_events as events
from ringline.wire.openai_server_conversation import Conversation, item_of
from ringline.wire.openai_server_errors import problem
from ringline.wire.openai_server_session import shown
from tests.realtime_examples import Examples

_TURNS = [UUID(f"019aa000-0000-7000-8000-00000000000{number}") for number in range(9)]
_SOUND = Chunk(bytes.fromhex("0100feff"), 24_000)
_MESSAGE: dict[str, object] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "When do you open?"}],
}
_OUTPUT: dict[str, object] = {
    "type": "function_call_output",
    "call_id": "call_1",
    "output": '{"time":"12:00"}',
}

_SPOKEN: dict[str, object] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_audio", "audio": _SOUND.as_base64().decode()}],
}

_ASKED: tuple[events.ClientFrame, ...] = (
    events.SessionUpdate(session={"type": "realtime", "instructions": "Be brief."}),
    events.AudioAppend(audio=_SOUND.as_base64().decode()),
    events.AudioCommit(),
    events.AudioClear(),
    events.ItemCreate(item=_MESSAGE),
    events.ItemCreate(item=_OUTPUT),
    events.ItemCreate(item=_SPOKEN),
    events.ItemRetrieve(item_id="item_1"),
    events.ItemDelete(item_id="item_1"),
    events.ItemTruncate(item_id="item_1", content_index=0, audio_end_ms=740),
    events.ResponseCreate(),
    events.ResponseCancel(),
)


def _told() -> Iterator[bytes]:
    """Yield the frames of a session in which everything happens once."""
    ids: Iterator[UUID] = iter(_TURNS[4:])
    told = Conversation(lambda: next(ids))
    session = shown({}, SessionConfig(model="mock/echo", voice="a"), session_id="sess_1")
    yield told.session_event("session.created", session)
    yield told.session_event("session.updated", session)
    yield from told.speech_started(_TURNS[0], at_ms=1_200)
    yield from told.speech_stopped(
        _TURNS[0], began_at_ms=1_200, at_ms=2_000, heard_to_ms=2_500, kept=True
    )
    yield told.transcribed(_TURNS[0], "When do you open?")
    yield told.transcribed(_TURNS[1], "")
    yield told.retrieved(item_of(_TURNS[0])) or b""
    yield told.cleared()
    yield from told.begin(_TURNS[2], spoken=True, voice="a")
    yield from told.say("We open ")
    opening, speech = told.speak(_SOUND.duration_ms)
    yield from opening
    yield speech.encode(_SOUND)
    yield from told.call_tool("call_1", "clock", arguments='{"tz":"UTC"}')
    yield from told.end(interrupted=False)
    yield told.deleted("item_1")
    yield told.truncated("item_1", 740)
    yield from told.begin(_TURNS[3], spoken=False, voice="a")
    yield from told.say("At nine.")
    yield from told.end(interrupted=False)
    yield told.error(problem("response_cancel_not_active", event_id="mine"))


def _shortest(frames: Iterable[bytes]) -> Examples:
    """Return one example of each event, the shortest."""
    found: dict[str, str] = {}
    for frame in frames:
        text = frame.decode()
        kind = json.loads(text)["type"]
        if kind not in found or len(text) < len(found[kind]):
            found[kind] = text
    return {kind: (text,) for kind, text in found.items()}


def _written(frame: events.ClientFrame) -> str:
    members = {
        name: value for name, value in msgspec.to_builtins(frame).items() if value is not None
    }
    return json.dumps(members)


OPENAI_CLIENT_EXAMPLES: Examples = {
    name: tuple(_written(frame) for frame in _ASKED if frame.name == name)
    for name in events.CLIENT_EVENTS
}
OPENAI_SERVER_EXAMPLES: Examples = _shortest(_told())
