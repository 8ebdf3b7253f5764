"""The signatures of carriers' requests (`domain/carriers.py`): which bytes are signed, and how.

The signature is the request's only credential, so it is over the bytes that arrived. Whatever the
scheme, a header that is missing, malformed or wrong is the same refusal.

- `hmac-sha256-hex` and `hmac-sha256-base64`: HMAC-SHA256 of the body. With a header for the time
  they sign the time, a full stop and the body, and the time must be near.
- `twilio`: HMAC-SHA1, in base64, of the URL that was called and of the form's fields sorted by
  name, each name followed by its value (Twilio, "Secure webhooks", validating signatures). The
  URL may or may not have its port, as Twilio's own libraries have it. It holds no time: what is
  replayed has the id of the message that it was the first time.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from ringline.domain import carrier_limits
from ringline.domain.carriers import Signature, SignatureScheme

_FIELDS = carrier_limits.FORM_FIELDS.most
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it arrived: the whole URL as the carrier knows it, the headers, the body.

    `header` returns a header's value, whatever its case; None if it is absent.
    """

    url: str
    header: Callable[[str], str | None]
    body: bytes


#: Returns the signatures that are right, given the secret and what is signed before the body.
_Sign: TypeAlias = Callable[[Signed, tuple[bytes, bytes]], Iterable[str]]


def _hex(request: Signed, keys: tuple[bytes, bytes]) -> Iterable[str]:
    secret, dated = keys
    yield hmac.digest(secret, dated + request.body, "sha256").hex()


def _base64(request: Signed, keys: tuple[bytes, bytes]) -> Iterable[str]:
    secret, dated = keys
    yield b64encode(hmac.digest(secret, dated + request.body, "sha256")).decode()


def _twilio(request: Signed, keys: tuple[bytes, bytes]) -> Iterable[str]:
    secret, _ = keys
    # One value of a name counts once, as in Twilio's own libraries.
    fields = sorted(
        set(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
    )
    written = "".join(name + value for name, value in fields)
    for url in spellings(request.url):
        yield b64encode(hmac.digest(secret, (url + written).encode(), "sha1")).decode()


_SCHEMES: Mapping[SignatureScheme, _Sign] = MappingProxyType(
    {
        SignatureScheme.HMAC_SHA256_HEX: _hex,
        SignatureScheme.HMAC_SHA256_BASE64: _base64,
        SignatureScheme.TWILIO: _twilio,
    }
)


def is_signed(request: Signed, signature: Signature, *, now: datetime) -> bool:
    """Return whether a request carries the carrier's signature, made not long ago."""
    given = request.header(signature.header) or ""
    if not given.isascii() or not given.startswith(signature.prefix):
        return False
    dated = b""
    if signature.timestamp_header:
        stamp = request.header(signature.timestamp_header) or ""
        if not _is_near(stamp, now):
            return False
        dated = f"{stamp}.".encode()
    secret = signature.secret.get_secret_value().encode()
    given = given.removeprefix(signature.prefix)
    try:
        right = list(_SCHEMES[signature.scheme](request, (secret, dated)))
    except ValueError:  # what should be a form is none
        return False
    return any(hmac.compare_digest(given.encode(), one.encode()) for one in right)


def spellings(url: str) -> tuple[str, ...]:
    """Return a URL as it is, and with its port or without it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = host.removesuffix(f":{parts.port}") if parts.port is not None else host
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    begin, end = url.split(parts.netloc, 1)
    user = parts.netloc[: len(parts.netloc) - len(host)]
    both = (f"{begin}{user}{bare}{end}", f"{begin}{user}{bare}:{port}{end}")
    return (url, *(other for other in both if other != url))


def _is_near(stamp: str, now: datetime) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= len("1000000000000")):
        return False
    return abs(now.timestamp() - int(stamp)) <= carrier_limits.CLOCK_S.most
