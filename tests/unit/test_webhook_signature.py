"""The signatures of webhooks: the specification's test vector, and both forms of headers."""

import hmac
from base64 import b64decode, b64encode

import pytest

from ringline.wire.webhook_signature import (
    AGENT_HEADERS,
    ENDPOINT_HEADERS,
    Attempt,
    SigningSecrets,
    agent_headers,
    endpoint_headers,
    endpoint_key,
    new_endpoint_secret,
    new_workspace_secret,
)

BODY = b'{"event_id":"evt_vector0001","event_type":"call.completed","channel":"voice"}'
ATTEMPT = Attempt("evt_vector0001", "del_1", 3, timestamp=1_795_182_000, position="k3v9x2ab:7")
VECTOR = SigningSecrets("vbsec_current_0001", "vbsec_previous_0000")
NEW, OLD = new_endpoint_secret(bytes(range(32))), new_endpoint_secret(bytes(32))


def test_the_test_vector_of_the_specification() -> None:
    assert len(BODY) == 77
    assert agent_headers(BODY, ATTEMPT, secrets=VECTOR) == {
        "Content-Type": "application/json",
        "User-Agent": "Voicebip-Webhooks/1.0",
        "X-Voicebip-Event-ID": "evt_vector0001",
        "X-Voicebip-Delivery-ID": "del_1",
        "X-Voicebip-Attempt": "3",
        "X-Voicebip-Timestamp": "1795182000",
        "X-Voicebip-Signature": "sha256="
        "8d255d72a443825cce7cdd74c3724c2e0a1e0b562a00c0bef45fc69dc05f48b2",
        "X-Voicebip-Signature-Previous": "sha256="
        "db25e8e0cac840396bbeb3fa1579a33cc743e178f5cfa812b7744dfdac7b8d97",
        "X-Ringline-Position": "k3v9x2ab:7",
    }


def test_only_a_rotation_has_a_previous_signature() -> None:
    headers = agent_headers(BODY, ATTEMPT, secrets=SigningSecrets(VECTOR.current))
    assert "X-Voicebip-Signature-Previous" not in headers
    assert headers["X-Voicebip-Signature"].startswith("sha256=8d255d72")


def test_a_test_event_has_no_position() -> None:
    bare = Attempt("evt_1", "del_test_1", 1, timestamp=1)
    assert "X-Ringline-Position" not in agent_headers(BODY, bare, secrets=VECTOR)
    assert "X-Ringline-Position" not in endpoint_headers(BODY, bare, secrets=SigningSecrets(NEW))


def test_every_attempt_signs_its_own_time() -> None:
    later = Attempt("evt_vector0001", "del_1", 4, timestamp=1_795_182_010)
    first, second = (agent_headers(BODY, at, secrets=VECTOR) for at in (ATTEMPT, later))
    assert first["X-Voicebip-Signature"] != second["X-Voicebip-Signature"]


def test_an_endpoint_is_signed_by_standard_webhooks() -> None:
    headers = endpoint_headers(BODY, ATTEMPT, secrets=SigningSecrets(NEW))
    # As the specification of Standard Webhooks 1.0 says it, step by step.
    signed = b"evt_vector0001.1795182000." + BODY
    expected = b64encode(hmac.digest(bytes(range(32)), signed, "sha256")).decode()
    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": "Ringline-Webhooks/1.0",
        "webhook-id": "evt_vector0001",
        "webhook-timestamp": "1795182000",
        "webhook-signature": f"v1,{expected}",
        "X-Ringline-Position": "k3v9x2ab:7",
    }


def test_both_secrets_sign_during_a_rotation_the_new_one_first() -> None:
    new, old = (
        endpoint_headers(BODY, ATTEMPT, secrets=SigningSecrets(secret))["webhook-signature"]
        for secret in (NEW, OLD)
    )
    both = endpoint_headers(BODY, ATTEMPT, secrets=SigningSecrets(NEW, OLD))
    assert both["webhook-signature"] == f"{new} {old}"


def test_a_secret_is_spelt_as_standard_webhooks_says() -> None:
    assert new_endpoint_secret(bytes(range(32))) == NEW
    assert endpoint_key(NEW) == bytes(range(32)) == b64decode(NEW.removeprefix("whsec_"))


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_????", "whsec_" + "A" * 31, "whsec_é", NEW.removeprefix("whsec_")]
    + [new_endpoint_secret(bytes(size)) for size in (0, 23, 65)],
)
def test_what_is_no_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="an endpoint's secret is whsec_ and base64") as refused:
        endpoint_key(secret)
    assert refused.value.__cause__ is None
    tail = secret.removeprefix("whsec_")
    assert not tail or tail not in str(refused.value)


def test_a_workspaces_secret_is_as_long_as_its_keys() -> None:
    secret = new_workspace_secret(bytes(range(32)))
    assert secret.startswith("rlsec_")
    assert len(secret) == len("rlsec_") + 43


def test_the_tables_of_headers_are_what_is_sent() -> None:
    agents = agent_headers(BODY, ATTEMPT, secrets=VECTOR)
    endpoints = endpoint_headers(BODY, ATTEMPT, secrets=SigningSecrets(NEW))
    assert list(agents) == [name for name, _ in AGENT_HEADERS]
    assert list(endpoints) == [name for name, _ in ENDPOINT_HEADERS]


def test_secrets_are_not_shown() -> None:
    assert "vbsec" not in repr(VECTOR)
    assert repr(SigningSecrets(NEW)) == "SigningSecrets(…, previous=None)"
