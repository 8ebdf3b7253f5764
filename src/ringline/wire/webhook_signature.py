"""The headers of a webhook's attempt, with its signatures (live streams, 3.3 and 3.4).

An agent's `webhook_url` gets the `X-Voicebip-*` headers, a workspace's endpoint those of
Standard Webhooks 1.0 (events socket, 7.2). Each attempt has a timestamp of its own, because
receivers refuse an old one; the signed bytes are those that are sent. While a secret is
rotated, the previous one signs as well.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass

from ringline.domain.credentials import encode_secret

#: How long the previous secret still signs after a rotation.
ROTATION_HOURS = 24

#: What begins the secret of an endpoint, and of a workspace.
ENDPOINT_PREFIX = "whsec_"
WORKSPACE_PREFIX = "rlsec_"

#: How many bytes a key of Standard Webhooks may have; ours have 32.
_KEY_BYTES = range(24, 65)

CONTENT_TYPE = "application/json"
AGENT_USER_AGENT = "Voicebip-Webhooks/1.0"
ENDPOINT_USER_AGENT = "Ringline-Webhooks/1.0"


_POSITION = (
    "X-Ringline-Position",
    "the event's position in the log, for `list_events`; absent in a test",
)
#: The headers that an agent's `webhook_url` gets, and what each holds (3.3).
AGENT_HEADERS = (
    ("Content-Type", f"`{CONTENT_TYPE}`"),
    ("User-Agent", f"`{AGENT_USER_AGENT}`"),
    ("X-Voicebip-Event-ID", "`evt_…`: as `event_id` in the body; the same in every attempt"),
    ("X-Voicebip-Timestamp", "when this attempt was signed, in Unix seconds"),
    (
        "X-Voicebip-Signature",
        "`sha256=` and HMAC-SHA256 in hexadecimal, keyed with the workspace's signing secret as it "
        "is shown, of the timestamp, a full stop and the body's bytes",
    ),
    (
        "X-Voicebip-Signature-Previous",
        f"the same with the previous secret, for {ROTATION_HOURS} hours after a rotation; else "
        "absent",
    ),
    ("X-Voicebip-Delivery-ID", "`del_…`: the delivery; the same in every attempt"),
    ("X-Voicebip-Attempt", "which attempt this is, from 1"),
    _POSITION,
)
#: The headers that an endpoint gets (Standard Webhooks 1.0).
ENDPOINT_HEADERS = (
    ("Content-Type", f"`{CONTENT_TYPE}`"),
    ("User-Agent", f"`{ENDPOINT_USER_AGENT}`"),
    ("webhook-id", "`evt_…`: as `id` in the body; the same in every attempt"),
    ("webhook-timestamp", "when this attempt was signed, in Unix seconds"),
    (
        "webhook-signature",
        "`v1,` and HMAC-SHA256 in base64, keyed with what the base64 in `whsec_…` encodes, of id, "
        "timestamp and body with full stops between them; for "
        f"{ROTATION_HOURS} hours after a rotation two signatures with a space between them",
    ),
    _POSITION,
)


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """The secret in force, and during a rotation the one before it, as their owner sees them."""

    current: str
    previous: str | None = None

    def __repr__(self) -> str:
        return f"SigningSecrets(…, previous={'None' if self.previous is None else '…'})"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a delivery: what its headers say besides the signature.

    `event_id` and `delivery_id` are as shown (`evt_…`, `del_…`); `number` counts from 1;
    `timestamp` is the attempt's, in Unix seconds. A test event has no `position`.
    """

    event_id: str
    delivery_id: str
    number: int
    timestamp: int
    position: str | None = None


def new_endpoint_secret(random_bytes: bytes) -> str:
    """Spell an endpoint's secret from 32 random bytes (Standard Webhooks 1.0)."""
    return ENDPOINT_PREFIX + b64encode(random_bytes).decode()


def new_workspace_secret(random_bytes: bytes) -> str:
    """Spell a workspace's signing secret from 32 random bytes."""
    return WORKSPACE_PREFIX + encode_secret(random_bytes)


def endpoint_key(secret: str) -> bytes:
    """Return the key in an endpoint's secret: `whsec_` and base64 of 24 to 64 bytes.

    Raises ValueError, whose text does not quote the secret.
    """
    try:
        key = b64decode(secret.removeprefix(ENDPOINT_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("an endpoint's secret is whsec_ and base64") from None
    if not secret.startswith(ENDPOINT_PREFIX) or len(key) not in _KEY_BYTES:
        raise ValueError("an endpoint's secret is whsec_ and base64 of 24 to 64 bytes")
    return key


def agent_headers(body: bytes, attempt: Attempt, *, secrets: SigningSecrets) -> dict[str, str]:
    """Return the headers of an attempt at an agent's `webhook_url`."""
    return {
        **question_headers(body, attempt.timestamp, secrets=secrets, event_id=attempt.event_id),
        "X-Voicebip-Delivery-ID": attempt.delivery_id,
        "X-Voicebip-Attempt": str(attempt.number),
        **_position(attempt),
    }


def question_headers(
    body: bytes, timestamp: int, *, secrets: SigningSecrets, event_id: str | None = None
) -> dict[str, str]:
    """Return the headers of what an agent's receiver is asked: no delivery, signed like one.

    A turn has no `event_id`.
    """
    signed = f"{timestamp}.".encode() + body
    headers = {"Content-Type": CONTENT_TYPE, "User-Agent": AGENT_USER_AGENT}
    if event_id is not None:
        headers["X-Voicebip-Event-ID"] = event_id
    headers["X-Voicebip-Timestamp"] = str(timestamp)
    headers["X-Voicebip-Signature"] = _hex_signature(secrets.current, signed)
    if secrets.previous is not None:
        headers["X-Voicebip-Signature-Previous"] = _hex_signature(secrets.previous, signed)
    return headers


def endpoint_headers(body: bytes, attempt: Attempt, *, secrets: SigningSecrets) -> dict[str, str]:
    """Return the headers of an attempt at an endpoint. Raises ValueError for a bad secret."""
    signed = f"{attempt.event_id}.{attempt.timestamp}.".encode() + body
    keys = [secrets.current] if secrets.previous is None else [secrets.current, secrets.previous]
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": ENDPOINT_USER_AGENT,
        "webhook-id": attempt.event_id,
        "webhook-timestamp": str(attempt.timestamp),
        "webhook-signature": " ".join(_base64_signature(key, signed) for key in keys),
    } | _position(attempt)


def _position(attempt: Attempt) -> dict[str, str]:
    return {} if attempt.position is None else {"X-Ringline-Position": attempt.position}


def _hex_signature(secret: str, signed: bytes) -> str:
    """Sign with the UTF-8 of a secret as it is shown (3.4)."""
    return "sha256=" + hmac.digest(secret.encode(), signed, "sha256").hex()


def _base64_signature(secret: str, signed: bytes) -> str:
    return "v1," + b64encode(hmac.digest(endpoint_key(secret), signed, "sha256")).decode()
