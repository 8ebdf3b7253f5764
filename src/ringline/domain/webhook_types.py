"""The types of events that a workspace's endpoints are sent, and their filters (contract, 3).

An endpoint's filter lists types, families (`call.*`) or `*`, all as they are sent there.
"""

from collections.abc import Iterable

from ringline.domain.events import COMING_TYPES, EVENT_TYPES

#: The filter that takes everything.
EVERYTHING = "*"
_MESSAGE = "message."
_FAMILY = ".*"


def sent_type(type_: str) -> str:
    """Return a canonical type as endpoints are sent it: `communication.message.received`."""
    return f"communication.{type_}" if type_.startswith(_MESSAGE) else type_


def family_of(type_: str) -> str:
    """Return the family of a type, as a filter names it: `call.*`."""
    return type_.rpartition(".")[0] + _FAMILY


#: Every type that endpoints are sent, by itself or in a later version, as it is sent.
ENDPOINT_TYPES = tuple(
    sent_type(type_)
    for type_ in (*EVENT_TYPES, *COMING_TYPES)
    if type_ not in EVENT_TYPES or EVENT_TYPES[type_].durable
)

#: Their families.
FAMILIES = tuple(dict.fromkeys(map(family_of, ENDPOINT_TYPES)))

_FILTERS = frozenset({EVERYTHING, *FAMILIES, *ENDPOINT_TYPES})


def unknown_filters(filters: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of a filter that are neither a type, nor a family, nor `*`."""
    return tuple(dict.fromkeys(entry for entry in filters if entry not in _FILTERS))


def filters_of(type_: str) -> tuple[str, str, str]:
    """Return the entries that let a canonical type through: an endpoint has one of them."""
    sent = sent_type(type_)
    return sent, family_of(sent), EVERYTHING


def is_wanted(type_: str, filters: Iterable[str]) -> bool:
    """Return whether a filter lets a canonical type through."""
    return not set(filters).isdisjoint(filters_of(type_))
