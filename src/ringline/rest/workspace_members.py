"""The workspace, as `/v1` shows it (live streams, 6.10)."""

from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.tiers import Tier
from ringline.rest.route import Members
from ringline.services.workspace_settings import WorkspaceSettings
from ringline.wire.times import seconds

WORKSPACE: Members = (
    Member("id", Shape.TEXT, "the workspace, `ws_…`"),
    Member("name", Shape.TEXT, "its name"),
    Member("tier", Shape.TEXT, "how much it may use; set by the operator", words=tuple(Tier)),
    Member(
        "webhook_url",
        Shape.TEXT,
        "kept for your reference: events go to the URLs of agents and to webhook endpoints",
        null=True,
    ),
    Member(
        "retention_days",
        Shape.INTEGER,
        "for how many days settled deliveries of webhooks are kept, and recordings, but these for "
        "30 at most; events and calls are kept in this version",
    ),
    Member(
        "allowed_origins",
        Shape.TEXT,
        "the origins of the pages that may open its sockets and streams; none means all that the "
        "server allows",
        many=True,
    ),
    Member("created_at", Shape.TIME, "when it was created"),
    Member("updated_at", Shape.TIME, "when it was last changed"),
)
RECORDING: Members = (
    Member(
        "enabled",
        Shape.BOOLEAN,
        "whether calls may be recorded; which ones are, each agent's settings say",
    ),
)


def show_workspace(workspace: WorkspaceSettings) -> dict[str, object]:
    """Return a workspace's members."""
    return {
        "id": format_id(Prefix.WORKSPACE, workspace.id),
        "name": workspace.name,
        "tier": workspace.tier,
        "webhook_url": workspace.webhook_url,
        "retention_days": workspace.retention_days,
        "allowed_origins": list(workspace.allowed_origins),
        "created_at": seconds(workspace.created_at),
        "updated_at": seconds(workspace.updated_at),
    }


def show_recording(workspace: WorkspaceSettings) -> dict[str, object]:
    """Return the members of the switch for recordings."""
    return {"enabled": workspace.recording_enabled}
