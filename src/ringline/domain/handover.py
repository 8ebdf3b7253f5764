"""Hand-over: an operator takes a call over from its agent, and hands it back.

Both are requests of the API (events socket, 5.3: `barge_call`, `resume_ai_call`). While
operators have a call, its agent is paused; the caller's turns are still transcribed and
stored. The audit trail records who took over and when the agent came back (events socket,
6: `handoff`).
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.bridge import NOTHING, Played
from ringline.domain.call_vocabulary import AuditType, ParticipantRole
from ringline.domain.events import CallAudit
from ringline.domain.participants import join, leave
from ringline.domain.records import ParticipantRow
from ringline.domain.talk import TurnTaking
from ringline.domain.turn_taking import pause, resume
from ringline.domain.turns import Draft

Participants: TypeAlias = tuple[ParticipantRow, ...]

#: The roles that take a call over, and leave it when they hand it back.
OPERATORS = frozenset({ParticipantRole.OPERATOR, ParticipantRole.SUPERVISOR})


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An operator takes the call over; playback was stopped.

    `member` names the participant and holds no U+0000; `role` is one of `OPERATORS`.
    """

    member: str
    role: ParticipantRole = ParticipantRole.OPERATOR
    played: Played = NOTHING


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The operators hand the call back to its agent."""


def take_over(
    taken: TakenOver, participants: Participants, *, talk: TurnTaking, draft: Draft
) -> tuple[Participants, TurnTaking]:
    """Add an operator and pause the agent; do nothing if they have joined already."""
    if any(present.member_uuid == taken.member for present in _operators(participants)):
        return participants, talk
    talk = pause(talk, taken.played, draft=draft)
    operator = join(taken.member, taken.role, draft=draft)
    _audit("barged", {"member": taken.member, "role": taken.role.value}, draft=draft)
    return (*participants, operator), talk


def hand_back(
    participants: Participants, talk: TurnTaking, *, draft: Draft
) -> tuple[Participants, TurnTaking]:
    """Remove all operators and resume the agent, if it was paused."""
    if not talk.paused:
        return participants, talk
    operators = _operators(participants)
    for operator in operators:
        leave(operator, draft)
    members = [operator.member_uuid for operator in operators]
    _audit("ai_resumed", {"members": members}, draft=draft)
    remaining = tuple(present for present in participants if present not in operators)
    return remaining, resume(talk, draft)


def _operators(participants: Participants) -> Participants:
    return tuple(present for present in participants if present.role in OPERATORS)


def _audit(code: str, detail: dict[str, object], *, draft: Draft) -> None:
    draft.report(CallAudit(audit_type=AuditType.HANDOFF, code=code, detail=detail))
