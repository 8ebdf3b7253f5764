"""Settings: they are parsed, refused by name, and never show secrets."""

import os
import pwd
from ipaddress import ip_network
from pathlib import Path
from typing import NoReturn

import pytest

from ringline.config import Settings, SettingsProblem, service_links
from tests.foreign import LINKS

LONG = "a secret of the tests: 32 bytes."
V6 = "2001:db8::/32"
AB = ("https://a.example", "https://b.example")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL", "SIGNING_SECRET", "ENCRYPTION_KEY"):
        monkeypatch.setenv(f"RINGLINE_{name}", "postgresql://u:hidden@h/d")
    assert "hidden" not in repr(Settings.read())
    assert "hidden" not in str(Settings.read().model_dump())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "hidden"),
        ("PORT", "65536"),
        ("MAX_SESSIONS_PER_WORKSPACE", "-1"),
        ("RATE_MINT_PER_SECOND", "nan"),
        ("PLAYOUT_LEAD_MS", "0"),
        ("SANDBOX_CLOCK_SCALE", "-0.1"),
        ("SANDBOX_CLOCK_SCALE", "61"),
        ("SANDBOX_CLOCK_SCALE", "nan"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "-1"),
        ("MAX_SOCKETS_PER_KEY", "-1"),
        ("TRUSTED_PROXIES", "10.0.0.1, hidden"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "*"),
        ("ALLOWED_ORIGINS", "hidden.example"),
        ("ALLOWED_ORIGINS", "localhost:3000"),
        ("ALLOWED_ORIGINS", "https://hidden.example/path"),
        ("ALLOWED_ORIGINS", "https://*.hidden.example"),
        ("ALLOWED_ORIGINS", "wss://hidden.example"),
        ("ALLOWED_ORIGINS", "https://u:hidden@a.example"),
        ("ALLOWED_ORIGINS", ","),
        ("HOST", "hidden:7400"),
        ("HOST", "http://hidden"),
        ("HOST", "*"),
        ("LOG_LEVEL", "hidden"),
        ("VOICE_ACTIVITY_DETECTOR", "hidden"),
        ("HOST", "0.0.0.0, hidden"),
        ("RATE_RPC_PER_SECOND", "inf"),
        ("OPENAI_API_KEY", "hidden"),
        ("OPENAI_API_KEY", "hidden\nhidden"),
        ("XAI_API_KEY", "hidden-" + "é" * 8),
        ("OPENAI_URL", "hidden.example/v1"),
        ("OPENAI_URL", "https://u:hidden@a.example/v1"),
        ("XAI_URL", "wss://hidden.example/v1"),
        ("XAI_URL", "https://a.example/v1?key=hidden"),
        ("VOICES_ALLOW_PLAIN", "hidden"),
        ("VOICE_READY_SECONDS", "0"),
        ("VOICE_STALL_SECONDS", "inf"),
        ("DATABASE_ROLE_PREFIX", "Hidden"),
        ("DATABASE_ROLE_PREFIX", "1hidden"),
        ("DATABASE_ROLE_PREFIX", 'hidden" hidden'),
        ("DATABASE_ROLE_PREFIX", "pg"),
        ("DATABASE_ROLE_PREFIX", "pg_hidden"),
        ("DATABASE_ROLE_PREFIX", "hidden" * 7),
    ],
)
def test_an_invalid_setting_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RINGLINE_{name}", value)
    with pytest.raises(SettingsProblem, match=f"^RINGLINE_{name} is invalid: ") as refused:
        Settings.read()
    assert "hidden" not in str(refused.value)


def test_the_keys_of_providers_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "XAI_API_KEY"):
        monkeypatch.setenv(f"RINGLINE_{name}", " sk-hidden-hidden ")
    settings = Settings.read()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-hidden-hidden"
    assert "hidden" not in repr(settings) + str(settings.model_dump())


