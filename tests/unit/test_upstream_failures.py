"""Why a provider's connection failed: the table, and whether another one may succeed."""

import pytest

from ringline.wire.upstream_failures import closed, ended_session, ending_error, refused_handshake


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 502, 503])
def test_a_refused_handshake(status: int):
    loss = refused_handshake(status)
    assert (loss.cause, loss.again) == (f"http_{status}", status >= 500)


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_a_close_after_which_another_connection_may_succeed(code: int):
    loss = closed(code, "a text with sk-secret")
    assert (loss.cause, loss.again) == (f"close_{code}", True)


@pytest.mark.parametrize("code", [1007, 1008, 3000])
def test_a_close_that_would_come_again(code: int):
    loss = closed(code)
    assert (loss.cause, loss.again) == (f"close_{code}", False)


def test_what_the_key_is_to_blame_for():
    of_key = [
        *(refused_handshake(status) for status in (401, 403)),
        closed(3000, "invalid_request_error.invalid_api_key"),
        closed(1007, "API key not valid. Please pass a valid API key."),
        closed(1008, "Your API key was reported as leaked."),
        closed(1011, "RESOURCE_EXHAUSTED"),
        *(ending_error(code) for code in ("invalid_api_key", "insufficient_quota")),
    ]
    assert [loss is not None and loss.of_key for loss in of_key] == [True] * len(of_key)
    others = [
        *(refused_handshake(status) for status in (400, 404, 429, 503)),
        *(closed(code, "no") for code in (1000, 1006, 1007, 1008, 1011)),
        closed(1011, "API key service is away"),
        *(ending_error(code) for code in ("model_not_found", "session_expired")),
        ended_session("expired"),
    ]
    assert not any(loss is None or loss.of_key for loss in others)


def test_a_close_without_a_code():
    assert closed(0).cause == "close_1005"


def test_a_close_for_lack_of_quota():
    assert closed(1011, "RESOURCE_EXHAUSTED: quota").cause == "quota"
    assert not closed(1011, "RESOURCE_EXHAUSTED").again


@pytest.mark.parametrize(
    ("code", "cause", "again"),
    [
        ("invalid_api_key", "invalid_api_key", False),
        ("model_not_found", "model_not_found", False),
        ("insufficient_quota", "quota", False),
        ("credit_balance_exhausted", "quota", False),
        ("session_expired", "session_expired", True),
        ("max_duration", "max_duration", True),
    ],
)
def test_an_error_that_ends_the_session(code: str, cause: str, again: bool):
    loss = ending_error(code)
    assert loss is not None
    assert (loss.cause, loss.again) == (cause, again)


def test_any_other_error_leaves_it_open():
    assert ending_error("rate_limit_exceeded") is None


@pytest.mark.parametrize(
    ("reason", "cause", "again"),
    [
        ("expired", "session_expired", True),
        ("content", "content", False),
        ("connection_lost", "connection_lost", True),
        ("remote_hangup", "remote_hangup", True),
        ("close_requested", "close_requested", True),
        ("a reason of tomorrow with sk-secret", "session_closed", True),
    ],
)
def test_a_session_that_the_provider_has_ended(reason: str, cause: str, again: bool):
    loss = ended_session(reason)
    assert (loss.cause, loss.again) == (cause, again)
