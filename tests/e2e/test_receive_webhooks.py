"""The page "Receive webhooks", carried out with its receivers, and the packages it recommends."""

import hashlib
import hmac
import http.client
import json
import re
import socket
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ringline.wire.wav import Wav, read_wav, write_wav
from tests.database import TestDatabase
from tests.e2e.node import JS, install
from tests.e2e.program import LIMIT_S, environment, reachable_directory, until
from tests.e2e.shell import Shell
from tests.hook_receivers import Received, receiver
from tests.pages import DOCS, ROOT, blocks_of
from tests.rpc_calls import Rpc
from tests.serving import serving
from tests.v1 import V1
from tests.webhook_rows import make_events

PAGE = DOCS / "howto" / "receive-webhooks.md"
PYTHON, NODE = "8000", "8001"  # the ports of the page's receivers
SPOKEN_S = 3
NEW_CONTACT = ("new", "contact.created")
Headers = Mapping[str, str]


class Integrator:
    """Who carries the page out beside a server of their own, with free ports instead of its."""

    def __init__(self, place: Path, shell: Shell) -> None:
        self.place = place
        self.shell = shell
        self.ports = free_ports()
        self.shown: dict[str, str] = {}

    def carry_out(self) -> None:
        """Write the page's receivers and run its other blocks, in order."""
        names = {"python": "receiver.py", "js": "receiver.mjs"}
        for block in blocks_of(PAGE):
            if block.language in names:
                (self.place / names[block.language]).write_text(block.code, "utf-8")
                continue
            assert block.language == "sh", f"line {block.line} is not carried out"
            code = re.sub(r"\b800[01]\b", lambda port: self.ports[port[0]], block.code)
            self.shown[block.heading] = self.shown.get(block.heading, "") + self.shell.run(code)

    def log(self, name: str) -> str:
        return (self.place / name).read_text("utf-8")

    def received(self) -> list[list[str]]:
        """Return what the first receiver has printed: `new` or `again`, type and id."""
        rows = [line.split() for line in self.log("received.log").splitlines()]
        return [row for row in rows if row and row[0] in ("new", "again")]

    def value(self, name: str) -> str:
        return self.shell.run(f"echo ${name}").strip()

    def post(self, port: str, path: str, *, headers: Headers, body: bytes) -> int:
        """Post to a receiver; return the status that it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.ports[port]), timeout=LIMIT_S)
        try:
            connection.request("POST", path, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    def hang_up(self, port: str, path: str) -> None:
        """Send a receiver half of a request."""
        with socket.create_connection(("127.0.0.1", int(self.ports[port]))) as connection:
            start = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"
            connection.sendall(start.encode())


@pytest.fixture(scope="module")
def integrator() -> Iterator[Integrator]:
    node = install().node
    with reachable_directory() as place:
        (place / "examples").mkdir()
        whole = read_wav((ROOT / "examples" / "demo-call.wav").read_bytes())
        short = Wav(whole.rate_hz, 1, whole.pcm[: 2 * whole.rate_hz * SPOKEN_S])
        (place / "examples" / "demo-call.wav").write_bytes(write_wav(short))
        (place / "node_modules").symlink_to(JS / "node_modules")
        variables = {
            **environment(),
            "PATH": f"{sys.prefix}/bin:{Path(node).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            made = Integrator(place, shell)
            made.carry_out()
            yield made
        assert "Traceback" not in made.log("ringline.log")


def free_ports() -> dict[str, str]:
    probes = {port: socket.create_server(("127.0.0.1", 0)) for port in (PYTHON, NODE)}
    ports = {port: str(probe.getsockname()[1]) for port, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


def objects_in(shown: str) -> list[dict[str, Any]]:
    """Return the JSON objects among what was shown."""
    decoder, found, at = json.JSONDecoder(), list[dict[str, Any]](), 0
    while (at := shown.find("{", at)) >= 0:
        one, at = decoder.raw_decode(shown, at)
        found.append(one)
    return found


def outcomes(shown: str) -> list[tuple[str, int]]:
    tests = [one for one in objects_in(shown) if one.get("delivery_id", "").startswith("del_test_")]
    return [(one["status"], one["response_code"]) for one in tests]


@pytest.mark.timeout(240)  # the whole page is carried out before the first of these
def test_both_kinds_of_receivers_get_what_the_page_says(integrator: Integrator) -> None:
    shown = integrator.shown["3. Receive them"]
    assert outcomes(shown) == [("delivered", 200)] * 2
    received = integrator.received()
    types = {type_ for _, type_, _ in received}
    assert {"contact.created", "call.created", "call.initiated", "call.ended"} <= types
    ended = {type_: {i for _, t, i in received if t == type_} for type_ in types}
    (event_id,) = ended["call.ended"]
    assert event_id in ended["call.completed"]
    assert [word for word, _, i in received if i == event_id] == ["new", "again"]
    assert "Traceback" not in integrator.log("received.log")
    laptop = integrator.log("laptop.log")
    for name in ("contact.created", "call.initiated", f"call.completed {event_id}"):
        assert f"new {name}" in laptop
    assert "call.ended" not in laptop  # the filter of the first `forward`


def test_it_is_explained_why_an_event_did_not_arrive(integrator: Integrator) -> None:
    shown = integrator.shown["5. Find out why an event did not arrive"]
    assert f"contact.created  {integrator.value('EVENT')}" in shown
    explained = integrator.shell.run("ringline why $EVENT")
    assert "attempt 1, " in explained
    assert "nothing listens there" in explained
    assert ": delivered" in explained


def test_what_was_missed_comes_later_and_once(integrator: Integrator) -> None:
    answers = objects_in(integrator.shown["6. Send it again"])
    assert [one["count"] for one in answers if "count" in one] == [1]
    answers = objects_in(integrator.shown["7. Pause an endpoint"])
    assert [one["status"] for one in answers if "status" in one] == ["paused", "active"]

    def contacts() -> list[str]:
        rows = integrator.received()
        return [event_id for word, type_, event_id in rows if (word, type_) == NEW_CONTACT]

    tests_and_ada, stopped_and_later = 4, 3  # three tests, and Alan, Edsger and Barbara
    until(lambda: len(contacts()) == tests_and_ada + stopped_and_later)
    assert len(set(contacts())) == len(contacts())
    assert integrator.value("EVENT") in contacts()


def test_old_and_new_secrets_are_good_while_a_receiver_changes(integrator: Integrator) -> None:
    assert outcomes(integrator.shown["8. Replace a secret"]) == [("delivered", 200)] * 4
    for name, secret in first_secrets(integrator).items():
        assert integrator.value(name) != secret


def first_secrets(integrator: Integrator) -> dict[str, str]:
    return {
        "ENDPOINT_SECRET": json.loads(integrator.log("endpoint.json"))["secret"],
        "SIGNING_SECRET": json.loads(integrator.log("ring.json"))["signing_secret"],
    }


def standard(secret: str, event_id: str, body: bytes, *, at: int) -> dict[str, str]:
    key = b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{event_id}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(mac).decode()}",
    }


def of_agent(secret: str, body: bytes, *, at: int) -> dict[str, str]:
    mac = hmac.digest(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return {"X-Voicebip-Timestamp": str(at), "X-Voicebip-Signature": f"sha256={mac.hex()}"}


@pytest.mark.parametrize("path", ["/endpoint", "/agent"])
@pytest.mark.parametrize("port", [PYTHON, NODE], ids=["python", "node"])
def test_a_receiver_of_the_page_takes_only_what_is_genuine(
    integrator: Integrator, port: str, path: str
) -> None:
    of_endpoint = path == "/endpoint"
    name = "ENDPOINT_SECRET" if of_endpoint else "SIGNING_SECRET"
    # The second receiver still runs with the first secrets.
    secret = integrator.value(name) if port == PYTHON else first_secrets(integrator)[name]
    event: dict[str, object] = (
        {"id": "evt_1", "type": "call.ended", "data": {"name": "Ö"}}
        if of_endpoint
        else {"event_id": "evt_1", "event_type": "call.completed", "payload": {"name": "Ö"}}
    )
    body = json.dumps(event, ensure_ascii=False).encode()

    def post(headers: Headers, sent: bytes = body) -> int:
        return integrator.post(port, path, headers=headers, body=sent)

    def signed(off_by_s: int = 0) -> dict[str, str]:
        at = int(time.time()) + off_by_s
        if of_endpoint:
            return standard(secret, "evt_1", body, at=at)
        return of_agent(secret, body, at=at)

    good = signed()
    signature = next(name for name in good if name.lower().endswith("signature"))
    timestamp = next(name for name in good if name.lower().endswith("timestamp"))
    assert post(good) == 200
    assert post(good, body.replace(b"evt_1", b"evt_2")) == 401
    assert post(good, b"") == 401
    assert post({}) == 401
    for off_by_s in (-310, 310):
        assert post(signed(off_by_s)) == 401
    for wrong in ("", "v1", "v1,", "v1,x", "sha256=", "é", good[signature][:-1], "," * 100):
        assert post({**good, signature: wrong}) == 401
    for wrong in ("", "now", "-1", "1e3", "9" * 5_000, "٣".encode().decode("latin-1")):
        assert post({**good, timestamp: wrong}) == 401
    if not of_endpoint:
        previous = {**good, signature: "sha256=0", f"{signature}-Previous": good[signature]}
        assert post(previous) == 200
    integrator.hang_up(port, path)
    assert post(good, bytes(1024 * 1024 + 1)) == 413
    assert post(signed()) == 200


def test_the_specifications_vector_verifies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The page's function accepts what live streams, 3.4 gives as an example, and nothing else."""
    (code,) = (block.code for block in blocks_of(PAGE, "python"))
    monkeypatch.setenv("SIGNING_SECRET", "vbsec_current_0001")
    monkeypatch.setenv("ENDPOINT_SECRET", f"whsec_{b64encode(bytes(32)).decode()}")
    monkeypatch.chdir(tmp_path)  # where it keeps its database
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(code, "receiver.py", "exec"), names)
    is_genuine: Callable[[Headers, bytes], bool] = names["is_genuine"]
    monkeypatch.setattr(time, "time", lambda: 1_795_182_300)
    body = b'{"event_id":"evt_vector0001","event_type":"call.completed","channel":"voice"}'
    mac = "8d255d72a443825cce7cdd74c3724c2e0a1e0b562a00c0bef45fc69dc05f48b2"
    headers = {"X-Voicebip-Timestamp": "1795182000", "X-Voicebip-Signature": f"sha256={mac}"}
    assert is_genuine(headers, body)
    assert is_genuine({**headers, "X-Voicebip-Signature-Previous": "sha256=0"}, body)
    assert not is_genuine(headers, body + b" ")
    monkeypatch.setattr(time, "time", lambda: 1_795_182_301)
    assert not is_genuine(headers, body)
    names["database"].close()


