"""Session tokens: signed, short, many times usable until they end."""

import base64
import json
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.log import Environment, Scope
from ringline.wire import session_token
from ringline.wire.session_token import (
    MintProblem,
    OperatorToken,
    Purpose,
    SessionToken,
    TokenProblem,
    sign,
    verify,
)

NOW = datetime(2026, 11, 20, 16, 35, 0, 250_000, tzinfo=UTC)
SCOPE = Scope(UUID(int=1), Environment.TEST)
BASE64URL = string.ascii_letters + string.digits + "-_"
TOKEN = session_token.new_token(
    SCOPE, UUID(int=2), token_id=UUID(int=3), now=NOW, ttl_s=300, operator=None
)


def test_a_token_says_what_it_was_given() -> None:
    read = verify(sign(TOKEN, "secret"), ["secret"], now=NOW)
    assert read == TOKEN
    assert read.expires_at == datetime(2026, 11, 20, 16, 40, tzinfo=UTC)


def test_a_token_is_many_times_usable_until_its_end() -> None:
    spelt = sign(TOKEN, "secret")
    last = TOKEN.expires_at - timedelta(microseconds=1)
    assert verify(spelt, ["secret"], now=last) == verify(spelt, ["secret"], now=last) == TOKEN
    with pytest.raises(TokenProblem, match="expired"):
        verify(spelt, ["secret"], now=TOKEN.expires_at)


def test_secrets_are_rotated() -> None:
    spelt = sign(TOKEN, "old")
    assert verify(spelt, ["new", "old"], now=NOW) == TOKEN
    with pytest.raises(TokenProblem, match="signature"):
        verify(spelt, ["new"], now=NOW)
    with pytest.raises(TokenProblem):
        verify(spelt, [], now=NOW)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128),
    st.uuids(),
    st.uuids(),
    st.uuids(),
    st.sampled_from(Environment),
)
def test_every_token_is_short_and_legal_in_a_query(
    operator: str, org: UUID, key: UUID, token_id: UUID, environment: Environment
) -> None:
    scope = Scope(org, environment)
    watching = session_token.new_token(
        scope, key, token_id=token_id, now=NOW, ttl_s=900, operator=operator
    )
    acting = session_token.new_operator_token(
        scope, key, token_id=token_id, now=NOW, user_id=org, email=operator
    )
    for token in (watching, acting):
        spelt = sign(token, "s")
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,512}", spelt)
        read = verify(spelt, ["s"], now=NOW)
        assert read in (token, replace(token, operator=None))
        short = len(json.dumps(operator)) < 120
        assert read.operator == operator or not short


def test_a_name_that_makes_a_token_too_long_is_left_out() -> None:
    token = replace(TOKEN, operator='"' * 128)
    assert verify(sign(token, "s"), ["s"], now=NOW) == TOKEN


def test_an_operator_token_names_its_member_and_lives_an_hour() -> None:
    user = UUID(int=4)
    token = session_token.new_operator_token(
        SCOPE, UUID(int=2), token_id=UUID(int=3), now=NOW, user_id=user, email="ada@example.com"
    )
    read = verify(sign(token, "secret"), ["secret"], now=NOW)
    assert isinstance(read, OperatorToken)
    assert (read, read.user_id, read.operator) == (token, user, "ada@example.com")
    assert read.expires_at - read.issued_at == timedelta(seconds=3600)
    with pytest.raises(TokenProblem, match="expired"):
        verify(sign(token, "secret"), ["secret"], now=read.expires_at)


@given(st.sampled_from(["session", "operator"]), st.data())
def test_a_token_that_was_tampered_with_opens_nothing(kind: str, data: st.DataObject) -> None:
    token = (
        TOKEN
        if kind == "session"
        else session_token.new_operator_token(
            SCOPE, UUID(int=2), token_id=UUID(int=3), now=NOW, user_id=SCOPE.workspace_id, email="a"
        )
    )
    spelt = sign(token, "secret")
    at = data.draw(st.integers(0, len(spelt) - 1))
    other = data.draw(st.sampled_from([c for c in BASE64URL if c != spelt[at]]))
    changed = spelt[:at] + other + spelt[at + 1 :]
    try:
        # The last character of a part has bits that mean nothing.
        assert verify(changed, ["secret"], now=NOW) == token
        assert at + 1 == len(spelt)
    except TokenProblem as problem:
        assert str(problem)  # noqa: PT017


