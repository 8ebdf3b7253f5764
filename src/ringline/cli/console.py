"""`ringline console`: a one-time link that signs a person in to the console."""

import webbrowser
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from ringline.app import DATABASE_PROBLEMS, Admin, open_admin
from ringline.cli.keys import base_url_of, read_id
from ringline.cli.options import DataDir, Json
from ringline.cli.outcome import CommandProblem, fail, run
from ringline.cli.terminal import say, show, show_json
from ringline.config import Settings
from ringline.domain import console_limits
from ringline.domain.email import is_email
from ringline.domain.ids import Prefix
from ringline.ports import EntryRefused, Violation
from ringline.services.console_links import ConsoleLink, NoSuchMember
from ringline.wire.times import seconds

#: How long a link lasts unless it is said.
LINK_LIFE = timedelta(seconds=console_limits.LINK_S.most)


def console(
    *,
    workspace: Annotated[
        str | None,
        Parameter(name="--workspace", help="The workspace's id. [default: the only one there is]"),
    ] = None,
    email: Annotated[
        str | None,
        Parameter(
            name="--email",
            help="Whom the link signs in; in a workspace without members, its first owner. "
            "[default: the owner]",
        ),
    ] = None,
    ttl: Annotated[
        int, Parameter(name="--ttl", help="How long the link can be used, in seconds.")
    ] = console_limits.LINK_S.most,
    open: Annotated[
        bool,
        Parameter(
            name="--open", negative="", show_default=False, help="Open the link in a browser."
        ),
    ] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a link that signs a member of the team in to the console, once.

    It is the way in for a workspace's first owner, and for whoever is locked out. It works
    beside a running server and without one.
    """
    settings = Settings.read(data_dir=data_dir)
    if not settings.console:
        fail("The console is switched off: RINGLINE_CONSOLE is false.")
    if not 0 < ttl <= console_limits.LINK_MOST_S.most:
        fail("A link lasts between one second and a day.")
    if email is not None and not is_email(email):
        fail(f"{email} is no email address.")
    wanted = None if workspace is None else read_id(Prefix.WORKSPACE, workspace, noun="workspace")

    async def work() -> tuple[UUID, ConsoleLink]:
        async with open_admin(settings) as admin:
            workspace_id = wanted or await _only_workspace(admin)
            life = timedelta(seconds=ttl)
            return workspace_id, await admin.console_links.make(workspace_id, email, life=life)

    try:
        workspace_id, link = run(work(), *DATABASE_PROBLEMS)
    except NoSuchMember:
        fail(f"Nobody in the team has the address {email}.")
    except EntryRefused as error:
        if error.violation is not Violation.REFERENCE:
            raise
        fail(f"There is no workspace {workspace}.")
    url = link.url_at(base_url_of(settings))
    if json:
        expires_at = seconds(link.expires_at)
        shown = {"url": url, "email": link.email, "workspace_id": str(workspace_id)}
        show_json({**shown, "expires_at": expires_at})
    else:
        show(url)
        say(f"It signs {link.email} in, once, until {seconds(link.expires_at)}.")
    if open and not webbrowser.open(url):
        say("No browser could be opened.")


async def _only_workspace(admin: Admin) -> UUID:
    found = await admin.rows.list_workspaces(2)
    if not found:
        raise CommandProblem("There is no workspace yet; `ringline workspace create` makes one.")
    if len(found) > 1:
        raise CommandProblem(
            "There are several workspaces: choose one with --workspace; `ringline workspace list` "
            "shows them."
        )
    return found[0].id
