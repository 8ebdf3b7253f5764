"""No log contains a credential or a transcript, even at debug level."""

import os
import signal
from pathlib import Path

import aiohttp
import pytest

from ringline.client.http import Api, ApiProblem
from tests.faults.people import CONFIG, QUESTION, calling, watching
from tests.faults.processes import LOUD, server_process

STRANGE = "the heron counts seven violet umbrellas"


async def use_rpc(http: aiohttp.ClientSession, api: Api) -> list[str]:
    """Run valid and invalid actions with secrets; return the texts that must not be logged."""
    password, key = "a password for the gateway", "an idempotency key of a client"
    number = "+15550123456"
    gateway: dict[str, object] = {
        "name": "g",
        "username": STRANGE,
        "realm": "r",
        "password": password,
    }
    contact: dict[str, object] = {"fullName": STRANGE, "phoneE164": number}
    asked: list[tuple[str, dict[str, object]]] = [
        ("create_gateway", gateway),
        ("create_gateway", gateway),
        ("create_gateway", {"password": [password], STRANGE: 1}),
        ("create_contact", contact),
        ("create_contact", contact),
        (STRANGE, {}),
    ]
    for place, (action, given) in enumerate(asked):
        for way in ("run", "validate"):
            async with http.post(
                f"{api.url}/rpc/public/{way}",
                json={"action": action, "input": given, "identity": STRANGE},
                headers=api.headers() | {"idempotency-key": f"{key} {place}"},
            ) as answer:
                assert answer.status == 200, await answer.text()
    return [password, key, number]


async def use_webhooks(http: aiohttp.ClientSession, api: Api) -> list[str]:
    """Register an endpoint that cannot be reached, rotate secrets, and let attempts fail.

    Return the texts that must not be logged: the secrets, and what a URL holds.
    """
    query = "the key in the query of a webhook"
    url = f"https://webhooks.invalid/{STRANGE.replace(' ', '-')}?key={query.replace(' ', '-')}"

    async def post(path: str, body: dict[str, object]) -> dict[str, str]:
        async with http.post(f"{api.url}/v1{path}", json=body, headers=api.headers()) as answer:
            assert answer.status in (200, 201, 400), await answer.text()
            return await answer.json()

    endpoint = await post("/webhook-endpoints", {"url": url})
    await post("/webhook-endpoints", {"url": f"http://{STRANGE.split()[1]}:{query[:7]}@x/"})
    place = f"/webhook-endpoints/{endpoint['endpoint_id']}"
    tried = await post(f"{place}/test", {"event_type": "contact.created"})
    assert tried["status"] == "failed"
    rotated = await post(f"{place}/rotate-secret", {})
    workspace = await post("/workspace/signing-secret/rotate", {})
    secrets = [endpoint["secret"], rotated["secret"], workspace["signing_secret"]]
    return [*secrets, query.replace(" ", "-"), STRANGE.replace(" ", "-")]


async def test_logs_hold_no_credential_and_no_transcript(parent: Path) -> None:
    confidential: list[str] = [STRANGE, QUESTION]
    async with (
        aiohttp.ClientSession() as http,
        server_process(parent, program=LOUD) as server,
    ):
        api = server.api(http)
        assert server.data_dir is not None
        kept = ("_key", "_secret")
        confidential += [value for name, value in server.ready.items() if name.endswith(kept)]
        confidential += await use_webhooks(http, api)
        async with watching(api) as watcher, calling(api) as caller:
            confidential += [await caller.ask(QUESTION), await caller.ask(STRANGE)]
            token = (await api.mint_session_token()).token
            ticket = (await api.mint_ticket(CONFIG)).client_secret
            confidential += [token, token.rsplit(".", 1)[1], ticket]
            for url, protocols in (  # refused, and not what the server expects
                (f"{api.url}/v3/realtime?ticket={ticket}", ()),
                (f"{api.url}/v3/realtime?ticket=x{ticket}", ()),
                (f"{api.url}/v3/realtime", (f"opper-ticket.{ticket}", f"other.{ticket}")),
                (f"{api.url}/socket/websocket?session_token={token}", (f"x.{token}",)),
                (f"{api.url}/v1/calls/none/stream?token={token}", ()),
                (f"{api.url}/{ticket}?token={token}", ()),
            ):
                try:
                    socket = await http.ws_connect(url, protocols=protocols)
                except aiohttp.WSServerHandshakeError:
                    continue
                await socket.send_str(f'{{"type": "session.start", "config": "{STRANGE}"}}')
                await socket.send_str(f'["1", "1", "{token}", "phx_join", {{"x": "{STRANGE}"}}]')
                await socket.close()
            async with http.get(f"{api.url}/socket/longpoll?session_token={token}") as opened:
                polled = (await opened.json())["token"]
            confidential.append(polled.partition(".")[0])
            for body in ("", f'["1", "1", "{STRANGE}"'):
                async with http.post(
                    f"{api.url}/socket/longpoll?session_token={token}&token={polled}", data=body
                ) as refused:
                    assert refused.status == 200
            async with http.post(
                f"{api.url}/v3/realtime-sessions", data=f"{STRANGE} {ticket}", headers=api.headers()
            ) as refused:
                assert refused.status == 400
            with pytest.raises(ApiProblem):
                await type(api)(api.url, f"{api.key}x", http).mint_session_token()
            confidential += await use_rpc(http, api)
            await caller.send("text.input", text=STRANGE)
            postmaster = (server.data_dir / "postgres" / "postmaster.pid").read_text()
            os.kill(int(postmaster.splitlines()[0]), signal.SIGKILL)
            confidential.append(await caller.ask(STRANGE))
            await caller.socket.close()
            await watcher.until("call_ended", caller.call_uuid)
        assert await server.end() == 0

        logs = server.said + (server.data_dir / "postgres.log").read_text("utf-8", "replace")
    for event in ("call_begun", "call_ended", "credential_refused", "database_away"):
        assert event in logs, event
    assert logs.count("database_away") == logs.count("database_back") == 1, "an outage is one"
    assert "DEBUG" in logs
    assert "Traceback" not in logs
    for text in confidential:
        assert len(text) > 10
        assert text not in logs, text
