"""Parsers for the texts of settings: lenient input, one normal form.

Each parser rejects an invalid value with a sentence that does not quote it; a setting's row
names its parser by its type.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError
from pydantic_core import PydanticCustomError, Url

from ringline.schema.names import Roles
from ringline.wire.database_url import DatabaseUrl, InvalidDatabaseUrl

T = TypeVar("T")

#: The default ports, which browsers leave out of origins.
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ALL = "*"
_API_KEY = re.compile(r"[ -~]{8,512}")
_MODEL_ID = re.compile(r"[!-~]{1,128}")
_HOST_NAME = re.compile(r"[\w.-]+")


def read_host(text: str) -> str:
    """Read a name or an address to listen on, with or without the brackets of IPv6."""
    text = text.strip()
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        try:
            return str(ip_address(bare))
        except ValueError:
            raise _refused(
                "it must be a name or an address without scheme and port; set the port with "
                "RINGLINE_PORT"
            ) from None
    if not _HOST_NAME.fullmatch(bare):
        raise _refused("it must be a name or an address; 0.0.0.0 and :: listen on all addresses")
    return bare


def read_origins(text: str) -> tuple[str, ...]:
    """Read origins as browsers write them (RFC 6454, 6.2); () means all, as does `*`."""
    found = _read_list(text, _origin)
    return () if _ALL in found else found


def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks; a single address is a network of one."""
    return _read_list(text, _network)


def read_path(path: Path) -> Path:
    """Read a path; `~` is the account's home directory, if it has one."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise _refused("this account has no home directory: name it without ~") from None


def read_role_prefix(text: str) -> str:
    """Read the prefix of the database's roles."""
    try:
        return Roles(text).prefix
    except ValueError as error:
        raise _refused(str(error)) from None


def read_database_url(text: str) -> SecretStr:
    """Read a database's URL; it may hold a password."""
    try:
        return SecretStr(DatabaseUrl.read(text).text)
    except InvalidDatabaseUrl as error:
        raise _refused(str(error)) from None


def read_web_url(text: str) -> str:
    """Read a server's URL; drop the default port and a trailing slash.

    Raises ValueError if it is not such a URL, or has a user, query or fragment.
    """
    url = _parsed(text.strip())
    if url is None or url.scheme not in _DEFAULT_PORTS or not url.host:
        raise ValueError("it must start with http:// or https://")
    if url.username or url.password or url.query is not None or url.fragment is not None:
        raise ValueError("it must have no user, query or fragment")
    return _spelt(url) + (url.path or "").rstrip("/")


def read_voice_url(text: str, *, allow_plain: bool) -> str:
    """Read the URL of a voice's provider or endpoint (voices, 1).

    Raises ValueError as `read_web_url` does, and for `http` beyond loopback unless allowed.
    """
    url = read_web_url(text)
    parsed = Url(url)
    if parsed.scheme == "http" and not allow_plain and not is_loopback(parsed.host or ""):
        raise ValueError(
            "http is for loopback addresses alone; use https, or set RINGLINE_VOICES_ALLOW_PLAIN"
        )
    return url


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine's own."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _read_setting_url(text: str) -> str:
    try:
        return read_web_url(text)
    except ValueError as error:
        raise _refused(str(error)) from None


def read_api_key(text: str) -> SecretStr:
    """Read a provider's API key."""
    key = text.strip()
    if not _API_KEY.fullmatch(key):
        raise _refused("it must be 8 to 512 printable ASCII characters")
    return SecretStr(key)


def read_model_id(text: str) -> str:
    """Read the id of a provider's model, as the provider writes it."""
    text = text.strip()
    if not _MODEL_ID.fullmatch(text):
        raise _refused("it must be a model's id: 1 to 128 printable ASCII characters, no spaces")
    return text


def _read_list(text: str, read: Callable[[str], T | None]) -> tuple[T, ...]:
    """Read a list separated by commas or white space; errors give the entry's number."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not words:
        raise _refused("it has no entries; unset it for the default")
    found: list[T] = []
    for number, word in enumerate(words, 1):
        value = read(word)
        if value is None:
            raise _refused(f"entry {number} is {_EXPECTED[read]}")
        found.append(value)
    return tuple(found)


def _origin(word: str) -> str | None:
    if word == _ALL or word.lower() == "null":  # of pages without an origin, RFC 6454, 7.1
        return word.lower()
    url = _parsed(word)
    if url is None or not url.host or url.scheme in ("ws", "wss") or _ALL in url.host:
        return None
    more = (url.username, url.password, url.query, url.fragment, (url.path or "").strip("/"))
    return None if any(more) else _spelt(url)


def _network(word: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(word.replace("[", "").replace("]", ""))
    except ValueError:
        return None


_EXPECTED: dict[Callable[..., object], str] = {
    _origin: (
        "not an origin: give scheme and host, such as https://app.example.com, with a port if it "
        "is not the default one; * alone allows every origin"
    ),
    _network: (
        "not an IP address or a network, such as 10.0.0.0/8, whose address has no bits set beyond "
        "its prefix"
    ),
}


def _parsed(text: str) -> Url | None:
    """Parse a URL as browsers do; normalise case, ports, IPv6 and Unicode names."""
    try:
        return Url(text)
    except ValidationError:
        return None


def _spelt(url: Url) -> str:
    port = "" if url.port in (None, _DEFAULT_PORTS.get(url.scheme)) else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}"


def _refused(why: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{why}", {"why": why})


def _reading(read: Callable[[str], Any]) -> BeforeValidator:
    """Make a parser the first step of a setting's type; it is applied to text only."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


SecretUrl: TypeAlias = Annotated[SecretStr, _reading(read_database_url)]
HostName: TypeAlias = Annotated[str, _reading(read_host)]
LogLevel: TypeAlias = Annotated[Literal["debug", "info", "warning", "error"], _reading(str.lower)]
DetectorName: TypeAlias = Annotated[Literal["webrtc", "silero"], _reading(str.lower)]
Directory: TypeAlias = Annotated[Path, AfterValidator(read_path)]
FilePath: TypeAlias = Annotated[Path, AfterValidator(read_path)]
OriginList: TypeAlias = Annotated[tuple[str, ...], _reading(read_origins)]
Networks: TypeAlias = Annotated[tuple[IPv4Network | IPv6Network, ...], _reading(read_networks)]
WebUrl: TypeAlias = Annotated[str, _reading(_read_setting_url)]
ApiKey: TypeAlias = Annotated[SecretStr, _reading(read_api_key)]
ModelId: TypeAlias = Annotated[str, _reading(read_model_id)]
RolePrefix: TypeAlias = Annotated[str, _reading(read_role_prefix)]
