"""How a client of OpenAI's protocol offers its client secret (voices, 6).

Browsers offer it as a subprotocol beside `realtime`, servers send it as any other credential.
"""

from collections.abc import Sequence

from ringline.wire.openai_client_secrets import PREFIX

#: The subprotocol that the server answers with.
SUBPROTOCOL = "realtime"
#: The beginning of the one that holds a credential.
CREDENTIAL = "openai-insecure-api-key."


def offered_secret(offers: Sequence[str]) -> str | None:
    """Return the credential in a request's subprotocols; None without one."""
    for offer in offers:
        if offer.startswith(CREDENTIAL):
            return offer.removeprefix(CREDENTIAL)
    return None


def is_client_secret(credential: str) -> bool:
    """Return whether a credential can be a client secret."""
    return credential.startswith(PREFIX)
