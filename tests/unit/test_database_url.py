"""Database URLs as hosting companies provide them."""

from urllib.parse import quote

import pytest

from ringline.wire.database_url import OF_OTHERS, PASSED_OVER, DatabaseUrl, InvalidDatabaseUrl


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgres://u:p@h:5432/d", "postgresql://u:p@h/d"),
        ("POSTGRES://u@h:5433", "postgresql://u@h:5433"),
        ("postgresql+asyncpg://u@h/d", "postgresql://u@h/d"),
        ("jdbc:postgresql://h/d?user=u&password=p", "postgresql://u:p@h/d"),
        ("postgresql://u:p@ss/w#rd%@h/d", "postgresql://u:p%40ss%2Fw%23rd%25@h/d"),
        ("postgresql://u:p%40ss@h/d", "postgresql://u:p%40ss@h/d"),
        ("postgresql://u@[2001:db8::1]:6000/d", "postgresql://u@[2001:db8::1]:6000/d"),
        ("postgresql://u@2001:db8::1/d", "postgresql://u@[2001:db8::1]/d"),
        ("postgresql://u@a,b:6000/d", "postgresql://u@a,b:6000/d"),
        ("postgresql://u@a,b/d?port=6000", "postgresql://u@a:6000,b:6000/d"),
        ("postgresql://?host=a&port=6000&dbname=d", "postgresql://a:6000/d"),
        ("postgresql:///d", "postgresql:///d"),
        ("postgresql:///d?host=/run/x", "postgresql:///d?host=/run/x&port=5432"),
        ("postgresql://u@%2Frun%2Fx/d", "postgresql://u@/d?host=/run/x&port=5432"),
        ("postgresql://h/d?sslmode=Require", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d?sslmode=no-verify", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d?ssl=true", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d?ssl=verify_full", "postgresql://h/d?sslmode=verify-full"),
        ("postgresql://h/d?options=endpoint%3Da-b", "postgresql://h/d?options=endpoint%3Da-b"),
        ("postgresql://h/d?connect_timeout=10&channel_binding=require", "postgresql://h/d"),
        ("postgresql://h/d?pgbouncer=true&connection_limit=1", "postgresql://h/d"),
        ("postgresql://h/d?sslmode=", "postgresql://h/d"),
    ],
)
def test_urls_are_read_as_they_are_handed_out(written: str, read: str) -> None:
    url = DatabaseUrl.read(written)
    assert url.text == read
    assert DatabaseUrl.read(url.text) == url, "what was read reads the same"


def test_what_means_nothing_here_is_passed_over() -> None:
    for name in PASSED_OVER | OF_OTHERS:
        assert DatabaseUrl.read(f"postgresql://h/d?{name}=x").text == "postgresql://h/d"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "begin with postgresql://"),
        ("hush", "begin with postgresql://"),
        ("mysql://u:hush@h/d", "begin with postgresql://"),
        ("postgresql://h/d?ssl_mode=require", "parameter ssl_mode, which does not exist"),
        ("postgresql://h/d?statement_timeout=1", "parameter statement_timeout, which does not"),
        ("postgresql://u:p?hush@h/d", "%3F"),
        ("postgresql://u:1?hush=@h/d", "%3F"),
        ("postgresql://[::1/d", "brackets"),
        ("postgresql://h:hush/d", "a port is a number"),
        ("postgresql://h:0/d", "a port is a number"),
        ("postgresql://h:65536/d", "a port is a number"),
        ("postgresql://a,b,c/d?port=1,2", "one port for each"),
        ("postgresql://h/d?sslmode=hush", "sslmode is none of disable, allow"),
        ("postgresql://h/d?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
    ],
)
def test_what_is_no_url_is_told_and_not_quoted(written: str, why: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as refused:
        DatabaseUrl.read(written)
    assert why in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("postgresql://u:hush@h/d", "h:5432"),
        ("postgresql://[::1]:6000/d", "[::1]:6000"),
        ("postgresql://a,b:6000/d", "a:5432, b:6000"),
        ("postgresql:///d?host=/run/x", "/run/x (port 5432)"),
        ("postgresql:///d", "the local socket"),
    ],
)
def test_an_address_is_for_sentences(written: str, address: str) -> None:
    url = DatabaseUrl.read(written)
    assert url.address == address
    assert "hush" not in repr(url)


def test_any_password_survives() -> None:
    for password in ("p@ss:w/rd", "a?b#c", "100%", "ünï", " ", "+", "%40"):
        url = DatabaseUrl.read(f"postgresql://u:{quote(password, safe='')}@h/d")
        assert url.text == f"postgresql://u:{quote(password, safe='')}@h/d"


def test_the_systems_authorities_are_asked_where_the_url_says_so() -> None:
    url = DatabaseUrl.read("postgresql://h/d?sslrootcert=system")
    assert url.system_trust
    assert "sslmode=verify-full" in url.text
