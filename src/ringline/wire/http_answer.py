"""Writing answers to requests for streams: a refusal, or a stream's head (RFC 9112, 4). Pure."""

from collections.abc import Mapping
from http import HTTPStatus


def write_answer(status: int, headers: Mapping[str, str], *, body: bytes = b"") -> bytes:
    """Write an answer after which the connection is closed; 204 has no body."""
    whole = dict(headers)
    if status != HTTPStatus.NO_CONTENT:
        whole["Content-Length"] = str(len(body))
    options = [whole["Connection"]] if "Connection" in whole else []
    return write_head(status, {**whole, "Connection": ", ".join([*options, "close"])}) + body


def write_head(status: int, headers: Mapping[str, str]) -> bytes:
    """Write a head. Raises ValueError if a header would break out of its line."""
    return write_fields(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", headers)


def write_fields(first: str, headers: Mapping[str, str]) -> bytes:
    """Write a head from its first line and its headers.

    Raises ValueError if one of them would break out of its line.
    """
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a header must not contain a line break")
    return f"{head}\r\n\r\n".encode()
