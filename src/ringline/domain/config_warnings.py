"""What a session's config holds that means nothing here (contract, 11).

A client may be newer than its server, so members that nobody knows are accepted; but a
misspelt one would be a riddle, so `session.started` names them. The shape that is read is
what is known: its structs are walked beside the value.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, cast

from msgspec import inspect

from ringline.domain import limits
from ringline.domain.config_members import RequestedConfig
from ringline.domain.members import described

#: Members that are known to mean nothing: tools are often wrapped with it (realtime voice, 4).
_PASSED_OVER = frozenset({("tools", "type")})

_MAX_QUOTED = 64  # characters of a client's text that a warning repeats


def unknown_members(config: object) -> tuple[str, ...]:
    """Name the unknown members of a config and of what is in it, each in a sentence."""
    found = _walk(config, described(RequestedConfig), name="config", way="config")
    return tuple(islice(found, limits.CONFIG_WARNINGS.most))  # the others are not looked for


def warnings_of(*found: tuple[str, ...]) -> tuple[str, ...]:
    """Put warnings together, each once, and no more than are told."""
    each = dict.fromkeys(chain.from_iterable(found))
    return tuple(islice(each, limits.CONFIG_WARNINGS.most))


def _walk(value: object, kind: inspect.Type, *, name: str, way: str) -> Iterator[str]:
    match kind:
        case inspect.Metadata(inner):
            yield from _walk(value, inner, name=name, way=way)
        case inspect.UnionType(types):
            for one in types:
                yield from _walk(value, one, name=name, way=way)
        case inspect.VarTupleType(item) if isinstance(value, list):
            for index, member in enumerate(cast("list[object]", value)):
                yield from _walk(member, item, name=name, way=f"{way}[{index}]")
        case inspect.StructType(fields=fields) if isinstance(value, dict):
            known = {field.encode_name: field.type for field in fields}
            for member, inner in cast("dict[str, Any]", value).items():
                if member in known:
                    yield from _walk(inner, known[member], name=member, way=f"{way}.{member}")
                elif (name, member) not in _PASSED_OVER:
                    yield _sentence(member, way, known=known)
        case _:
            pass


def _sentence(member: str, way: str, *, known: Iterable[str]) -> str:
    shown = member[:_MAX_QUOTED]
    nearest = get_close_matches(shown, known, n=1)
    meant = f'; did you mean "{nearest[0]}"?' if nearest else ""
    return f'{way} has no member "{shown}"{meant}'
