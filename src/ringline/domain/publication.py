"""Publications: committed events of a log, as the bus carries them to the hubs."""

from dataclasses import dataclass

from ringline.domain.events import Event
from ringline.domain.log import Scope


@dataclass(frozen=True, slots=True)
class Published:
    """A published event and its offset.

    A durable event carries its offset; an ephemeral one the offset of the last durable
    event before it, so that it is delivered after that event.
    """

    offset: int
    event: Event


@dataclass(frozen=True, slots=True)
class Publication:
    """Events of one log that were committed together, in the journal's order."""

    scope: Scope
    events: tuple[Published, ...]
