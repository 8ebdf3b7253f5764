"""`ringline token` and `ringline events`: watching a workspace from the terminal."""

import asyncio
from contextlib import aclosing
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from ringline.cli.lines import describe_event
from ringline.cli.options import ApiKey, DataDir, Json, Target, Url, find_target
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import open_console, say, show, show_json
from ringline.client.events import Away, Joined, SocketEvent, Watched, follow_events
from ringline.client.http import ApiProblem, SessionToken, open_api
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.log import parse_since

_JOIN_LIMIT_S = 20.0
#: The socket does not say where a replay ends: so long a silence counts as its end.
_QUIET_S = 1.0
_LAST_OF_A_CALL = "call_ended"


def token(
    *,
    ttl_seconds: Annotated[
        int | None,
        Parameter(name="--ttl-seconds", help="Its lifetime, 30 to 900 seconds. [default: 300]"),
    ] = None,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Mint a session token, with which a browser can watch without a key.

    Pass it to the events socket as `session_token`, to the live streams as a Bearer token
    or as `?token=`.
    """
    target = find_target(url, key, data_dir=data_dir)

    async def work() -> SessionToken:
        async with open_api(target.url, target.key) as api:
            return await api.mint_session_token(ttl_seconds)

    minted = run(work(), ApiProblem)
    if json:
        show_json(
            {
                "token": minted.token,
                "expires_at": minted.expires_at,
                "ttl_seconds": minted.ttl_seconds,
            }
        )
    else:
        show(minted.token)
        say(f"It expires at {minted.expires_at}.")


def events(
    *,
    follow: Annotated[
        bool,
        Parameter(
            name="--follow",
            negative="",
            help="Continue with new events, and reconnect. Without it: only the log up to now.",
        ),
    ] = False,
    since: Annotated[
        str | None,
        Parameter(
            name="--since",
            help="Begin after this position (`epoch:offset`) or event id (`evt_…`); 0 is the "
            "beginning. [default: now with --follow, else 0]",
        ),
    ] = None,
    call: Annotated[
        str | None,
        Parameter(
            name="--call",
            help="Only this call's events: its callUuid, or its id as `call_…` or a UUID. "
            "--follow then ends with the call.",
        ),
    ] = None,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Show the events of a workspace's environment, over the events socket.

    A line shows an event's time, call, name and main details; with --json it holds
    the name and the payload. Ctrl-C stops it.
    """
    if since is not None and parse_since(since) is None:
        fail(f"{since} is not a position: use epoch:offset, an event id or 0.")
    target = find_target(url, key, data_dir=data_dir)
    start = since if since is not None or follow else "0"
    found = run(_show_events(target, start, call=call, follow=follow, json=json), ApiProblem)
    if call is not None and not found:
        fail(f"The log has no event of the call {call}.")


async def _show_events(
    target: Target, since: str | None, *, call: str | None, follow: bool, json: bool
) -> int:
    """Show the events of one call or of all; return how many. Raises ApiProblem."""
    console = open_console(soft_wrap=True)
    wait_s = None if follow else _JOIN_LIMIT_S
    joined, found = False, 0
    async with (
        open_api(target.url, target.key) as api,
        aclosing(follow_events(api, since, reconnect=follow)) as stream,
    ):
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    watched = await anext(stream)
            except TimeoutError:
                if not joined:
                    raise ApiProblem(f"The server at {api.url} does not answer.") from None
                return found
            joined = True
            wait_s = None if follow else _QUIET_S
            if not isinstance(watched, SocketEvent):
                show_watched(watched, console, json=json)
            elif call is None or is_of_call(watched, call):
                found += 1
                show_watched(watched, console, json=json)
                if call is not None and watched.name == _LAST_OF_A_CALL:
                    return found


def is_of_call(event: SocketEvent, call: str) -> bool:
    """Return whether an event belongs to a call, given by callUuid or by id."""
    if event.text("callUuid") == call:
        return True
    call_id = parse_id(Prefix.CALL, call)
    return call_id is not None and event.text("callId") == str(call_id)


def show_watched(watched: Watched, console: Console, *, json: bool) -> None:
    """Print what came over the events socket, as one line."""
    match watched:
        case Joined(position, recovered):
            if recovered is False:
                say("Earlier events are no longer stored, or too many to replay.")
            if not json:
                say(f"Following from {position or 'now'}.")
        case Away(reason, again_in_s):
            say(f"{reason} Trying again in {again_in_s:g} s.")
        case SocketEvent(name, payload) if json:
            show_json({"event": name, "payload": dict(payload)})
        case SocketEvent():
            console.print(describe_event(watched, with_call=True))