@pytest.mark.parametrize("made", Purpose)
@pytest.mark.parametrize("read", Purpose)
def test_a_token_is_good_for_its_purpose_alone(made: Purpose, read: Purpose) -> None:
    spelt = sign(TOKEN, "secret", purpose=made)
    if made is read:
        assert verify(spelt, ["newer", "secret"], now=NOW, purpose=read) == TOKEN
    else:
        with pytest.raises(TokenProblem):
            verify(spelt, ["secret"], now=NOW, purpose=read)


def forged(claims: object, algorithm: str = "HS256") -> str:
    key = session_token._signing_key("secret", Purpose.WATCHING)  # pyright: ignore[reportPrivateUsage]
    return jwt.encode(claims, key, algorithm=algorithm)  # type: ignore[arg-type]


GOOD = {"org": str(UUID(int=1)), "env": "live", "key": str(UUID(int=2)), "jti": "0" * 32}


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {**GOOD, "iat": 0},
        {**GOOD, "iat": 0, "exp": "x"},
        {**GOOD, "iat": 0, "exp": 10**20},
        {**GOOD, "iat": 0, "exp": 9e99},
        {**GOOD, "iat": 0, "exp": 9, "org": "org"},
        {**GOOD, "iat": 0, "exp": 9, "env": "prod"},
        {**GOOD, "iat": 0, "exp": 9, "jti": "zz"},
        {**GOOD, "iat": 0, "exp": 9, "usr": "ada"},
        {**GOOD, "iat": 0, "exp": 9, "usr": 7},
    ],
)
def test_claims_that_cannot_be_read(claims: object) -> None:
    with pytest.raises(TokenProblem, match="claims"):
        verify(forged(claims), ["secret"], now=NOW)


def test_a_token_without_signature_is_none() -> None:
    head, claims, _ = sign(TOKEN, "secret").split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for spelt in (f"{none}.{claims}.", f"{head}.{claims}.", f"{head}.{claims}.AAAA"):
        with pytest.raises(TokenProblem):
            verify(spelt, ["secret"], now=NOW)


@pytest.mark.parametrize(
    "spelt", ["", ".", "..", "a.b.c", "é.é.é", "x" * 513, "\0", "W1tbW1tb" * 30 + ".e30.AA"]
)
def test_what_is_no_token(spelt: str) -> None:
    with pytest.raises(TokenProblem):
        verify(spelt, ["secret"], now=NOW)


@given(st.text())
def test_any_text_is_a_token_or_a_problem(spelt: str) -> None:
    with pytest.raises(TokenProblem):
        verify(spelt, ["secret"], now=NOW)


@pytest.mark.parametrize(
    ("body", "ttl_s"),
    [
        (b"", 300),
        (b" \n", 300),
        (b"{}", 300),
        (b'{"ttl_seconds":null}', 300),
        (b'{"ttl_seconds":60,"other":[1]}', 60),
        (b'{"ttl_seconds":0}', 30),
        (b'{"ttl_seconds":-99999999999999999999}', 30),
        (b'{"ttl_seconds":901}', 900),
        (b'{"ttl_seconds":99999999999999999999}', 900),
    ],
)
def test_a_mint_is_clamped(body: bytes, ttl_s: int) -> None:
    assert session_token.read_mint(body).ttl_s == ttl_s


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "expected object"),
        (b"\xff", "UTF-8"),
        (b'{"a":"\\u0000"}', "U+0000"),
        (b'{"ttl_seconds":1.5}', "ttl_seconds"),
        (b'{"ttl_seconds":"60"}', "ttl_seconds"),
        (b'{"operator_email":7}', "operator_email"),
        (b'{"user_id":"a b"}', "user_id"),
    ],
)
def test_a_bad_mint_names_the_member(body: bytes, part: str) -> None:
    with pytest.raises(MintProblem) as refused:
        session_token.read_mint(body)
    assert part in refused.value.message


def test_a_mint_names_an_operator() -> None:
    assert session_token.read_mint(b'{"operator_email":"a@b.c"}').operator == "a@b.c"
    assert session_token.read_mint('{"operator_email":"ä@b.c"}'.encode()).operator == "ä@b.c"
    assert session_token.read_mint(b'{"user_id":"u-1"}').operator == "u-1"
    assert session_token.read_mint(b"{}").operator is None


@given(st.binary())
def test_any_body_is_a_mint_or_a_problem(body: bytes) -> None:
    try:
        assert 30 <= session_token.read_mint(body).ttl_s <= 900
    except MintProblem as problem:
        assert problem.message  # noqa: PT017


def test_the_answer_of_a_mint() -> None:
    assert json.loads(session_token.answer_mint("t", TOKEN)) == {
        "token": "t",
        "expires_at": "2026-11-20T16:40:00Z",
        "ttl_seconds": 300,
    }
    assert isinstance(TOKEN, SessionToken)
