"""The table of settings (contract, 8).

Each field is a setting `RINGLINE_<NAME>`, and a row of `docs/reference/settings.md`; a test
holds the two against each other.
"""

import os
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ringline.config.readings import (
    Directory,
    HostName,
    LogLevel,
    Networks,
    OriginList,
    RolePrefix,
    SecretUrl,
    WebUrl,
)
from ringline.config.variables import PREFIX, SettingsProblem, refuse_unknown, variables
from ringline.domain import limits
from ringline.schema.names import Roles

#: Where root's data are: its home is closed to the account that the database runs under.
ROOTS_DATA = Path("/var/lib/ringline")

#: Hosts that are every address of the machine.
_WILDCARDS = ("0.0.0.0", "::")

#: What `ringline serve` does not start without; `ringline dev` makes and keeps them.
REQUIRED_TO_SERVE = ("database_url", "signing_secret", "encryption_key")

#: One token is enough to try out what signed it, offline: as many guesses as 32 bytes allow.
LEAST_SECRET_BYTES = 32


#: What an interpreter needs of our environment to find itself and its libraries.
_OF_PYTHON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONDONTWRITEBYTECODE",
)


def _default_data_dir() -> Path:
    if os.geteuid() == 0:
        return ROOTS_DATA
    try:
        return user_data_path("ringline", appauthor=False)
    except RuntimeError:
        raise SettingsProblem(
            f"This account has no home directory: name a directory for data with --data-dir or "
            f"{PREFIX}DATA_DIR."
        ) from None


def python_environment() -> dict[str, str]:
    """Return what a Python of ours needs of the environment, and nothing else in it."""
    return {name: os.environ[name] for name in _OF_PYTHON if name in os.environ}


