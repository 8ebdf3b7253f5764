"""Providers of messages over HTTP: files that describe them, and servers that stand in for them."""

from pathlib import Path

from ringline.config.messaging_file import read_messaging_file
from ringline.domain.carriers import Carrier

API_KEY, SIGNING_SECRET = "acme-api-key-0123456789", "acme-signing-secret-9876543210"
ENVIRON = {"ACME_KEY": API_KEY, "ACME_SECRET": SIGNING_SECRET, "EMPTY": " "}

ACME = """
[providers.acme]
channels = ["sms"]
numbers = ["+2342013301234", "+1415*"]

[providers.acme.send]
url = "https://api.acme.example/v2/messages"
bearer_env = "ACME_KEY"
message_id = "/data/id"
[providers.acme.send.headers]
X-Profile = "main"
[providers.acme.send.json]
from = "{from}"
to = [{ number = "{to}" }]
text = "{text}"
media = ["{media_url}"]
reference = "ringline:{message_id}"
webhook = "{receipts_url}"
flash = false
[providers.acme.send.refused]
statuses = [400, 422]
code = "/errors/0/code"
reason = "/errors/0/title"

[providers.acme.inbound]
from = "/payload/from"
to = "/payload/to"
message_id = "/payload/id"
text = "/payload/text"
media_url = "/payload/media/0/url"
mime_type = "/payload/media/0/content_type"
[providers.acme.inbound.when]
"/event" = "message.received"

[providers.acme.receipts]
message_id = "/payload/id"
status = "/payload/status"
error_code = "/payload/error"
[providers.acme.receipts.words]
delivered = "delivered"
seen = "read"
undeliverable = "failed"
blocked = "rejected"
timed-out = "expired"

[providers.acme.signature]
scheme = "hmac-sha256-hex"
header = "X-Acme-Signature"
prefix = "v1="
timestamp_header = "X-Acme-Timestamp"
secret_env = "ACME_SECRET"
"""


def read_carriers(text: str, path: Path, *, has_public_url: bool = True) -> tuple[Carrier, ...]:
    """Read a MESSAGING_FILE with this text; it is written into a directory."""
    file = path / "messaging.toml"
    file.write_text(text, "utf-8")
    return read_messaging_file(file, ENVIRON, has_public_url=has_public_url)


def a_carrier(path: Path, *, url: str = "", text: str = ACME) -> Carrier:
    """Return the provider of a file, which takes messages at a URL."""
    (carrier,) = read_carriers(
        text.replace("https://api.acme.example/v2/messages", url) if url else text, path
    )
    return carrier