def test_the_model_for_delegated_work_is_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().openai_delegation_model == "gpt-6-luna"
    monkeypatch.setenv("RINGLINE_OPENAI_DELEGATION_MODEL", " gpt-6.1-terra ")
    assert Settings.read().openai_delegation_model == "gpt-6.1-terra"
    for bad in ("two words", "m" * 129, "mod\u00e8le"):
        monkeypatch.setenv("RINGLINE_OPENAI_DELEGATION_MODEL", bad)
        with pytest.raises(SettingsProblem, match="DELEGATION_MODEL is invalid: it must be a"):
            Settings.read()


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://voices.example/v1", False),
        ("http://127.0.0.1:9000/v1", False),
        ("http://[::1]:9000", False),
        ("http://localhost:9000", False),
        ("http://voices.example/v1", True),
        ("http://10.0.0.7/v1", True),
        ("http://localhost.example/v1", True),
    ],
)
def test_keys_and_speech_do_not_travel_in_the_clear_unless_they_may(
    monkeypatch: pytest.MonkeyPatch, url: str, refused: bool
) -> None:
    for name in ("OPENAI_URL", "XAI_URL"):
        monkeypatch.setenv(f"RINGLINE_{name}", url)
        if refused:
            with pytest.raises(SettingsProblem, match=f"^RINGLINE_{name} is invalid: http is for"):
                Settings.read().refuse_plain_voices()
            monkeypatch.setenv("RINGLINE_VOICES_ALLOW_PLAIN", "true")
        Settings.read().refuse_plain_voices()
        monkeypatch.delenv("RINGLINE_VOICES_ALLOW_PLAIN", raising=False)
        monkeypatch.delenv(f"RINGLINE_{name}")


def test_the_roles_are_made_of_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().roles.app == "ringline_app"
    longest = "p" * 40
    for prefix in ("north_2", longest):
        monkeypatch.setenv("RINGLINE_DATABASE_ROLE_PREFIX", prefix)
        roles = Settings.read().roles
        names = {roles.owner, roles.app, roles.lookup, roles.server}
        assert names == {f"{prefix}_{kind}" for kind in ("owner", "app", "lookup", "server")}
        assert all(len(name) < 64 for name in names), "PostgreSQL would cut it"


def test_the_detector_is_named_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().voice_activity_detector == "webrtc"
    monkeypatch.setenv("RINGLINE_VOICE_ACTIVITY_DETECTOR", " Silero ")
    assert Settings.read().voice_activity_detector == "silero"


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_PORT", "1")
    monkeypatch.setenv("RINGLINE_DATA_DIR", "/somewhere")
    settings = Settings.read(port=0, host=None, data_dir=None)
    assert (settings.port, settings.host, settings.data_dir) == (0, "127.0.0.1", Path("/somewhere"))


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_PORT", "")
    monkeypatch.setenv("RINGLINE_DATABASE_URL", "")
    assert Settings.read().port == 7400
    assert Settings.read().database_url is None


def test_several_secrets_while_one_is_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_SIGNING_SECRET", "new, old,")
    assert Settings.read().signing_secrets == ("new", "old")


def test_the_settings_that_serve_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "SIGNING_SECRET", "ENCRYPTION_KEY"):
        monkeypatch.delenv(f"RINGLINE_{name}", raising=False)
    monkeypatch.setenv("RINGLINE_ENCRYPTION_KEY", "x")
    monkeypatch.setenv("RINGLINE_SIGNING_SECRET", " , ")
    missing = Settings.read().missing_to_serve()
    assert missing == ("RINGLINE_DATABASE_URL", "RINGLINE_SIGNING_SECRET")
    monkeypatch.setenv("RINGLINE_DATABASE_URL", "postgresql://localhost/d")
    monkeypatch.setenv("RINGLINE_SIGNING_SECRET", "s")
    assert Settings.read().missing_to_serve() == ()


