"""What we send to a provider that speaks OpenAI's realtime protocol, as JSON frames.

The protocol is OpenAI's as generally available (no beta names). Other providers speak it with
differences, which a `Dialect` lists; the codec never asks for a provider's name. What comes
back is read by `openai_realtime_events.py`.

A frame that may fail carries an `event_id`, which the provider's `error` repeats: `cancel` and
`trim` for requests that may come too late, `commit`, `config`, and `respond:<id>`.

The session's config is a mapping from paths to values, as a change sends only what differs:
members that are absent stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import AddImage, MessageRole, PastCall, PastTurn
from ringline.wire.strict_json import encode

#: Of audio in both directions.
RATE_HZ = 24_000

#: The ids of our frames, as errors repeat them.
CANCEL, TRIM, COMMIT, CONFIG, RESPOND = "cancel", "trim", "commit", "config", "respond:"

#: The member of a response's metadata that holds our id of it.
OUR_ID = "ringline_response_id"

#: A session's config: the values by their paths.
Session: TypeAlias = Mapping[tuple[str, ...], object]

VOICE_PATH = ("audio", "output", "voice")

_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}
_NO_PARAMETERS: Mapping[str, object] = {"type": "object", "properties": {}}
_DEFAULT_THRESHOLD = TurnDetection().threshold


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider's protocol differs from OpenAI's; the default is OpenAI's own."""

    #: The first event after which a config may be sent.
    opens_with: str = "session.created"
    #: The recogniser of the caller's speech, unless the config names one.
    transcription_model: str = "gpt-transcribe"
    #: Voice and turn detection are top-level members, and there is no `type` or modality.
    flat_session: bool = False
    #: The lowest and the highest `threshold` of its turn detection.
    thresholds: tuple[float, float] = (0.0, 1.0)
    #: It answers the end of each turn by itself, and cannot be told not to.
    answers_turns: bool = False
    #: `force_message` items are spoken as they stand; otherwise the model is told what to say.
    speaks_scripts: bool = False
    #: A response can be given metadata, and be cancelled by its id.
    names_responses: bool = True
    #: The voice cannot change once it has spoken.
    voice_is_fixed: bool = True
    #: It charges for the time that a conversation is open, and for each typed text.
    bills_time: bool = False


OPENAI = Dialect()


def session_of(config: SessionConfig, dialect: Dialect, *, language: str = "") -> Session:
    """Return what a config means for the provider; its recogniser is told the `language`."""
    recogniser = {"model": config.input_transcription_model or dialect.transcription_model}
    if language and not dialect.flat_session:
        recogniser["language"] = language
    members: dict[tuple[str, ...], object] = {
        ("instructions",): config.instructions,
        ("tools",): [_tool(tool) for tool in config.tools],
        ("audio", "input", "format"): _FORMAT,
        ("audio", "input", "transcription"): recogniser,
        ("audio", "output", "format"): _FORMAT,
    }
    detection = _detection(config.turn_detection, dialect)
    if dialect.flat_session:
        return members | {("voice",): config.voice, ("turn_detection",): detection}
    spoken = Modality.AUDIO in config.modalities
    members |= {
        ("type",): "realtime",
        ("output_modalities",): [Modality.AUDIO if spoken else Modality.TEXT],
        ("audio", "input", "turn_detection"): detection,
        VOICE_PATH: config.voice,
    }
    if config.reasoning_effort:
        members["reasoning", "effort"] = config.reasoning_effort
    return members


def _tool(tool: Tool) -> dict[str, object]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or _NO_PARAMETERS,
    }


def _detection(detection: TurnDetection, dialect: Dialect) -> dict[str, object] | None:
    """Return the turn detection; where the provider lets us, we decide when it answers."""
    ours: dict[str, object] = {"create_response": False, "interrupt_response": False}
    silence = {
        "prefix_padding_ms": detection.prefix_padding_ms,
        "silence_duration_ms": detection.silence_duration_ms,
    }
    match detection.type:
        case TurnDetectionType.NONE:
            return {"type": None} if dialect.flat_session else None
        case TurnDetectionType.SEMANTIC_VAD:
            return {"type": "semantic_vad", **ours}
        case TurnDetectionType.SERVER_VAD:
            found: dict[str, object] = {"type": "server_vad", **silence}
    if not dialect.flat_session:
        found |= ours
    if detection.threshold != _DEFAULT_THRESHOLD:  # each provider's default is its own
        low, high = dialect.thresholds
        found["threshold"] = min(max(detection.threshold, low), high)
    return found


