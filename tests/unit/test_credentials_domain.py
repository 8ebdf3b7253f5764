"""Credentials: how they are spelt, when a key lives, who may enter where (contract, 6)."""

import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ringline import rest, web
from ringline.domain.credentials import (
    ALLOWED_KINDS,
    SECRET_BYTES,
    SERVED_SURFACES,
    Key,
    KeyKind,
    Surface,
    digest,
    encode_secret,
    format_key,
    is_accepted,
    sign_in_credential,
)
from ringline.domain.log import Environment
from tests.samples import NOW, a_scope, new_id

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("kind", "environment", "prefix"),
    [
        (KeyKind.SECRET, Environment.LIVE, "sk_live_"),
        (KeyKind.SECRET, Environment.TEST, "sk_test_"),
        (KeyKind.PUBLISHABLE, Environment.LIVE, "pk_live_"),
        (KeyKind.PUBLISHABLE, Environment.TEST, "pk_test_"),
        (KeyKind.MANAGEMENT, Environment.LIVE, "mk_"),
        (KeyKind.MANAGEMENT, Environment.TEST, "mk_"),
    ],
)
def test_a_key_is_its_prefix_and_43_characters(
    kind: KeyKind, environment: Environment, prefix: str
) -> None:
    key = format_key(kind, environment, secret=b"\xfb\xff" * (SECRET_BYTES // 2))
    assert re.fullmatch(rf"{prefix}[A-Za-z0-9_-]{{43}}", key)


def test_a_secret_is_legal_in_a_url_and_as_an_http_token() -> None:
    for byte in range(256):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", encode_secret(bytes([byte]) * SECRET_BYTES))


def test_different_secrets_are_spelt_differently() -> None:
    secrets = [bytes([0] * 31 + [byte]) for byte in range(256)]
    assert len({encode_secret(secret) for secret in secrets}) == 256


def test_only_the_sha256_of_a_credential_is_kept() -> None:
    assert digest("sk_live_x") == sha256(b"sk_live_x").digest()
    assert digest("\udcff") != digest("\udcfe")  # what no key is has a digest all the same


def test_a_key_lives_until_it_expires_or_is_revoked() -> None:
    key = Key(new_id(), a_scope(), KeyKind.SECRET, "label", "wxyz", NOW)
    assert key.is_valid(NOW)
    expiring = replace(key, expires_at=NOW + SECOND)
    assert expiring.is_valid(NOW)
    assert not expiring.is_valid(NOW + SECOND)
    assert not replace(expiring, revoked_at=NOW).is_valid(NOW)


@pytest.mark.parametrize("surface", Surface)
def test_each_surface_lets_one_kind_of_key_in_and_one_lets_two(surface: Surface) -> None:
    own = {Surface.MANAGEMENT: KeyKind.MANAGEMENT, Surface.CONSOLE: KeyKind.CONSOLE}
    kind = own.get(surface, KeyKind.SECRET)
    open_to_both = {Surface.EVENT_DELIVERIES, Surface.KEYS}
    also = {KeyKind.MANAGEMENT} if surface in open_to_both else set[KeyKind]()
    assert ALLOWED_KINDS[surface] == {kind, *also}


def test_a_sign_in_opens_the_console_alone() -> None:
    opened = {surface for surface, kinds in ALLOWED_KINDS.items() if KeyKind.CONSOLE in kinds}
    assert opened == {Surface.CONSOLE}
    texts = {sign_in_credential(environment, "c" * 43) for environment in Environment}
    assert texts == {f"live:{'c' * 43}", f"test:{'c' * 43}"}
    with pytest.raises(AssertionError):
        format_key(KeyKind.CONSOLE, Environment.LIVE, secret=b"x" * SECRET_BYTES)


def test_surfaces_with_doors_are_those_that_ask_for_a_key() -> None:
    """The doors are in two rooms: what none of them asks for is not said to open anything."""
    asked = {
        Surface[name]
        for room in (web, rest)
        for module in Path(room.__path__[0]).glob("*.py")
        for name in re.findall(r"\bSurface\.([A-Z_]+)", module.read_text("utf-8"))
    }
    assert asked == SERVED_SURFACES
    assert is_accepted(KeyKind.SECRET)
    assert is_accepted(KeyKind.MANAGEMENT)
    assert not is_accepted(KeyKind.PUBLISHABLE)
