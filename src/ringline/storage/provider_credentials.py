"""The keys of providers that workspaces brought, in PostgreSQL (voices, 3).

The application cannot read the column of the sealed keys; a lookup function can, of the
transaction's own workspace and environment alone.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from ringline.domain.log import Environment, Scope
from ringline.domain.providers import SealedKey, VoiceProvider
from ringline.schema.names import PROVIDER_KEYS_CHANNEL
from ringline.storage.database import Database

_FIND = "SELECT provider, api_key, last_four FROM ringline.find_provider_keys()"

_PROVIDERS = frozenset(VoiceProvider)


class PostgresProviderCredentials:
    """The port `ProviderKeyStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_provider_keys(self, scope: Scope) -> Sequence[SealedKey]:
        """Return a workspace's keys in an environment. Raises StoreUnavailable."""
        async with self._database.transaction(scope) as connection:
            rows = await connection.fetch(_FIND)
        return [
            SealedKey(VoiceProvider(row["provider"]), row["api_key"], row["last_four"])
            for row in rows
            if row["provider"] in _PROVIDERS  # a newer version may have stored another one
        ]

    async def watch_provider_keys(self, changed: Callable[[Scope | None], None]) -> None:
        """Call back, until cancelled, with each workspace and environment whose keys changed.

        None means that notifications may have been missed: keep nothing. The first call comes
        at once, with None.
        """

        def notified(payload: str | None) -> None:
            if payload is None:
                changed(None)
            else:
                workspace_id, _, environment = payload.partition(" ")
                changed(Scope(UUID(workspace_id), Environment(environment)))

        await self._database.watch(PROVIDER_KEYS_CHANNEL, notified)
