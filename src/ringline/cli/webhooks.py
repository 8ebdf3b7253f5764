"""`ringline webhooks`: watch deliveries, send one again, and receive events on this machine."""

import secrets
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

import aiohttp
import msgspec
from cyclopts import App, Parameter

from ringline.cli.options import ApiKey, DataDir, Json, Target, Url, find_target
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import say, show, show_json
from ringline.cli.why import describe_attempt, describe_delivery
from ringline.client.events import Away
from ringline.client.forwarding import Answered, Forwarder, Shape
from ringline.client.http import Api, ApiProblem, Organisation, open_api
from ringline.client.log import Gap, Logged, Unread, follow_log, head_of_log
from ringline.client.webhooks import (
    Attempted,
    Delivery,
    Owed,
    follow_deliveries,
)
from ringline.client.webhooks import redeliver as send_again
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope, parse_since
from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.domain.webhook_types import EVERYTHING, is_wanted, sent_type, unknown_filters
from ringline.wire.endpoint_envelope import ENVIRONMENTS
from ringline.wire.webhook_signature import (
    endpoint_key,
    new_endpoint_secret,
    new_workspace_secret,
)

webhooks_app = App(name="webhooks", help="Watch webhooks, send them again, receive them here.")

_SCOPES = {word: environment for environment, word in ENVIRONMENTS.items()}


