"""What the routes of the workspace do (live streams, 6.10)."""

from collections.abc import Mapping

from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.rest import workspace_members as shown
from ringline.rest.reading import bad
from ringline.rest.route import Refused, Request
from ringline.services.workspace_settings import NotOnTier

Answer = Mapping[str, object]


async def get_workspace(request: Request) -> Answer:
    """Return the workspace."""
    return shown.show_workspace(await request.services.workspace.find(request.caller.scope))


async def update_workspace(request: Request) -> Answer:
    """Change the workspace's settings."""
    changes = dict(request.given)
    if changes.get("webhook_url") is not None:
        try:
            changes["webhook_url"] = read_webhook_url(
                changes["webhook_url"], allow_private=request.services.house.allow_private
            )
        except UrlRefused as refused:
            why = f"webhook_url is refused: {refused.why}"
            raise Refused("INVALID_ARGUMENT", why) from None
    changed = await request.services.workspace.change(request.caller.scope, changes)
    return shown.show_workspace(changed)


async def delete_workspace(request: Request) -> None:
    """Delete the workspace with everything in it."""
    scope = request.caller.scope
    if request.query["confirm"] != scope.workspace_id:
        raise bad("confirm", "must be the workspace's own id")
    await request.services.deleted_workspaces.delete(scope)


async def get_recording(request: Request) -> Answer:
    """Return the switch for recordings."""
    return shown.show_recording(await request.services.workspace.find(request.caller.scope))


async def switch_recording(request: Request) -> Answer:
    """Allow recordings, or none."""
    try:
        switched = await request.services.workspace.switch_recording(
            request.caller.scope, request.given["enabled"]
        )
    except NotOnTier:
        raise Refused("RESOURCE_NOT_AVAILABLE_ON_TIER") from None
    return shown.show_recording(switched)
