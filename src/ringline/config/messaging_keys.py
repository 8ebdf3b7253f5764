"""The keys of `MESSAGING_FILE`, by table, and what each means.

`messaging_file.py` refuses all others; `docs/reference/messaging.md` is generated from this.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ringline.domain.carriers import REFUSED_STATUSES, SignatureScheme

_POINTER = "a JSON pointer"
_STATUSES = ", ".join(str(status) for status in sorted(REFUSED_STATUSES))
_WHEN = "a table of places and values: a request with other values there is ignored"

PROVIDER: Mapping[str, str] = MappingProxyType(
    {
        "channels": "`sms`, `whatsapp` or both",
        "numbers": 'our numbers whose messages it carries, in E.164; `"+1415*"` are all that begin '
        "so; without it all",
        "addresses": "a table: how it writes numbers, by channel, around `{number}` (E.164) or "
        "`{digits}` (without the `+`); without it as `{number}`",
        "send": "the table below",
        "inbound": "the table below; without it no message comes in",
        "receipts": "the table below; without it messages stay `sent`",
        "signature": "the table below; needed by `inbound` and `receipts`",
    }
)
SEND: Mapping[str, str] = MappingProxyType(
    {
        "url": "where messages go: `https`, or `http` on this machine; no query",
        "method": "`POST`, which is the default, or `PUT`",
        "user": "with `password_env`: HTTP Basic authentication",
        "password_env": "the variable that holds its password",
        "bearer_env": "the variable that holds a bearer token",
        "key_header": "with `key_env`: a header that holds a key",
        "key_env": "the variable that holds the key",
        "headers": "a table of other headers; none of them may be secret",
        "json": "the body as a table, with placeholders in its texts",
        "form": "instead of `json`: the fields of a form",
        "message_id": f"{_POINTER} to the provider's id of the message in its answer; needed by "
        "`receipts`",
        "refused": "the table below",
    }
)
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "statuses": f"the statuses that refuse a message for good; without it {_STATUSES}",
        "code": f"{_POINTER} to the provider's code; without it `HTTP_` and the status",
        "reason": f"{_POINTER} to its reason, which is left out if it quotes the message",
    }
)
INBOUND: Mapping[str, str] = MappingProxyType(
    {
        "from": "where the contact's number stands",
        "to": "where our number stands",
        "message_id": "where the provider's id stands: what comes twice with one id counts once",
        "text": "where the text stands",
        "media_url": "where the URL of a picture, a recording or a document stands",
        "mime_type": "where its media type stands",
        "when": _WHEN,
    }
)
RECEIPTS: Mapping[str, str] = MappingProxyType(
    {
        "message_id": "where the provider's id stands, the one of its answer",
        "status": "where the word stands for what became of the message",
        "error_code": "where its error code stands",
        "words": "a table: the provider's words, and what each means; receipts with other words "
        "change nothing",
        "when": _WHEN,
    }
)
SIGNATURE: Mapping[str, str] = MappingProxyType(
    {
        "scheme": "one of the schemes below",
        "header": f"the header that holds it; of `{SignatureScheme.TWILIO}` that is known",
        "secret_env": "the variable that holds the secret",
        "prefix": 'what stands before it in the header, such as `"sha256="`',
        "timestamp_header": "a header with the time in Unix seconds, which is signed too",
    }
)
#: The tables by their names, as the page has them.
TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "provider": PROVIDER,
        "send": SEND,
        "refused": REFUSED,
        "inbound": INBOUND,
        "receipts": RECEIPTS,
        "signature": SIGNATURE,
    }
)
