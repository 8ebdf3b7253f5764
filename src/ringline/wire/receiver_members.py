"""The members of what an agent's receiver is asked and answers, as tables (live streams, 4, 5).

`receivers.py` writes and reads them; a test compares its output with these tables, and
`docs/reference/webhooks.md` is generated from them.
"""

from collections.abc import Mapping

from ringline.domain.call_vocabulary import CallDirection
from ringline.domain.members import Member, Shape
from ringline.domain.receivers import ReceiverFailure
from ringline.domain.tool_calls import TOO_MANY
from ringline.domain.tool_runs import TOO_MANY_ROUNDS
from ringline.wire.payload_members import Members
from ringline.wire.receivers import ROLES, TOOL_EVENT_TYPE, TOOL_TIMEOUT, TURN_EVENT

_AGENT_ID = Member("agent_id", Shape.TEXT, "`agt_…`: the agent", null=True)
_CALL_ID = Member("call_id", Shape.TEXT, "`call_…`: the call")
_TIMESTAMP = Member("timestamp", Shape.TIME, "when it was asked")

#: The request for the answer to a turn.
TURN: Members = (
    Member("event", Shape.TEXT, "what is asked; there is no `event_type`", words=(TURN_EVENT,)),
    Member("turn_id", Shape.TEXT, "`trn_…`: the turn, as in `call.transcription`"),
    _AGENT_ID,
    _CALL_ID,
    Member("from_number", Shape.TEXT, "who calls"),
    Member("to_number", Shape.TEXT, "who is called"),
    Member("direction", Shape.TEXT, "as the workspace sees it", words=tuple(CallDirection)),
    Member("language", Shape.TEXT, "the agent's language"),
    _TIMESTAMP,
    Member("transcription", Shape.TEXT, "what the caller said, or typed"),
    Member(
        "messages",
        Shape.OBJECT,
        "the conversation as it was heard, oldest first; this turn is the last",
        many=True,
        members=(
            Member("role", Shape.TEXT, "who said it", words=tuple(ROLES.values())),
            Member("text", Shape.TEXT, "what they said; of an interrupted answer, what was heard"),
        ),
    ),
)

#: The answer to a turn.
TURN_ANSWER: Members = (
    Member("text", Shape.TEXT, 'what the agent says, sentence by sentence; `""` is nothing'),
    Member("end_call", Shape.BOOLEAN, "true hangs up after the text", "false"),
    Member("transfer_to", Shape.TEXT, "a number in E.164: transfers after the text", "none"),
    Member("dtmf", Shape.TEXT, "sends tones after the text: `0-9A-D*#`, `,` is a pause", "none"),
)

#: The request for the result of a tool.
TOOL: Members = (
    Member("event_id", Shape.TEXT, "`evt_…`: this request, as in `X-Voicebip-Event-ID`"),
    Member("event_type", Shape.TEXT, "what is asked", words=(TOOL_EVENT_TYPE,)),
    Member("channel", Shape.TEXT, "the kind of call", words=("voice",)),
    _TIMESTAMP,
    _AGENT_ID,
    _CALL_ID,
    Member("turn_id", Shape.TEXT, "`trn_…`: the agent's turn that calls the tool"),
    Member(
        "tool",
        Shape.OBJECT,
        "the call",
        members=(
            Member("name", Shape.TEXT, "the tool"),
            Member("arguments", Shape.OBJECT, "the model's arguments"),
            Member("tool_call_id", Shape.TEXT, "`tcl_…`: this call of it"),
        ),
    ),
)

#: What the model is told of a tool without a result, and when.
TOOL_RESULTS: Mapping[str, str] = {
    TOOL_TIMEOUT: "no complete answer in time",
    '{"error":"tool_failed","status":N}': "a status other than 2xx",
    '{"error":"tool_failed","reason":"…"}': "anything else that went wrong",
    TOO_MANY_ROUNDS: "the turn has had its rounds of tools",
    TOO_MANY: "too many tools of the call are being asked for",
}

#: What the `reason` may be besides the causes of `ReceiverFailure`.
TOOL_REASONS: Mapping[str, str] = {
    "no_webhook": "the agent has no URL, and the call no client that could run it",
    "cancelled": "the response that called it was interrupted or cancelled",
    "arguments_too_large": "the model's arguments are too long",
    "internal_error": "something went wrong here",
}

_F = ReceiverFailure

#: What each failure means.
FAILURE_MEANS: Mapping[ReceiverFailure, str] = {
    _F.TIMEOUT: "no complete answer in time",
    _F.DNS: "the host's name has no address",
    _F.REFUSED: "nobody listens there",
    _F.RESET: "the connection was reset",
    _F.TLS: "the certificate is not trusted, or there is no TLS",
    _F.ADDRESS_NOT_ALLOWED: "the address is not public",
    _F.REDIRECT: "a redirect, which is not followed",
    _F.CLOSED: "the connection ended in the middle of an answer, or what came is no HTTP",
    _F.STATUS: "a status other than 2xx",
    _F.TOO_LARGE: "more than 64 KiB",
    _F.NOT_JSON: "no JSON in UTF-8, or compressed, or nested too deeply",
    _F.INVALID_ANSWER: "JSON, but no object with a string `text`",
    _F.NO_WEBHOOK: "the agent has no URL any more, or is gone",
    _F.NOT_SIGNED: "the workspace's signing secret cannot be decrypted",
    _F.UNAVAILABLE: "the database does not say where to ask, and nobody asked before",
    _F.OVERLOADED: "the server asks too much already",
}
