"""What `ringline doctor` finds of providers and endpoints: are they set, do they answer?

A connection is opened as far as TLS and closed again: no request is sent, and no key, so the
check costs nothing. Whether a key is right only the provider knows. A server starts without
any of them, so nothing here is worse than a warning.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from ringline.cli.findings import Finding, Grade
from ringline.config import PREFIX, Provider
from ringline.domain.carriers import Carrier
from ringline.domain.cascade import Cascade

#: How long a host has to accept a connection, TLS included.
REACH_S = 5.0

_PORTS = {"http": 80, "https": 443}


async def check_providers(
    providers: Iterable[Provider], environ: Mapping[str, str], *, reach_s: float = REACH_S
) -> list[Finding]:
    """Check each provider's key and URL, all at once."""
    checks = [_check_provider(one, environ, reach_s=reach_s) for one in providers]
    return list(await asyncio.gather(*checks))


async def check_cascades(cascades: Iterable[Cascade], *, reach_s: float = REACH_S) -> list[Finding]:
    """Check the endpoints of each cascade, all at once."""
    return list(await asyncio.gather(*(_check_cascade(one, reach_s) for one in cascades)))


async def check_carriers(carriers: Iterable[Carrier], *, reach_s: float = REACH_S) -> list[Finding]:
    """Check where each provider of messages takes them, all at once."""
    return list(await asyncio.gather(*(_check_carrier(one, reach_s) for one in carriers)))


async def _check_provider(
    provider: Provider, environ: Mapping[str, str], *, reach_s: float
) -> Finding:
    name = provider.name
    models, key = f"{name}/*", f"{PREFIX}{name.upper()}_API_KEY"
    if provider.key is None:
        found = f"no key, so only workspaces with a key of their own are offered {models}"
        return _without_key(provider, environ, found=found)
    place = _place(provider.url)
    if problem := await reach(provider.url, reach_s):
        return Finding(
            name,
            Grade.WARNING,
            f"a key is set, but {place} cannot be reached: {problem}",
            f"Sessions with {models} will fail. Check {PREFIX}{name.upper()}_URL, and that this "
            "machine may connect there; proxies of the environment are not used.",
        )
    return Finding(name, Grade.GOOD, f"{place} answers, and a key is set ({key}); it was not tried")


def _without_key(provider: Provider, environ: Mapping[str, str], *, found: str) -> Finding:
    """Tell of a provider without a key: a mistake only if something else of it is set."""
    ours = f"{provider.name.upper()}_API_KEY"
    if ours in environ:  # the name that the provider's own programs read
        return Finding(
            provider.name,
            Grade.WARNING,
            f"{found}; {ours} is not read",
            f"If Ringline may use that key: `export {PREFIX}{ours}=${ours}`",
        )
    if provider.url_is_set:
        return Finding(
            provider.name,
            Grade.WARNING,
            f"{found}, though {PREFIX}{provider.name.upper()}_URL is set",
            f"Set {PREFIX}{ours}.",
        )
    return Finding(provider.name, Grade.GOOD, f"{found}; {PREFIX}{ours} sets one")


async def _check_cascade(cascade: Cascade, reach_s: float) -> Finding:
    stages = {
        "transcription": cascade.transcription,
        "chat": cascade.chat,
        "speech": cascade.speech,
    }
    problems = await asyncio.gather(*(reach(stage.url, reach_s) for stage in stages.values()))
    failed = [
        f"{name} at {_place(stage.url)}: {problem}"
        for (name, stage), problem in zip(stages.items(), problems, strict=True)
        if problem
    ]
    if failed:
        return Finding(
            cascade.model,
            Grade.WARNING,
            f"cannot be reached: {'; '.join(failed)}",
            f"Start what should answer there, or correct the url in {PREFIX}VOICES_FILE.",
        )
    places = dict.fromkeys(_place(stage.url) for stage in stages.values())
    return Finding(cascade.model, Grade.GOOD, f"its endpoints answer: {', '.join(places)}")


async def _check_carrier(carrier: Carrier, reach_s: float) -> Finding:
    place, channels = _place(carrier.sending.url), " and ".join(carrier.addresses)
    if problem := await reach(carrier.sending.url, reach_s):
        return Finding(
            carrier.name,
            Grade.WARNING,
            f"messages ({channels}) cannot be sent: {place} cannot be reached: {problem}",
            f"Check the url in {PREFIX}MESSAGING_FILE, and that this machine may connect there.",
        )
    return Finding(carrier.name, Grade.GOOD, f"{place} answers, for messages ({channels})")


async def reach(url: str, reach_s: float) -> str:
    """Connect to a URL's host, and close; return why that failed, or "".

    With `https` the TLS handshake and the certificate count too, as they do for a session.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    try:
        async with asyncio.timeout(reach_s):
            _, writer = await asyncio.open_connection(*_address(url), ssl=context)
    except TimeoutError:
        return f"no answer within {reach_s:g} s"
    except (socket.gaierror, UnicodeError):
        return "its name is not known"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted ({error.verify_message})"
    except ssl.SSLError:
        return "what answers there does not speak TLS"
    except OSError as error:
        # A host of several addresses has no number; asyncio's own text names the address.
        return os.strerror(error.errno).lower() if error.errno else "no connection is accepted"
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
    return ""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _place(url: str) -> str:
    host, port = _address(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
