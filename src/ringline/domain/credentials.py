"""Credentials: keys, tickets, and who may do what (contract, 6).

Keys and tickets are 32 random bytes; only their SHA-256 is stored. A key's prefix shows
its kind and environment, but only its row counts. A person's sign-in to the console is two
keys of the kind `console`, one per environment, that share the secret of one cookie.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.domain.tiers import Tier

SECRET_BYTES = 32


class KeyKind(StrEnum):
    """The kinds of keys."""

    SECRET = "secret"
    PUBLISHABLE = "publishable"
    MANAGEMENT = "management"
    #: Of a sign-in; no list of keys shows it.
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Person:
    """The member of the team behind a sign-in, as the look-up of its key found them."""

    id: UUID
    email: str = field(repr=False)
    name: str | None = field(repr=False)
    role: TeamRole
    sign_in_id: UUID

    @property
    def shown_name(self) -> str:
        """Return what the person is called: their name, or their address without one."""
        return self.name or self.email


@dataclass(frozen=True, slots=True)
class Key:
    """A row of `keys`, without its hash. A management key's environment is ignored.

    `end_calls` is whether its revocation ends the calls that its tickets started. `first_id` is
    the id of the key's first row, in a row that a rotation made.
    """

    id: UUID
    scope: Scope
    kind: KeyKind
    label: str
    last_four: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    end_calls: bool = False
    first_id: UUID | None = None
    #: The workspace's: every request needs it, and this look-up is one that every request makes.
    tier: Tier = Tier.SCALE
    #: The workspace's too: of the pages that may open sockets and streams; none means all.
    allowed_origins: tuple[str, ...] = ()
    #: Of a sign-in, and of no other key.
    person: Person | None = None

    @property
    def shown_id(self) -> UUID:
        """Return the id by which clients know the key: a rotation does not change it."""
        return self.first_id or self.id

    def is_valid(self, now: datetime) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of `tickets`: the right to one upgrade (realtime voice, 2.6).

    `binding` is the encoded `Binding` of the session's config; `call_id` is the id that
    the call will have.
    """

    call_id: UUID
    scope: Scope
    key_id: UUID
    binding: bytes
    expires_at: datetime


class Surface(StrEnum):
    """The surfaces that require a credential."""

    RPC = "rpc"
    REALTIME = "realtime"
    REST = "rest"
    EVENT_DELIVERIES = "event_deliveries"
    KEYS = "keys"
    LIVE_STREAM = "live_stream"
    MANAGEMENT = "management"
    CONSOLE = "console"


#: The kinds of keys that each surface accepts.
ALLOWED_KINDS: dict[Surface, frozenset[KeyKind]] = {
    Surface.RPC: frozenset({KeyKind.SECRET}),
    Surface.REALTIME: frozenset({KeyKind.SECRET}),
    Surface.REST: frozenset({KeyKind.SECRET}),
    Surface.EVENT_DELIVERIES: frozenset({KeyKind.SECRET, KeyKind.MANAGEMENT}),
    Surface.KEYS: frozenset({KeyKind.SECRET, KeyKind.MANAGEMENT}),
    Surface.LIVE_STREAM: frozenset({KeyKind.SECRET}),
    Surface.MANAGEMENT: frozenset({KeyKind.MANAGEMENT}),
    Surface.CONSOLE: frozenset({KeyKind.CONSOLE}),
}

#: The surfaces that this version serves; keys of other surfaces are of no use yet.
SERVED_SURFACES = frozenset(
    {
        Surface.RPC,
        Surface.REALTIME,
        Surface.REST,
        Surface.EVENT_DELIVERIES,
        Surface.KEYS,
        Surface.LIVE_STREAM,
        Surface.CONSOLE,
    }
)


def is_accepted(kind: KeyKind) -> bool:
    """Return whether any surface of this version accepts keys of a kind."""
    return any(kind in ALLOWED_KINDS[surface] for surface in SERVED_SURFACES)


def key_prefix(kind: KeyKind, environment: Environment) -> str:
    """Return the prefix of keys of a kind and environment."""
    match kind:
        case KeyKind.SECRET:
            return f"sk_{environment}_"
        case KeyKind.PUBLISHABLE:
            return f"pk_{environment}_"
        case KeyKind.MANAGEMENT:
            return "mk_"
        case KeyKind.CONSOLE:
            raise AssertionError("a sign-in has a cookie, and no key that is shown")


def format_key(kind: KeyKind, environment: Environment, *, secret: bytes) -> str:
    """Format a key: its prefix and 43 characters of base64url."""
    return key_prefix(kind, environment) + encode_secret(secret)


def encode_secret(secret: bytes) -> str:
    """Encode 32 bytes as 43 characters that are legal in URLs and HTTP tokens."""
    return urlsafe_b64encode(secret).decode("ascii").rstrip("=")


def sign_in_credential(environment: Environment, cookie: str) -> str:
    """Return the text whose hash is stored in a sign-in's key of an environment."""
    return f"{environment}:{cookie}"


def digest(credential: str) -> bytes:
    """Return the hash under which a credential is stored: SHA-256 of its text."""
    return sha256(credential.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class FirstKeys:
    """The first keys of a new workspace, and its signing secret, in full; they are shown once."""

    workspace_id: UUID
    agent_id: UUID
    secret_key: str
    test_key: str
    publishable_key: str
    management_key: str
    test_agent_id: UUID
    signing_secret: str
