"""The action on the audit log (console, 5.3 and 5.4)."""

from ringline.domain.operators import TeamRole
from ringline.domain.permissions import is_at_least
from ringline.rpc.action import Action, ActionKind, Fixed
from ringline.rpc.audit_resources import AUDIT_ENTRY
from ringline.services.callers import Caller


def seen_by(caller: Caller) -> Fixed:
    """Return what the entries are restricted to: admins see all, others their own."""
    person = caller.person
    if person is None:
        raise AssertionError("no API key may read the audit log")
    return () if is_at_least(person.role, TeamRole.ADMIN) else (("actor_id", person.id),)


#: The rows of the table of actions (`actions.py`).
ROWS = (
    Action(
        "list_audit_entries",
        ActionKind.LIST,
        "List the audit log; operators and members see their own entries",
        AUDIT_ENTRY,
        people=True,
        seen=seen_by,
    ),
)
