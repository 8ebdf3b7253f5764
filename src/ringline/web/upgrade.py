"""What a request for a WebSocket must say (RFC 6455, 4.2.1)."""

import base64
import binascii

from ringline.web.edge import StreamRequest

#: The headers of a refused upgrade, with the supported version (RFC 6455, 4.4).
OUR_VERSION = {"Sec-WebSocket-Version": "13"}


def upgrade_problem(request: StreamRequest) -> str | None:
    """Say why a request is not a WebSocket upgrade (RFC 6455, 4.2.1); None if it is."""
    headers = request.headers
    if not request.is_http11:
        return "A WebSocket is opened with GET and HTTP/1.1."
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        return "The request asks for no upgrade to WebSocket."
    if "upgrade" not in _tokens(",".join(headers.getall("Connection", ()))):
        return "The Connection header does not name the upgrade."
    if headers.get("Sec-WebSocket-Version", "") != "13":
        return "Only version 13 of the WebSocket protocol is spoken here."
    try:
        nonce = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except binascii.Error:
        return "The Sec-WebSocket-Key is not base64."
    return None if len(nonce) == 16 else "The Sec-WebSocket-Key is not 16 bytes long."


def offered_subprotocols(request: StreamRequest) -> list[str]:
    """Return the subprotocols that a client offers, in the client's sequence."""
    offers = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [offer.strip() for offer in offers.split(",") if offer.strip()]


def _tokens(header: str) -> set[str]:
    return {token.strip().lower() for token in header.split(",")}
