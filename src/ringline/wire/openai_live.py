"""What we send to a Live session of OpenAI, as JSON frames. Pure.

A Live session (upstream protocols, 1.12) has no turns, no responses and no cancel: audio runs
both ways without a break, and the model decides when it speaks. It is configured once, by its
first frame; only the tools, which a backend model calls for it, can change. What comes back is
read by `openai_live_events.py`.

A frame that may fail carries an `event_id`, which the service's `error` repeats.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ringline.domain import voice_limits
from ringline.domain.agent import Tool
from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import PastCall, PastItem, PastTurn
from ringline.wire.strict_json import encode

#: Of audio in both directions: one format holds for both.
RATE_HZ = 24_000

PATH = "/live/sessions"

#: The ids of our frames, as errors repeat them.
START, CONFIG, TYPED, RESULTS, RESPOND = "start", "config", "typed", "results", "respond:"

#: What comes before our words to the model: it has no roles for them.
SAYS = "Say the following to the caller now, word for word, and nothing else: "
SAYS_ON = "Go on, word for word: "
TYPES = "The caller has typed this message to you: "
TYPES_ON = "The message goes on: "
HEARD, HEARD_ON = "The caller has said to you before: ", "They went on: "
SAID, SAID_ON = "You have said to the caller before: ", "You went on: "
RETURNED, RETURNED_ON = "A tool has returned this; answer the caller with it: ", "It goes on: "
CALLED = "You have called a tool before: "
ANSWER = "Answer the caller now. Do not wait for them to speak first."

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}

#: What a message of the history costs beside its text, and the least bytes that a token has,
#: as far as can be told without the service's own tokenizer.
_MESSAGE_TOKENS = 8
_TOKEN_BYTES = 2


def start(
    model: str, config: SessionConfig, *, delegation_model: str, history: Sequence[PastItem] = ()
) -> bytes:
    """Encode `session.start`, the first frame; `model` is the service's own id.

    Work is always delegated to a backend model: the kind of delegation cannot change, and
    without one, the model may promise an answer that nobody prepares.
    """
    responses = {"model": delegation_model, **_delegated(config)}
    if config.instructions:
        responses["instructions"] = config.instructions
    session: dict[str, Any] = {
        "model": model,
        "audio": {
            "format": {"type": "audio/pcm", "rate": RATE_HZ},
            "output": {"voice": config.voice},
        },
        "delegation": {"type": "responses", "responses": responses},
    }
    if config.instructions:
        session["instructions"] = config.instructions
    if messages := list(_messages(history)):
        session["input"] = messages
    return encode({"type": "session.start", "event_id": START, "session": session})


def _delegated(config: SessionConfig) -> dict[str, Any]:
    """Return what a config says to the backend model, and what of it can change."""
    said: dict[str, Any] = {"tools": [_tool(tool) for tool in config.tools]}
    if config.reasoning_effort:
        said["reasoning"] = {"effort": config.reasoning_effort}
    return said


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or _NO_PARAMETERS,
    }


def _messages(history: Sequence[PastItem]) -> Iterable[dict[str, Any]]:
    """Return the newest turns and calls that the service takes, oldest first."""
    kept: list[dict[str, Any]] = []
    left = voice_limits.LIVE_HISTORY_TOKENS.most
    for item in reversed(history):
        role, kind, text = _told(item)
        if not text:
            continue
        left -= _MESSAGE_TOKENS + len(text.encode()) // _TOKEN_BYTES
        if left < 0 or len(kept) == voice_limits.LIVE_HISTORY_TURNS.most:
            break
        content = [{"type": kind, "text": text}]
        kept.append({"type": "message", "role": role, "content": content})
    return reversed(kept)


def _told(item: PastItem) -> tuple[str, str, str]:
    """Return the role, the kind and the text of a message; a call is a note to the model."""
    match item:
        case PastTurn(TurnRole.CALLER, text):
            return "user", "input_text", text
        case PastTurn(_, text):
            return "assistant", "output_text", text
        case PastCall():
            return "developer", "input_text", CALLED + _call(item)


def _call(call: PastCall) -> str:
    result = "its result is not in yet" if call.result is None else f"it returned {call.result}"
    return f"{call.name} with {encode(dict(call.arguments)).decode()}; {result}"


def update(before: SessionConfig, after: SessionConfig) -> bytes | None:
    """Encode `session.update` with what differs; None if nothing of it can change."""
    old = _delegated(before)
    new = {name: said for name, said in _delegated(after).items() if old.get(name) != said}
    if not new:
        return None
    session = {"delegation": {"type": "responses", "responses": new}}
    return encode({"type": "session.update", "event_id": CONFIG, "session": session})


def append_audio(chunk: Chunk) -> bytes:
    """Encode a piece of the caller's audio."""
    # By hand, as there are 50 of these a second; base64 needs no escapes.
    return b'{"type":"session.input_audio.append","audio":"%b"}' % chunk.as_base64()


