"""Twilio as its documentation has it, and what comes in from providers: signed, once, ours.

The fake Twilio takes what its documentation says that Twilio takes (Messages resource: `From`, `To`
and one of `Body`, `MediaUrl`, `ContentSid`, by HTTP Basic authentication, 201 with a `sid` or 400
with `code` and `message`), and signs what it sends as "Secure webhooks" says.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.app.test_doctor_providers import unused_port
from tests.callers import LIMIT_S
from tests.carriers import ACME, ENVIRON, SIGNING_SECRET
from tests.database import TestDatabase
from tests.hook_receivers import Received, Receiver, receiver
from tests.pages import DOCS, blocks_of
from tests.serving import Service, serving
from tests.v1 import V1

TOKEN = "twilio-auth-token-0123456789abcdef"
ACCOUNT = "AC00000000000000000000000000000001"
OURS, THEIRS = "+14155550100", "+447700900123"
INBOUND, RECEIPTS = "/v1/messaging/twilio/inbound", "/v1/messaging/twilio/receipts"
PAGE = DOCS / "howto" / "send-messages-with-twilio.md"


def signature(url: str, fields: Mapping[str, str], *, token: str = TOKEN) -> str:
    """Sign as Twilio does: the URL, then each field's name and value, sorted by name."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Twilio:
    """A server with Twilio's Messages resource."""

    server: Receiver
    service: Service
    api: V1
    #: The form of each message that it took, with its SID.
    taken: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    #: Clear: it has taken a message, and its answer is under way.
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str) -> str:
        return self.service.base_url + path

    async def calls(
        self, path: str, fields: Mapping[str, str], **more: str
    ) -> tuple[int, str, str]:
        """Call the server as Twilio does; return status, media type and body."""
        headers = {"X-Twilio-Signature": signature(self.url(path), fields), **more}
        async with self.service.http.post(
            self.url(path),
            data=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded", **headers},
        ) as answer:
            return answer.status, answer.content_type, await answer.text()

    async def until_taken(self, count: int) -> None:
        await self.server.until(lambda _: len(self.taken) >= count)

    async def until_status(self, message_id: str, status: str) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            while True:
                answer = await self.api.get(f"/messages/{message_id}")
                if answer.body["status"] == status:
                    return answer.body
                await asyncio.sleep(0.02)


def message(sid: str, text: str = "Hi", **more: str) -> dict[str, str]:
    """Return an incoming message's parameters ("Twilio's request to your webhook URL")."""
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": THEIRS,
        "To": OURS,
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
        "FromCountry": "GB",
        "ApiVersion": "2010-04-01",
        **more,
    }


def callback(sid: str, status: str, **more: str) -> dict[str, str]:
    """Return a status callback's parameters ("Track the Message Status of Outbound Messages")."""
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "AccountSid": ACCOUNT,
        "From": OURS,
        "To": THEIRS,
        "ApiVersion": "2010-04-01",
        **more,
    }


@pytest.fixture
async def twilio(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Twilio]:
    async with running(database, tmp_path, monkeypatch) as one:
        yield one


@asynccontextmanager
async def running(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Twilio]:
    taken: list[dict[str, str]] = []
    answers = asyncio.Event()
    answers.set()

    async def respond(received: Received) -> web.StreamResponse:
        secret = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if received.headers.get("Authorization") != f"Basic {secret}":
            return web.json_response({"code": 20003, "status": 401}, status=401)
        assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
        fields = parse_qs(received.raw.decode(), strict_parsing=True)
        form = {name: value for name, (value,) in fields.items()}
        known = {"From", "To", "Body", "MediaUrl", "ContentSid", "ContentVariables"}
        assert set(form) <= {*known, "StatusCallback"}
        assert form.keys() & {"Body", "MediaUrl", "ContentSid"}
        if not re.fullmatch(r"(whatsapp:)?\+[1-9][0-9]{6,14}", form["To"]):
            return refused(21211, "Invalid 'To' Phone Number")
        if form["To"].endswith("99"):
            return refused(21610, f"Attempt to send to unsubscribed recipient: {form['Body']}")
        sid = f"SM{len(taken):032x}"
        taken.append({**form, "sid": sid})
        await answers.wait()
        body = {"sid": sid, "status": "queued", "account_sid": ACCOUNT, "error_code": None}
        return web.json_response(body, status=201)

    (block,) = blocks_of(PAGE, "toml")
    async with receiver(respond) as server:
        path = tmp_path / "messaging.toml"
        path.write_text(
            re.sub(r'url = "https://api\.twilio\.com', f'url = "{server.url}', block.code), "utf-8"
        )
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        async with serving(database, port=port, messaging_file=path, public_url=url) as service:
            yield Twilio(server, service, V1(service), taken, answers)


