"""`ringline secret`: what a server signs and encrypts with, made well."""

import secrets

from ringline.cli.terminal import show
from ringline.domain.credentials import SECRET_BYTES, spell_secret


def secret() -> None:
    """Make a secret, for RINGLINE_SIGNING_SECRET or RINGLINE_ENCRYPTION_KEY.

    Prints 43 characters that nobody can guess, and keeps none of them. Make one for each
    setting. What is sealed with an encryption key can be opened with that key only.
    """
    show(spell_secret(secrets.token_bytes(SECRET_BYTES)))
