"""The cursor of a contact in the order of ids, as Ringline makes it: signed, in base64."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from uuid import UUID

import msgspec

#: What it is signed for: contacts by their ids.
_PURPOSE = b"Contact,+1id\0"
_SIGNATURE_BYTES = 16


class Cursors:
    """Makes and reads cursors with one secret."""

    def __init__(self, signing_secret: str) -> None:
        self._secret = hmac.digest(signing_secret.encode(), b"ringline cursor", "sha256")

    def make(self, contact_id: str) -> str:
        text = msgspec.json.encode([contact_id])
        return b64encode(self._sign(text) + text).decode()

    def read(self, cursor: str) -> UUID:
        """Raises ValueError."""
        raw = b64decode(cursor, validate=True)
        text = raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(raw[:_SIGNATURE_BYTES], self._sign(text)):
            raise ValueError("not a cursor of ours")
        return UUID(msgspec.json.decode(text)[0])

    def _sign(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, _PURPOSE + text, "sha256")[:_SIGNATURE_BYTES]
