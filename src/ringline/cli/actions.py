"""`ringline rpc` and `ringline agent`: RPC actions from the terminal."""

import json as json_module
import shlex
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.table import Table

from ringline.cli.options import (
    KEY_VARIABLE,
    ApiKey,
    DataDir,
    Json,
    Target,
    Url,
    find_target,
    read_json,
    read_names,
)
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import open_console, say, show, show_json, visible
from ringline.client.http import AgentSummary, ApiProblem, RpcAnswer, open_api
from ringline.domain.ids import Prefix, format_id
from ringline.rpc.action import ActionKind
from ringline.rpc.actions import ACTIONS

agent_app = App(name="agent", help="List agents.")


def rpc(
    action: Annotated[str, Parameter(help="The action's name, such as list_calls.")],
    /,
    *,
    input: Annotated[
        str | None, Parameter(name="--input", help="Its input, as a JSON object.")
    ] = None,
    identity: Annotated[
        str | None,
        Parameter(
            name="--identity",
            help="The record to act on: its id, or a JSON object that identifies it.",
        ),
    ] = None,
    fields: Annotated[
        str | None,
        Parameter(
            name="--fields",
            help="The fields to return: names separated by commas, or a JSON list. "
            "[default: all of the record's own fields]",
        ),
    ] = None,
    filter: Annotated[
        str | None, Parameter(name="--filter", help="A filter, as a JSON object.")
    ] = None,
    sort: Annotated[
        str | None,
        Parameter(
            name="--sort", allow_leading_hyphen=True, help="How to sort, such as -insertedAt."
        ),
    ] = None,
    page: Annotated[
        str | None,
        Parameter(name="--page", help="The page of a list, as JSON: '{\"limit\": 20}'."),
    ] = None,
    curl: Annotated[
        bool,
        Parameter(
            name="--curl",
            negative="",
            help="Do not run: print the request as a shell command, with the key as a variable.",
        ),
    ] = False,
    json: Annotated[
        bool,
        Parameter(
            name="--json",
            negative="",
            help="Print the whole response on one line, whether it succeeded or not.",
        ),
    ] = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Run an RPC action and print its result as JSON.

    The reference and the server's `/docs` page list the actions and their inputs.
    """
    given = {
        "input": read_json("--input", input),
        "identity": read_json("--identity", identity, or_text=True),
        "fields": _read_fields(action, fields),
        "filter": read_json("--filter", filter),
        "sort": sort,
        "page": read_json("--page", page),
    }
    request = {"action": action, **{k: v for k, v in given.items() if v is not None}}
    target = find_target(url, key, data_dir=data_dir)
    if curl:
        show(spell_curl(target.url, request))
        say(f"It reads the key from {KEY_VARIABLE}.")
        return
    answer = run(_run_action(target, request), ApiProblem)
    if json:
        show_json(msgspec.to_builtins(answer))
    if answer.problem is not None:
        fail(str(answer.problem))
    if not json:
        show_json(answer.data, indent=2)


@agent_app.command(name="list")
def list_agents(
    *, json: Json = False, url: Url = None, key: ApiKey = None, data_dir: DataDir = None
) -> None:
    """List a workspace's agents in the key's environment, oldest first."""
    target = find_target(url, key, data_dir=data_dir)

    async def work() -> tuple[AgentSummary, ...]:
        async with open_api(target.url, target.key) as api:
            return await api.list_agents()

    agents = run(work(), ApiProblem)
    if json:
        show_json({"agents": [_describe(agent) for agent in agents]})
        return
    table = Table("id", "name", "model", "enabled", box=None)
    for agent in agents:
        shown = (format_id(Prefix.AGENT, agent.id), agent.name, agent.model)
        table.add_row(*map(visible, shown), "yes" if agent.enabled else "no")
    open_console().print(table)


def _describe(agent: AgentSummary) -> dict[str, object]:
    return {
        "agent_id": format_id(Prefix.AGENT, agent.id),
        "name": agent.name,
        "model": agent.model,
        "enabled": agent.enabled,
    }


def spell_curl(url: str, request: dict[str, object]) -> str:
    """Write a request as a shell command; the key stays in its variable."""
    body = json_module.dumps(request, ensure_ascii=False)
    return (
        f'curl -sS {shlex.quote(f"{url}/rpc/public/run")} -H "x-api-key: ${KEY_VARIABLE}" '
        f"-H 'content-type: application/json' -d {shlex.quote(body)}"
    )


async def _run_action(target: Target, request: dict[str, object]) -> RpcAnswer:
    async with open_api(target.url, target.key) as api:
        return await api.run_action(request)


def _read_fields(action: str, text: str | None) -> object:
    """Read --fields; without it, select all own fields of the action's resource."""
    if text is not None:
        return read_names("--fields", text)
    known = ACTIONS.get(action)
    if known is None or known.resource is None or known.kind is ActionKind.GENERIC:
        return None
    return [field.name for field in known.resource.fields]
