"""Names the database and the programs around it agree on: schema, roles, version.

Three roles, none of which logs in (architecture, "Isolation and credentials"):

- `OWNER_ROLE` owns the tables; migrations act as it and nothing else does. Row-level
  security is forced, so even it sees no rows.
- `APP_ROLE` is the group of the roles that servers log in as. It sees the rows of the
  workspace and environment that its transaction has set, and nothing without them.
- `LOOKUP_ROLE` owns the few functions for what comes before a workspace is known. Its
  policies let it see keys, tickets, heads and open calls of all workspaces.
"""

SCHEMA = "ringline"

OWNER_ROLE = "ringline_owner"
APP_ROLE = "ringline_app"
LOOKUP_ROLE = "ringline_lookup"

#: What the server logs in as with the embedded database.
SERVER_ROLE = "ringline_server"

#: The last migration: what a server expects the schema to be.
HEAD = "0002"

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
