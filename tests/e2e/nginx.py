"""nginx before a server, as the page "Run it in production" sets it up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp.test_utils import unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.program import until
from tests.pages import DOCS, blocks_of

_PAGE = DOCS / "howto" / "production.md"


@asynccontextmanager
async def proxied(
    nginx: str, base_url: str, *, place: Path, port: int | None = None
) -> AsyncIterator[str]:
    """Run nginx with the page's block before a server; give its address there.

    `place` is an empty directory for its files.
    """
    (block,) = blocks_of(_PAGE, "nginx")
    port = port or unused_port()
    make_certificate(place / "voice.example.com")
    text = (
        block.code.replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace("/etc/ssl/", f"{place}/")
        .replace("127.0.0.1:7400", base_url.removeprefix("http://"))
    )
    paths = "".join(
        f"{name}_temp_path {place};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place / "nginx.conf").write_text(
        f"user root; pid {place}/pid; daemon off; error_log stderr;"
        f"events {{}} http {{ access_log off; {paths} {text} }}"
    )
    process = await asyncio.create_subprocess_exec(
        nginx, "-p", str(place), "-c", str(place / "nginx.conf")
    )
    try:
        await asyncio.to_thread(until, lambda: can_connect(port))
        yield f"https://127.0.0.1:{port}/ringline"
    finally:
        process.terminate()
        await process.wait()


def can_connect(port: int) -> bool:
    """Return whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_certificate(path: Path) -> None:
    """Write a certificate of our own and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.with_name(f"{path.name}.pem").write_bytes(certificate.public_bytes(pem))
    path.with_name(f"{path.name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