@pytest.mark.parametrize(
    ("signing", "encryption", "weak"),
    [
        (LONG, LONG, ()),
        ("é" * 16, LONG, ()),  # bytes, not characters
        (f"{LONG}, {LONG},", LONG, ()),  # an empty one is none
        ("s", LONG, ("RINGLINE_SIGNING_SECRET",)),
        (LONG[1:], LONG, ("RINGLINE_SIGNING_SECRET",)),
        (f"{LONG},old", LONG, ("RINGLINE_SIGNING_SECRET",)),  # it verifies as well as the first
        (f"{LONG[1:]} ", LONG, ("RINGLINE_SIGNING_SECRET",)),
        (LONG, LONG[1:] + " ", ("RINGLINE_ENCRYPTION_KEY",)),
        (" , ", " ", ("RINGLINE_SIGNING_SECRET",)),  # white space is no value
        ("s", "e", ("RINGLINE_SIGNING_SECRET", "RINGLINE_ENCRYPTION_KEY")),
    ],
)
def test_a_secret_has_32_bytes(
    monkeypatch: pytest.MonkeyPatch, signing: str, encryption: str, weak: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RINGLINE_SIGNING_SECRET", signing)
    monkeypatch.setenv("RINGLINE_ENCRYPTION_KEY", encryption)
    settings = Settings.read()
    assert settings.weak_secrets() == weak
    if not weak:
        settings.refuse_weak_secrets()
        return
    with pytest.raises(SettingsProblem) as refused:
        settings.refuse_weak_secrets()
    assert str(refused.value) == (
        f"{weak[0]} holds a secret of fewer than 32 bytes, which can be guessed; "
        f"`export {weak[0]}=$(ringline secret)` generates a better one."
    )


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("port", " 7401\r\n", 7401),
        ("port", '"7401"', 7401),
        ("data_dir", "'/srv/ringline/'", Path("/srv/ringline")),
        ("database_role_prefix", " north\n", "north"),
        ("log_level", "WARNING", "warning"),
        ("host", "[::1]", "::1"),
        ("host", "2001:DB8:0::1", "2001:db8::1"),
        ("host", "fe80::1%eth0", "fe80::1%eth0"),
        ("host", " voice.internal", "voice.internal"),
        ("allowed_origins", "https://a.example/, https://B.Example:443,", AB),
        ("allowed_origins", "HTTPS://a.example\nhttps://b.example//", AB),
        ("allowed_origins", "http://a.example:80", ("http://a.example",)),
        ("allowed_origins", "http://[::1]:3000/", ("http://[::1]:3000",)),
        ("allowed_origins", "https://bücher.example", ("https://xn--bcher-kva.example",)),
        ("allowed_origins", "capacitor://localhost, NULL", ("capacitor://localhost", "null")),
        ("allowed_origins", "*", ()),
        ("allowed_origins", "https://a.example, *", ()),
        ("trusted_proxies", "[::1], [2001:db8::]/32", (ip_network("::1"), ip_network(V6))),
    ],
)
def test_settings_are_read_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, read: object
) -> None:
    monkeypatch.setenv(f"RINGLINE_{name.upper()}", written)
    assert getattr(Settings.read(), name) == read


def test_white_space_and_quotes_around_a_secret_are_stripped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for written in (LONG, f"\t{LONG}\r\n", f'"{LONG}"', f"'{LONG}\n' "):
        monkeypatch.setenv("RINGLINE_ENCRYPTION_KEY", written)
        key = Settings.read().encryption_key
        assert key is not None
        assert key.get_secret_value() == LONG


def test_a_variable_may_be_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ringline_port", "1")
    assert Settings.read().port == 1
    monkeypatch.setenv("RINGLINE_PORT", "2")
    assert Settings.read().port == 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RINGLINE_DATABSE_URL", "RINGLINE_DATABASE_URL"),
        ("RINGLINE_ORIGINS", "RINGLINE_ALLOWED_ORIGINS"),
        ("RINGLINE_RINGLINE_PORT", "RINGLINE_PORT"),
        ("RINGLINE_URI", "RINGLINE_URL"),
        ("ringline_hots", "RINGLINE_HOST"),
    ],
)
def test_a_variable_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(name, "hidden")
    with pytest.raises(SettingsProblem) as refused:
        Settings.read()
    assert str(refused.value) == f"{name} does not exist; did you mean {nearest}?"


