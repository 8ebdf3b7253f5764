"""Warnings about unknown members of a session's config (contract, 11).

A client may be newer than its server, so unknown members are accepted; as they may be
misspelt, `session.started` lists them. The known members are those of `RequestedConfig`,
which is walked together with the value.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, cast

from msgspec import inspect

from ringline.domain import limits
from ringline.domain.config_members import RequestedConfig
from ringline.domain.members import NESTED, described, kinds_of

#: Unknown members without a warning: many clients send tools with it (realtime voice, 4).
_SILENT = frozenset({("tools", "type")})

_MAX_QUOTED = 64  # characters of a client's text that a warning quotes


def unknown_members(config: object) -> tuple[str, ...]:
    """Return a warning for each unknown member of a config, at any depth."""
    found = _walk(config, described(RequestedConfig), name="config", path="config")
    return tuple(islice(found, limits.CONFIG_WARNINGS.most))  # stops the search at the bound


def warnings_of(*found: tuple[str, ...]) -> tuple[str, ...]:
    """Merge warnings, without duplicates and up to their limit."""
    warnings = dict.fromkeys(chain.from_iterable(found))
    return tuple(islice(warnings, limits.CONFIG_WARNINGS.most))


def _walk(value: object, kind: inspect.Type, *, name: str, path: str) -> Iterator[str]:
    if type(value) not in NESTED:
        return  # most members, and matching takes time
    match kind:
        case inspect.Metadata(inner):
            yield from _walk(value, inner, name=name, path=path)
        case inspect.UnionType(types):
            for type_ in types:
                yield from _walk(value, type_, name=name, path=path)
        case inspect.VarTupleType(item) if isinstance(value, list):
            for index, member in enumerate(cast("list[object]", value)):
                yield from _walk(member, item, name=name, path=f"{path}[{index}]")
        case inspect.StructType(cls=struct) if isinstance(value, dict):
            known = kinds_of(struct)
            for member, inner in cast("dict[str, Any]", value).items():
                if member in known:
                    yield from _walk(inner, known[member], name=member, path=f"{path}.{member}")
                elif (name, member) not in _SILENT:
                    yield _warning(member, path, known=known)
        case _:
            pass


def _warning(member: str, path: str, *, known: Iterable[str]) -> str:
    quoted = member[:_MAX_QUOTED]
    nearest = get_close_matches(quoted, known, n=1)
    suggestion = f'; did you mean "{nearest[0]}"?' if nearest else ""
    return f'{path} has no member "{quoted}"{suggestion}'
