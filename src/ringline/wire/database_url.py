"""Database URLs, from the forms of libpq and hosting companies to the driver's.

Source: PostgreSQL 18, 32.1.1 "Connection Strings" and 32.1.2 "Parameter Key Words". The driver
passes unknown parameters to the server, which then refuses the connection, so each parameter
is accepted, translated or ignored here, and an unknown one is reported by name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode

#: Parameters that the driver accepts unchanged.
TAKEN = frozenset(
    {
        *("host", "port", "dbname", "user", "password", "passfile", "service", "options"),
        *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"),
        *("sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"),
        *("target_session_attrs", "krbsrvname", "gsslib"),
    }
)
#: libpq's parameters without effect here: Ringline sets time-outs, names and the encoding, and the
#: driver has no channel binding, no encryption by GSSAPI and no OAuth.
PASSED_OVER = frozenset(
    {
        *("application_name", "fallback_application_name", "client_encoding", "connect_timeout"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "load_balance_hosts", "replication", "requirepeer"),
        *("channel_binding", "require_auth", "gssencmode", "gssdelegation"),
        *("sslcompression", "sslcertmode", "sslcrldir", "sslsni", "sslkeylogfile", "requiressl"),
        *("min_protocol_version", "max_protocol_version", "scram_client_key", "scram_server_key"),
        *("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
    }
)
#: Hints for other drivers that hosting companies add to their URLs.
OF_OTHERS = frozenset(
    {
        *("pgbouncer", "connection_limit", "pool_timeout", "schema", "sslaccept", "socket_timeout"),
        *("statement_cache_size", "prepared_statement_cache_size", "uselibpqcompat", "supa"),
        *("workaround", "binary_parameters", "prepare_threshold", "prepareThreshold"),
    }
)
#: Spellings of other drivers, and libpq's.
_SAME = {"database": "dbname", "username": "user", "hostaddr": "host"}

_SCHEME = re.compile(r"(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?://", re.ASCII | re.IGNORECASE)
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_DEFAULT_PORT = "5432"
_FILES = ("sslrootcert", "sslcrl", "sslcert", "sslkey")
_SYSTEM = "system"
_QUESTION_MARK = "it has a parameter without a name; a ? in a password is written %3F"


class InvalidDatabaseUrl(ValueError):
    """A text is not a database URL; the message says why and quotes no value."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database's address and credentials; `text` is the URL in the driver's form.

    `files` are the keys and certificates that it names. `names_login` says whether it names a
    user, here or in a service file; `system_trust`, whether the server's certificate is
    verified by the system's authorities.
    """

    text: str
    hosts: tuple[str, ...]  # names, addresses or directories of sockets; () is the default
    ports: tuple[str, ...]
    user: str
    database: str
    files: tuple[str, ...] = ()
    names_login: bool = False
    system_trust: bool = False

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.address!r})"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a URL in any supported form. Raises InvalidDatabaseUrl."""
        scheme = _SCHEME.match(text)
        if scheme is None:
            raise InvalidDatabaseUrl("it does not begin with postgresql://")
        main, _, query = text[scheme.end() :].partition("?")
        # People paste passwords with an unescaped @, / or #: the last @ ends the password.
        login, _, rest = main.rpartition("@")
        netloc, _, path = rest.partition("/")
        user, _, password = (unquote(part) for part in login.partition(":"))
        if not login and ":" in netloc and "@" in query:
            raise InvalidDatabaseUrl(_QUESTION_MARK)
        chosen = _parameters(query)
        hosts, ports = _hosts(netloc)
        hosts = hosts or _split(chosen.pop("host", ""))
        if any(port is None for port in ports) or not ports:
            ports = _spread(_split(chosen.pop("port", _DEFAULT_PORT)), ports, hosts=len(hosts))
        user = user or chosen.pop("user", "")
        password = password or chosen.pop("password", "")
        database = unquote(path) or chosen.pop("dbname", "")
        for name in ("host", "port", "user", "password", "dbname"):
            chosen.pop(name, None)
        trust = chosen.get("sslrootcert") == _SYSTEM
        if trust and chosen.setdefault("sslmode", "verify-full") != "verify-full":
            raise InvalidDatabaseUrl("sslrootcert=system needs sslmode=verify-full")
        numbers = tuple(port for port in ports if port is not None)
        driver_url = _driver_url(
            hosts, numbers, user=user, password=password, database=database, rest=chosen
        )
        names_login = bool(user) or "service" in chosen
        files = tuple(chosen[name] for name in _FILES if name in chosen and chosen[name] != _SYSTEM)
        return cls(driver_url, hosts, numbers, user, database, files, names_login, trust)

    @property
    def address(self) -> str:
        """Return host and port for a message; if there are several, all of them."""
        if not self.hosts:
            return "the local socket"
        pairs = zip(self.hosts, self.ports, strict=True)
        return ", ".join(_address(host, port) for host, port in pairs)