def test_what_the_command_line_reads_exists_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_URL", "http://localhost:7400")
    monkeypatch.setenv("RINGLINE_KEY", "sk_live_1")
    assert Settings.read().port == 7400


def test_service_links_of_kubernetes_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    assert Settings.read().port == 7400
    assert service_links({"RINGLINE_HOST": "::", **LINKS}) == tuple(sorted(LINKS))


def test_an_account_without_a_home_must_name_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> NoReturn:
        raise KeyError

    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(SettingsProblem, match="his account has no home directory: name") as refused:
        Settings.read()
    assert "RINGLINE_DATA_DIR" in str(refused.value)
    monkeypatch.setenv("RINGLINE_DATA_DIR", "/srv/ringline")
    assert Settings.read().data_dir == Path("/srv/ringline")


def test_what_only_looks_like_a_service_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_DB_PORT", "5432")
    with pytest.raises(SettingsProblem, match=r"^RINGLINE_DB_PORT does not exist; did you"):
        Settings.read()


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().trusted_proxies == ()
    monkeypatch.setenv("RINGLINE_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::/32, ::1,")
    assert Settings.read().trusted_proxies == (
        ip_network("10.0.0.0/8"),
        ip_network("192.0.2.7/32"),
        ip_network("2001:db8::/32"),
        ip_network("::1/128"),
    )


def test_an_invalid_proxy_is_named_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_TRUSTED_PROXIES", "10.0.0.1, nginx.internal")
    with pytest.raises(SettingsProblem, match="entry 2 is not an IP address"):
        Settings.read()


def test_an_address_may_hold_half_of_the_connections_unless_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.read()
    assert (settings.max_connections_per_address, settings.max_sockets_per_key) == (None, 20_000)
    monkeypatch.setenv("RINGLINE_MAX_CONNECTIONS_PER_ADDRESS", "0")
    monkeypatch.setenv("RINGLINE_MAX_SOCKETS_PER_KEY", "0")
    settings = Settings.read()
    assert (settings.max_connections_per_address, settings.max_sockets_per_key) == (0, 0)


def test_migrations_may_have_their_own_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_DATABASE_URL", "postgresql://serve@h/d")
    url = Settings.read().migration_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://serve@h/d"
    monkeypatch.setenv("RINGLINE_MIGRATE_DATABASE_URL", "postgresql://migrate@h/d")
    url = Settings.read().migration_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://migrate@h/d"


@pytest.mark.parametrize(
    ("host", "public", "reached"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:7400"),
        ("0.0.0.0", None, "http://127.0.0.1:7400"),
        ("::", None, "http://127.0.0.1:7400"),
        ("::1", None, "http://[::1]:7400"),
        ("0.0.0.0", "HTTPS://Example.com:443/voice/", "https://example.com/voice"),
    ],
)
def test_the_url_of_a_server_for_its_clients(
    monkeypatch: pytest.MonkeyPatch, host: str, public: str | None, reached: str
) -> None:
    monkeypatch.setenv("RINGLINE_HOST", host)
    if public is not None:
        monkeypatch.setenv("RINGLINE_PUBLIC_URL", public)
    assert Settings.read().reached_at(7400) == reached


@pytest.mark.parametrize("public", ["example.com", "ftp://example.com", "https://a.example/?b=c"])
def test_a_public_url_must_be_http(monkeypatch: pytest.MonkeyPatch, public: str) -> None:
    monkeypatch.setenv("RINGLINE_PUBLIC_URL", public)
    with pytest.raises(SettingsProblem, match=r"^RINGLINE_PUBLIC_URL is invalid: it "):
        Settings.read()
