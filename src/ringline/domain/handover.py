"""Hand-over: an operator takes a call over from its agent, and hands it back.

Both are orders of the API (events socket, 5.3: `barge_call`, `resume_ai_call`). A call that
has been taken over is the operators' who joined it, and its agent is paused; what the caller
says is heard and written down all the same. The audit trail tells who took over and when
the agent was let back in (events socket, 6: `handoff`).
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.events import CallAudit
from ringline.domain.participants import join, leave
from ringline.domain.records import ParticipantRow
from ringline.domain.turn_taking import TurnTaking, pause, resume
from ringline.domain.turns import Draft

Participants: TypeAlias = tuple[ParticipantRow, ...]

#: Who takes a call over, and leaves it when the agent is back.
OPERATORS = frozenset({ParticipantRole.OPERATOR, ParticipantRole.SUPERVISOR})


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An operator takes the call over; playing has stopped after `played_ms`.

    `member` is how the participant is named, text that a database column takes; `role` is
    one of `OPERATORS`.
    """

    member: str
    role: ParticipantRole = ParticipantRole.OPERATOR
    played_ms: int = 0


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The operators hand the call back to its agent."""


def take_over(
    taken: TakenOver, participants: Participants, talk: TurnTaking, draft: Draft
) -> tuple[Participants, TurnTaking]:
    """Let an operator join and pause the agent; nothing changes if he is there already."""
    if any(each.member_uuid == taken.member for each in _operators(participants)):
        return participants, talk
    talk = pause(talk, taken.played_ms, draft)
    operator = join(taken.member, taken.role, draft)
    _audit("barged", {"member": taken.member, "role": taken.role.value}, draft)
    return (*participants, operator), talk


def hand_back(
    participants: Participants, talk: TurnTaking, draft: Draft
) -> tuple[Participants, TurnTaking]:
    """Let all operators leave and the agent speak again, if it was paused."""
    if not talk.paused:
        return participants, talk
    operators = _operators(participants)
    for operator in operators:
        leave(operator, draft)
    _audit("ai_resumed", {"members": [each.member_uuid for each in operators]}, draft)
    return tuple(each for each in participants if each not in operators), resume(talk, draft)


def _operators(participants: Participants) -> Participants:
    return tuple(each for each in participants if each.role in OPERATORS)


def _audit(code: str, detail: dict[str, object], draft: Draft) -> None:
    draft.events.append(CallAudit(audit_type="handoff", code=code, detail=detail))
