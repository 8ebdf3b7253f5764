"""Publications: committed events of one log on their way to the hubs."""

from dataclasses import dataclass

from ringline.domain.events import Event
from ringline.domain.log import Scope


@dataclass(frozen=True, slots=True)
class Published:
    """One event on its way, and its offset.

    A durable event carries its offset; an ephemeral one the offset of the last durable
    event before it, so that it is delivered after that one.
    """

    offset: int
    event: Event


@dataclass(frozen=True, slots=True)
class Publication:
    """Events of one log that were committed together, in the journal's order."""

    scope: Scope
    events: tuple[Published, ...]
