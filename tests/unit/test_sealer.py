"""Secrets at rest."""

import secrets

import pytest

from ringline.services.sealer import Sealer, Unsealable


def test_a_sealed_secret_can_be_opened() -> None:
    sealer = Sealer("a key", secrets.token_bytes)
    for secret in ("", "a password", "日本 🔑", "x" * 10_000):
        sealed = sealer.seal(secret)
        assert sealer.open_sealed(sealed) == secret
        assert sealer.seal(secret) != sealed
        assert not secret or secret.encode() not in sealed


def test_a_sealed_secret_names_its_key() -> None:
    one, same = (Sealer("a key", secrets.token_bytes) for _ in range(2))
    sealed = one.seal("a password")
    assert sealed[:1] == same.seal("another")[:1]
    assert same.open_sealed(sealed) == "a password"


def test_another_key_does_not_open_it() -> None:
    sealed = Sealer("a key", secrets.token_bytes).seal("a password")
    with pytest.raises(Unsealable):
        Sealer("another key", secrets.token_bytes).open_sealed(sealed)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealer = Sealer("a key", secrets.token_bytes)
    changed = bytearray(sealer.seal("a password"))
    changed[place] ^= 1
    with pytest.raises(Unsealable):
        sealer.open_sealed(bytes(changed))


@pytest.mark.parametrize("length", [0, 1, 12, 13, 20])
def test_too_short_bytes_are_not_a_sealed_secret(length: int) -> None:
    sealer = Sealer("a key", secrets.token_bytes)
    with pytest.raises(Unsealable):
        sealer.open_sealed(sealer.seal("a password")[:length])
