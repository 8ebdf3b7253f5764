"""The three envelopes of refusals, and the tables they are written from."""

import json

import pytest

from ringline.wire import errors


def test_the_envelope_of_v3() -> None:
    refusal = errors.refuse_v3(
        "unknown_locked_field", 'locked_fields names "x"', details={"name": "x"}
    )
    assert refusal.status == 400
    assert json.loads(refusal.body) == {
        "error": {
            "code": "unknown_locked_field",
            "message": 'locked_fields names "x"',
            "details": {"name": "x"},
        }
    }
    assert json.loads(errors.refuse_v3("unauthorized").body) == {
        "error": {"code": "unauthorized", "message": "a valid API key or ticket is required"}
    }


def test_the_envelope_of_v1() -> None:
    refusal = errors.refuse_v1("NOT_FOUND", "req_1", documentation_base="https://example.test/")
    assert refusal.status == 404
    assert json.loads(refusal.body) == {
        "error_code": "NOT_FOUND",
        "message": "it was not found",
        "request_id": "req_1",
        "documentation_url": "https://example.test/NOT_FOUND",
    }
    assert (
        errors.refuse_v1(
            "INVALID_ARGUMENT", "req_1", message="too large", status=413, documentation_base=""
        ).status
        == 413
    )
    assert json.loads(errors.stream_error_v1("UNAVAILABLE")) == {
        "error_code": "UNAVAILABLE",
        "message": "the service is not available now",
    }


def test_the_envelope_of_rpc() -> None:
    refusal = errors.refuse_rpc("unauthorized")
    assert refusal.status == 401
    assert json.loads(refusal.body) == {
        "success": False,
        "errors": [
            {
                "type": "unauthorized",
                "message": "a valid secret key is required",
                "shortMessage": "Unauthorized",
                "vars": {},
                "fields": [],
                "path": [],
            }
        ],
    }


@pytest.mark.parametrize(
    ("table", "statuses"),
    [
        (
            errors.V3_ERRORS,
            {
                "invalid_json": 400,
                "model_not_found": 400,
                "agent_not_found": 400,
                "unauthorized": 401,
                "method_not_allowed": 405,
                "payload_too_large": 413,
                "rate_limited": 429,
                "realtime_tickets_disabled": 503,
                "unavailable": 503,
            },
        ),
        (
            errors.V1_ERRORS,
            {
                "UNAUTHENTICATED": 401,
                "PERMISSION_DENIED": 403,
                "NOT_FOUND": 404,
                "METHOD_NOT_ALLOWED": 405,
                "UPGRADE_REQUIRED": 426,
                "RATE_LIMITED": 429,
                "INTERNAL": 500,
                "UNAVAILABLE": 503,
            },
        ),
        (
            errors.RPC_ERRORS,
            {
                "bad_request": 400,
                "unauthorized": 401,
                "forbidden": 403,
                "idempotency_conflict": 409,
                "payload_too_large": 413,
                "unsupported_media_type": 415,
                "rate_limited": 429,
                "unavailable": 503,
            },
        ),
    ],
    ids=["v3", "v1", "rpc"],
)
def test_statuses_are_those_of_the_specifications(
    table: dict[str, errors.HttpError], statuses: dict[str, int]
) -> None:
    assert {code: table[code].status for code in statuses} == statuses


def test_rpc_errors_have_their_short_messages() -> None:
    assert all(row.short for row in errors.RPC_ERRORS.values())
