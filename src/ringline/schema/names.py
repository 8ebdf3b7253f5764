"""Names that the database and our programs share: schema, roles, version.

There are three roles, none of which can log in (architecture, "Isolation"):

- The owner owns the tables; only migrations act as the owner. Row-level security is forced,
  so not even the owner sees rows.
- The application is the group of the roles that servers log in as. It sees the rows of the
  workspace and environment that its transaction has set, and no rows without them.
- Lookup owns the few functions that run before a workspace is known. Its policies let it
  see keys, tickets, heads and open calls of all workspaces.

Roles belong to the whole PostgreSQL cluster, so their names start with a prefix:
installations that share a cluster choose different prefixes.
"""

import re
from dataclasses import dataclass

SCHEMA = "ringline"

#: A prefix needs no quotes, and leaves room for a suffix within PostgreSQL's 63 bytes.
ROLE_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: PostgreSQL reserves these names for its own roles.
_RESERVED = re.compile(r"pg(_.*)?")


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one installation. Raises ValueError for an invalid prefix."""

    prefix: str = "ringline"

    def __post_init__(self) -> None:
        if not ROLE_PREFIX.fullmatch(self.prefix) or _RESERVED.fullmatch(self.prefix):
            raise ValueError(
                "it must be 1 to 40 lower-case letters, digits and underscores, and start with a "
                "letter but not with pg_"
            )

    @property
    def owner(self) -> str:
        """The role that owns the tables."""
        return f"{self.prefix}_owner"

    @property
    def app(self) -> str:
        """The group of the roles that servers log in as."""
        return f"{self.prefix}_app"

    @property
    def lookup(self) -> str:
        """The role that owns the lookup functions."""
        return f"{self.prefix}_lookup"

    @property
    def server(self) -> str:
        """The role that the server logs in as to the embedded database."""
        return f"{self.prefix}_server"


#: The roles of an installation with the default prefix.
ROLES = Roles()

#: The latest migration: the version of the schema that a server expects.
HEAD = "0035"


def is_newer(version: str) -> bool:
    """Return whether a version is newer than this program's; versions count up."""
    return version.isascii() and version.isdigit() and int(version) > int(HEAD)


#: The oldest version of PostgreSQL that is supported.
MINIMUM_SERVER_VERSION = 15

#: Settings of a transaction; the policies compare every row with them.
WORKSPACE_SETTING = "ringline.workspace_id"
ENVIRONMENT_SETTING = "ringline.environment"

#: The channel on which triggers notify of keys that were revoked or whose expiry was moved,
#: and of members that were removed from their team or given another role.
KEYS_CHANNEL = "ringline_keys"

#: The channel on which a trigger notifies of workspaces whose providers' keys changed.
PROVIDER_KEYS_CHANNEL = "ringline_provider_keys"

#: The channel on which triggers notify of targets to which webhooks are due, by id; empty if
#: there are many.
WEBHOOKS_CHANNEL = "ringline_webhooks"

#: The channel on which a trigger notifies of timers that were set.
TIMERS_CHANNEL = "ringline_timers"

#: The advisory lock of the one server that owns a database ("ringline" as a number).
OWNERSHIP_LOCK = int.from_bytes(b"ringline", "big")
