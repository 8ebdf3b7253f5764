"""The encoding of publications on a bus: JSON, like events in the log.

Anything that the log can hold can be published. Unknown members are ignored, as in the log,
so that processes of two versions may share a bus. An unknown type of event is refused: the bus
is a hint, and the log has the event.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from ringline.domain.events import EVENT_TYPES, CallRef, Event, read_data
from ringline.domain.log import Environment, Scope
from ringline.domain.publication import Publication, Published
from ringline.wire.strict_json import encode, wrong_shape


class PublicationProblem(ValueError):
    """Bytes are not a publication; the text is a sentence that does not quote them."""


class _Published(msgspec.Struct, frozen=True, kw_only=True):
    offset: Annotated[int, msgspec.Meta(ge=0)]
    id: UUID
    type: str
    occurred_at: datetime
    data: msgspec.Raw
    call: CallRef | None = None


class _Publication(msgspec.Struct, frozen=True, kw_only=True):
    workspace_id: UUID
    environment: Environment
    events: list[_Published]


_DECODER = msgspec.json.Decoder(_Publication)


def encode_publication(publication: Publication) -> bytes:
    """Encode a publication. Raises ValueError for text that is not Unicode."""
    scope = publication.scope
    events = [_spell(published) for published in publication.events]
    return encode(
        _Publication(workspace_id=scope.workspace_id, environment=scope.environment, events=events)
    )


def decode_publication(data: bytes) -> Publication:
    """Decode a publication. Raises PublicationProblem."""
    try:
        read = _DECODER.decode(data)
        events = tuple(_read(read.events))
    except PublicationProblem:
        raise
    except msgspec.ValidationError as error:
        raise PublicationProblem(str(wrong_shape(error))) from None
    except (ValueError, RecursionError):  # also for too deep nesting, or text that is not UTF-8
        raise PublicationProblem("a publication is JSON in UTF-8") from None
    return Publication(Scope(read.workspace_id, read.environment), events)


def _spell(published: Published) -> _Published:
    event = published.event
    return _Published(
        offset=published.offset,
        id=event.id,
        type=event.type,
        occurred_at=event.occurred_at,
        data=msgspec.Raw(encode(event.data)),
        call=event.call,
    )


def _read(events: list[_Published]) -> Iterator[Published]:
    for item in events:
        kind = EVENT_TYPES.get(item.type)
        if kind is None:
            raise PublicationProblem("a publication holds a type of event that is not known")
        if kind.durable and item.offset == 0:
            raise PublicationProblem("the first durable event of a log has the offset 1")
        data = read_data(item.type, item.data)
        yield Published(item.offset, Event(item.id, item.occurred_at, data, item.call))
