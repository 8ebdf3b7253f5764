"""Playback tokens: a browser's `<audio>` plays recordings without a key (live streams, 1.3).

A token names the key that it was minted for, ends with it, and opens recordings alone.
"""

from datetime import datetime
from uuid import UUID

from ringline.domain.log import Scope
from ringline.ports import Clock, NewId
from ringline.wire.session_token import PLAYBACK_TTL_S, Purpose, new_token, sign


class PlaybackTokens:
    """Mints playback tokens."""

    def __init__(self, secret: str, now: Clock, *, new_id: NewId) -> None:
        self._secret = secret
        self._now = now
        self._new_id = new_id

    def mint(self, scope: Scope, key_id: UUID) -> tuple[str, datetime]:
        """Mint a token for a key; return it and when it expires."""
        token = new_token(
            scope,
            key_id,
            token_id=self._new_id(),
            now=self._now(),
            ttl_s=PLAYBACK_TTL_S,
            operator=None,
        )
        return sign(token, self._secret, purpose=Purpose.PLAYBACK), token.expires_at
