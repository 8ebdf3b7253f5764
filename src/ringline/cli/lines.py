"""Events, transcripts and notes of a call as lines for people."""

from datetime import UTC, datetime

from rich.text import Text

from ringline.cli.terminal import visible
from ringline.client.conversation import (
    AnswerBegan,
    Answered,
    CallerStarted,
    CallerStopped,
    Ended,
    ErrorReported,
    Heard,
    LimitNear,
    Note,
    Started,
)
from ringline.client.events import SocketEvent
from ringline.domain.latency import Latency

#: Stands for the words of a turn that could not be recognised.
NOT_UNDERSTOOD = "(not understood)"

_STYLES = {
    "incoming_call": "bold cyan",
    "call_answered": "bold green",
    "call_ended": "bold magenta",
    "call_participant_joined": "green",
    "call_participant_left": "magenta",
    "call_transcript_delta": "dim",
    "call_transcript_completed": "white",
    "call_ai_audit_event": "yellow",
}


def describe_event(event: SocketEvent, *, with_call: bool = False) -> Text:
    """Make one line of an event: time, its call if asked for, name and main details."""
    style = _STYLES.get(event.name, "white")
    line = Text()
    line.append(f"{clock_time(event.text('occurredAt'))}  ", "dim")
    if with_call:
        line.append(f"{visible(event.text('callUuid') or '-')}  ", "dim")
    line.append(f"{visible(event.name):<26}", style)
    line.append(visible(event_detail(event)), "dim" if style == "dim" else "")
    return line


def event_detail(event: SocketEvent) -> str:
    """Return the main details of an event."""
    text = event.text
    match event.name:
        case "incoming_call":
            return f"{text('fromNumber')} → {text('toNumber')}"
        case "call_answered":
            return f"by {text('answeredBy')}"
        case "call_participant_joined" | "call_participant_left":
            return text("role") or ""
        case "call_transcript_delta":
            return f"{text('role')}: {text('delta')}"
        case "call_transcript_completed":
            said = words(
                text("transcript"),
                cut=event.payload.get("interrupted") is True,
                recognized=event.payload.get("recognized") is not False,
            )
            return f"{text('role')}: {said}"
        case "call_ended":
            seconds = event.payload.get("durationSeconds")
            return f"{text('status')} after {seconds} s, {text('hangupCause')}"
        case "call_ai_audit_event":
            return text("auditType") or ""
        case _:
            return ""


def clock_time(timestamp: str | None) -> str:
    """Return the local time of day of an ISO 8601 time, to the millisecond."""
    try:
        moment = datetime.fromisoformat(timestamp or "")
    except ValueError:
        return "--:--:--.---"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone().strftime("%H:%M:%S.%f")[:-3]


def describe_note(note: Note) -> str | None:
    """Make one line of a note about a call; None if it is not worth one."""
    match note:
        case Started(_, call_id):
            return f"The call is on: {call_id}"
        case CallerStarted(_, cut_ms) if cut_ms > 0:
            return f"  ✂ The caller interrupts: {cut_ms:.0f} ms of speech are not played"
        case CallerStarted() | CallerStopped():
            return None
        case Heard(turn):
            return f"  caller  {words(turn.heard, recognized=turn.heard != '')}"
        case AnswerBegan(_, turn):
            return None if turn.latency_ms is None else f"          {latency(turn.latency_ms)}"
        case Answered(_, turn):
            cut = turn.interrupted_after_ms is not None
            said = f"  agent   {words(turn.answer, cut=cut)}"
            return said if turn.ledger is None else f"{said}  ({shares(turn.ledger)})"
        case ErrorReported(code, message):
            return f"  The server refused something ({code}): {message}"
        case LimitNear(reason, remaining):
            return f"  The call nears its limit ({reason}): {remaining:g} left"
        case Ended(code, message):
            return f"The agent's side hangs up ({code}): {message}"


def words(said: str | None, *, cut: bool = False, recognized: bool = True) -> str:
    """Return a finished turn's words, marked if cut off or not understood."""
    return f"{(said or '').strip() if recognized else NOT_UNDERSTOOD}{' ✂' if cut else ''}"


def shares(took: Latency) -> str:
    """Describe whose time an answer's latency was, by the server's clock."""
    return f"voice {took.voice_ms} ms, gateway {took.gateway_ms} ms"


def latency(milliseconds: float) -> str:
    """Describe how long an answer took to begin."""
    return f"answered after {milliseconds:.0f} ms"
