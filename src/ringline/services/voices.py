"""The catalogue of voices: the available models, their capabilities and how to open them.

Minting a ticket, starting a session and opening a call's voice all use it. `app.py` fills it
with one row per model; a new provider is a class and its rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ringline.domain.log import Environment, Scope
from ringline.domain.model_list import ListedModel, ModelAbout
from ringline.domain.session_config import Models
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import OpenVoice, Voice, VoiceListener, VoiceUnavailable


def every_workspace(_: Scope) -> bool:
    """Offer a model to every workspace."""
    return True


def in_test_environment(scope: Scope) -> bool:
    """Offer a model to test keys alone."""
    return scope.environment is Environment.TEST


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A row of the catalogue: a model by its name, `provider/model`.

    A model that is not realtime has no capabilities and cannot be opened.
    """

    name: str
    capabilities: VoiceCapabilities | None
    open: OpenVoice | None
    #: Returns whether a workspace may use the model; to the others it does not exist.
    offered_to: Callable[[Scope], bool] = every_workspace
    #: What the list of models says about it.
    about: ModelAbout = field(default_factory=ModelAbout)


class Catalogue:
    """The available voice models."""

    def __init__(self, rows: Iterable[VoiceModel]) -> None:
        self._rows: dict[str, VoiceModel] = {}
        for row in rows:
            if row.name in self._rows:
                raise AssertionError(f"{row.name} stands twice in the catalogue of voices")
            self._rows[row.name] = row

    def models(self, scope: Scope) -> Models:
        """Return the models that a workspace may use, with what those that speak can do."""
        return {name: row.capabilities for name, row in self._rows.items() if row.offered_to(scope)}

    def listed(self, scope: Scope) -> tuple[ListedModel, ...]:
        """Return the models that a workspace may use, as the list of models shows them."""
        return tuple(
            ListedModel(name, row.capabilities, row.about)
            for name, row in self._rows.items()
            if row.offered_to(scope)
        )

    def capabilities(self, model: str) -> VoiceCapabilities | None:
        """Return what a model can do; None if it does not exist or is not realtime."""
        row = self._rows.get(model)
        return None if row is None else row.capabilities

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> Voice:
        """Open the voice of the config's model: an `OpenVoice`. Raises VoiceUnavailable."""
        row = self._rows.get(opening.config.model)
        if row is None:
            raise VoiceUnavailable(f"There is no model {opening.config.model}.")
        if row.open is None:
            raise VoiceUnavailable(f"{row.name} is not a realtime model.")
        return await row.open(opening, listener)