def changed(before: Session, after: Session) -> Session:
    """Return what differs of a session."""
    return {path: value for path, value in after.items() if before.get(path) != value}


def update_session(members: Session, dialect: Dialect) -> bytes:
    """Encode `session.update` with the members that change."""
    session: dict[str, Any] = {}
    for path, value in members.items():
        place = session
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
    if not dialect.flat_session:
        session["type"] = "realtime"  # required in every update
    return encode({"type": "session.update", "event_id": CONFIG, "session": session})


def append_audio(audio: bytes) -> bytes:
    """Encode `input_audio_buffer.append`; the audio is base64."""
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % audio


def commit_audio() -> bytes:
    """Encode `input_audio_buffer.commit`: the caller's turn ends."""
    return encode({"type": "input_audio_buffer.commit", "event_id": COMMIT})


def clear_audio() -> bytes:
    """Encode `input_audio_buffer.clear`."""
    return encode({"type": "input_audio_buffer.clear"})


def add_text(text: str) -> bytes:
    """Encode a message of the caller."""
    return _create(_message("user", [{"type": "input_text", "text": text}]))


def add_message(role: MessageRole, text: str) -> bytes:
    """Encode a message of the system, or of the agent from before."""
    kind = "output_text" if role is MessageRole.ASSISTANT else "input_text"
    return _create(_message(role, [{"type": kind, "text": text}]))


def add_image(image: AddImage) -> bytes:
    """Encode an image of the caller, after the text that belongs to it."""
    picture = {"type": "input_image", "image_url": image.image_url, "detail": image.detail}
    text = [{"type": "input_text", "text": image.text}] if image.text else []
    return _create(_message("user", [*text, picture]))


def add_past_turn(turn: PastTurn) -> bytes:
    """Encode a turn from before this conversation, as text."""
    if turn.role is TurnRole.AGENT:
        return add_message(MessageRole.ASSISTANT, turn.text)
    return add_text(turn.text)


def add_past_call(call: PastCall) -> bytes:
    """Encode a tool call from before this conversation; its result is another item."""
    item = {"type": "function_call", "call_id": call.tool_call_id, "name": call.name}
    return _create({**item, "arguments": encode(call.arguments).decode()})


def add_tool_result(call_id: str, result: str) -> bytes:
    """Encode the result of a tool call."""
    return _create({"type": "function_call_output", "call_id": call_id, "output": result})


def _message(role: str, content: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"type": "message", "role": role, "content": content}


def _create(item: Mapping[str, object]) -> bytes:
    return encode({"type": "conversation.item.create", "item": item})


def respond(response_id: str, dialect: Dialect, *, say: str | None = None) -> bytes:
    """Encode a request for a response; `say` is what it must say."""
    if say is not None and dialect.speaks_scripts:
        content = [{"type": "output_text", "text": say}]
        item = {"type": "force_message", "role": "assistant", "content": content}
        asked: dict[str, object] = {"type": "conversation.item.create", "item": item}
    else:
        asked = {"type": "response.create"}
        response: dict[str, object] = {}
        if dialect.names_responses:
            response["metadata"] = {OUR_ID: response_id}
        if say is not None:
            response |= {"instructions": _script(say), "tool_choice": "none"}
        if response:
            asked["response"] = response
    return encode({**asked, "event_id": f"{RESPOND}{response_id}"})


def _script(text: str) -> str:
    return f"Say exactly the following text, word for word, and nothing else:\n\n{text}"


def cancel_response(upstream_id: str, dialect: Dialect) -> bytes:
    """Encode `response.cancel`; without an id it means whichever response is running."""
    by_id = {"response_id": upstream_id} if upstream_id and dialect.names_responses else {}
    return encode({"type": "response.cancel", "event_id": CANCEL, **by_id})


def truncate_item(item_id: str, audio_end_ms: int) -> bytes:
    """Encode `conversation.item.truncate`: the caller heard no more of this item."""
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return encode({"type": "conversation.item.truncate", "event_id": TRIM, **cut})


def delete_item(item_id: str) -> bytes:
    """Encode `conversation.item.delete`: the caller heard nothing of this item."""
    return encode({"type": "conversation.item.delete", "event_id": TRIM, "item_id": item_id})
