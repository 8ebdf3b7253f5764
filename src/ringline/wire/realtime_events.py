"""The realtime voice socket's events and members, as tables (realtime voice, 5).

`realtime.py` reads and writes them; a test compares every event with its row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ringline.domain.allowance import LimitReason
from ringline.domain.config_members import AUDIO_FORMAT
from ringline.domain.limits import CONFIG_WARNINGS, TYPED_CHARACTERS
from ringline.domain.members import Member, Shape
from ringline.domain.usage import UNITS
from ringline.domain.voice import ResumeReason, UsageKind
from ringline.wire.payload_members import LATENCY, snake


@dataclass(frozen=True, slots=True)
class RealtimeEvent:
    """One row: an event's name, its meaning, and its members besides `type`."""

    name: str
    means: str
    members: tuple[Member, ...] = ()


def _by_name(*events: RealtimeEvent) -> Mapping[str, RealtimeEvent]:
    return {event.name: event for event in events}


_CODE_AND_MESSAGE = (
    Member("code", Shape.TEXT, "one of the codes below, for programs"),
    Member("message", Shape.TEXT, "a sentence for people"),
)
_DETAILS = Member(
    "details", Shape.TEXT, "of `upstream_error`: the provider's own code", optional=True
)
_LOSS = Member(
    "details",
    Shape.OBJECT,
    "of `upstream_unavailable` and `upstream_closed`, if a model's provider is to blame",
    members=(
        Member("model", Shape.TEXT, "the model"),
        Member("cause", Shape.TEXT, "a word (voices.md lists them)"),
    ),
    optional=True,
)
_REASON = Member("error", Shape.OBJECT, "why it ends", members=(*_CODE_AND_MESSAGE, _LOSS))
_ERROR = Member("error", Shape.OBJECT, "what went wrong", members=(*_CODE_AND_MESSAGE, _DETAILS))

#: The events that a client may send.
CLIENT: Mapping[str, RealtimeEvent] = _by_name(
    RealtimeEvent(
        "session.start",
        "open the session; the first frame, and once",
        (
            Member("config", Shape.OBJECT, "the config below", "{}", null=True),
            Member(
                "agent_id",
                Shape.TEXT,
                "an agent, for the settings that ticket and config leave open; its greeting "
                "is spoken. Ignored if the ticket names an agent",
                "none",
                null=True,
            ),
            Member(
                "usage_events",
                Shape.BOOLEAN,
                "whether to send `session.usage`; a mint that says so is followed instead",
                "false",
                null=True,
            ),
        ),
    ),
    RealtimeEvent(
        "session.update",
        "change the config while the session runs",
        (
            Member(
                "config",
                Shape.OBJECT,
                "the members to change; absent ones stay, and those that the ticket binds win",
            ),
        ),
    ),
    RealtimeEvent(
        "audio.append",
        "a piece of the caller's audio, sent continuously, even while the agent speaks",
        (
            Member(
                "audio",
                Shape.TEXT,
                "base64 of PCM16, mono, little-endian, at `input_sample_rate`; an odd byte "
                "is kept for the next piece",
            ),
        ),
    ),
    RealtimeEvent("audio.commit", "the caller's turn ends now, if one is in progress"),
    RealtimeEvent("audio.clear", "discard the audio of the current turn"),
    RealtimeEvent(
        "text.input",
        "a turn that the caller typed; starts no response",
        (Member("text", Shape.TEXT, f"1 to {TYPED_CHARACTERS.most:,} characters"),),
    ),
    RealtimeEvent(
        "image.input",
        "an image of the conversation; starts no response",
        (
            Member("image_url", Shape.TEXT, "a base64 `data:image/…` URI"),
            Member(
                "image_detail",
                Shape.TEXT,
                "how closely the model looks, in its provider's words",
                '"auto"',
                null=True,
            ),
            Member(
                "text",
                Shape.TEXT,
                "what the model should know about it, at most "
                f"{TYPED_CHARACTERS.most:,} characters",
                '""',
                null=True,
            ),
        ),
    ),
    RealtimeEvent("response.create", "respond now"),
    RealtimeEvent("response.cancel", "stop the current response"),
    RealtimeEvent(
        "tool.result",
        "the answer to a `tool.call`; after the last one of a response, the agent responds",
        (
            Member("tool_call_id", Shape.TEXT, "the id of the `tool.call`"),
            Member(
                "tool_result",
                Shape.ANY,
                "what the tool returned; the model gets a string as it is, anything else as JSON",
            ),
        ),
    ),
)

