"""Presence as the npm client's `Presence` reads it: a state, then differences (contract, 11).

A state is `{KEY: {"metas": [{"phx_ref", "onlineAt"}]}}`; a difference `{"joins", "leaves"}` of
two such objects, of the metas that changed alone.
"""

from collections.abc import Iterable, Mapping

from ringline.domain.presence import Changes, Meta, Metas
from ringline.wire.strict_json import encode
from ringline.wire.times import micros

STATE = "presence_state"
DIFF = "presence_diff"


def encode_entry(key: str, metas: Mapping[str, Meta]) -> bytes:
    """Encode a key and its metas, as a member of a state."""
    shown = [{"phx_ref": meta.ref, "onlineAt": micros(meta.online_at)} for meta in metas.values()]
    return encode(key) + b":" + encode({"metas": shown})


def encode_state(entries: Iterable[bytes]) -> bytes:
    """Encode a state from its entries."""
    return b"{" + b",".join(entries) + b"}"


def encode_diff(changes: Changes) -> bytes:
    """Encode a difference."""
    return b'{"joins":%b,"leaves":%b}' % (_state(changes.joins), _state(changes.leaves))


def _state(metas: Metas) -> bytes:
    return encode_state(encode_entry(key, of_key) for key, of_key in metas.items())
