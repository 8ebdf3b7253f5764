"""The rows of the routes of API keys (live streams, 6.11; contract, 6)."""

from ringline.domain.credentials import Surface
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest import key_actions as act
from ringline.rest import key_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Choice, Id, Text, Timestamp

_TAG = "API keys"
_KEYS = "/v1/keys"
_KEY = f"{_KEYS}/{{key_id}}"
_KEY_ID = PathId("key_id", Prefix.KEY, "the key's id")

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _KEYS,
        "createKey",
        _TAG,
        "Create an API key",
        act.create_key,
        "The key, shown once",
        "It is a secret key, with all rights in its environment. A `sk_test_` key makes test keys "
        "only: else 403. A label that another key of the workspace has is 409.",
        201,
        body=(
            Input(Member("label", Shape.TEXT, "what to recognise it by"), Text()),
            Input(
                Member("mode", Shape.TEXT, "the environment it is for", words=shown.MODES),
                Choice(shown.MODES),
            ),
        ),
        answers=shown.SECRET,
        errors=("ALREADY_EXISTS",),
        surface=Surface.KEYS,
        spans=True,
    ),
    Route(
        "GET",
        _KEYS,
        "listKeys",
        _TAG,
        "List API keys",
        act.list_keys,
        "A page of keys",
        "The workspace's secret keys, of both environments; a `sk_test_` key sees test keys only. "
        "Publishable and management keys belong to the command line and are not listed; nor are "
        "keys that are revoked.",
        answers=shown.KEY,
        paging=Paging("keys", (Timestamp(), Id(Prefix.KEY))),
        surface=Surface.KEYS,
        spans=True,
    ),
    Route(
        "POST",
        f"{_KEY}/rotate",
        "rotateKey",
        _TAG,
        "Rotate an API key",
        act.rotate_key,
        "The key with its new secret, shown once",
        "The secret before is dead at once; whatever it opened is closed within a second, its "
        "session tokens and unused tickets included. A key may rotate itself.",
        ids=(_KEY_ID,),
        answers=shown.SECRET,
        surface=Surface.KEYS,
        spans=True,
    ),
    Route(
        "DELETE",
        _KEY,
        "deleteKey",
        _TAG,
        "Revoke an API key",
        act.delete_key,
        "It is revoked",
        "For good; whatever it opened is closed within a second. The last key may go too: "
        "`ringline key create` makes another.",
        204,
        ids=(_KEY_ID,),
        surface=Surface.KEYS,
        spans=True,
    ),
)
