"""Encryption of secrets at rest, with a key from the setting `ENCRYPTION_KEY`.

AES-256-GCM with a random nonce, under a key derived by HKDF with SHA-256 (RFC 5869). A sealed
secret is one byte that identifies the key, 12 bytes of nonce, and the ciphertext with its tag.
The first byte will tell which key to use while keys are being rotated.
"""

from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_INFO = b"ringline: secrets at rest"
_NONCE_BYTES = 12


class Unsealable(Exception):
    """The bytes were sealed with another key, or are not a sealed secret."""


class Sealer:
    """Encrypts and decrypts secrets with one key."""

    def __init__(self, encryption_key: str, random_bytes: Callable[[int], bytes]) -> None:
        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO)
        key = derive.derive(encryption_key.encode())
        self._cipher = AESGCM(key)
        self._name = sha256(key).digest()[:1]
        self._random_bytes = random_bytes

    def seal(self, secret: str) -> bytes:
        """Encrypt a secret; the result differs each time."""
        nonce = self._random_bytes(_NONCE_BYTES)
        return self._name + nonce + self._cipher.encrypt(nonce, secret.encode(), self._name)

    def open_sealed(self, sealed: bytes) -> str:
        """Decrypt a result of `seal`. Raises Unsealable."""
        name, nonce, text = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if name != self._name or len(nonce) < _NONCE_BYTES:
            raise Unsealable
        try:
            return self._cipher.decrypt(nonce, text, name).decode()
        except InvalidTag:
            raise Unsealable from None