def refused(code: int, text: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": text, "more_info": more, "status": 400}
    return web.json_response(body, status=400)


async def our_number(twilio: Twilio, **more: object) -> str:
    """Add our number with the agent that the workspace began with; return the agent's id."""
    agent_id = twilio.service.agent_id
    await twilio.api.new_number(OURS, agent_id=agent_id, **more)
    return agent_id


async def sent(twilio: Twilio, agent_id: str, **more: object) -> str:
    body = {
        "agent_id": agent_id,
        "from_number": OURS,
        "to_number": THEIRS,
        "channel": "sms",
        "body": "Hello? & goodbye",
        **more,
    }
    answer = await twilio.api.post("/messages", body)
    assert answer.status == 200, answer.body
    message_id: str = answer.body["message_id"]
    return message_id


async def test_a_message_goes_out_and_its_receipts_come_in(twilio: Twilio) -> None:
    agent_id = await our_number(twilio)
    message_id = await sent(twilio, agent_id)
    await twilio.until_taken(1)
    (form,) = twilio.taken
    assert (form["From"], form["To"], form["Body"]) == (OURS, THEIRS, "Hello? & goodbye")
    assert form["StatusCallback"] == f"{twilio.url(RECEIPTS)}#rc=3&rp=all"
    await twilio.until_status(message_id, "sent")
    # Out of order, twice, and late.
    for status in ("sent", "delivered", "delivered", "sent", "undelivered"):
        answer = await twilio.calls(RECEIPTS, callback(form["sid"], status))
        assert answer == (200, "text/xml", "<Response></Response>")
    assert (await twilio.api.get(f"/messages/{message_id}")).body["status"] == "delivered"


async def test_a_receipt_that_overtakes_the_answer_is_found_at_its_repeat(twilio: Twilio) -> None:
    agent_id = await our_number(twilio)
    twilio.answers.clear()
    message_id = await sent(twilio, agent_id)
    await twilio.server.until(lambda one: bool(one.received))
    receipt = callback(f"SM{0:032x}", "delivered")
    assert (await twilio.calls(RECEIPTS, receipt))[0] == 404
    twilio.answers.set()
    await twilio.until_status(message_id, "sent")
    assert (await twilio.calls(RECEIPTS, receipt))[0] == 200
    await twilio.until_status(message_id, "delivered")


async def test_what_is_forged_replayed_or_somebody_elses(twilio: Twilio) -> None:
    agent_id = await our_number(twilio)
    await sent(twilio, agent_id)
    await twilio.until_taken(1)
    sid = twilio.taken[0]["sid"]
    receipt = callback(sid, "delivered")
    with capture_logs() as logs:
        for signed in (
            "",
            "x",
            signature(twilio.url(RECEIPTS), receipt, token="another token"),
            signature(twilio.url(INBOUND), receipt),
            signature(twilio.url(RECEIPTS), callback(sid, "read")),
        ):
            answer = await twilio.calls(RECEIPTS, receipt, **{"X-Twilio-Signature": signed})
            assert answer[0] == 401
            assert TOKEN not in answer[2]
        unknown = callback("SM" + "f" * 32, "delivered")
        assert (await twilio.calls(RECEIPTS, unknown))[0] == 404
        assert (await twilio.calls(RECEIPTS, {"MessageStatus": "delivered"}))[0] == 400
        elsewhere = "/v1/messaging/nobody/receipts"
        assert (await twilio.calls(elsewhere, receipt))[0] == 404
        large = callback(sid, "delivered", Padding="x" * 70_000)
        assert (await twilio.calls(RECEIPTS, large))[0] == 413
    assert TOKEN not in repr(logs)
    assert (await twilio.api.get("/messages")).body["messages"][0]["status"] in ("queued", "sent")


async def test_an_inbound_message_is_taken_in_once(twilio: Twilio) -> None:
    await our_number(twilio)
    said = message("SM" + "a" * 32, "Is my order there? 😀")
    answers = await asyncio.gather(*(twilio.calls(INBOUND, said) for _ in range(5)))
    assert {answer[0] for answer in answers} == {200}
    listed = (await twilio.api.get("/messages", direction="inbound")).body["messages"]
    assert [one["body"] for one in listed] == ["Is my order there? 😀"]
    assert (listed[0]["from_number"], listed[0]["to_number"]) == (THEIRS, OURS)


async def test_an_inbound_sms_is_answered(twilio: Twilio) -> None:
    await our_number(twilio)
    assert (await twilio.calls(INBOUND, message("SM" + "b" * 32, "Hello!")))[0] == 200
    await twilio.until_taken(1)
    (form,) = twilio.taken
    assert (form["From"], form["To"]) == (OURS, THEIRS)
    assert form["Body"]


async def test_whose_number_it_is(twilio: Twilio) -> None:
    assert (await twilio.calls(INBOUND, message("SM1")))[0] == 404
    await our_number(twilio, channels=["sms"])
    over_whatsapp = message("SM2", To=f"whatsapp:{OURS}", From=f"whatsapp:{THEIRS}")
    assert (await twilio.calls(INBOUND, over_whatsapp))[0] == 404
    test = V1(twilio.service, twilio.service.keys.test_key)
    await test.new_number("+14155550101")
    of_test = message("SM3", To="+14155550101")
    assert (await twilio.calls(INBOUND, of_test))[0] == 404
    assert (await twilio.calls(INBOUND, message("SM4")))[0] == 200
    keys = await twilio.service.admin.workspaces.create("Other")
    await V1(twilio.service, keys.secret_key).new_number(OURS)
    assert (await twilio.calls(INBOUND, message("SM5")))[0] == 404
    listed = (await twilio.api.get("/messages", direction="inbound")).body["messages"]
    assert len(listed) == 1


async def test_whatsapp_and_an_answer(twilio: Twilio) -> None:
    """What a contact writes opens WhatsApp's window, and the agent's answer goes to them."""
    agent_id = await our_number(twilio)
    media = {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/media/ME1",
        "MediaContentType0": "image/jpeg",
        "ProfileName": "Bo",
        "WaId": THEIRS[1:],
    }
    said = message("SM6", "Look", To=f"whatsapp:{OURS}", From=f"whatsapp:{THEIRS}", **media)
    assert (await twilio.calls(INBOUND, said))[0] == 200
    message_id = await sent(twilio, agent_id, channel="whatsapp", body="Nice")
    await twilio.server.until(lambda _: any(form.get("Body") == "Nice" for form in twilio.taken))
    form = next(form for form in twilio.taken if form.get("Body") == "Nice")
    assert (form["From"], form["To"]) == (f"whatsapp:{OURS}", f"whatsapp:{THEIRS}")
    await twilio.until_status(message_id, "sent")
    assert (await twilio.calls(RECEIPTS, callback(form["sid"], "read")))[0] == 200
    await twilio.until_status(message_id, "read")


async def test_a_refusal_is_told_without_the_text(twilio: Twilio) -> None:
    agent_id = await our_number(twilio)
    message_id = await sent(twilio, agent_id, to_number="+447700900199", body="the secret text")
    failed = await twilio.until_status(message_id, "failed")
    assert "21610" in str(failed)


async def test_a_provider_that_dates_what_it_signs(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "messaging.toml"
    path.write_text(ACME, "utf-8")
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    said = {"id": "m1", "from": THEIRS, "to": OURS, "text": "Hi"}
    body = json.dumps({"event": "message.received", "payload": said}).encode()

    def headers(stamp: int) -> dict[str, str]:
        signed = f"{stamp}.".encode() + body
        digest = hmac.new(SIGNING_SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return {"X-Acme-Signature": f"v1={digest}", "X-Acme-Timestamp": str(stamp)}

    url = "https://voice.example.com"
    port = unused_port()
    async with serving(database, port=port, messaging_file=path, public_url=url) as service:
        door = f"http://127.0.0.1:{port}/v1/messaging/acme/inbound"
        now = int(time.time())
        for stamp, status in ((now - 400, 401), (now + 400, 401), (now, 404)):
            async with service.http.post(door, data=body, headers=headers(stamp)) as answer:
                assert answer.status == status
        stale = {**headers(now - 400), "X-Acme-Timestamp": str(now)}
        async with service.http.post(door, data=body, headers=stale) as answer:
            assert answer.status == 401
