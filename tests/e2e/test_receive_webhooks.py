"""The page "Receive webhooks", carried out in a terminal with its own receivers.

They verify with `standardwebhooks`, the packages of PyPI and of npm.
"""

import hmac
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from tests.e2e.node import JS, install
from tests.e2e.program import environment, reachable_directory, until
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "receive-webhooks.md"
EVENT = r"evt_\w{22}"


@contextmanager
def beside_the_page(ports: tuple[int, int]) -> Iterator[tuple[Path, Shell, list[str]]]:
    """Give a directory with the page's receivers, a terminal, and the page's blocks of lines.

    Receivers listen to free ports instead of the page's.
    """
    first, second = ports
    blocks = [
        block.code.replace("8000", str(first)).replace("8001", str(second))
        for block in blocks_of(PAGE, "sh")
    ]
    (python,), (node,) = blocks_of(PAGE, "python"), blocks_of(PAGE, "js")
    with reachable_directory() as place:
        (place / "receiver.py").write_text(python.code, "utf-8")
        (place / "receiver.mjs").write_text(node.code, "utf-8")
        (place / "node_modules").symlink_to(JS / "node_modules")
        variables = {
            **environment(),
            "PATH": os.pathsep.join((f"{sys.prefix}/bin", "/usr/bin", "/bin")),
            "NODE": install().node,
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            yield place, shell, blocks
        assert "Traceback" not in (place / "ringline.log").read_text("utf-8")


def received(log: Path) -> list[tuple[str, str]]:
    """Return the types and ids that a receiver has printed."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [(line.split()[1], line.split()[2]) for line in lines]


def stop(script: str, place: Path) -> None:
    """Stop the receiver of a directory, by its process id."""
    for process in psutil.process_iter(["cmdline"]):
        if script in (process.info["cmdline"] or ()) and process.cwd() == str(place):
            process.terminate()
            process.wait(10)


def post(port: int, path: str, *, headers: dict[str, str], body: bytes) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("language", ["python", "node"])
def test_webhooks_are_received_as_the_page_says(
    language: str, unused_tcp_port_factory: Callable[[], int]
) -> None:
    ports = unused_tcp_port_factory(), unused_tcp_port_factory()
    with beside_the_page(ports) as (place, shell, blocks):
        server, register, begin, tests, something, forward, why, again, rotate = blocks
        if language == "node":
            begin = begin.replace("python3 receiver.py", '"$NODE" receiver.mjs')
        shell.run(server)
        assert json.loads(shell.run(register))["webhookUrl"].endswith("/agent")
        log = place / "received.log"
        _start(shell, begin, ports[0])
        shown = shell.run(tests)
        assert re.findall(r'"status": ?"(\w+)"', shown) == ["delivered", "delivered"]
        assert [type_ for type_, _ in received(log)] == ["contact.created", "call.completed"]

        shell.run(something)
        until(lambda: len(received(log)) == 3)
        type_, event_id = received(log)[-1]
        assert type_ == "contact.created"
        _refuses_strangers(shell, ports[0])

        shell.run(f"export EVENT={event_id}")
        explained = shell.run(why)
        assert re.search(rf"contact\.created +{event_id}", explained)
        assert "delivered" in explained
        (delivery,) = set(re.findall(r"del_\w{22}", explained))
        shell.run(f"export DELIVERY={delivery}")
        recovered = shell.run(again)
        assert "pending" in recovered
        assert re.search(r'"count": ?0', recovered), "everything after it has arrived"
        until(lambda: shell.run(why).count("attempt ") == 2)
        assert len(received(log)) == 3, "it is the same event, so it counts once"

        # After the rotation the receiver still has the old secrets.
        secrets = re.findall(r'"(?:secret|signing_secret)": ?"(\w+_[^"]+)"', shell.run(rotate))
        assert [text.partition("_")[0] for text in secrets] == ["whsec", "rlsec"]
        shell.run(tests)
        assert len(received(log)) == 5
        _with_new_secrets(shell, begin, place=place, port=ports[0], secrets=secrets)
        shell.run(tests)
        assert len(received(log)) == 2

        _forwarded(shell, begin, forward, place=place, port=ports[1])


def _start(shell: Shell, begin: str, port: int) -> None:
    shell.run(begin)
    until(lambda: _listens(port))


def _listens(port: int) -> bool:
    try:
        return post(port, "/endpoint", headers={}, body=b"{}") == 401
    except OSError:
        return False


def _refuses_strangers(shell: Shell, port: int) -> None:
    """What is unsigned, too old or changed is not received."""
    secret = shell.run('echo "$SIGNING_SECRET"').strip().splitlines()[-1]
    body = b'{"event_id": "evt_1", "event_type": "call.completed"}'

    def signed(at: float, *, of: bytes = body) -> dict[str, str]:
        timestamp = str(int(at))
        digest = hmac.digest(secret.encode(), f"{timestamp}.".encode() + of, "sha256").hex()
        return {"X-Voicebip-Timestamp": timestamp, "X-Voicebip-Signature": f"sha256={digest}"}

    now = time.time()
    for headers in ({}, signed(now - 400), signed(now, of=b"other")):
        assert post(port, "/agent", headers=headers, body=body) == 401
    assert post(port, "/endpoint", headers={}, body=body) == 401


def _with_new_secrets(
    shell: Shell, begin: str, *, place: Path, port: int, secrets: list[str]
) -> None:
    """Start the receiver anew with the new secrets."""
    stop("receiver.mjs" if "receiver.mjs" in begin else "receiver.py", place)
    shell.run(f"export ENDPOINT_SECRET='{secrets[0]}' SIGNING_SECRET='{secrets[1]}'")
    _start(shell, begin, port)


def _forwarded(shell: Shell, begin: str, forward: str, *, place: Path, port: int) -> None:
    """A receiver on another port, which is registered nowhere, gets events too."""
    begin = re.sub(r" \d+ >received\.log", f" {port} >forwarded.log", begin)
    _start(shell, begin, port)
    shell.run(f"{forward.rstrip()} >forward.log 2>&1 &")
    until(lambda: "Forwarding from" in (place / "forward.log").read_text("utf-8"))
    shell.run('ringline rpc create_contact --input \'{"fullName": "Grace"}\' --fields id')
    until(lambda: len(received(place / "forwarded.log")) == 1)
    ((type_, event_id),) = received(place / "forwarded.log")
    assert type_ == "contact.created"
    assert re.fullmatch(EVENT, event_id)
    until(lambda: f"{event_id}  → 200" in (place / "forward.log").read_text("utf-8"))
