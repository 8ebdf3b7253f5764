"""The members of envelopes, as tables (live streams, 3).

Code writes the envelopes (`envelope.py`); a test compares its output with these tables, and
`docs/reference/event-payloads.md` is generated from them.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.conversations import MESSAGE_CHANNELS
from ringline.domain.members import Member, Shape
from ringline.wire import call_status, message_payloads, transcript
from ringline.wire.call_commands import COMMANDS, Action
from ringline.wire.payload_members import (
    DIRECTION,
    DURATION,
    ENDED_AT,
    EVENT_ID,
    FROM_NUMBER,
    HANGUP_CAUSE,
    INTERRUPTED,
    LATENCY,
    OCCURRED_AT,
    RECOGNIZED,
    REMARKS,
    SPOKEN_TEXT,
    STARTED_AT,
    TO_NUMBER,
    Members,
    snake,
)

_FROM, _TO, _STARTED_AT, _DIRECTION = map(snake, (FROM_NUMBER, TO_NUMBER, STARTED_AT, DIRECTION))
_CALL_ID = Member("call_id", Shape.TEXT, "`call_…`: the call")
_TURN_ID = Member("turn_id", Shape.TEXT, "`trn_…`: the turn, as in the transcript stream")
_TEXT = Member("text", Shape.TEXT, "the whole of what was said")
_ROLE = Member("role", Shape.TEXT, "who said it", words=tuple(transcript.TURN_ROLES.values()))
_AI_MODE = Member("ai_mode", Shape.TEXT, "the provider of the agent's model", null=True)
_TRANSPORT = Member("transport", Shape.TEXT, "how the call is connected: `websocket`, `sip`, …")
_ENDED_WORDS = ("completed", "canceled", "failed", "busy", "no_answer")


def _unknown(name: str, shape: Shape, *, means: str) -> Member:
    """Describe a member of the published format that is always null in this version."""
    return Member(name, shape, f"{means}; null in this version", null=True)


_CAMPAIGN = _unknown("campaign_id", Shape.TEXT, means="the campaign")

#: The members of every envelope.
COMMON: Members = (
    snake(EVENT_ID),
    Member("event_type", Shape.TEXT, "the name of the event"),
    Member("channel", Shape.TEXT, "the kind of event", words=("voice", *MESSAGE_CHANNELS)),
    Member("agent_id", Shape.TEXT, "`agt_…`: the agent of the call or thread", null=True),
    Member("number", Shape.TEXT, "our number, whichever way it went"),
    Member("from", Shape.TEXT, "the number of the other party, whichever way it went"),
    snake(OCCURRED_AT, "timestamp"),
    Member("payload", Shape.OBJECT, "the details of this event"),
)

#: The payload's members, by the envelope's event type.
PAYLOADS: Mapping[str, Members] = {
    "call.initiated": (
        _CALL_ID,
        _DIRECTION,
        _FROM,
        _TO,
        Member("status", Shape.TEXT, "the call's state", words=("in_progress",)),
        _STARTED_AT,
        _TRANSPORT,
        _CAMPAIGN,
    ),
    "call.transcription": (
        _CALL_ID,
        _TURN_ID,
        _TEXT,
        replace(_ROLE, words=(transcript.TURN_ROLES[TurnRole.CALLER],)),
        Member("is_final", Shape.BOOLEAN, "true: partial turns are not sent here"),
        _unknown("language", Shape.TEXT, means="the language spoken"),
        _unknown("confidence", Shape.NUMBER, means="the recogniser's confidence"),
        RECOGNIZED,
    ),
    "call.agent_response": (
        _CALL_ID,
        _TURN_ID,
        _TEXT,
        _AI_MODE,
        INTERRUPTED,
        snake(SPOKEN_TEXT),
        snake(LATENCY),
    ),
    "call.barge_in": (
        _CALL_ID,
        _TURN_ID,
        _TRANSPORT,
        Member("spoken_text", Shape.TEXT, "what they had heard of it"),
        Member("at_ms", Shape.INTEGER, "how much of the turn they had heard, in milliseconds"),
    ),
    "call.idle_silence": (
        _CALL_ID,
        Member("silence_seconds", Shape.NUMBER, "how long they have been silent"),
        Member("idle_timeout_seconds", Shape.INTEGER, "the agent's limit"),
        Member("count", Shape.INTEGER, "how often that has happened in this call"),
    ),
    "call.held": (_CALL_ID,),
    "call.resumed": (_CALL_ID,),
    "call.transferred": (
        _CALL_ID,
        Member("destination", Shape.TEXT, "the number that the caller was connected with"),
    ),
    "call.completed": (
        _CALL_ID,
        Member("status", Shape.TEXT, "its final state", words=_ENDED_WORDS),
        snake(DURATION),
        Member(
            "transcript",
            Shape.OBJECT,
            "the finished turns, in spoken order",
            many=True,
            members=(
                _TURN_ID,
                _ROLE,
                _TEXT,
                Member("ts", Shape.TIME, "when its speech began"),
                *(snake(member) for member in REMARKS),
            ),
        ),
        Member(
            "disposition",
            Shape.TEXT,
            "the published word closest to `hangup_cause`",
            words=tuple(dict.fromkeys(call_status.DISPOSITIONS.values())),
        ),
        snake(HANGUP_CAUSE),
        _AI_MODE,
        _DIRECTION,
        _FROM,
        _TO,
        _STARTED_AT,
        snake(ENDED_AT),
        _unknown("mno_used", Shape.TEXT, means="the carrier"),
        Member(
            "recording_url",
            Shape.TEXT,
            "the path of its recording on this server, which takes a key; null if there is none",
            null=True,
        ),
        _unknown("quality_mos", Shape.NUMBER, means="the audio quality"),
        _CAMPAIGN,
        Member(
            "metadata",
            Shape.OBJECT,
            "your own data about the call, as it was given when it was placed, or by its ticket",
            null=True,
        ),
    ),
    **message_payloads.PAYLOADS,
}

_REQUEST_ID = Member(
    "request_id",
    Shape.TEXT,
    "the client's own id of the command; null if it has none, or cannot be read",
    null=True,
)

#: The call WebSocket's own notices, which have no `event_id`.
NOTICES: Mapping[str, Members] = {
    "stream.dropped": (
        Member("event_type", Shape.TEXT, "the name of the notice", words=("stream.dropped",)),
        snake(OCCURRED_AT, "timestamp"),
        Member(
            "payload",
            Shape.OBJECT,
            "frames were lost, or `since` could not be resumed from",
            members=(Member("position", Shape.TEXT, "the position to resume from"),),
        ),
    ),
    "command.result": (
        Member("event_type", Shape.TEXT, "the name of the notice", words=("command.result",)),
        _REQUEST_ID,
        snake(OCCURRED_AT, "timestamp"),
        Member(
            "payload",
            Shape.OBJECT,
            "what was done",
            members=(
                Member("action", Shape.TEXT, "the command", words=tuple(Action)),
                Member(
                    "status",
                    Shape.TEXT,
                    "what became of it",
                    words=tuple(row.status for row in COMMANDS.values()),
                ),
            ),
        ),
    ),
    "command.error": (
        Member("event_type", Shape.TEXT, "the name of the notice", words=("command.error",)),
        _REQUEST_ID,
        snake(OCCURRED_AT, "timestamp"),
        Member(
            "payload",
            Shape.OBJECT,
            "why it was not done; the socket stays open",
            members=(
                Member(
                    "action",
                    Shape.TEXT,
                    "the command; null if the frame is none",
                    words=tuple(Action),
                    null=True,
                ),
                Member("error_code", Shape.TEXT, "a code of `/v1`"),
                Member("message", Shape.TEXT, "a sentence for people"),
            ),
        ),
    ),
}