@webhooks_app.command
def tail(
    *,
    agent: Annotated[
        str | None, Parameter(name="--agent", help="Only deliveries to this agent's URL.")
    ] = None,
    endpoint: Annotated[
        str | None, Parameter(name="--endpoint", help="Only deliveries to this endpoint.")
    ] = None,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Show deliveries of webhooks and their attempts as they happen.

    Only what happens from now on, in the key's environment; with --json a line holds the
    delivery, and an attempt if it is about one. Ctrl-C stops it.
    """
    target = find_target(url, key, data_dir=data_dir)
    only = {
        name: value for name, value in (("agent_id", agent), ("endpoint_id", endpoint)) if value
    }
    run(tail_deliveries(target, only, json=json), ApiProblem)


async def tail_deliveries(target: Target, only: dict[str, str], *, json: bool) -> None:
    """Print what happens to deliveries, until it is cancelled. Raises ApiProblem."""
    async with (
        open_api(target.url, target.key) as api,
        aclosing(follow_deliveries(api, only)) as stream,
    ):
        say("Watching deliveries from now on.")
        async for happened in stream:
            match happened:
                case Away(reason, again_in_s):
                    say(f"{reason} Trying again in {again_in_s:g} s.")
                case Owed(delivery) if json:
                    show_json({"delivery": _plain(delivery)})
                case Attempted(delivery, attempt) if json:
                    made = msgspec.to_builtins(attempt)
                    show_json({"delivery": _plain(delivery), "attempt": made})
                case Owed(delivery):
                    show(_line(delivery))
                case Attempted(delivery, attempt):
                    stands = describe_delivery(delivery, where=False)
                    show(f"  {delivery.delivery_id}  {describe_attempt(attempt)}  {stands}")


def _line(delivery: Delivery) -> str:
    return f"{delivery.event_type}  {delivery.event_id}  {describe_delivery(delivery)}"


def _plain(delivery: Delivery) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(delivery)
    del row["attempt_log"]
    return row


@webhooks_app.command
def redeliver(
    delivery_id: Annotated[str, Parameter(help="The delivery's id, del_….")],
    /,
    *,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Send a delivery again, whether it arrived or not; its schedule starts over."""
    target = find_target(url, key, data_dir=data_dir)

    async def work() -> Delivery:
        async with open_api(target.url, target.key) as api:
            return await send_again(api, delivery_id)

    delivery = run(work(), ApiProblem)
    if json:
        show_json(_plain(delivery))
    else:
        show(_line(delivery))


@webhooks_app.command
def forward(
    *,
    to: Annotated[str, Parameter(name="--to", help="Where to post: http://localhost:3000/hook.")],
    envelope: Annotated[
        Shape, Parameter(name="--envelope", help="The format: an endpoint's or an agent's.")
    ] = Shape.ENDPOINT,
    events: Annotated[
        str,
        Parameter(
            name="--events",
            help="Only these types or families (call.*), as an endpoint's filter.",
        ),
    ] = EVERYTHING,
    secret: Annotated[
        str | None,
        Parameter(
            name="--secret",
            help="Sign with this secret: whsec_… for an endpoint's format. [default: a new one, "
            "which is printed]",
        ),
    ] = None,
    since: Annotated[
        str | None,
        Parameter(
            name="--since",
            help="Begin after this position or event id; 0 is the beginning. [default: now]",
        ),
    ] = None,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Post the workspace's events to a receiver on this machine, as webhooks are sent.

    It reads the log and posts from here, so the receiver needs no public URL, and nothing is
    registered. Each event is posted once, in order, and the answer is shown beside it. After a
    lost connection to the server it goes on where it was. Ctrl-C stops it.
    """
    try:
        receiver = read_webhook_url(to, allow_private=True)
    except UrlRefused as refused:
        fail(f"{to} is no URL to post to: {refused}.")
    if since is not None and parse_since(since) is None:
        fail(f"{since} is not a position: use epoch:offset, an event id or 0.")
    wanted = _read_filter(events)
    signed_with = secret or _new_secret(envelope)
    if envelope is Shape.ENDPOINT:
        try:
            endpoint_key(signed_with)
        except ValueError as refused:
            fail(f"--secret is invalid: {refused}.")
    target = find_target(url, key, data_dir=data_dir)
    if secret is None:
        say(f"Signed with {signed_with}")

    async def work() -> None:
        async with open_api(target.url, target.key) as api:
            scope = _scope_of(await api.organisation())
            forwarder = Forwarder(receiver, envelope, secret=signed_with, scope=scope)
            await forward_events(api, forwarder, since=since, wanted=wanted, json=json)

    run(work(), ApiProblem)


async def forward_events(
    api: Api, forwarder: Forwarder, *, since: str | None, wanted: list[str], json: bool
) -> None:
    """Post events and print the answers, until it is cancelled. Raises ApiProblem."""
    begin = since or await head_of_log(api)
    say(f"Forwarding from {begin}.")
    async with (
        aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http,
        aclosing(follow_log(api, begin)) as stream,
    ):
        async for item in stream:
            match item:
                case Away(reason, again_in_s):
                    say(f"{reason} Trying again in {again_in_s:g} s.")
                case Gap():
                    say("Earlier events are no longer stored; going on with the oldest.")
                case Unread(type_):
                    say(f"Left out an event of a type that this version does not know: {type_}.")
                case Logged(stored) if is_wanted(stored.event.type, wanted):
                    body = forwarder.encode(item)
                    if body is not None:
                        answered = await forwarder.post(http, item, body=body)
                        _show_answer(item, answered, json=json)
                case Logged():
                    pass


def _show_answer(logged: Logged, answered: Answered, *, json: bool) -> None:
    event = logged.stored.event
    event_id = format_id(Prefix.EVENT, event.id)
    if json:
        place = {"event_id": event_id, "type": sent_type(event.type)}
        show_json({**place, "position": str(logged.position), **asdict(answered)})
        return
    outcome = answered.problem if answered.status is None else str(answered.status)
    said = f"  {answered.body.strip()}" if answered.body.strip() else ""
    show(f"{sent_type(event.type)}  {event_id}  → {outcome}  {answered.duration_ms} ms{said}")


def _read_filter(events: str) -> list[str]:
    filters = [name.strip() for name in events.split(",") if name.strip()]
    if unknown := unknown_filters(filters):
        fail(f"--events names what does not exist: {', '.join(unknown)}.")
    if not filters:
        fail("--events names nothing: use types, families such as call.*, or *.")
    return filters


def _new_secret(shape: Shape) -> str:
    make = new_endpoint_secret if shape is Shape.ENDPOINT else new_workspace_secret
    return make(secrets.token_bytes(32))


def _scope_of(organisation: Organisation) -> Scope:
    return Scope(organisation.id, _SCOPES.get(organisation.environment, Environment.LIVE))