class _Environment(PydanticBaseSettingsSource):
    """The environment as a source of settings: texts, for the readings of the table."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a setting's text, None where it is not set."""
        return variables(os.environ).get(field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the texts of the settings that are set."""
        found = variables(os.environ)
        fields = self.settings_cls.model_fields
        return {name: found[name.upper()] for name in fields if name.upper() in found}


class Settings(BaseSettings):
    """The settings of a server. Secrets show themselves as asterisks."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretUrl | None = Field(
        None,
        description="PostgreSQL 15 or later, as a URL; without it an embedded one is run",
        json_schema_extra={"default": "embedded"},
    )
    migrate_database_url: SecretUrl | None = Field(
        None,
        description="the same database as a role that may migrate it",
        json_schema_extra={"default": "`DATABASE_URL`"},
    )
    database_role_prefix: RolePrefix = Field(
        "ringline",
        description=(
            "the database's roles are `<prefix>_owner`, `_app` and `_lookup`; installations that "
            "share a PostgreSQL cluster take different ones"
        ),
    )
    data_dir: Directory = Field(
        default_factory=_default_data_dir,
        validate_default=True,  # an older platformdirs returns a `~` that nobody has
        description="where the embedded database and what `dev` makes are kept",
        json_schema_extra={
            "default": "the platform's directory for data; for root `/var/lib/ringline`"
        },
    )
    host: HostName = Field("127.0.0.1", description="the name or address to listen on")
    port: int = Field(7400, ge=0, le=65535, description="the port to listen on; 0 is any free one")
    signing_secret: SecretStr | None = Field(
        None,
        description=(
            "signs session tokens and cursors; at least 32 bytes, made by `ringline secret`; "
            "several, comma-separated, while it is rotated: the first signs, all of them verify"
        ),
        json_schema_extra={"default": "made and kept by `dev`"},
    )
    encryption_key: SecretStr | None = Field(
        None,
        description="encrypts secrets at rest; at least 32 bytes, made by `ringline secret`",
        json_schema_extra={"default": "made and kept by `dev`"},
    )
    allowed_origins: OriginList = Field(
        (),
        description=(
            "origins from which browsers may open sockets and streams, comma-separated; `*` is "
            "all. It does not bind RPC, which takes no cookies"
        ),
        json_schema_extra={"default": "all"},
    )
    trusted_proxies: Networks = Field(
        (),
        description=(
            "addresses or networks, comma-separated, of proxies whose `X-Forwarded-For` and "
            "`X-Forwarded-Proto` count; without it the clients of a proxy share its address "
            "and its limits"
        ),
        json_schema_extra={"default": "none"},
    )
    public_url: WebUrl | None = Field(
        None,
        description=(
            "how clients reach this server, path prefix included, such as "
            "`https://example.com/voice`: `servers` in OpenAPI, links, and `base_url` on the "
            "command line"
        ),
        json_schema_extra={"default": "`http://HOST:PORT`, loopback where `HOST` is a wildcard"},
    )
    documentation_url: str | None = Field(
        None,
        description="what stands before the code in `documentation_url` of an error of `/v1`",
        json_schema_extra={"default": "`PUBLIC_URL/docs#`"},
    )
    rate_rpc_per_second: float = Field(
        200, ge=0, allow_inf_nan=False, description="RPC requests, per key; 0 is no limit"
    )
    rate_rpc_burst: float = Field(
        400, ge=0, allow_inf_nan=False, description="RPC requests at once, per key"
    )
    rate_mint_per_second: float = Field(
        100,
        ge=0,
        allow_inf_nan=False,
        description="session tokens and tickets, per key; 0 is no limit",
    )
    rate_session_events_per_10_s: int = Field(
        limits.SESSION_EVENTS.most,
        ge=0,
        description="control events of one voice session; 0 is no limit",
    )
    max_sessions_per_workspace: int | None = Field(
        None,
        ge=0,
        description="live voice sessions of a workspace, in each environment",
        json_schema_extra={"default": "10 in `test`, 100 in `live`"},
    )
    max_connections_per_address: int | None = Field(
        None,
        ge=0,
        description="connections of one address; 0 is no limit",
        json_schema_extra={"default": "half of all"},
    )
    max_sockets_per_key: int = Field(
        limits.SOCKETS_PER_KEY.most,
        ge=0,
        description="open sockets and streams of one key and of what it minted; 0 is no limit",
    )
    log_level: LogLevel = Field(
        "info", description="how much is logged: `debug`, `info`, `warning` or `error`"
    )
    playout_lead_ms: int = Field(
        400,
        ge=20,
        le=60_000,
        description="how far speech is sent ahead of its playing, in milliseconds",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given to us, then the environment; no files."""
        return init_settings, _Environment(settings_cls)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings, without the prefix."""
        return tuple(name.upper() for name in cls.model_fields)

    @classmethod
    def read(cls, **chosen: Any) -> Self:
        """Read the environment; what was `chosen` and is not None comes first.

        Raises SettingsProblem, also for a variable of ours that is no setting.
        """
        refuse_unknown(os.environ, cls.names())
        try:
            return cls(**{name: value for name, value in chosen.items() if value is not None})
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
            says = problem["msg"]
            raise SettingsProblem(f"{name} is invalid: {says[:1].lower()}{says[1:]}.") from None

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """Return the secrets that verify; the first one signs."""
        return _words(self.signing_secret.get_secret_value()) if self.signing_secret else ()

    def reached_at(self, port: int) -> str:
        """Return how clients reach a server on a port; a wildcard is reached by loopback."""
        host = "127.0.0.1" if self.host in _WILDCARDS else self.host
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def roles(self) -> Roles:
        """Return the roles of this installation in its database."""
        return Roles(self.database_role_prefix)

    @property
    def migration_url(self) -> SecretStr | None:
        """Return what migrations connect to; None is the embedded database."""
        return self.migrate_database_url or self.database_url

    def missing_to_serve(self) -> tuple[str, ...]:
        """Return the names of the settings without which `serve` does not start."""
        missing = [name for name in REQUIRED_TO_SERVE if getattr(self, name) is None]
        if "signing_secret" not in missing and not self.signing_secrets:
            missing.append("signing_secret")
        return tuple(PREFIX + name.upper() for name in missing)

    def weak_secrets(self) -> tuple[str, ...]:
        """Return the names of the settings that hold a secret of fewer than 32 bytes."""
        held: dict[str, tuple[str, ...]] = {}
        if self.signing_secret is not None:  # of nothing but commas it is an empty one
            held["SIGNING_SECRET"] = self.signing_secrets or ("",)
        if self.encryption_key is not None:
            held["ENCRYPTION_KEY"] = (self.encryption_key.get_secret_value().strip(),)
        return tuple(
            PREFIX + name
            for name, texts in held.items()
            if any(len(text.encode()) < LEAST_SECRET_BYTES for text in texts)
        )

    def refuse_weak_secrets(self) -> None:
        """Let no server start on a secret that can be guessed. Raises SettingsProblem."""
        for name in self.weak_secrets():
            raise SettingsProblem(
                f"{name} holds a secret of fewer than {LEAST_SECRET_BYTES} bytes, which can be "
                f"guessed; {line_that_makes(name)} makes a better one."
            )


def line_that_makes(name: str) -> str:
    """Return the line of a shell that makes a secret and sets it."""
    return f"`export {name}=$(ringline secret)`"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
