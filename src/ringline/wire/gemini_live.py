"""What we send to Gemini Live, as JSON. Pure.

The protocol is the WebSocket `BidiGenerateContent` of the Gemini Developer API (upstream
protocols, 2). A message has exactly one of the members `setup`, `clientContent`,
`realtimeInput` and `toolResponse`. What the service sends is read in `gemini_reports.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import PastCall, PastItem, PastTurn

#: The rate of the caller's audio (upstream protocols, 2.3).
INPUT_HZ = 16_000

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

#: The header that carries the key.
KEY_HEADER = "x-goog-api-key"

#: The types of image that the models see.
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")

#: What comes before a text that the model is to speak as it stands: it has no other way.
SAY = "Say the following to the caller, word for word, and nothing else: "

#: The threshold for which the service's own sensitivity is left as it is.
_MIDDLE = TurnDetection().threshold


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a model differs from the others that speak this protocol."""

    #: The model waits for the results of its calls. If not, a result says when to speak of it.
    tools_block: bool = False
    #: It reasons as long as it is told, and not at all if it is not.
    thinks_on_demand: bool = False
    #: It takes typed text as realtime input, and answers it at once.
    types_in_realtime: bool = False
    #: Its turn is over once its status is idle too.
    works_in_background: bool = False


# Our messages.


def setup(
    model: str,
    config: SessionConfig,
    *,
    dialect: Dialect,
    history: bool = False,
    handle: str = "",
) -> dict[str, Any]:
    """Return the `setup` of a conversation; `history` says that turns will follow it.

    With a handle the service resumes a conversation that it knows.

    `model` is the service's own id. Transcription is always on, as the call stores it.
    """
    generation: dict[str, Any] = {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": config.voice}}},
    }
    if config.temperature is not None:
        generation["temperature"] = config.temperature
    if dialect.thinks_on_demand and config.reasoning_effort:
        generation["thinkingConfig"] = {"thinkingLevel": config.reasoning_effort.upper()}
    body: dict[str, Any] = {
        "model": f"models/{model}",
        "generationConfig": generation,
        "realtimeInputConfig": {"automaticActivityDetection": _detection(config.turn_detection)},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        # Without compression a session ends after 15 minutes; resumption brings handles.
        "contextWindowCompression": {"slidingWindow": {}},
        "sessionResumption": {"handle": handle} if handle else {},
    }
    if config.instructions:
        body["systemInstruction"] = {"parts": [{"text": config.instructions}], "role": "user"}
    if config.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in config.tools]}]
    if history:
        body["historyConfig"] = {"initialHistoryInClientContent": True}
    return body


def _detection(detection: TurnDetection) -> dict[str, Any]:
    """Map turn detection; the service's `prefixPaddingMs` is something else than ours."""
    if detection.type is TurnDetectionType.NONE:
        return {"disabled": True}
    found: dict[str, Any] = {"silenceDurationMs": detection.silence_duration_ms}
    if detection.threshold != _MIDDLE:
        level = "LOW" if detection.threshold > _MIDDLE else "HIGH"
        found["startOfSpeechSensitivity"] = f"START_SENSITIVITY_{level}"
    return found


def _declaration(tool: Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters:
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def setup_frame(body: dict[str, Any]) -> bytes:
    """Write `setup`."""
    return _message({"setup": body})


def past_contents(items: Iterable[PastItem]) -> list[dict[str, Any]]:
    """Return what was said before as the service's contents.

    Turns without text are left out, and so are calls without a result: the service knows no
    open call from before a connection, so such a call is told together with its result.
    """
    contents: list[dict[str, Any]] = []
    for item in items:
        match item:
            case PastTurn(role, text):
                if text:
                    contents.append(_content("user" if role is TurnRole.CALLER else "model", text))
            case PastCall(call_id, name, arguments, result):
                if result is not None:
                    call = {"id": call_id, "name": name, "args": arguments}
                    answer = {"id": call_id, "name": name, "response": _object(result)}
                    contents.append({"role": "model", "parts": [{"functionCall": call}]})
                    contents.append({"role": "user", "parts": [{"functionResponse": answer}]})
    return contents


def contents_frame(contents: Sequence[dict[str, Any]], *, answer: bool) -> bytes:
    """Write contents; with `answer` the model responds to them.

    As the first message they are the history before ours, which `answer` ends.
    """
    return _message({"clientContent": {"turns": contents, "turnComplete": answer}})


def typed_frame(texts: Sequence[str], *, answer: bool) -> bytes:
    """Write typed text of the caller; with `answer` the model responds to all of its context.

    It interrupts what the model says.
    """
    content: dict[str, Any] = {"turnComplete": answer}
    if texts:
        content["turns"] = [_content("user", text) for text in texts]
    return _message({"clientContent": content})


def realtime_text_frame(text: str) -> bytes:
    """Write text as realtime input, for models that take it so."""
    return _message({"realtimeInput": {"text": text}})


def _content(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def audio_frame(chunk: Chunk) -> bytes:
    """Write a piece of the caller's audio."""
    # By hand, as there are 50 of these a second; base64 needs no escapes.
    return b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=%d","data":"%b"}}}' % (
        chunk.rate_hz,
        chunk.as_base64(),
    )


def read_image(data_uri: str) -> tuple[str, str] | None:
    """Return the type and the base64 of a `data:image/…` URI; None for another type."""
    head, _, data = data_uri.partition(",")
    mime_type = head.removeprefix("data:").partition(";")[0].lower()
    mime_type = "image/jpeg" if mime_type == "image/jpg" else mime_type
    return (mime_type, data) if mime_type in IMAGE_TYPES else None


def image_frame(mime_type: str, data: str) -> bytes:
    """Write an image, in base64; the model sees it and does not answer it."""
    return _message({"realtimeInput": {"video": {"mimeType": mime_type, "data": data}}})


#: The caller sends no more audio for now: what they said may end.
AUDIO_STREAM_END = b'{"realtimeInput":{"audioStreamEnd":true}}'

#: The edges of the caller's turn where the service does not detect them.
ACTIVITY_START = b'{"realtimeInput":{"activityStart":{}}}'
ACTIVITY_END = b'{"realtimeInput":{"activityEnd":{}}}'


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """The result of a function that the model called: any text, JSON or not."""

    id: str
    name: str
    text: str


def results_frame(results: Sequence[FunctionResult], *, dialect: Dialect) -> bytes:
    """Write the results of a response's calls, which have one follow-up together."""
    last = len(results) - 1
    responses: list[dict[str, Any]] = []
    for position, result in enumerate(results):
        response: dict[str, Any] = {
            "id": result.id,
            "name": result.name,
            "response": _object(result.text),
        }
        if not dialect.tools_block:
            response["scheduling"] = "WHEN_IDLE" if position == last else "SILENT"
        responses.append(response)
    return _message({"toolResponse": {"functionResponses": responses}})


def _object(text: str) -> dict[str, Any]:
    """Return a result as the object that the service asks for."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"output": text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"output": value}


def _message(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message)
