"""`ringline secret`: generates a server's secrets."""

import secrets

from ringline.cli.terminal import show
from ringline.domain.credentials import SECRET_BYTES, encode_secret


def secret() -> None:
    """Generate a secret, for RINGLINE_SIGNING_SECRET or RINGLINE_ENCRYPTION_KEY.

    Prints 43 random characters and stores nothing. Generate one for each setting. Data
    encrypted with a key can only be decrypted with that key.
    """
    show(encode_secret(secrets.token_bytes(SECRET_BYTES)))
