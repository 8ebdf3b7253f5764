"""The keys by which voices of providers are opened (voices, 3).

A workspace's own key comes first, then the server's. A provider for which there is neither
has no models there. The keys of a workspace's environment are read together, decrypted and
cached; the cache is bounded, and a notification from the database removes what has changed,
whichever process changed it. What runs keeps the key that it was opened with.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import structlog

from ringline.domain.log import Scope
from ringline.domain.providers import ProviderKey, VoiceProvider
from ringline.ports import ProviderKeyStore
from ringline.services.sealer import Unsealable

_log = structlog.get_logger(__name__)

#: How many workspaces' environments are cached; the oldest is evicted first.
MAX_CACHED = 1024

#: A workspace's own keys; None for one that cannot be decrypted, which is no use to anybody.
_Own: TypeAlias = Mapping[VoiceProvider, ProviderKey | None]


class FindProviderKey(Protocol):
    """Finds the key of a provider for a workspace's environment: `ProviderKeys.find`."""

    async def __call__(self, scope: Scope | None, /, provider: VoiceProvider) -> ProviderKey | None:
        """Return the key, or None. Raises StoreUnavailable."""
        ...


class ProviderKeys:
    """Finds the key of a provider for a workspace's environment."""

    def __init__(
        self,
        store: ProviderKeyStore,
        open_sealed: Callable[[bytes], str],
        *,
        of_server: Mapping[VoiceProvider, ProviderKey],
    ) -> None:
        self._store = store
        self._open_sealed = open_sealed
        self._of_server = of_server
        self._cache: dict[Scope, _Own] = {}
        #: How many changes there were: what was read before one may be outdated after it.
        self._changes = 0

    async def usable(self, scope: Scope | None) -> frozenset[VoiceProvider]:
        """Return the providers that a workspace's environment has a key of; None has no own.

        Raises StoreUnavailable.
        """
        return frozenset(
            provider for provider, key in (await self._all(scope)).items() if key is not None
        )

    async def find(self, scope: Scope | None, provider: VoiceProvider) -> ProviderKey | None:
        """Return the key of a provider, or None. Raises StoreUnavailable."""
        return (await self._all(scope)).get(provider)

    def changed(self, scope: Scope | None) -> None:
        """Read an environment's keys anew when they are next asked for; None is everybody's.

        Whoever changes keys need not wait for the database to tell this process of it.
        """
        self._changes += 1
        if scope is None:
            self._cache.clear()
        else:
            self._cache.pop(scope, None)

    async def run(self) -> None:
        """Follow changes until cancelled."""
        await self._store.watch_provider_keys(self.changed)

    async def _all(self, scope: Scope | None) -> _Own:
        """Return all keys, in their order of precedence.

        A workspace's own key that cannot be decrypted is not replaced by the server's: who
        pays for a call must not depend on that.
        """
        return self._of_server if scope is None else {**self._of_server, **await self._own(scope)}

    async def _own(self, scope: Scope) -> _Own:
        found = self._cache.get(scope)
        if found is None:
            changes = self._changes
            found = await self._read(scope)
            if self._changes == changes:
                if len(self._cache) >= MAX_CACHED:
                    del self._cache[next(iter(self._cache))]
                self._cache[scope] = found
        return found

    async def _read(self, scope: Scope) -> _Own:
        found: dict[VoiceProvider, ProviderKey | None] = {}
        for stored in await self._store.find_provider_keys(scope):
            try:
                text = self._open_sealed(stored.sealed)
                found[stored.provider] = ProviderKey(text, stored.last_four)
            except Unsealable:
                found[stored.provider] = None
                _log.error(
                    "provider_key_unreadable",
                    provider=stored.provider.value,
                    workspace_id=str(scope.workspace_id),
                    environment=scope.environment.value,
                )
        return found
