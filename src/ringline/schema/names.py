"""Names the database and the programs around it agree on: schema, roles, version.

Three roles, none of which logs in (architecture, "Isolation"):

- the owner owns the tables; migrations act as it and nothing else does. Row-level
  security is forced, so even it sees no rows.
- the application is the group of the roles that servers log in as. It sees the rows of the
  workspace and environment that its transaction has set, and nothing without them.
- lookup owns the few functions for what comes before a workspace is known. Its policies
  let it see keys, tickets, heads and open calls of all workspaces.

Roles belong to the whole PostgreSQL cluster, so their names begin with a prefix: each of
several installations in one cluster takes its own.
"""

import re
from dataclasses import dataclass

SCHEMA = "ringline"

#: A prefix is an identifier that needs no quotes; the longest name made of it has 63 bytes.
ROLE_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: PostgreSQL keeps these names for roles of its own.
_RESERVED = re.compile(r"pg(_.*)?")


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one installation. Raises ValueError for what is no prefix."""

    prefix: str = "ringline"

    def __post_init__(self) -> None:
        if not ROLE_PREFIX.fullmatch(self.prefix) or _RESERVED.fullmatch(self.prefix):
            raise ValueError(
                "it must be 1 to 40 lower-case letters, digits and underscores, begin with a "
                "letter and not with pg_"
            )

    @property
    def owner(self) -> str:
        """Who owns the tables."""
        return f"{self.prefix}_owner"

    @property
    def app(self) -> str:
        """The group of what servers log in as."""
        return f"{self.prefix}_app"

    @property
    def lookup(self) -> str:
        """Who owns the lookup functions."""
        return f"{self.prefix}_lookup"

    @property
    def server(self) -> str:
        """What the server logs in as with the embedded database."""
        return f"{self.prefix}_server"


#: Those of an installation that chooses no prefix.
ROLES = Roles()

#: The last migration: what a server expects the schema to be.
HEAD = "0006"


def is_newer(version: str) -> bool:
    """Tell whether a later program than this one has migrated a database. Versions count up."""
    return version.isascii() and version.isdigit() and int(version) > int(HEAD)


#: The oldest PostgreSQL that will do.
MINIMUM_SERVER_VERSION = 15

#: Set per transaction; the policies compare every row with them.
WORKSPACE_SETTING = "ringline.workspace_id"
ENVIRONMENT_SETTING = "ringline.environment"

#: Where triggers tell of keys that were revoked or whose expiry was moved, and of members
#: that were removed from their team.
KEYS_CHANNEL = "ringline_keys"

#: The advisory lock of the one server that owns a database ("ringline" as a number).
OWNERSHIP_LOCK = int.from_bytes(b"ringline", "big")
