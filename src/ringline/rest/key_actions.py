"""What the routes of API keys do (live streams, 6.11; contract, 6)."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from ringline.domain import v1_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.rest import key_members as shown
from ringline.rest.route import Listed, Refused, Request
from ringline.services.api_keys import LabelTaken, NoSuchKey, TooManyKeys, scopes_of

Result = TypeVar("Result")


async def create_key(request: Request) -> Mapping[str, object]:
    """Create a key."""
    scope = Scope(request.caller.scope.workspace_id, Environment(request.given["mode"]))
    if scope not in _scopes(request):
        raise Refused("PERMISSION_DENIED", "a sk_test_ key makes test keys only")
    try:
        key, text = await request.services.keys.create(
            scope, request.given["label"], auditor=request.auditor
        )
    except LabelTaken:
        raise Refused("ALREADY_EXISTS", "a key with this label exists") from None
    except TooManyKeys:
        most = v1_limits.SECRET_KEYS.most
        raise Refused("INVALID_ARGUMENT", f"there are {most:,} keys already") from None
    return shown.show_secret(key, text)


async def list_keys(request: Request) -> Listed:
    """List the keys that the caller may see."""
    size = request.page.size
    found = await request.services.keys.listed(_scopes(request), size + 1, after=request.page.after)
    page = found[:size]
    last = (page[-1].created_at, page[-1].shown_id) if len(found) > size else None
    return Listed([shown.show_key(key) for key in page], last)


async def rotate_key(request: Request) -> Mapping[str, object]:
    """Give a key another secret."""
    rotating = request.services.keys.rotate(
        _scopes(request), request.ids["key_id"], auditor=request.auditor
    )
    return shown.show_secret(*await _found(rotating))


async def delete_key(request: Request) -> None:
    """Revoke a key."""
    deleting = request.services.keys.delete(
        _scopes(request), request.ids["key_id"], auditor=request.auditor
    )
    await _found(deleting)


def _scopes(request: Request) -> Sequence[Scope]:
    assert request.kind in {KeyKind.SECRET, KeyKind.MANAGEMENT}, "others are refused at the door"
    return scopes_of(request.caller.scope, request.kind)


async def _found(finding: Awaitable[Result]) -> Result:
    try:
        return await finding
    except NoSuchKey:
        raise Refused("NOT_FOUND") from None
