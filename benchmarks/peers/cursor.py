"""Cursors as Ringline makes them, signed: that of a contact in the order of ids, in base64."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from uuid import UUID

import msgspec

#: What it is signed for: contacts by their ids.
_PURPOSE = b"Contact,+1id"
SIGNATURE_BYTES = 16


def signing_key(signing_secret: str) -> bytes:
    """Return what signs cursors with a server's secret."""
    return hmac.digest(signing_secret.encode(), b"ringline cursor", "sha256")


def sign(key: bytes, purpose: bytes, text: bytes) -> bytes:
    """Sign a cursor's text for a purpose."""
    return hmac.digest(key, purpose + b"\0" + text, "sha256")[:SIGNATURE_BYTES]


class Cursors:
    """Makes and reads cursors with one secret."""

    def __init__(self, signing_secret: str) -> None:
        self._key = signing_key(signing_secret)

    def make(self, contact_id: str) -> str:
        text = msgspec.json.encode([contact_id])
        return b64encode(sign(self._key, _PURPOSE, text) + text).decode()

    def read(self, cursor: str) -> UUID:
        """Raises ValueError."""
        raw = b64decode(cursor, validate=True)
        text = raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(raw[:SIGNATURE_BYTES], sign(self._key, _PURPOSE, text)):
            raise ValueError("not a cursor of ours")
        return UUID(msgspec.json.decode(text)[0])
