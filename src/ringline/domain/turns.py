"""What was said: the turns of a call, and the draft in which a step gathers its effects.

A turn of the caller grows while it is recognised; its deltas concatenate to the final text,
or end early where a recogniser takes words back. A finished turn is a row, an event and a
line of the transcript that the call's last event repeats.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.events import EventData, TranscriptDelta, TranscriptLine, TurnCompleted
from ringline.domain.records import Record, TurnRow

Order: TypeAlias = leg.LegOrder | voice.VoiceOrder | bridge.BridgeOrder

#: Most turns of the caller that are being recognised at once; the oldest is forgotten.
MAX_HEARINGS = limits.HEARINGS.most
#: Most characters that a call's last event repeats; the oldest turns are left out of it.
MAX_TRANSCRIPT = limits.TRANSCRIPT_CHARACTERS.most
_LINE_CHARACTERS = 100  # what a line takes beside its text


@dataclass(slots=True)
class Draft:
    """What one step of a call brings about, gathered while it is taken."""

    call_id: UUID
    now: datetime
    new_id: Callable[[], UUID]
    events: list[EventData] = field(default_factory=list[EventData])
    records: list[Record] = field(default_factory=list[Record])
    orders: list[Order] = field(default_factory=list[Order])


@dataclass(frozen=True, slots=True)
class Hearing:
    """A turn of the caller that is being recognised.

    Where a recogniser takes words back, `revised` ends the stream of partial texts; the
    final text alone counts then.
    """

    item_id: str
    turn_id: UUID
    text: str = ""
    pieces: int = 0
    revised: bool = False


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of a call: finished ones as `lines`, of `characters` together."""

    hearings: tuple[Hearing, ...] = ()
    lines: tuple[TranscriptLine, ...] = ()
    characters: int = 0


def hear(turns: Turns, item_id: str, text: str, draft: Draft, *, final: bool) -> Turns:
    """Take what a voice has heard of one turn."""
    text = storable(text)
    hearing = next((open_ for open_ in turns.hearings if open_.item_id == item_id), None)
    others = tuple(open_ for open_ in turns.hearings if open_.item_id != item_id)
    if hearing is None:
        hearing = Hearing(item_id, draft.new_id())
    hearing = _partial(hearing, text, draft, final=final)
    if not final:
        return replace(turns, hearings=(*others, hearing)[-MAX_HEARINGS:])
    turns = replace(turns, hearings=others)
    draft.orders.append(leg.TurnHeard(text))
    return finish_turn(
        turns, draft, hearing.turn_id, item_id, "caller", text, recognized=bool(text)
    )


def forget(turns: Turns, item_id: str) -> Turns:
    """End a turn of the caller that was cleared: it is none."""
    others = tuple(open_ for open_ in turns.hearings if open_.item_id != item_id)
    return replace(turns, hearings=others)


def _partial(hearing: Hearing, text: str, draft: Draft, *, final: bool) -> Hearing:
    """Tell what is new of a turn; deltas concatenate to the final text or end early."""
    if hearing.revised or not text.startswith(hearing.text):
        return replace(hearing, revised=True)
    delta = text[len(hearing.text) :]
    if not delta or (final and hearing.pieces == 0):
        return hearing
    draft.events.append(
        TranscriptDelta(
            turn_id=hearing.turn_id,
            item_id=hearing.item_id,
            role="caller",
            delta=delta,
            text=text,
            sequence=hearing.pieces,
        )
    )
    return replace(hearing, text=text, pieces=hearing.pieces + 1)


def finish_turn(
    turns: Turns,
    draft: Draft,
    turn_id: UUID,
    item_id: str,
    role: str,
    text: str,
    *,
    interrupted: bool = False,
    recognized: bool = True,
) -> Turns:
    """Make a turn final."""
    row = TurnRow(
        id=draft.new_id(),
        call_id=draft.call_id,
        turn_id=turn_id,
        item_id=item_id,
        content_index=0,
        role=role,
        text=text,
        interrupted=interrupted,
        occurred_at=draft.now,
        recognized=recognized,
    )
    draft.records.append(row)
    draft.events.append(
        TurnCompleted(
            turn_id=turn_id,
            item_id=item_id,
            role=role,
            text=text,
            transcript_id=row.id,
            interrupted=interrupted,
            recognized=recognized,
        )
    )
    return keep(turns, line_of(row))


def line_of(row: TurnRow) -> TranscriptLine:
    """Return the line of a finished turn in the transcript."""
    return TranscriptLine(
        turn_id=row.turn_id,
        role=row.role,
        text=row.text,
        at=row.occurred_at,
        interrupted=row.interrupted,
        recognized=row.recognized,
    )


def keep(turns: Turns, line: TranscriptLine) -> Turns:
    """Add a line to the transcript, within its bound."""
    lines = (*turns.lines, line)
    characters = turns.characters + _LINE_CHARACTERS + len(line.text)
    oldest = 0
    while characters > MAX_TRANSCRIPT and oldest < len(lines) - 1:
        characters -= _LINE_CHARACTERS + len(lines[oldest].text)
        oldest += 1
    return replace(turns, lines=lines[oldest:], characters=characters)


def history_of(turns: Turns) -> tuple[voice.PastTurn, ...]:
    """Return what was said so far, for a voice that comes later."""
    return tuple(voice.PastTurn(line.role, line.text) for line in turns.lines)


def storable(text: str) -> str:
    """Replace what no database column takes in what a voice says (contract, 11)."""
    return text.replace("\0", "\ufffd")
