"""The catalogue of voices: the available models, their capabilities and how to open them.

Minting a ticket, starting a session and opening a call's voice all use it. `app` fills it
with one row per model; a new provider is a class and its rows.
"""

from collections.abc import Awaitable, Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import TypeAlias

from ringline.domain.log import Environment, Scope
from ringline.domain.model_list import ListedModel, ModelAbout
from ringline.domain.providers import VoiceProvider
from ringline.domain.session_config import Models
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import OpenVoice, Voice, VoiceListener, VoiceUnavailable

#: Return the providers that a workspace's environment has a key of; None is a caller without
#: a workspace. Raises StoreUnavailable.
UsableProviders: TypeAlias = Callable[[Scope | None], Awaitable[Set[VoiceProvider]]]


async def no_provider(_: Scope | None) -> Set[VoiceProvider]:
    """Return no provider: a server that knows none needs no key."""
    return frozenset()


def everybody(_: Scope | None) -> bool:
    """Offer a model to everybody."""
    return True


def in_test_environment(scope: Scope | None) -> bool:
    """Offer a model to test keys alone."""
    return scope is not None and scope.environment is Environment.TEST


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A row of the catalogue: a model by its name, `provider/model`.

    A model that is not realtime has no capabilities and cannot be opened.
    """

    name: str
    capabilities: VoiceCapabilities | None
    open: OpenVoice | None
    #: Returns whether a workspace may use the model; to the others it does not exist.
    offered_to: Callable[[Scope | None], bool] = everybody
    #: Where a key of this provider is needed, the model exists for those who have one.
    provider: VoiceProvider | None = None
    #: What the list of models says about it.
    about: ModelAbout = field(default_factory=ModelAbout)


class Catalogue:
    """The available voice models."""

    def __init__(self, rows: Iterable[VoiceModel], usable: UsableProviders = no_provider) -> None:
        self._usable = usable
        self._rows: dict[str, VoiceModel] = {}
        for row in rows:
            if row.name in self._rows:
                raise AssertionError(f"{row.name} stands twice in the catalogue of voices")
            self._rows[row.name] = row

    def known(self, scope: Scope) -> tuple[str, ...]:
        """Return the models that a workspace may name, whether or not it has their key."""
        return tuple(row.name for row in self._rows.values() if row.offered_to(scope))

    async def models(self, scope: Scope) -> Models:
        """Return the models that a workspace may use, with what those that speak can do.

        Raises StoreUnavailable.
        """
        return {row.name: row.capabilities for row in await self._offered(scope)}

    async def listed(self, scope: Scope | None) -> tuple[ListedModel, ...]:
        """Return what a workspace may use, or everybody, as the list of models shows it.

        Raises StoreUnavailable, if it is a workspace.
        """
        return tuple(
            ListedModel(row.name, row.capabilities, row.about) for row in await self._offered(scope)
        )

    def capabilities(self, model: str) -> VoiceCapabilities | None:
        """Return what a model can do; None if it does not exist or is not realtime."""
        row = self._rows.get(model)
        return None if row is None else row.capabilities

    async def _offered(self, scope: Scope | None) -> list[VoiceModel]:
        usable = await self._usable(scope)
        return [
            row
            for row in self._rows.values()
            if row.offered_to(scope) and (row.provider is None or row.provider in usable)
        ]

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> Voice:
        """Open the voice of the config's model: an `OpenVoice`. Raises VoiceUnavailable."""
        row = self._rows.get(opening.config.model)
        if row is None:
            raise VoiceUnavailable(f"There is no model {opening.config.model}.")
        if row.open is None:
            raise VoiceUnavailable(f"{row.name} is not a realtime model.")
        return await row.open(opening, listener)
