"""The rows of the routes of the workspace (live streams, 6.10; contract, 6)."""

from typing import cast

from ringline.domain import v1_limits, webhook_limits
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.domain.origins import is_origin
from ringline.rest import workspace_actions as act
from ringline.rest import workspace_members as shown
from ringline.rest.route import Input, Route
from ringline.rpc.kinds import BadValue, Boolean, Id, Integer, Text

_TAG = "Workspace"
_WORKSPACE = "/v1/workspace"
_RECORDING = f"{_WORKSPACE}/recording"
#: The longest that anything is kept.
MAX_RETENTION_DAYS = 3_650


class Name:
    """A text that is not blank."""

    def cast(self, value: object) -> str:
        """Take a string of 1 to 255 characters."""
        text = Text().cast(value)
        if text is None:
            raise BadValue("must not be blank")
        return text


class Origins:
    """A list of origins, each kept once."""

    def cast(self, value: object) -> list[str]:
        """Take a list of origins as browsers send them (RFC 6454, 6.2)."""
        if not isinstance(value, list):
            raise BadValue("must be a list")
        origins = cast("list[object]", value)
        if len(origins) > v1_limits.WORKSPACE_ORIGINS.most:
            raise BadValue("must have at most %{max} members", max=v1_limits.WORKSPACE_ORIGINS.most)
        for index, origin in enumerate(origins):
            if not isinstance(origin, str) or not is_origin(origin):
                raise BadValue(
                    "must hold origins as browsers send them, such as https://app.example.com; "
                    "the one at index %{index} is not",
                    index=index,
                )
        return list(dict.fromkeys(cast("list[str]", origins)))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        _WORKSPACE,
        "getWorkspace",
        _TAG,
        "Get the workspace",
        act.get_workspace,
        "The workspace",
        answers=shown.WORKSPACE,
    ),
    Route(
        "PATCH",
        _WORKSPACE,
        "updateWorkspace",
        _TAG,
        "Change the workspace",
        act.update_workspace,
        "The workspace as it is now",
        "It holds for both environments, so it takes a `sk_live_` key. `tier` and `signing_secret` "
        "cannot be set: 400. A shorter retention takes effect within a day. `allowed_origins` bind "
        "the sockets and streams that are opened from now on; those that are open stay.",
        body=(
            Input(Member("name", Shape.TEXT, "its name", "unchanged"), Name()),
            Input(
                Member(
                    "webhook_url",
                    Shape.TEXT,
                    "an `https` URL, for your reference",
                    "unchanged",
                    null=True,
                ),
                Text(max_length=webhook_limits.URL_CHARACTERS.most),
            ),
            Input(
                Member(
                    "retention_days", Shape.INTEGER, f"1 to {MAX_RETENTION_DAYS:,}", "unchanged"
                ),
                Integer(minimum=1, maximum=MAX_RETENTION_DAYS),
            ),
            Input(
                Member(
                    "allowed_origins",
                    Shape.TEXT,
                    f"at most {v1_limits.WORKSPACE_ORIGINS.most} origins of the pages that may "
                    "open its sockets and streams, as browsers send them: "
                    "`https://app.example.com`. `[]` means all that the server allows",
                    "unchanged",
                    many=True,
                ),
                Origins(),
            ),
        ),
        unsettable=("tier", "signing_secret"),
        answers=shown.WORKSPACE,
        live_only=True,
    ),
    Route(
        "DELETE",
        _WORKSPACE,
        "deleteWorkspace",
        _TAG,
        "Delete the workspace",
        act.delete_workspace,
        "It is deleted",
        "With everything in it, of both environments, for good. Its keys are dead at once, and "
        "within a second its calls end and whatever is open is closed. Its rows and recordings "
        "are removed soon after, a large workspace's in the background. It takes a `sk_live_` "
        "key.",
        204,
        query=(
            Input(
                Member("confirm", Shape.TEXT, "the workspace's id, so that nothing else goes"),
                Id(Prefix.WORKSPACE),
            ),
        ),
        live_only=True,
    ),
    Route(
        "GET",
        _RECORDING,
        "getRecordingSwitch",
        _TAG,
        "Get the workspace's switch for recordings",
        act.get_recording,
        "The switch",
        answers=shown.RECORDING,
    ),
    Route(
        "PATCH",
        _RECORDING,
        "switchRecording",
        _TAG,
        "Switch recordings on or off",
        act.switch_recording,
        "The switch as it is now",
        "A call is recorded if the switch is on and its agent's settings say so. It holds for "
        "sessions that start from now on, in both environments, so it takes a `sk_live_` key. The "
        "tier `starter` does not include recordings.",
        body=(Input(Member("enabled", Shape.BOOLEAN, "whether calls may be recorded"), Boolean()),),
        answers=shown.RECORDING,
        errors=("RESOURCE_NOT_AVAILABLE_ON_TIER",),
        live_only=True,
    ),
)