def silence(ms: int) -> bytes:
    """Encode silence in place of the caller's audio."""
    return append_audio(Chunk(bytes(bytes_of_ms(ms, RATE_HZ)), RATE_HZ))


def add_text(text: str) -> Iterator[bytes]:
    """Encode a typed message of the caller, which the model need not answer."""
    for content in _pieces(text, TYPES, later=TYPES_ON):
        yield _append("instructions", content, event_id=TYPED)


def add_past(item: PastItem) -> Iterator[bytes]:
    """Encode what was said elsewhere, which the model need not answer."""
    match item:
        case PastTurn(TurnRole.CALLER, text):
            pieces = _pieces(text, HEARD, later=HEARD_ON)
        case PastTurn(_, text):
            pieces = _pieces(text, SAID, later=SAID_ON)
        case PastCall():
            pieces = _pieces(_call(item), CALLED, later=RETURNED_ON)
    for content in pieces:
        yield _append("instructions", content, event_id=TYPED)


def add_past_result(call: PastCall) -> Iterator[bytes]:
    """Encode the result of a call from before this session, which the model answers."""
    for content in _pieces(f"{call.name}: {call.result}", RETURNED, later=RETURNED_ON):
        yield _append("commentary", content, event_id=TYPED)


def respond(response_id: str, say: str | None = None) -> Iterator[bytes]:
    """Encode a request to speak now; `say` is what it must say."""
    pieces = [ANSWER] if say is None else _pieces(say, SAYS, later=SAYS_ON)
    for content in pieces:
        yield _append("commentary", content, event_id=f"{RESPOND}{response_id}")


def _append(kind: str, content: str, *, event_id: str) -> bytes:
    frame = {"content": content, "delegation_id": None, "event_id": event_id}
    return encode({"type": f"session.{kind}.append", **frame})


def _pieces(text: str, first: str, *, later: str) -> Iterator[str]:
    """Cut a text into what can be appended at once, between words where possible.

    The service counts tokens, of which there are no more than bytes.
    """
    head = first
    while True:
        room = voice_limits.LIVE_APPEND_TOKENS.most - len(head.encode())
        piece = text.encode()[:room].decode(errors="ignore")
        if len(piece) < len(text) and (end := piece.rfind(" ") + 1):
            piece = piece[:end]
        yield head + piece
        text = text[len(piece) :]
        head = later
        if not text:
            return


def add_tool_result(call_id: str, result: str) -> bytes:
    """Encode the result of a call of the backend model."""
    item = {"type": "function_call_output", "call_id": call_id, "output": result}
    return encode({"type": "response.item.create", "event_id": RESULTS, "item": item})


#: The backend model goes on, with the results of all of its calls.
CONTINUE = b'{"type":"response.create","event_id":"results"}'

#: The session ends; the service tells what it cost.
CLOSE = b'{"type":"session.close"}'