def _address(host: str, port: str) -> str:
    if host.startswith("/"):
        return f"{host} (port {port})"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "ssl":
            name, value = "sslmode", _ssl_of(value)
        name = _SAME.get(name, name)
        if name not in TAKEN | PASSED_OVER | OF_OTHERS:
            raise InvalidDatabaseUrl(_unknown(name))
        if name in TAKEN and value:
            found[name] = value
    if "sslmode" in found:
        found["sslmode"] = _ssl_mode(found["sslmode"])
    return found


def _unknown(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_]{1,60}", name):
        return f"it has the parameter {name}, which does not exist"
    return _QUESTION_MARK


def _ssl_of(value: str) -> str:
    """Return the `sslmode` for the `ssl=…` of other drivers."""
    if value.lower() in _YES:
        return "require"
    return "disable" if value.lower() in _NO else value


def _ssl_mode(value: str) -> str:
    mode = value.lower().replace("_", "-")
    if mode == "no-verify":  # node-postgres: encrypt, do not check the certificate
        return "require"
    if mode not in _SSL_MODES:
        raise InvalidDatabaseUrl(f"sslmode is none of {', '.join(_SSL_MODES)}")
    return mode


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _hosts(netloc: str) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    hosts: list[str] = []
    ports: list[str | None] = []
    for host in _split(netloc):
        if _is_address(host):  # of IPv6, without brackets
            hosts.append(host)
            ports.append(None)
            continue
        found = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]*)(?::([^:]*))?", host)
        if found is None:
            raise InvalidDatabaseUrl(
                "what follows its user and password is no host and port; an address of IPv6 "
                "stands in brackets, and other characters in a password are percent-encoded"
            )
        hosts.append(unquote(found[1].strip("[]")))
        ports.append(found[2] or None)
    if hosts == [""]:  # postgresql://:5433/db
        hosts = []
    return tuple(hosts), tuple(ports)


def _is_address(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def _spread(
    given: tuple[str, ...], ports: tuple[str | None, ...], *, hosts: int
) -> tuple[str | None, ...]:
    """Give each host a port: its own, else the one that `port=` gives it."""
    count = max(hosts, 1)
    if len(given) not in (1, count):
        raise InvalidDatabaseUrl("it has not one port for each of its hosts")
    everywhere = given * count if len(given) == 1 else given
    own = ports or (None,) * count
    return tuple(port or other for port, other in zip(own, everywhere, strict=True))


def _driver_url(
    hosts: Iterable[str],
    ports: tuple[str, ...],
    *,
    user: str,
    password: str,
    database: str,
    rest: dict[str, str],
) -> str:
    for port in ports:
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise InvalidDatabaseUrl("a port is a number from 1 to 65535")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    hosts = tuple(hosts)
    netloc, where = "", {}
    if any(host.startswith("/") for host in hosts) or not hosts:
        where = {"host": ",".join(hosts)} if hosts else {}
        if set(ports) != {_DEFAULT_PORT} or hosts:
            where["port"] = ",".join(ports)
    else:
        netloc = ",".join(
            (f"[{host}]" if ":" in host else quote(host, safe=""))
            + ("" if port == _DEFAULT_PORT else f":{port}")
            for host, port in zip(hosts, ports, strict=True)
        )
    query = urlencode({**where, **rest}, safe="/", quote_via=quote)
    return "".join(
        (
            "postgresql://",
            f"{login}@" if login else "",
            netloc,
            f"/{quote(database, safe='')}" if database else "",
            f"?{query}" if query else "",
        )
    )
