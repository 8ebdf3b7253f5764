"""The audit log: who did what to a workspace, and who was not allowed to (console, 5.4).

An entry names what a deed concerned and what it changed, never a value: no password, token or
text, and no number that was dialled. It is written in the deed's own transaction and never
changed. RPC's actions have their own table (`rpc/actions.py`); `DEEDS` are the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain.log import Environment


class ActorKind(StrEnum):
    """The kinds of actors."""

    USER = "user"
    KEY = "key"
    CLI = "cli"
    SYSTEM = "system"


#: What each kind of actor is.
ACTORS: Mapping[ActorKind, str] = {
    ActorKind.USER: "a member of the team: by a sign-in, or by an operator token",
    ActorKind.KEY: "a program, by an API key",
    ActorKind.CLI: "a command on the server; the operating system decides who may run it",
    ActorKind.SYSTEM: "the server, for a sign-in that failed: it cannot tell who tried",
}


class AuditOutcome(StrEnum):
    """What became of a deed."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something; a name is an email address, a label, or empty."""

    kind: ActorKind
    id: UUID | None = None
    name: str = ""


#: The actor of the server's own commands.
COMMAND_LINE = Actor(ActorKind.CLI, name="command line")
#: The actor of a deed whose author the server cannot tell.
SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a deed came from: the request's id and the client's address, empty if unknown."""

    request_id: str = ""
    address: str = ""


#: Of what was not asked for by a request.
NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Target:
    """What a deed concerned: the kind of record (as RPC names it), its id, and its name."""

    kind: str
    id: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row of `audit_entries`. Without an `environment` it concerns both.

    `fields` names what was changed, or how.
    """

    id: UUID
    occurred_at: datetime
    actor: Actor
    action: str
    environment: Environment | None = None
    target: Target | None = None
    outcome: AuditOutcome = AuditOutcome.DONE
    fields: tuple[str, ...] = ()
    call_uuid: str | None = None
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is audited and is no action of RPC; `fields` says what they hold."""

    means: str
    fields: str = ""


_WAYS = "`link`, `password` or `invitation`"

#: What is audited besides RPC's actions, by the entry's `action`.
DEEDS: Mapping[str, Deed] = {
    "accept_invitation": Deed("An invited person joined the team"),
    "change_password": Deed("A member set or changed their password; their other sign-ins ended"),
    "create_key": Deed("A key was created: at the command line, by `/v1/keys` or in the console"),
    "create_workspace": Deed("A workspace was created, with its first keys"),
    "end_sign_in": Deed("A member ended one of their other sign-ins, or all of them"),
    "hear_recording": Deed("A member opened the recording of a call"),
    "issue_sign_in_link": Deed("A one-time link to the console was created"),
    "revoke_key": Deed("A key was revoked", "`endCalls`, if its calls ended too"),
    "rotate_key": Deed("A key was given another secret, by `/v1/keys`"),
    "sign_in": Deed("A member signed in; if refused, an attempt to do so failed", _WAYS),
    "sign_out": Deed("A member signed out"),
    "update_profile": Deed("A member changed their own name"),
}
