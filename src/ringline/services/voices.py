"""The catalogue of voices: which models there are, what each can do, how it is opened.

The mint of a ticket, the start of a session and the call that opens its voice ask here.
`app.py` fills it, one row a model: a new provider is a class and its rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ringline.domain.log import Scope
from ringline.domain.session_config import Models
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import OpenVoice, Voice, VoiceListener, VoiceUnavailable


def everybody(_: Scope) -> bool:
    """Offer a model to every workspace."""
    return True


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A row of the catalogue: a model by its name, `provider/model`."""

    name: str
    capabilities: VoiceCapabilities
    open: OpenVoice
    #: Which workspaces can name it; to the others it does not exist.
    offered_to: Callable[[Scope], bool] = everybody


class Catalogue:
    """The models that can be spoken to."""

    def __init__(self, rows: Iterable[VoiceModel]) -> None:
        self._rows: dict[str, VoiceModel] = {}
        for row in rows:
            if row.name in self._rows:
                raise AssertionError(f"{row.name} stands twice in the catalogue of voices")
            self._rows[row.name] = row

    def models(self, scope: Scope) -> Models:
        """Return the models that a workspace's sessions may name, with what they can do."""
        return {name: row.capabilities for name, row in self._rows.items() if row.offered_to(scope)}

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> Voice:
        """Open the voice of the config's model: an `OpenVoice`. Raises VoiceUnavailable."""
        row = self._rows.get(opening.config.model)
        if row is None:
            raise VoiceUnavailable(f"There is no model {opening.config.model}.")
        return await row.open(opening, listener)
