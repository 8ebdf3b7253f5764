"""The events and members of the OpenAI-compatible surface, as tables (voices, 6).

The codecs beside this module read and write them; a test compares every event with its row.
Shapes inside items, responses and sessions are the vendor's own.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.members import Member, Shape
from ringline.wire.errors import V3_ERRORS, HttpError
from ringline.wire.openai_server_errors import CODES
from ringline.wire.realtime_errors import END_CODES
from ringline.wire.realtime_events import RealtimeEvent


def _by_name(*events: RealtimeEvent) -> Mapping[str, RealtimeEvent]:
    return {event.name: event for event in events}


#: A member of every event that a client may send.
EVENT_ID = Member(
    "event_id", Shape.TEXT, "the client's id of its event; an `error` repeats it", "none", null=True
)

#: The events that a client may send, without `event_id`.
CLIENT: Mapping[str, RealtimeEvent] = _by_name(
    RealtimeEvent(
        "session.update",
        "change the session; members that are absent stay",
        (Member("session", Shape.OBJECT, "the members to change, as in the table below"),),
    ),
    RealtimeEvent(
        "input_audio_buffer.append",
        "a piece of the caller's audio",
        (
            Member(
                "audio",
                Shape.TEXT,
                "base64 of PCM16, mono, little-endian, at 24 kHz; an odd byte is kept for the "
                "next piece",
            ),
        ),
    ),
    RealtimeEvent(
        "input_audio_buffer.commit",
        "the caller's turn ends now; with turn detection it is answered, without it a "
        "`response.create` has to follow",
    ),
    RealtimeEvent("input_audio_buffer.clear", "discard the audio of the current turn"),
    RealtimeEvent(
        "conversation.item.create",
        "add a message of the user (texts, images, and without turn detection one part of audio), "
        "of the system or of the agent from before (texts, not a turn), or the output of a "
        "function; starts no response. The model is given a message once a response is requested, "
        "the caller speaks, or an output or audio follows",
        (
            Member("item", Shape.OBJECT, "the item"),
            Member(
                "previous_item_id",
                Shape.TEXT,
                "ignored: items are added at the end, and the answer says after which",
                "none",
                null=True,
            ),
        ),
    ),
    RealtimeEvent(
        "conversation.item.retrieve",
        "show an item again, as it is now",
        (Member("item_id", Shape.TEXT, "one of the latest items"),),
    ),
    RealtimeEvent(
        "conversation.item.delete",
        "delete a message that the model has not been given yet",
        (Member("item_id", Shape.TEXT, "a message of the client"),),
    ),
    RealtimeEvent(
        "conversation.item.truncate",
        "the client has played so much of a message, and plays no more: the playback clock "
        "moves there, so a response that is stopped then was heard up to there",
        (
            Member("item_id", Shape.TEXT, "a message of the agent"),
            Member("content_index", Shape.INTEGER, "0"),
            Member("audio_end_ms", Shape.INTEGER, "how much of its speech was played"),
        ),
    ),
    RealtimeEvent(
        "response.create",
        "respond now",
        (
            Member(
                "response",
                Shape.OBJECT,
                "`metadata` is shown back, `instructions` are told to the model as a message of "
                "the system; `conversation` and `tool_choice` can only be `auto`, and `input` "
                "cannot be set; other members have no effect",
                "none",
                null=True,
            ),
        ),
    ),
    RealtimeEvent(
        "response.cancel",
        "stop the current response",
        (Member("response_id", Shape.TEXT, "only if it is this one", "any", null=True),),
    ),
)

_ITEM_ID = Member("item_id", Shape.TEXT, "`item_…`, the item's id")
_AFTER = Member("previous_item_id", Shape.TEXT, "the item before it", null=True)
_ITEM = Member("item", Shape.OBJECT, "the item")
_CONTENT_INDEX = Member("content_index", Shape.INTEGER, "0")
_OUTPUT = (
    Member("response_id", Shape.TEXT, "`resp_…`, the response's id"),
    Member("output_index", Shape.INTEGER, "the item's place in the response"),
)
_PART = (*_OUTPUT, _ITEM_ID, _CONTENT_INDEX)
_CALL = (*_OUTPUT, _ITEM_ID, Member("call_id", Shape.TEXT, "for the function's output"))
_SESSION = Member("session", Shape.OBJECT, "the whole session, as it is")
_RESPONSE = Member("response", Shape.OBJECT, "the response, as it is")
_DELTA = Member("delta", Shape.TEXT, "the piece; the pieces together are the text")
_HEARD = "conversation.item.input_audio_transcription"

#: A member of every event that the server sends.
SERVER_EVENT_ID = Member("event_id", Shape.TEXT, "the event's id, unique in the session")

#: The events that the server sends, without `event_id`.
SERVER: Mapping[str, RealtimeEvent] = _by_name(
    RealtimeEvent("session.created", "the first event: the session's defaults", (_SESSION,)),
    RealtimeEvent("session.updated", "the session changed, by `session.update`", (_SESSION,)),
    RealtimeEvent(
        "input_audio_buffer.speech_started",
        "the caller began to speak: stop what is playing",
        (
            Member("audio_start_ms", Shape.INTEGER, "where, in the audio that the client sent"),
            replace(_ITEM_ID, means="`item_…`, what the turn's item will be called"),
        ),
    ),
    RealtimeEvent(
        "input_audio_buffer.speech_stopped",
        "the caller's turn is over",
        (
            Member("audio_end_ms", Shape.INTEGER, "where, in the audio that the client sent"),
            _ITEM_ID,
        ),
    ),
    RealtimeEvent(
        "input_audio_buffer.committed", "the caller's turn is an item now", (_ITEM_ID, _AFTER)
    ),
    RealtimeEvent("input_audio_buffer.cleared", "the audio of the current turn was discarded"),
    RealtimeEvent("conversation.item.added", "an item was added, or begun", (_ITEM, _AFTER)),
    RealtimeEvent("conversation.item.done", "an item is complete", (_ITEM, _AFTER)),
    RealtimeEvent(
        "conversation.item.retrieved",
        "an item as it is now: with the caller's transcript, or what was heard of a message that "
        "was interrupted",
        (_ITEM,),
    ),
    RealtimeEvent(
        "conversation.item.deleted", "the item is no longer in the conversation", (_ITEM_ID,)
    ),
    RealtimeEvent(
        "conversation.item.truncated",
        "the answer to `conversation.item.truncate`",
        (
            _ITEM_ID,
            _CONTENT_INDEX,
            Member("audio_end_ms", Shape.INTEGER, "where the client stopped playing"),
        ),
    ),
    RealtimeEvent(
        f"{_HEARD}.completed",
        "what the caller said; only with `transcription`",
        (
            _ITEM_ID,
            _CONTENT_INDEX,
            Member("transcript", Shape.TEXT, "the text of the turn"),
            Member("usage", Shape.OBJECT, "how long the turn was, in seconds"),
        ),
    ),
    RealtimeEvent(
        f"{_HEARD}.failed",
        "the caller's speech could not be recognised; only with `transcription`",
        (_ITEM_ID, _CONTENT_INDEX, Member("error", Shape.OBJECT, "why")),
    ),
    RealtimeEvent("response.created", "a response began", (_RESPONSE,)),
    RealtimeEvent("response.output_item.added", "an item of the response began", (*_OUTPUT, _ITEM)),
    RealtimeEvent(
        "response.output_item.done", "an item of the response is complete", (*_OUTPUT, _ITEM)
    ),
    RealtimeEvent(
        "response.content_part.added",
        "the content of a message begins",
        (*_PART, Member("part", Shape.OBJECT, "the part, empty")),
    ),
    RealtimeEvent(
        "response.content_part.done",
        "the content of a message is complete",
        (*_PART, Member("part", Shape.OBJECT, "the part, with its text")),
    ),
    RealtimeEvent(
        "response.output_audio.delta",
        "a piece of the agent's speech",
        (
            *_PART,
            Member(
                "delta",
                Shape.TEXT,
                "base64 of whole samples of PCM16, mono, little-endian, at 24 kHz",
            ),
        ),
    ),
    RealtimeEvent("response.output_audio.done", "the message's speech is complete", _PART),
    RealtimeEvent(
        "response.output_audio_transcript.delta",
        "a piece of what the agent says, sent with its audio",
        (*_PART, _DELTA),
    ),
    RealtimeEvent(
        "response.output_audio_transcript.done",
        "what the agent said",
        (*_PART, Member("transcript", Shape.TEXT, "the text that was sent")),
    ),
    RealtimeEvent(
        "response.output_text.delta",
        'a piece of what the agent writes, with `"output_modalities": ["text"]`',
        (*_PART, _DELTA),
    ),
    RealtimeEvent(
        "response.output_text.done",
        "what the agent wrote",
        (*_PART, Member("text", Shape.TEXT, "the text")),
    ),
    RealtimeEvent(
        "response.function_call_arguments.delta",
        "the arguments of a function call, in one piece",
        (*_CALL, Member("delta", Shape.TEXT, "the arguments, as JSON")),
    ),
    RealtimeEvent(
        "response.function_call_arguments.done",
        "run a function, and answer with its output",
        (
            *_CALL,
            Member("name", Shape.TEXT, "one of the session's `tools`"),
            Member("arguments", Shape.TEXT, "the arguments, as JSON"),
        ),
    ),
    RealtimeEvent(
        "response.done",
        "the response was played, or cut off: `status` is `completed` or `cancelled`; `usage` has "
        "the tokens of responses that the voice has told since the last one was over, those of a "
        "response that was cut off before included; together they are the ledger's",
        (_RESPONSE,),
    ),
    RealtimeEvent(
        "error",
        "something went wrong; the session continues, unless the close frame follows",
        (
            Member(
                "error",
                Shape.OBJECT,
                "what went wrong",
                members=(
                    Member(
                        "type",
                        Shape.TEXT,
                        "whose fault it is",
                        words=("invalid_request_error", "server_error"),
                    ),
                    Member("code", Shape.TEXT, "one of the codes below, for programs"),
                    Member("message", Shape.TEXT, "a sentence for people"),
                    Member("param", Shape.TEXT, "the member that is wrong", null=True),
                    Member("event_id", Shape.TEXT, "the client's, if it had one", null=True),
                ),
            ),
        ),
    ),
)

_AT_24_KHZ = '`{"type":"audio/pcm","rate":24000}`, the only one'

#: The members of a session that have an effect, by their paths.
SESSION: tuple[Member, ...] = (
    Member(
        "model",
        Shape.TEXT,
        "the model that speaks: an id of ours, or a name of OpenAI's without its prefix; fixed",
        "the query's",
    ),
    Member("instructions", Shape.TEXT, "the model's system prompt", '""'),
    Member("tools", Shape.OBJECT, "functions that the model may call", "[]", many=True),
    Member("tool_choice", Shape.TEXT, "the only one", '"auto"', words=("auto",)),
    Member("output_modalities", Shape.TEXT, "one of `audio`, `text`", '["audio"]', many=True),
    Member(
        "reasoning",
        Shape.OBJECT,
        "`effort`: one of the model's levels; no effect on a model that lacks it",
        "the model's",
    ),
    Member(
        "audio",
        Shape.OBJECT,
        "both sides",
        "{}",
        members=(
            Member(
                "input",
                Shape.OBJECT,
                "what the caller says",
                "{}",
                members=(
                    Member("format", Shape.OBJECT, _AT_24_KHZ, "that"),
                    Member(
                        "transcription",
                        Shape.OBJECT,
                        "whether to send what the caller said; `model` names the recogniser of "
                        "models of OpenAI",
                        "null",
                        null=True,
                    ),
                    Member(
                        "turn_detection",
                        Shape.OBJECT,
                        "`server_vad` or `semantic_vad`, null: the client commits; replaced as a "
                        "whole. A model without `semantic_vad` has `server_vad` instead. With "
                        "`create_response` false a turn is answered on request; with "
                        "`interrupt_response` false the caller's speech does not stop a "
                        "response, and the turn is answered after it",
                        '{"type":"server_vad"}',
                        null=True,
                    ),
                ),
            ),
            Member(
                "output",
                Shape.OBJECT,
                "what the agent says",
                "{}",
                members=(
                    Member("format", Shape.OBJECT, _AT_24_KHZ, "that"),
                    Member(
                        "voice",
                        Shape.TEXT,
                        "a voice that the model offers; one of OpenAI's voices is the default "
                        "voice of a model that lacks it",
                        "the model's default voice",
                    ),
                ),
            ),
        ),
    ),
)

_REFUSED = (
    "invalid_json",
    "invalid_request",
    "invalid_config",
    "unsupported_audio_format",
    "model_not_found",
    "model_not_realtime",
    "agent_not_found",
    "upgrade_required",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "request_timeout",
    "payload_too_large",
    "rate_limited",
    "concurrency_limit",
    "internal_error",
    "unavailable",
)

#: The refusals over HTTP, by the codes that clients see.
OPENAI_ERRORS: Mapping[str, HttpError] = {
    CODES.get(code, code): replace(V3_ERRORS[code], code=CODES.get(code, code)) for code in _REFUSED
} | {
    code: HttpError(code, 400, means)
    for code, means in (
        ("unsupported_value", "the session has a value that no voice here can do"),
        ("invalid_value", "the session has a value that the protocol does not have"),
    )
}

#: The codes that the socket shares with our own protocol: an ending has its close code there.
TOLD = frozenset(
    {
        "invalid_json",
        "invalid_event",
        "unknown_event",
        "binary_not_supported",
        "invalid_audio",
        "rate_limited",
        "input_audio_buffer_commit_empty",
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "tool_call_not_found",
        "image_input_unsupported",
        "invalid_image",
        "immutable_field",
        "upstream_error",
        "overloaded",
        "speech_failed",
        "agent_not_found",
        "invalid_config",
        "unsupported_modality",
        "unsupported_voice",
        "unsupported_turn_detection",
        "unsupported_audio_format",
        *END_CODES.values(),
    }
)