async def test_both_packages_verify_with_either_secret_during_a_rotation(
    database: TestDatabase,
) -> None:
    async with serving(database, webhook_allow_private=True) as service, receiver() as hook:
        v1, rpc = V1(service), Rpc(service)
        endpoint = await v1.endpoint(hook.url)
        await make_events(rpc, 1)
        (before,) = await hook.until_accepted(1)
        rotated = await v1.post(f"/webhook-endpoints/{endpoint['endpoint_id']}/rotate-secret")
        await make_events(rpc, 1)
        during, _ = await hook.until_accepted(2)
    old, new = endpoint["secret"], rotated.body["secret"]
    other = f"whsec_{b64encode(bytes(32)).decode()}"
    tries = [(secret, received) for received in (before, during) for secret in (old, new, other)]
    expected = [before.event_id, None, None, during.event_id, during.event_id, None]
    assert [by_python(secret, received) for secret, received in tries] == expected
    assert by_node(tries) == expected


def by_python(secret: str, received: Received) -> str | None:
    try:
        return Webhook(secret).verify(received.raw, received.headers)["id"]
    except WebhookVerificationError:
        return None


def by_node(tries: list[tuple[str, Received]]) -> list[str | None]:
    lines = [
        json.dumps(
            {
                "secret": secret,
                "headers": received.headers,
                "body": b64encode(received.raw).decode(),
            }
        )
        for secret, received in tries
    ]
    done = subprocess.run(
        [install().node, "verify_webhooks.js"],
        cwd=JS,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