#: The events that the server sends.
SERVER: Mapping[str, RealtimeEvent] = _by_name(
    RealtimeEvent(
        "session.started",
        "the session is open; the client may send audio",
        (
            Member("session_id", Shape.TEXT, "`sess_…`, the mint's `id` if there was a ticket"),
            Member("input_sample_rate", Shape.INTEGER, "of `audio.append`, in Hz"),
            Member("output_sample_rate", Shape.INTEGER, "of `audio.delta`, in Hz"),
            Member("audio_format", Shape.TEXT, "the only one there is", words=(AUDIO_FORMAT,)),
            Member("call_id", Shape.TEXT, "`call_…`, the session's call on the other surfaces"),
            Member("call_uuid", Shape.TEXT, "the same call's `callUuid`"),
            Member(
                "sample_rate",
                Shape.INTEGER,
                "the old name of both rates, only if they are equal",
                optional=True,
            ),
            Member(
                "warnings",
                Shape.TEXT,
                "sentences that name unknown or useless members of the config, at most "
                f"{CONFIG_WARNINGS.most}; only if there are any",
                many=True,
                optional=True,
            ),
        ),
    ),
    RealtimeEvent(
        "session.updated",
        "the config changed, by `session.update`",
        (
            Member("config", Shape.OBJECT, "the whole config, as the session runs with it now"),
            Member(
                "warnings",
                Shape.TEXT,
                "as in `session.started`, about the members of this update",
                many=True,
                optional=True,
            ),
        ),
    ),
    RealtimeEvent("speech.started", "the caller began to speak: stop what is playing"),
    RealtimeEvent("speech.stopped", "the caller stopped speaking"),
    RealtimeEvent(
        "transcript.committed",
        "the whole of what the caller said; only with `input_transcription`",
        (
            Member("transcript", Shape.TEXT, "the text of the turn"),
            Member(
                "recognized",
                Shape.BOOLEAN,
                "`false` if the speech could not be recognised; `transcript` is empty then",
                optional=True,
            ),
        ),
    ),
    RealtimeEvent("response.started", "a response began"),
    RealtimeEvent(
        "text.delta",
        "a piece of what the agent says, sent with its audio; only with `output_transcription`, "
        "or with `text` among the `modalities`",
        (Member("delta", Shape.TEXT, "the piece; the pieces together are the text"),),
    ),
    RealtimeEvent(
        "audio.delta",
        "a piece of the agent's speech",
        (
            Member(
                "audio",
                Shape.TEXT,
                "base64 of whole samples of PCM16, mono, little-endian, at `output_sample_rate`",
            ),
        ),
    ),
    RealtimeEvent(
        "tool.call",
        "run a tool, and answer with `tool.result`",
        (
            Member("tool_call_id", Shape.TEXT, "its id, for the answer"),
            Member("tool_name", Shape.TEXT, "one of the config's `tools`"),
            Member("tool_arguments", Shape.OBJECT, "the arguments; `{}` if there are none"),
        ),
    ),
    RealtimeEvent(
        "response.completed",
        "the response is over: it was played, or cut off by the caller, the client or a failure",
        (
            Member("interrupted", Shape.BOOLEAN, "`true` if it was cut off", optional=True),
            Member(
                "spoken_text",
                Shape.TEXT,
                "what was heard of one that was cut off: a beginning of its text, up to a whole "
                "word; only where `text.delta` is sent, and not for text alone",
                optional=True,
            ),
            replace(
                snake(LATENCY),
                null=False,
                optional=True,
                means="how long the answer took to begin, from the last audio of the user's speech "
                "to its first chunk; absent where no speech came before",
            ),
        ),
    ),
    RealtimeEvent(
        "session.warning",
        "80 % of a limit is used, the ticket's or the server's; once for each reason, for "
        "idleness once in each silence",
        (
            Member(
                "reason",
                Shape.TEXT,
                "the code that `session.terminating` will have",
                words=tuple(LimitReason),
            ),
            Member(
                "remaining",
                Shape.NUMBER,
                "what is left, in the unit of the limit: seconds, or for a budget the unit of "
                "which most is used: tokens, seconds of audio, or USD",
            ),
        ),
    ),
    RealtimeEvent(
        "session.resumed",
        "the session continues on another connection to a model; rates and voice ids stay as "
        "they are",
        (
            Member(
                "reason",
                Shape.TEXT,
                "`rollover`: as planned, before the provider's time limit; `reconnect`: the "
                "connection was lost; `fallback`: the model was lost, and another one speaks",
                words=tuple(ResumeReason),
            ),
            Member("model", Shape.TEXT, "the model that speaks from here on"),
        ),
    ),
    RealtimeEvent(
        "session.usage",
        "a voice has used something, since it last reported; only with `usage_events`. A last "
        "one comes right before `session.terminating`, be it of nothing",
        (
            Member("model", Shape.TEXT, "the model that used it"),
            Member("kind", Shape.TEXT, "what for", words=tuple(UsageKind)),
            *(
                Member(unit, Shape.NUMBER if unit == "seconds" else Shape.INTEGER, text)
                for unit, text in UNITS.items()
            ),
            Member("usd", Shape.NUMBER, "what it costs by the price list, in US dollars"),
        ),
    ),
    RealtimeEvent("error", "something went wrong; the session continues", (_ERROR,)),
    RealtimeEvent("session.terminating", "the session ends; the close frame follows", (_REASON,)),
)
